/*
 * A growing run of bytes, and the ways to append to it. Used everywhere.
 */
#include "base/buf.h"

#include "base/mem.h"
#include <stdarg.h>
#include <stdio.h>

#define LEAST 256 /* most events fit into one step more, and each step costs malloc some 250 instructions */

char *buf_room(struct buf *b, size_t n)
{
	if (b->cap - b->n < n) {
		size_t cap = b->cap ? b->cap : LEAST;
		while (cap - b->n < n)
			cap *= 2;
		b->p = mem_realloc(b->p, cap);
		b->cap = cap;
	}
	return b->p ? b->p + b->n : NULL; /* no room asked of an empty one */
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	memcpy(buf_room(b, n), p, n);
	b->n += n;
}

void buf_slice(struct buf *b, struct slice s)
{
	buf_add(b, s.p, s.n);
}

void buf_char(struct buf *b, char c)
{
	*buf_room(b, 1) = c;
	b->n++;
}

void buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_u64(struct buf *b, uint64_t v)
{
	char digits[20];
	size_t at = sizeof digits;
	do
		digits[--at] = (char)('0' + v % 10);
	while (v /= 10);
	buf_add(b, digits + at, sizeof digits - at);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n > 0) {
		vsnprintf(buf_room(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
		b->n += (size_t)n;
	}
	va_end(again);
}

/* X8: quotes, backslashes and characters below 0x20 are escaped; all else passes, '/' too. */
void buf_json_str(struct buf *b, struct slice s)
{
	static const char hex[] = "0123456789abcdef";
	buf_char(b, '"');
	size_t from = 0;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_add(b, s.p + from, i - from);
		from = i + 1;
		const char *at = strchr("\"\"\\\\\nn\rr\tt\bb\ff", c);
		if (c && at) {
			char two[2] = {'\\', at[1]};
			buf_add(b, two, 2);
		} else {
			char six[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
			buf_add(b, six, 6);
		}
	}
	buf_add(b, s.p + from, s.n - from);
	buf_char(b, '"');
}

void buf_drop(struct buf *b, size_t n)
{
	assert(n <= b->n);
	b->n -= n;
	if (b->n && n)
		memmove(b->p, b->p + n, b->n);
}

char *buf_steal(struct buf *b, size_t *n)
{
	*buf_room(b, 1) = '\0';
	if (n)
		*n = b->n;
	char *p = b->p;
	*b = (struct buf){0};
	return p;
}

void buf_fini(struct buf *b)
{
	free(b->p);
	*b = (struct buf){0};
}
