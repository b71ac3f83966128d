/*
 * How often the pump polls, and when it wants to be rung instead (docs/architecture.md "The bell, and why it is
 * silent"; docs/decisions/0018-bell.md).
 *
 *   AWAY    no session
 *   BUSY    polls every 1 to 3 ms (poll_ms), or every 100 where nobody waits for events; writers need not ring
 *   DRAIN   the bell is armed; polls until every transaction that may have seen "nobody sleeps" is over
 *   ASLEEP  the bell is armed; polls when it rings, and rarely anyway
 *
 *   AWAY ---- pace_begin ----------------------------------> BUSY
 *   BUSY ---- pace_armed, after pace_fetched wanted it ----> DRAIN
 *   DRAIN --- pace_fetched: those transactions are over ---> ASLEEP
 *   DRAIN, ASLEEP -- pace_fetched: ringing costs too much -> BUSY
 *   any ----- pace_end ------------------------------------> AWAY
 *
 * Knows numbers and clocks only; the pump sends the statements. Private to db/.
 */
#ifndef DB_PACE_H
#define DB_PACE_H

#include "db/db.h"

enum pace_state { PACE_AWAY, PACE_BUSY, PACE_DRAIN, PACE_ASLEEP };

/* What a fetch has brought; transactions, lag_us and certain_us as in struct fetch. Own writes that nobody rings for are
 * left out. */
struct pace_seen {
	uint64_t transactions, lag_us, certain_us;
	uint64_t xmin; /* the oldest transaction that its snapshot saw running */
};

/* Embedded in the pump; what it points to is borrowed and outlives it. */
struct pace {
	const struct loop *loop;
	const struct db_config *cfg;
	struct db_stats *stats; /* says the state */
	enum pace_state state;
	bool nobody;                /* waits for events; the pump says so */
	bool alone;                 /* there is no other edge; the pump says so */
	bool rung;                  /* since the last fetch was asked for */
	bool want_arm, want_disarm; /* the pump is to tell the database; it takes the wish away when it does */
	bool want_deaf;             /* so is this: bells that ring for others need not be heard until want_arm */
	uint64_t armed_xid, armed_at;
	uint64_t window_at;
	struct pace_seen window;              /* in it, so far */
	uint64_t lines;                       /* of the windows before it in which writers stood in line */
	uint64_t asked_at, asked_us, took_us; /* when the last fetch was asked for, and how long its answer took */
};

void pace_begin(struct pace *p); /* a new session: BUSY, nothing armed */
void pace_end(struct pace *p);

/* The bell's lock is held. A transaction younger than xid has seen that. */
void pace_armed(struct pace *p, uint64_t xid);

void pace_rung(struct pace *p);     /* pace_next is another one now */
void pace_asked(struct pace *p);    /* a fetch goes out */
void pace_answered(struct pace *p); /* its answer is here */

/* A bell has brought a transaction's row, ASLEEP: how long its commit took, and what the notification did. */
void pace_carried(struct pace *p, uint64_t lag_us);

/* The whole fetch has been delivered. */
void pace_fetched(struct pace *p, const struct pace_seen *seen);

uint64_t pace_next(const struct pace *p); /* when to poll again, loop_now */

#endif
