/*
 * Client events on their way to rt.dispatch: a link for each lane, and the batches that go out on it. Which item may go
 * is queue.h's; the time and the end of an item are items.h's; reading an answer is batch.h's. Private to db/.
 *
 * Items that arrive in one turn of the loop, or while the lanes are out, become the next batch
 * (docs/decisions/0001-batches.md). It goes through the first lane that is free, and through a further one only where
 * those before it have been out for long (docs/decisions/0037-warm-lanes.md). Some items run again by themselves, in
 * the reserved lane: an item that the database deferred because its row is locked; an item of a batch that failed as a
 * whole; an item whose connection was lost, where repeating it is harmless. The reserved lane waits for locks, so that
 * no other lane has to.
 */
#ifndef DB_LANES_H
#define DB_LANES_H

#include "db/common.h"

struct lanes;

/* on_written: a batch wrote rows of the outbox, or may have. unrung: an edge slept, and was not rung, because it is
 * this one as far as is known. row: of a lone event that has its ack, as rt.dispatch_lone says it; may be empty. */
struct lanes *lanes_new(struct db_common *common, void (*on_written)(void *ctx, bool unrung, struct slice row),
                        void *ctx);
void lanes_start(struct lanes *ls);
void lanes_check(struct lanes *ls);                           /* as calls_check */
bool lanes_ready(const struct lanes *ls);                     /* an ordinary lane is up */
void lanes_add(struct lanes *ls, const struct db_item *item); /* as db_item_send */
bool lanes_close(struct lanes *ls); /* completes every item; false: there was none. Repeated until it is false */
void lanes_free(struct lanes **ls); /* after lanes_close */

/* Since when all ordinary lanes, or the reserved one, have been out with a statement. 0: there are free ones. */
uint64_t lanes_wait_since(const struct lanes *ls);

#endif
