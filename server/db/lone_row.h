/*
 * The row of the outbox that a lone client event has written, as the answer of rt.dispatch_lone has it behind the ack
 * (docs/edge-sql.md, docs/decisions/0046-lone-row.md). Reads text, holds nothing. Private to db/.
 */
#ifndef DB_LONE_ROW_H
#define DB_LONE_ROW_H

#include "db/db.h"

struct lone_row {
	struct slice snapshot; /* the last one of the transaction, without itself */
	unsigned transactions; /* ids that are known to be its own, from event.xid on: with a subtransaction two */
	struct slice epoch;    /* the number */
	struct db_event event;
};

/* Slices borrow from text. False: the event has not written just one row, or a function says something else. */
bool lone_row_read(struct slice text, struct lone_row *out) MUST_CHECK;

#endif
