/*
 * Numbers in as few bytes as they need: seven bits a byte, the lowest first, the high bit says that more follow.
 */
#ifndef BASE_VARINT_H
#define BASE_VARINT_H

#include "base/buf.h"

void varint_put(struct buf *out, uint64_t v);
bool varint_take(struct slice *in, uint64_t *v)
	MUST_CHECK; /* *in moves past it; false: cut short, over 64 bits, or longer than it need be */

#endif
