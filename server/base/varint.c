/*
 * Short numbers. Used by db/snapshot.c, and by the emitter and recovery of the product.
 */
#include "base/varint.h"

void varint_put(struct buf *out, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_char(out, (char)(v | 0x80));
	buf_char(out, (char)v);
}

bool varint_take(struct slice *in, uint64_t *v)
{
	*v = 0;
	for (size_t i = 0; i < in->n && i < 10; i++) {
		uint64_t c = (unsigned char)in->p[i];
		if ((i == 9 && c > 1) || (i > 0 && c == 0)) /* over 64 bits, or more bytes than it needs */
			return false;
		*v |= (c & 0x7f) << 7 * i;
		if (c < 0x80) {
			*in = slice_of(in->p + i + 1, in->n - i - 1);
			return true;
		}
	}
	return false;
}
