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
	char *from = buf_room(b, 2 * s.n + 2), *to = from;
	*to++ = '"';
	for (const char *p = s.p, *end = s.p + s.n; p < end; p++) {
		if (*p == '"' || *p == '\\')
			*to++ = '\\';
		*to++ = *p;
	}
	*to++ = '"';
	b->n += (size_t)(to - from);
}

void db_array_end(struct buf *b)
{
	buf_char(b, '}');
}
