/*
 * The answers of rt.dispatch, rt.dispatch_one and rt.dispatch_lone (docs/edge-sql.md): reads the rows, or the one text,
 * and makes each item's result from them. Holds nothing and needs no connection. Private to db/.
 */
#ifndef DB_BATCH_H
#define DB_BATCH_H

#include "db/db.h"
#include "db/result.h"

#define LONE_SEPARATOR '\x1f'
#define BATCH_MOST 32 /* items of one rt.dispatch (docs/decisions/0001-batches.md) */

/* The columns of rt.dispatch */
enum batch_column { COL_ORD, COL_OUTCOME, COL_BODY, COL_CODE, COL_MESSAGE, COL_SQLSTATE, COL_DETAIL, COLS };

enum batch_verdict { VERDICT_NONE, VERDICT_OK, VERDICT_ERROR, VERDICT_DEFERRED };

struct batch_answer {
	enum batch_verdict verdict[BATCH_MOST]; /* NONE: the function returned no row for this item */
	int row[BATCH_MOST];
	bool lone;                /* the answer is the text of rt.dispatch_lone, */
	struct slice cells[COLS]; /* and these are its parts */
	struct slice lone_row;    /* and behind an ack the row that was written, or that there is none (lone_row.h) */
	bool published;           /* the batch wrote rows of the outbox */
	bool moved;               /* and moved sockets between rooms */
	bool asleep;              /* and an edge sleeps, which is to be rung */
};

/*
 * The answer for n items, which out borrows from. NULL, or what is wrong with it as a whole: then nothing is known of
 * any item.
 */
const char *batch_read(const PGresult *res, size_t n, struct batch_answer *out);

/*
 * The result of item i, counted from 0. Its slices borrow from res. A deferred one has no code and no message of its
 * own.
 */
void batch_item(const PGresult *res, const struct batch_answer *a, size_t i, struct db_item_result *out);

/* The result of every item of a batch that failed as a whole; res is an error. */
void batch_failure(const PGresult *res, struct db_item_result *out);

/* 40P01 and 40001: two transactions were in each other's way. The item deserves one more try, alone. */
bool batch_is_serialization(struct slice sqlstate) MUST_CHECK;

void batch_count(struct db_stats *s, size_t n); /* a batch of n items has been sent */

#endif
