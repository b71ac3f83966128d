/*
 * The answer of rt.poll_ids (docs/decisions/0048-ids.md), whose values are binary: a header, and rows in no order.
 * Reads results, holds nothing. Slices borrow from the result. Private to db/.
 */
#ifndef DB_IDS_H
#define DB_IDS_H

#include "db/db.h"
#include <libpq-fe.h>

struct ids_header {
	struct slice snapshot;
	uint64_t low, high; /* its xmin and xmax */
	uint64_t dropped;   /* the xmax of what was dropped from the outbox; 0: nothing was */
	uint64_t written;   /* how many statements have written the twin, by a sequence that a crash sets back */
	int64_t now_us;
};

bool ids_header(const PGresult *res, struct ids_header *h) MUST_CHECK; /* false: it is no answer of rt.poll_ids */

/* A control row, or an event that is bare. Rows begin with 1. False: it is no row. */
bool ids_row(const PGresult *res, int row, struct db_event *e) MUST_CHECK;

#endif
