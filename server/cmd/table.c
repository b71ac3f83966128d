/*
 * Tables on a terminal.
 */
#include "cmd/table.h"
#include <string.h>

#define COLUMNS_MOST 16

/* Controls are those of ASCII with DEL, and U+0080 to U+009F, which some terminals obey as well. */
void table_text(struct buf *out, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p < 0x20 || *p == 0x7f) {
			buf_char(out, '?');
		} else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) {
			buf_char(out, '?');
			p++;
		} else {
			buf_char(out, (char)*p);
		}
	}
}

static size_t table_width(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void table_cell(struct buf *out, const char *text, size_t width, bool last)
{
	table_text(out, text);
	for (size_t n = table_width(text); !last && n < width + 2; n++)
		buf_char(out, ' ');
}

static bool table_takes(const PGresult *r, int row, const char *kind)
{
	return strcmp(PQgetvalue(r, row, 0), kind) == 0;
}

void table_put(struct buf *out, const PGresult *r, int first, const char *kind)
{
	size_t width[COLUMNS_MOST];
	int columns = PQnfields(r) < COLUMNS_MOST ? PQnfields(r) : COLUMNS_MOST;
	for (int c = first; c < columns; c++) {
		width[c] = table_width(PQfname(r, c));
		for (int row = 0; row < PQntuples(r); row++)
			if (table_takes(r, row, kind) && table_width(PQgetvalue(r, row, c)) > width[c])
				width[c] = table_width(PQgetvalue(r, row, c));
	}
	for (int c = first; c < columns; c++)
		table_cell(out, PQfname(r, c), width[c], c == columns - 1);
	buf_char(out, '\n');
	for (int row = 0; row < PQntuples(r); row++) {
		if (!table_takes(r, row, kind))
			continue;
		for (int c = first; c < columns; c++)
			table_cell(out, PQgetvalue(r, row, c), width[c], c == columns - 1);
		buf_char(out, '\n');
	}
}
