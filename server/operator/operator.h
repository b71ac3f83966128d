/*
 * What operators ask and order, through the database: a question comes as a control row, the answer goes out as a row
 * of its own (docs/operating.md). This floor looks at all others; none of them knows it.
 *
 *   ask.h    questions in their line, rt.answer
 *   look.h   this edge, its sockets, its rooms      kick.h  sockets that are ended
 *   recall.h what became of an event                recent.h what a user was sent
 *   history.h the last ten minutes                  page.h   the page, its live stream and its questions
 */
#ifndef OPERATOR_OPERATOR_H
#define OPERATOR_OPERATOR_H

#include "events/events.h"

/* Counters at a moment, for what happens in a second. */
struct pulse {
	uint64_t at_ms; /* loop_now */
	uint64_t rows, events_in, packets_out;
};

struct operator
{
	struct people *people; /* borrowed; so are the next five */
	struct db *db;
	const struct conn_budget *budget; /* of clients' connections; NULL: there are none */
	const char *edge_id, *name;
	const char *page_hosts;    /* NULL: none; operator/page.h */
	bool page_on;              /* set before page_start */
	uint64_t started_ms;       /* wall clock */
	struct pulse before, last; /* at the last two ticks */
	struct asks *asks;         /* made by asks_start, freed by asks_stop; so are the next two by theirs */
	struct history *history;
	struct page *page; /* NULL: it is off */
};

#endif
