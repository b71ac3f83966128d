#include "db/array.h"

/* Every element is quoted: so an empty text, the word NULL, commas and braces stand for themselves. */

void db_array_begin(struct buf *b)
{
	buf_char(b, '{');
}

void db_array_add(struct buf *b, struct slice s)
{
	if (b->p[b->n - 1] != '{') /* an element ends in a quote */
		buf_char(b, ',');
	buf_char(b, '"');
	const char *from = s.p, *end = s.p + s.n;
	for (const char *p = s.p; p < end; p++) {
		if (*p != '"' && *p != '\\')
			continue;
		buf_add(b, from, (size_t)(p - from));
		buf_char(b, '\\');
		from = p;
	}
	buf_add(b, from, (size_t)(end - from));
	buf_char(b, '"');
}

void db_array_end(struct buf *b)
{
	buf_char(b, '}');
}
