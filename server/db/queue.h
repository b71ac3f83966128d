/*
 * The queues of the lanes, and the order of one socket's items in them. Knows neither links nor SQL. Private to db/.
 *
 * A lane takes items from the head of its queue, a batch at a time, and has one batch out. Lanes run beside one
 * another. The last lane is the reserved one: it runs items one at a time, those whose lock was busy and those that
 * are tried again.
 *
 * A *sequence* holds the items of one socket that have not been answered yet, in order of arrival. A run of items
 * from its head is on the way, through one lane, which keeps its order; the rest waits. An item's lane follows from
 * its hash, so the run ends before the first item of another lane. The next run begins when everything on the way has
 * been answered. An item that goes to the reserved lane takes back every later item of its socket that is queued.
 *
 *   NEW ------ queue_add ------> WAITING | QUEUED
 *   WAITING -- queue_remove (of the last one on the way) --> QUEUED
 *   QUEUED --- queue_take ---> SENT        QUEUED -- queue_alone (of one before it) --> WAITING
 *   SENT ----- queue_put_back, queue_alone --> QUEUED
 *   any of these three -- queue_remove --> GONE
 */
#ifndef DB_QUEUE_H
#define DB_QUEUE_H

#include "base/list.h"
#include "base/map.h"

#define QUEUE_LANES_MOST 16 /* without the reserved one */

enum queue_state { QUEUE_NEW, QUEUE_WAITING, QUEUE_QUEUED, QUEUE_SENT, QUEUE_GONE };

/*
 * Embedded in the caller's item; step back with container_of. Zeroed, but for the hash, is new. The caller frees it
 * when GONE.
 */
struct queued {
	struct list in_lane;       /* of its lane's queue while QUEUED, of none otherwise */
	struct list in_sequence;   /* until it is GONE */
	struct sequence *sequence; /* NULL when NEW and GONE */
	enum queue_state state;
	uint32_t hash; /* items of equal hash go through one lane */
};

struct queues {
	unsigned lanes; /* ordinary ones; the reserved one is heads[lanes] */
	struct list heads[QUEUE_LANES_MOST + 1];
	bool up[QUEUE_LANES_MOST + 1];
	struct map sequences; /* by socket; a sequence ends with its last item. Those of no socket are not in it */
};

void queues_init(struct queues *q, unsigned lanes);
void queues_fini(struct queues *q); /* every item is gone by now */

/* A lane that is down gives its queue to one that is up, and gets no new items for as long as another one is up. */
void queues_lane(struct queues *q, unsigned lane, bool up);

/* Behind the socket's other items. An item of no socket (empty) has no order and is alone in its sequence. */
void queue_add(struct queues *q, struct queued *it, struct slice socket_id);

bool queue_is_empty(const struct queues *q, unsigned lane); /* nothing QUEUED in this lane */
struct queued *queue_take(struct queues *q, unsigned lane); /* the head, now SENT; NULL: none */

/* The server has not seen the item, which goes back to its lane's head. Of a batch the last one comes first. */
void queue_put_back(struct queues *q, struct queued *it);

/* A sent item runs once more, alone: it goes to the reserved lane's tail. Of a batch the first one comes first. */
void queue_alone(struct queues *q, struct queued *it);

/* Answered, or given up: it is GONE, and the items that waited for it go on their way. */
void queue_remove(struct queues *q, struct queued *it);

/* No other item of the same socket was sent after it: running it again does not overtake any. */
bool queue_is_last_sent(const struct queued *it) MUST_CHECK;

#endif
