/*
 * Byte-level codecs: UTF-8, base64, uuid, random ids, times. Digits are in number.h.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/buf.h"

bool utf8_valid(struct slice s) MUST_CHECK; /* RFC 3629: no overlongs, no surrogates */

/* UTF-8 that arrives in pieces: state starts at 0; false at the first byte that cannot be right; at the end state must be 0. */
bool utf8_feed(uint32_t *state, struct slice s) MUST_CHECK;

void base64_encode(struct buf *out, struct slice s);            /* standard alphabet, padded (E6) */
bool base64_decode(struct buf *out, struct slice s) MUST_CHECK; /* both alphabets, white space, missing padding (E6) */

/* URL alphabet, no padding (RFC 7515 2). Decoding takes one spelling only: no white space, bits behind the last byte are 0, not empty. */
void base64url_encode(struct buf *out, struct slice s);
bool base64url_decode(struct buf *out, struct slice s) MUST_CHECK;

bool uuid_valid(struct slice s) MUST_CHECK; /* 8-4-4-4-12 hex digits, either case */

void random_bytes(void *p, size_t n); /* from the kernel's CSPRNG; aborts when there is none */
void random_id(char *out, size_t n);  /* n characters of A-Za-z0-9_-, 6 bits each; not terminated (E3: n >= 16) */

bool secret_eq(struct slice a, struct slice b) MUST_CHECK; /* constant time in the content, not in the length (X7) */

uint64_t clock_wall_ms(void); /* since 1970, UTC */
uint64_t clock_wall_us(void);
void iso_time(char out[25], uint64_t wall_ms); /* 2026-01-10T12:00:00.000Z, terminated */

#endif
