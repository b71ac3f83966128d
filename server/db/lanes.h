/*
 * Client events on their way to rt.dispatch: a link for each lane, and the batches that go out on it. Which item may
 * go, and in which order, is queue.h's; their time and their end are items.h's; reading an answer is batch.h's. Private to
 * db/.
 *
 * Items that arrive in one turn of the loop, or while a lane's batch is out, become its next batch
 * (docs/decisions/0001-batches.md). Some items run again by themselves, in the reserved lane: an item that the
 * database deferred because its row is locked; an item of a batch that failed as a whole; an item whose connection
 * was lost, where repeating it is harmless. The reserved lane waits for locks, so that no other lane has to.
 */
#ifndef DB_LANES_H
#define DB_LANES_H

#include "db/common.h"

struct lanes;

/* on_written: a batch wrote rows of the outbox, or may have. unrung: an edge slept, and was not rung, because it is
 * this one as far as is known. */
struct lanes *lanes_new(struct db_common *common, void (*on_written)(void *ctx, bool unrung), void *ctx);
void lanes_start(struct lanes *ls);
void lanes_check(struct lanes *ls);       /* as calls_check */
bool lanes_ready(const struct lanes *ls); /* an ordinary lane is up */
uint64_t lanes_wait_since(
	const struct lanes *ls); /* no ordinary lane has been free, or the reserved one; 0: both are */
void lanes_add(struct lanes *ls, const struct db_item *item); /* as db_item_send */
bool lanes_close(struct lanes *ls); /* completes every item; false: there was none. Repeated until it is false */
void lanes_free(struct lanes **ls); /* after lanes_close */

#endif
