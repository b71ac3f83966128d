/*
 * Who queues bytes for one peer: a connection, or a session that polls. It says what a queue costs the worker, who is a
 * slow reader, and who goes when memory is short. Embedded in its owner. The queue itself is the owner's.
 *
 * Memory: a blob is charged to the budget when the first reference is queued anywhere, and given back with the last;
 * each reference costs its place in a queue. `alone` is what the end of this holder would give back at once.
 *
 * Slowness: a queue that is left over when its peer was offered all of it is a *backlog*. Over the soft limit it must
 * move: a peer that takes next to nothing for HOLDER_STALL_MS is slow. Over the hard limit it is slow however it moves. A queue over the limit without a backlog is no slowness: its peer has not been asked yet.
 */
#ifndef NET_HOLDER_H
#define NET_HOLDER_H

#include "base/blob.h"
#include "net/loop.h"
#include "net/rank.h"

#define HOLDER_STALL_MS 2000
#define HOLDER_HARD 16         /* times the soft limit, of bytes */
#define HOLDER_HARD_ITEMS 4    /* and of items: a small one takes many times its bytes */
#define HOLDER_RATE_LEAST 8192 /* bytes a second that count as reading; over the limit more: holder_taken */

struct conn_budget;
struct holder;

struct holder_ops {
	size_t (*queued)(const struct holder *h); /* bytes that wait, shared ones as well */
	void (*stalled)(struct holder *h);        /* the peer is slow, unless it takes something when it is asked now */
	/* Memory is short and this one goes. Its bytes are given back before this returns. */
	void (*evict)(struct holder *h);
};

/* Exists while there is a backlog. */
struct backlog {
	struct holder *holder;
	const struct holder_ops *ops;
	struct ranked rank; /* in the budget's rank of backlogs, by what is held alone */
	struct timer timer; /* set while the queue is over the soft limit */
	uint64_t since;     /* loop_now: the peer is stalled since then */
	uint64_t asked_us;  /* loop_now_us of the turn in which the peer was offered the queue last */
	size_t taken;       /* bytes, since then */
};

/* Zeroed but for its budget it holds nothing. Without a budget nothing is charged. */
struct holder {
	struct conn_budget *budget;
	struct backlog *backlog; /* NULL: none */
	size_t alone;            /* bytes of the blobs that are in no other queue */
};

size_t holder_cost(const struct blob *b); /* bytes that one more reference to it adds to the total */
void holder_add(struct holder *h, struct blob *b);
void holder_drop(struct holder *h, struct blob *b);

void holder_blocked(struct holder *h, const struct holder_ops *ops); /* a backlog begins, or goes on */
/* The peer took n bytes of the backlog, which may be on their way for `ms` from now. */
void holder_taken(struct holder *h, size_t n, uint64_t ms);
void holder_clear(struct holder *h); /* no backlog is left; may be repeated */

/* The queue is over the soft limit, and the peer was asked in vain to take of it: may more be queued? False: it is
 * slow. While it is true, ops->stalled is called once it is stalled. `hard`: over the hard limit. */
bool holder_waits(struct holder *h, bool hard);
bool backlog_is_stalled(const struct backlog *g);
bool holder_asked(const struct holder *h); /* the peer was offered the queue in this turn already */

#endif
