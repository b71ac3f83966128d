/*
 * Numbers in as few bytes as they need: seven bits a byte, the lowest first; the high bit of a byte says that another
 * follows.
 */
#ifndef BASE_VARINT_H
#define BASE_VARINT_H

#include "base/buf.h"

void varint_put(struct buf *out, uint64_t v);

/* *in moves past the number. False: it is cut short, has more than 64 bits, or has more bytes than it needs. */
bool varint_take(struct slice *in, uint64_t *v) MUST_CHECK;

#endif
