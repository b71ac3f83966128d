/*
 * One worker's loop: libev underneath, one clock reading a turn, timers with absolute deadlines and millisecond
 * precision in one heap (B5), and work that runs once before the loop sleeps.
 *
 * A turn:  poll -> watchers' callbacks -> LOOP_READ -> due timers -> LOOP_WORK -> LOOP_FLUSH -> LOOP_SWEEP -> sleep
 * READ serves the connections that are ready, in the order they became so; WORK runs completions and pump batches, FLUSH writes every marked connection once, SWEEP frees what was killed. Each
 * phase runs until its list is empty; work that flush or sweep causes runs before the loop sleeps as well.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/list.h"

struct ev_loop;
struct loop;

enum loop_phase { LOOP_READ, LOOP_WORK, LOOP_FLUSH, LOOP_SWEEP, LOOP_PHASES };

/* Embedded; step back to the owner with container_of. Zeroed is idle. */
struct timer {
	void (*fire)(struct timer *t);
	uint64_t at;  /* loop_now milliseconds */
	uint32_t pos; /* place in the heap plus one; 0 when not set */
};

struct deferred {
	void (*run)(struct deferred *d);
	struct list link;
};

struct loop *loop_new(void);
void loop_free(struct loop **l);
void loop_run(struct loop *l);    /* returns after loop_stop */
void loop_stop(struct loop *l);   /* finishes the turn */
void loop_settle(struct loop *l); /* runs the phases until they are empty; for tearing down, not from inside a phase */
struct ev_loop *loop_ev(struct loop *l);

uint64_t loop_now(const struct loop *l); /* monotonic ms, read once per turn after polling */
uint64_t loop_now_us(const struct loop *l);

/* Bytes for whoever reads or gathers right now; they end with the call. */
#define LOOP_SCRATCH 65536
char *loop_scratch(struct loop *l);

void timer_set(struct loop *l, struct timer *t,
               uint64_t at);                      /* sets or moves; fires once at or after `at`, in order of `at` */
void timer_stop(struct loop *l, struct timer *t); /* harmless when not set */
static inline bool timer_is_set(const struct timer *t)
{
	return t->pos != 0;
}

void deferred_init(struct deferred *d, void (*run)(struct deferred *d));
void loop_defer(struct loop *l, enum loop_phase phase, struct deferred *d); /* once per turn, repeating is harmless */
void loop_defer_first(struct loop *l, enum loop_phase phase,
                      struct deferred *d); /* before all that is deferred already */
void deferred_cancel(struct deferred *d);
static inline bool deferred_is_set(const struct deferred *d)
{
	return !list_empty(&d->link);
}

#endif
