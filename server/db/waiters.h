/*
 * Who waits for the pump: for a fetch that begins after now to be delivered (db_pump_after). Embedded in the pump.
 *
 *   (waiters_add) -> next --waiters_fetching--> current --waiters_delivered--> called
 *                      |---- waiters_release: no fetch will come ----|-> released --the loop's next work--> called
 */
#ifndef DB_WAITERS_H
#define DB_WAITERS_H

#include "net/loop.h"

struct waiters {
	struct loop *loop;
	struct list next, current, released;
	struct deferred release;
};

void waiters_init(struct waiters *w, struct loop *l);
void waiters_add(struct waiters *w, void (*done)(void *arg), void *arg);
void waiters_fetching(struct waiters *w);
void waiters_delivered(struct waiters *w);
void waiters_release(struct waiters *w); /* all of them, not from inside this call */
bool waiters_flush(struct waiters *w);   /* all of them, now; false: there were none */
void waiters_fini(struct waiters *w);    /* empty by now */

#endif
