/*
 * Reads a small table whole: one call is out at a time, a change meanwhile makes it read again, and what failed is tried
 * again after a second. Embedded in its owner, who says what to read and takes the rows. Private to events/.
 */
#ifndef EVENTS_READER_H
#define EVENTS_READER_H

#include "events/events.h"

struct reader {
	struct events *events;
	enum db_class class;
	const char *sql;
	int ncols;          /* that the answer has, or it is misread */
	const char *failed; /* for the log: "routes not read" */
	void (*take)(struct events *ev, const struct db_result *rows);
	bool out;   /* a call is */
	bool again; /* the table changed while it was out: read again */
	struct timer retry;
};

void reader_init(struct reader *r, const struct reader *what); /* events to take of it, nothing is out */
void reader_stop(struct reader *r);                            /* the database is gone: no answer comes any more */
void reader_load(struct reader *r);

#endif
