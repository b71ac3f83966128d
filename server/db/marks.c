#include "db/marks.h"

#include <inttypes.h>
#include <stdio.h>

static bool marks_counts(const struct db_event *e)
{
	static const struct slice move = SLICE_INIT("socket_");
	return !e->ephemeral && (e->control.n < move.n || memcmp(e->control.p, move.p, move.n) != 0);
}

static void marks_add(struct marks *m, const struct db_event *e)
{
	if (m->n == MARKS_ROWS) {
		m->n /= 2;
		memmove(m->rows, m->rows + MARKS_ROWS - m->n, m->n * sizeof(m->rows[0]));
	}
	m->rows[m->n++] = (struct db_row){.id = e->id, .xid = e->xid, .at_us = e->at_us};
	m->last[0] = '\0';
}

void marks_rows(struct marks *m, const struct db_event *events, size_t n, bool more)
{
	for (size_t i = 0; i < n; i++) {
		if (!marks_counts(&events[i]))
			continue;
		if (!more)
			m->n = 0;
		more = true;
		marks_add(m, &events[i]);
	}
}

bool marks_set(struct marks *m, struct slice mark)
{
	if (mark.n == 0 || mark.n >= MARK_TEXT)
		return false;
	memcpy(m->left, mark.p, mark.n);
	m->left[mark.n] = '\0';
	memcpy(m->last, m->left, MARK_TEXT);
	m->n = 0;
	return true;
}

static void marks_print(char text[MARK_TEXT], const struct db_row *r)
{
	snprintf(text, MARK_TEXT, "row.%" PRIu64 ".%" PRIu64 ".%" PRId64, r->id, r->xid, r->at_us);
}

const char *marks_last(struct marks *m)
{
	if (m->last[0] == '\0' && m->n)
		marks_print(m->last, &m->rows[m->n - 1]);
	return m->last[0] ? m->last : NULL;
}

void marks_array(struct marks *m, struct buf *out)
{
	char text[MARK_TEXT];
	db_array_begin(out);
	for (size_t i = 0; i < m->n; i++) {
		marks_print(text, &m->rows[i]);
		db_array_add(out, slice_str(text));
	}
	if (m->n == 0 && marks_last(m))
		db_array_add(out, slice_str(m->last));
	db_array_end(out);
}
