/*
 * The order of client events: which item a lane may take next. Knows neither links nor SQL. Private to db/.
 *
 * All ordinary lanes take from the head of one queue, a batch at a time, and each has one batch out. Lanes run beside
 * one another. So an item is passed over, and keeps its place, while
 *
 *   - the item before it of its socket is not answered yet, unless both are in the same batch: the events of a socket
 *     run in order;
 *   - its bucket is out in another lane. A bucket is the hash of a lock key: in two lanes at once, items of one key
 *     would only find each other's row locked.
 *
 * What is passed over is looked at again when an item has been answered or given up, and not before: nothing else can
 * let it go. So there is no bound to how many are passed over. A long queue that is blocked as a whole costs a look at
 * each of its items for each answer, which is nothing beside the batch that was answered.
 *
 * The last lane is the reserved one. It has a queue of its own, for items that run once more, one at a time. What their
 * sockets have sent later is passed over meanwhile. Buckets do not matter there, since it waits for locks.
 *
 *   NEW --- queue_add ---> QUEUED --- queue_take ---> SENT      SENT --- queue_put_back, queue_alone ---> QUEUED
 *   QUEUED, SENT --- queue_remove ---> GONE
 */
#ifndef DB_QUEUE_H
#define DB_QUEUE_H

#include "base/list.h"
#include "base/map.h"

#define QUEUE_LANES_MOST 16 /* without the reserved one */
#define QUEUE_BUCKETS 16384 /* lock keys that are out at once are some dozens: hardly any meet in a bucket by chance */

enum queue_state { QUEUE_NEW, QUEUE_QUEUED, QUEUE_SENT, QUEUE_GONE };

/*
 * Embedded in the caller's item; step back with container_of. Zeroed, but for the bucket, is new. The caller frees it
 * when GONE.
 */
struct queued {
	struct list in_queue;      /* while QUEUED; of no list otherwise */
	struct list in_sequence;   /* until it is GONE */
	struct sequence *sequence; /* the items of its socket that are not GONE, as they came; NULL when NEW and GONE */
	enum queue_state state;
	unsigned lane;   /* SENT: through this one. QUEUED: the reserved one, or 0 for any other */
	unsigned bucket; /* 1 to QUEUE_BUCKETS; 0: it has no lock key */
};

struct queue {
	struct list fresh;  /* not looked at since the last answer */
	struct list passed; /* passed over since then; all of them were before those */
};

struct queues {
	unsigned lanes; /* ordinary ones */
	struct queue ordinary, reserved;
	struct map sequences; /* by socket; a sequence ends with its last item. Those of no socket are not in it */
	struct {
		unsigned out, lane; /* items that are SENT, all through this ordinary lane */
	} buckets[QUEUE_BUCKETS + 1];
};

void queues_init(struct queues *q, unsigned lanes);
void queues_fini(struct queues *q); /* every item is gone by now */

/* At the tail. An item of no socket (empty) has no order and is alone in its sequence. */
void queue_add(struct queues *q, struct queued *it, struct slice socket_id);

/* The first item that may go through this lane, whose last batch is over or is being gathered now. NULL: none. */
struct queued *queue_next(struct queues *q, unsigned lane);
struct queued *queue_take(struct queues *q, unsigned lane); /* the same, now SENT */

/* The server has not seen the item, which goes back to the head of its queue. Of a batch the last one comes first. */
void queue_put_back(struct queues *q, struct queued *it);

/* A sent item runs once more, alone: it goes to the reserved lane's tail. Of a batch the first one comes first. */
void queue_alone(struct queues *q, struct queued *it);

/* Answered, or given up: it is GONE. */
void queue_remove(struct queues *q, struct queued *it);

/* No other item of the same socket was sent after it: running it again does not overtake any. */
bool queue_is_last_sent(const struct queued *it) MUST_CHECK;

#endif
