/*
 * Decimal numbers and hexadecimal bytes. Called by every parser of the tree.
 */
#include "base/number.h"

bool u64_take(struct slice *s, uint64_t *v)
{
	uint64_t n = 0;
	size_t i = 0;
	for (; i < s->n && is_digit(s->p[i]); i++)
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(s->p[i] - '0'), &n))
			return false;
	if (i == 0)
		return false;
	*s = slice_of(s->p + i, s->n - i);
	*v = n;
	return true;
}

bool u64_parse(struct slice s, uint64_t *v)
{
	uint64_t n;
	if (!u64_take(&s, &n) || s.n)
		return false;
	*v = n;
	return true;
}

void hex_encode(struct buf *out, struct slice bytes)
{
	static const char digits[] = "0123456789abcdef";
	char *to = buf_room(out, 2 * bytes.n);
	for (size_t i = 0; i < bytes.n; i++) {
		unsigned char c = (unsigned char)bytes.p[i];
		*to++ = digits[c >> 4];
		*to++ = digits[c & 15];
	}
	out->n += 2 * bytes.n;
}

bool hex_decode(void *out, size_t n, struct slice text)
{
	unsigned char *to = out;
	if (text.n != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = hex_digit(text.p[2 * i]), low = hex_digit(text.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		to[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}
