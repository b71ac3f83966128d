/*
 * Client events from their arrival until their outcome is told: each is told once, in its time. The order in which they
 * go is queue.h's; lanes.c sends them. Private to db/.
 *
 * The time of an item runs from its arrival to the end, tries and queues included. When it is over the caller is told,
 * also while the item is out; the item then keeps its place in its socket's order until the database has answered.
 */
#ifndef DB_ITEMS_H
#define DB_ITEMS_H

#include "db/common.h"
#include "db/queue.h"

/* What an item says, in the order in which rt.dispatch_lone takes it. */
enum item_part { ITEM_EVENT, ITEM_USER, ITEM_SOCKET, ITEM_PAYLOAD, ITEM_PARTS };

/* Freed right after its completion has run. */
struct lane_item {
	struct queued queued;
	struct list by_age; /* of items.by_age until its outcome is told; of items.refused when it was refused */
	uint64_t arrived;   /* loop_now */
	uint64_t expires;   /* its outcome is told by then, whatever is the matter */
	bool repeatable;
	bool in_doubt; /* it was lost once: it may have happened */
	bool tried;    /* it has had its second try */
	bool told;     /* its time was over while it was out: it stays in its place until the answer comes */
	const char *refusal;
	db_item_done *done;
	void *arg;
	struct slice parts[ITEM_PARTS]; /* of text, terminated */
	char text[];
};

/* Embedded in struct lanes. */
struct items {
	struct db_common *common;
	struct deferred *send; /* the owner's: deferred whenever another item may go */
	struct queues queues;
	uint64_t seed[2];    /* of the hash that chooses a bucket */
	struct list by_age;  /* items whose outcome is not told, oldest first */
	struct list refused; /* to be completed from the loop; in no queue */
	size_t unsent;
	struct timer expiry;
	struct deferred refuse;
};

void items_init(struct items *is, struct db_common *common, struct deferred *send);
void items_add(struct items *is, const struct db_item *item); /* as db_item_send */
bool items_close(struct items *is);                           /* completes every item; false: there was none */
void items_fini(struct items *is);                            /* after items_close */

/* As queue_next and queue_take. */
const struct lane_item *items_next(struct items *is, unsigned lane);
struct lane_item *items_take(struct items *is, unsigned lane);

/* Appends the item as the JSON text that rt.dispatch takes. */
void item_write(const struct lane_item *it, struct buf *b);

/* The server has not seen this batch: it goes back to where it was, and what nobody waits for any more ends. */
void items_put_back(struct items *is, struct lane_item *const *items, size_t n);

void item_complete(struct items *is, struct lane_item *it, const struct db_item_result *answer);
void item_complete_bare(struct items *is, struct lane_item *it, enum db_outcome outcome, struct slice detail);

/* A sent item goes to the reserved lane, with what is left of its time. False: nobody waits for it any more. */
bool item_go_alone(struct items *is, struct lane_item *it) MUST_CHECK;

#endif
