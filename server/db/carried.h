/*
 * Rows of the outbox that came with a bell, and were delivered before the poll that reads them
 * (docs/decisions/0052-carried.md). They are known until the next answer has been delivered, which reads them, so that
 * none is delivered again. Knows numbers and texts only. Private to db/.
 */
#ifndef DB_CARRIED_H
#define DB_CARRIED_H

#include "db/lone_row.h"

#define CARRIED_MOST DB_AHEAD_MOST /* then a poll is due, earlier where there are other edges */
#define CARRIED_MS 100             /* so is one this long behind the first of them */

/* Embedded in the fetch. All zero: there are none. */
struct carried {
	struct db_row rows[CARRIED_MOST]; /* of a transaction each */
	size_t n;
};

/*
 * May the row be delivered before the next poll? Yes, if all that its snapshot sees has been, by the cursor or by a
 * bell: then nothing that is still to be read was over when it was written. cursor: the text of a snapshot.
 */
enum carried_fate { CARRIED_NOW, CARRIED_READ, CARRIED_LATER }; /* READ: it has been read; LATER: it is for a poll */
enum carried_fate carried_judge(const struct carried *c, const char *cursor, const struct lone_row *row) MUST_CHECK;

void carried_add(struct carried *c, const struct db_event *e); /* there is room: carried_judge said NOW */

bool carried_has(const struct carried *c, const struct db_event *e) MUST_CHECK;

#endif
