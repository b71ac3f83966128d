/*
 * The callers of db_pump_after: each waits until a fetch that begins after its call has been delivered, or as long as
 * it wants to wait. Embedded in the pump.
 *
 *   (waiters_add) -> next --waiters_fetching--> current --waiters_delivered--> called
 *                      |---- waiters_release: no fetch will come ----|-> released --the loop's next work--> called
 *                      |                     <-- waiters_regain -----------|
 *                      |---- its time is over -----------------------|-> called
 */
#ifndef DB_WAITERS_H
#define DB_WAITERS_H

#include "net/loop.h"

struct waiters {
	struct loop *loop;
	struct list next;     /* for the next fetch */
	struct list current;  /* for the fetch that is out */
	struct list released; /* for the loop, as no fetch will come */
	struct deferred release;
	struct timer impatience; /* the earliest end of a wait */
};

void waiters_init(struct waiters *w, struct loop *l);
void waiters_add(struct waiters *w, uint64_t ms, void (*done)(void *arg), void *arg); /* 0: as long as it takes */
void waiters_fetching(struct waiters *w);                                             /* a fetch goes out */
void waiters_delivered(struct waiters *w); /* it has been delivered: calls those that wait for it */
void waiters_release(struct waiters *w);   /* calls all of them from the loop */
bool waiters_regain(struct waiters *w); /* fetches come again: released ones wait for the next; false: nobody waits */
bool waiters_flush(struct waiters *w);  /* calls all of them now; false: there were none */
void waiters_fini(struct waiters *w);   /* nobody waits by now */

#endif
