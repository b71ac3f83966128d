/*
 * The end of the database's history that the pump has seen (docs/decisions/0013-histories.md): the rows of the last answer
 * that brought any, or the mark that it has left itself since. A database that knows it is the one it was; any other one
 * is told apart by it, however far its transaction ids have come. Knows numbers and texts only. Private to db/.
 */
#ifndef DB_MARKS_H
#define DB_MARKS_H

#include "base/buf.h"
#include "db/db.h"

#define MARKS_EVERY_MS 60000 /* rt.mark: so often at least, for times when nothing is written */
#define MARKS_ROWS 1000      /* of one fetch; of a longer one the last, 500 at least */
#define MARK_TEXT 80

/* Embedded in the pump. All zero: nothing was seen yet. */
struct marks {
	struct db_row rows[MARKS_ROWS]; /* in the order of ids; not all were committed in it, so one would not do */
	size_t n;
	char left[MARK_TEXT]; /* rt.mark's last answer: known for long, where rows go after minutes */
	char last[MARK_TEXT]; /* one of them, or rt.mark's answer; "": not written down yet, or nothing was seen */
};

/*
 * Rows were delivered; more: of the same fetch as those before. Those that a crash may undo though they were seen count for nothing: ephemeral ones, and moves of a
 * socket, which a batch of such events writes.
 */
void marks_rows(struct marks *m, const struct db_event *events, size_t n, bool more);

bool marks_set(struct marks *m, struct slice mark) MUST_CHECK; /* rt.mark's answer; false: it is too long, or empty */

const char *marks_last(struct marks *m); /* as rt_private.mark_known reads it; NULL: nothing was seen */

void marks_array(struct marks *m, struct buf *out); /* all of it, as an array of Postgres */

#endif
