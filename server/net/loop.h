/*
 * The loop of one worker, on libev: one reading of the clock a turn, timers with absolute deadlines in milliseconds
 * (B5), and phases of deferred work before the loop sleeps.
 *
 * A turn: poll -> watchers' callbacks -> LOOP_READ -> due timers -> LOOP_WORK -> LOOP_FLUSH -> LOOP_SWEEP -> sleep
 *
 *   READ    serves the connections that are ready, in the order in which they became so
 *   WORK    runs completions and batches
 *   FLUSH   writes every marked connection once
 *   SWEEP   frees what was killed
 *
 * The phases are repeated until all their lists are empty, so the loop never sleeps over work that a flush or a sweep
 * has caused. All but SWEEP give way after LOOP_SHARE_US: the rest goes first in the next turn, which comes without
 * sleep. So an event for thousands keeps nobody from being read, thousands of requests keep nobody from being written,
 * and whoever has waited longest is first.
 *
 * Bytes that have arrived count before a deadline does. While connections are left that were ready at an earlier poll, the
 * timers stand at the time of that poll (loop_due).
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/list.h"

struct ev_loop;
struct ev_signal;
struct loop;

enum loop_phase { LOOP_READ, LOOP_WORK, LOOP_FLUSH, LOOP_SWEEP, LOOP_PHASES };

#define LOOP_SHARE_US 20000 /* of a turn, for one phase */

/* Embedded in its owner, which `fire` finds with container_of. Zeroed it is not set. */
struct timer {
	void (*fire)(struct timer *t);
	uint64_t at;  /* milliseconds of loop_now */
	uint32_t pos; /* place in the heap plus one; 0: not set */
};

/* Embedded in its owner; in one phase's list at most. */
struct deferred {
	void (*run)(struct deferred *d);
	struct list link;
};

struct loop *loop_new(void);
void loop_free(struct loop **l);
void loop_run(struct loop *l);    /* returns after loop_stop */
void loop_stop(struct loop *l);   /* after this turn */
void loop_settle(struct loop *l); /* runs the phases until all are empty; for tearing down, never from inside a phase */
struct ev_loop *loop_ev(struct loop *l);
/* The caller owns w, whose data becomes `data`, and ends it with ev_signal_stop. */
void loop_watch_signal(struct loop *l, struct ev_signal *w, int sig,
                       void (*fn)(struct ev_loop *ev, struct ev_signal *w, int revents), void *data);
/* Connections are left that the last flush had no time for: bring more to write when they are done. */
bool loop_is_behind(const struct loop *l);
uint64_t loop_longest_us(const struct loop *l); /* the longest turn so far, without its sleep */

uint64_t loop_now(const struct loop *l); /* monotonic ms, read once a turn, after polling */
uint64_t loop_due(const struct loop *l); /* what arrived by then has been read: deadlines up to it have passed */
uint64_t loop_now_us(const struct loop *l);
uint64_t loop_clock_us(void); /* the same clock, read now: for whoever gives way after LOOP_SHARE_US */

/* Bytes for a call that reads; the next call that needs them overwrites them. */
#define LOOP_SCRATCH 65536
char *loop_scratch(struct loop *l);

/* The same for what a write gathers: it may happen while somebody is shown bytes in the scratch buffer. */
#define LOOP_GATHER 16384
char *loop_gather(struct loop *l);

/* Sets or moves the timer: it fires once, at or after `at`. Timers fire in the order of their deadlines. */
void timer_set(struct loop *l, struct timer *t, uint64_t at);
void timer_stop(struct loop *l, struct timer *t); /* may be repeated */
static inline bool timer_is_set(const struct timer *t)
{
	return t->pos != 0;
}

void deferred_init(struct deferred *d, void (*run)(struct deferred *d));

/* At the end of the phase's list, or before all that is in it. Nothing happens when d is in a list already. */
void loop_defer(struct loop *l, enum loop_phase phase, struct deferred *d);
void loop_defer_first(struct loop *l, enum loop_phase phase, struct deferred *d);
/* For a watcher's callback: it runs in LOOP_READ, behind what earlier polls have reported. Of one poll, whoever is called
 * back last is the first. */
void loop_ready(struct loop *l, struct deferred *d);
void deferred_cancel(struct deferred *d); /* may be repeated */
static inline bool deferred_is_set(const struct deferred *d)
{
	return !list_empty(&d->link);
}

#endif
