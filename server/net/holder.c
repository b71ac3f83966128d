/*
 * The cost of queues, and slow readers. Called by the owners of queues: conn.c and eio/polling.c; by conn_budget.c for
 * who goes first.
 */
#include "net/holder.h"

#include "base/mem.h"
#include "net/conn.h"

/* A place in a ring, and what malloc and the packet around a blob take. */
#define PART_COST 16
#define BLOB_COST 96

#define EXCESS_S 30 /* over the soft limit a peer must read so fast that it is below again in about this time */

static size_t blob_cost(const struct blob *b)
{
	return b->n + BLOB_COST;
}

size_t holder_cost(const struct blob *b)
{
	return PART_COST + (b->queued ? 0 : blob_cost(b));
}

static void holder_alone(struct holder *h, size_t alone)
{
	h->alone = alone;
	if (h->backlog)
		rank_set(&h->budget->backlogs, &h->backlog->rank, alone);
}

/*
 * A blob in two queues is held alone by neither. Which queue is the last one is known without a list of them: of the
 * addresses of all holders, each in and out by exclusive or, the one that is left is the last one's.
 */
void holder_add(struct holder *h, struct blob *b)
{
	if (!h->budget)
		return;
	h->budget->total_bytes += holder_cost(b);
	h->budget->charged += holder_cost(b);
	b->queued++;
	if (b->queued == 1)
		holder_alone(h, h->alone + blob_cost(b));
	else if (b->queued == 2) {
		struct holder *only = (struct holder *)b->holders; /* NOLINT(performance-no-int-to-ptr) */
		holder_alone(only, only->alone - blob_cost(b));
	}
	b->holders ^= (uintptr_t)h;
}

void holder_drop(struct holder *h, struct blob *b)
{
	if (!h->budget)
		return;
	b->queued--;
	h->budget->total_bytes -= holder_cost(b);
	b->holders ^= (uintptr_t)h;
	if (b->queued == 0)
		holder_alone(h, h->alone - blob_cost(b));
	else if (b->queued == 1) {
		struct holder *only = (struct holder *)b->holders; /* NOLINT(performance-no-int-to-ptr) */
		holder_alone(only, only->alone + blob_cost(b));
	}
}

/* ---- backlogs ---- */

static void backlog_on_timer(struct timer *t)
{
	struct backlog *g = container_of(t, struct backlog, timer);
	g->ops->stalled(g->holder);
}

void holder_blocked(struct holder *h, const struct holder_ops *ops)
{
	if (!h->budget)
		return;
	uint64_t now_us = loop_now_us(h->budget->loop);
	if (!h->backlog) {
		h->backlog = NEW(struct backlog);
		*h->backlog = (struct backlog){
			.holder = h, .ops = ops, .timer.fire = backlog_on_timer, .since = now_us / 1000};
		rank_add(&h->budget->backlogs, &h->backlog->rank, h->alone);
	}
	h->backlog->asked_us = now_us;
}

/* Below the limit the least rate is enough; the more is above it, the faster the peer must read. */
static size_t fair_share(const struct holder *h)
{
	size_t queued = h->backlog->ops->queued(h), limit = h->budget->max_queue_bytes;
	size_t excess = queued > limit ? queued - limit : 0;
	return (HOLDER_RATE_LEAST + excess / EXCESS_S) * HOLDER_STALL_MS / 1000;
}

void holder_taken(struct holder *h, size_t n, uint64_t ms)
{
	struct backlog *g = h->backlog;
	if (!g)
		return;
	g->taken += n;
	if (!ms && g->taken < fair_share(h))
		return;
	g->taken = 0;
	g->since = loop_now(h->budget->loop) + ms;
	rank_touch(&h->budget->backlogs, &g->rank);
}

void holder_clear(struct holder *h)
{
	struct backlog *g = h->backlog;
	if (!g)
		return;
	h->backlog = NULL;
	rank_del(&g->rank);
	timer_stop(h->budget->loop, &g->timer);
	free(g);
}

bool backlog_is_stalled(const struct backlog *g)
{
	return loop_now(g->holder->budget->loop) >= g->since + HOLDER_STALL_MS;
}

bool holder_asked(const struct holder *h)
{
	return h->backlog && h->backlog->asked_us == loop_now_us(h->budget->loop);
}

bool holder_waits(struct holder *h, bool hard)
{
	struct backlog *g = h->backlog;
	if (hard)
		return false;
	if (!g)
		return true;
	if (backlog_is_stalled(g))
		return false;
	if (!timer_is_set(&g->timer))
		timer_set(h->budget->loop, &g->timer, g->since + HOLDER_STALL_MS);
	return true;
}
