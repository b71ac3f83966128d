/*
 * Byte-level codecs: UTF-8, base64, uuid, random ids, times. Digits are in number.h.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/buf.h"

bool utf8_valid(struct slice s) MUST_CHECK; /* RFC 3629: no overlongs, no surrogates */

/* UTF-8 that arrives in pieces. *state begins as 0, and is 0 again where a character has ended. False: a byte cannot be
 * right. */
bool utf8_feed(uint32_t *state, struct slice s) MUST_CHECK;

void base64_encode(struct buf *out, struct slice s); /* standard alphabet, padded (E6) */
bool base64_decode(struct buf *out,
                   struct slice s) MUST_CHECK; /* either alphabet; white space and missing padding are fine (E6) */

/* URL alphabet without padding (RFC 7515 2). One spelling is taken: not empty, no white space, no bits behind the last
 * byte. */
void base64url_encode(struct buf *out, struct slice s);
bool base64url_decode(struct buf *out, struct slice s) MUST_CHECK;

bool uuid_valid(struct slice s) MUST_CHECK; /* 8-4-4-4-12 hex digits, either case */

void random_bytes(void *p, size_t n); /* from the kernel; aborts when it gives none */
void random_id(char *out, size_t n);  /* n characters of A-Za-z0-9_-, six random bits each (E3); not terminated */

bool secret_eq(struct slice a, struct slice b) MUST_CHECK; /* takes equally long whatever the bytes are (X7) */

uint64_t clock_wall_ms(void); /* since 1970, UTC */
uint64_t clock_wall_us(void);
void iso_time(char out[25], uint64_t wall_ms); /* 2026-01-10T12:00:00.000Z, terminated */

#endif
