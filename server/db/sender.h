/*
 * Batches on their way to the database: one call is out at a time, what comes meanwhile is the next batch, and what failed is tried
 * again. The owner keeps its queue and fills each batch; this decides when it is asked for one.
 *
 *   sender_wake --end of the turn--> send(owner) --sender_call--> the database --> done(owner, result)
 *   sender_after(ms) ------------------^ unless the call in between was woken earlier for another reason
 *
 * Knows no worker: a loop, a database and the owner's functions.
 */
#ifndef DB_SENDER_H
#define DB_SENDER_H

#include "base/log.h"
#include "db/db.h"

#define SENDER_AGAIN_MS 1000 /* after a call that failed: while the database is up, nothing else wakes the sender */

struct sender {
	struct db *db;
	struct loop *loop;
	enum db_class class; /* DB_TELLING, unless the owner says otherwise */
	struct log_ident who;
	const char *what; /* for the log: "confirm failed" */
	void (*send)(void *owner);
	void *owner;
	bool out; /* a call is */
	db_done *done;
	struct deferred turn;
	struct timer later;
};

/* what: a literal. send is called from the loop, whatever the state of things: most ask sender_ready first. */
void sender_init(struct sender *s, struct db *db, struct loop *l, struct log_ident who, const char *what,
                 void (*send)(void *owner), void *owner);
void sender_stop(struct sender *s);               /* the database is gone already: no answer comes any more */
void sender_wake(struct sender *s);               /* send is called at the end of this turn */
void sender_after(struct sender *s, uint64_t ms); /* then; unless it waits already */
void sender_by(struct sender *s, uint64_t at);    /* loop_now: if it waits, no longer than until then */
bool sender_waits(const struct sender *s);        /* for sender_after */
bool sender_ready(
	const struct sender *s); /* a batch may leave: none is out, it waits for nothing, the database is up */

/* Sends one batch; done(owner, result) follows, when out is false again. A failure is in the log by then. */
void sender_call(struct sender *s, const char *sql, const struct slice *params, size_t n, db_done *done);

/* The answer of Postgres was not what it should be: says so in the log. */
void sender_misread(const struct sender *s);

#endif
