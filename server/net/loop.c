/*
 * The loop of a worker: the clock, the heap of timers, the phases of a turn. Called by everything that waits for a time
 * or for its turn; libev is called here, and by the owners of descriptors.
 */
#include "net/loop.h"

#include "base/mem.h"
#include <ev.h>
#include <stdio.h>
#include <time.h>

/*
 * The heap of timers is ours: a timer of libev is a watcher with deadlines in doubles, ours is two words in its owner.
 * One ev_timer carries the earliest deadline. The heap is 4-ary: it has half the levels of a binary one, and four
 * children with their deadlines are the bytes of one cache line.
 */
struct heap_entry {
	uint64_t at; /* of the timer */
	struct timer *timer;
};

struct loop {
	struct ev_loop *ev;
	ev_prepare before_sleep;
	ev_check after_poll;
	ev_timer wake;
	uint64_t wake_us; /* of the loop's clock; while `wake` is active */
	uint64_t now_us, due_us, longest_us;
	struct heap_entry *heap;
	uint32_t count, cap;
	struct list polled; /* what this poll has reported, before it goes to LOOP_READ */
	struct list phases[LOOP_PHASES];
	struct deferred mark;  /* in LOOP_READ, behind what older polls have reported */
	uint64_t mark_us;      /* when the poll was whose reports are the first behind the mark */
	bool cut[LOOP_PHASES]; /* had no time for all of its list in this turn */
	char scratch[LOOP_SCRATCH], gather[LOOP_GATHER];
};

uint64_t loop_clock_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- timers ---- */

static void heap_place(struct loop *l, uint32_t at, struct heap_entry e)
{
	l->heap[at] = e;
	e.timer->pos = at + 1;
}

static void sift_up(struct loop *l, uint32_t at, struct heap_entry e)
{
	while (at > 0 && l->heap[(at - 1) / 4].at > e.at) {
		heap_place(l, at, l->heap[(at - 1) / 4]);
		at = (at - 1) / 4;
	}
	heap_place(l, at, e);
}

static void sift_down(struct loop *l, uint32_t at, struct heap_entry e)
{
	for (;;) {
		uint32_t first = at * 4 + 1, least = first;
		if (first >= l->count)
			break;
		for (uint32_t c = first + 1; c < first + 4 && c < l->count; c++)
			if (l->heap[c].at < l->heap[least].at)
				least = c;
		if (l->heap[least].at >= e.at)
			break;
		heap_place(l, at, l->heap[least]);
		at = least;
	}
	heap_place(l, at, e);
}

void timer_set(struct loop *l, struct timer *t, uint64_t at)
{
	uint64_t before = t->at;
	struct heap_entry e = {at, t};
	t->at = at;
	if (t->pos) {
		if (at < before)
			sift_up(l, t->pos - 1, e);
		else
			sift_down(l, t->pos - 1, e);
		return;
	}
	if (l->count == l->cap) {
		l->cap = l->cap ? l->cap + l->cap / 4 : 64;
		l->heap = mem_realloc(l->heap, l->cap * sizeof(*l->heap));
	}
	sift_up(l, l->count++, e);
}

void timer_stop(struct loop *l, struct timer *t)
{
	if (!t->pos)
		return;
	uint32_t at = t->pos - 1;
	t->pos = 0;
	struct heap_entry last = l->heap[--l->count];
	if (last.timer == t)
		return;
	if (at > 0 && l->heap[(at - 1) / 4].at > last.at)
		sift_up(l, at, last);
	else
		sift_down(l, at, last);
}

static void fire_due(struct loop *l)
{
	uint64_t due = loop_due(l);
	while (l->count && l->heap[0].at <= due) {
		struct timer *t = l->heap[0].timer;
		timer_stop(l, t);
		t->fire(t);
	}
}

/* ---- phases ---- */

void deferred_init(struct deferred *d, void (*run)(struct deferred *d))
{
	d->run = run;
	list_init(&d->link);
}

void loop_defer(struct loop *l, enum loop_phase phase, struct deferred *d)
{
	if (list_empty(&d->link))
		list_add_tail(&l->phases[phase], &d->link);
}

void loop_defer_first(struct loop *l, enum loop_phase phase, struct deferred *d)
{
	if (list_empty(&d->link))
		list_add_head(&l->phases[phase], &d->link);
}

void loop_ready(struct loop *l, struct deferred *d)
{
	if (list_empty(&d->link))
		list_add_head(&l->polled, &d->link);
}

void deferred_cancel(struct deferred *d)
{
	list_del(&d->link);
}

/* Puts the entries of a list that is not empty behind `at`. The list's head is of no use any more. */
static void list_put(struct list *at, struct list *some)
{
	some->prev->next = at->next;
	at->next->prev = some->prev;
	at->next = some->next;
	some->next->prev = at;
}

/* Puts what is left of a phase before whatever has been added to it since. */
static void phase_cut(struct loop *l, enum loop_phase phase, struct list *rest)
{
	list_put(&l->phases[phase], rest);
	l->cut[phase] = true;
}

/* Runs the present entries of the phase, until `end` where there is one. Entries that they add to it wait for the next
 * round, behind the other phases. */
static void run_phase(struct loop *l, enum loop_phase phase, uint64_t end)
{
	struct list batch = l->phases[phase];
	batch.next->prev = batch.prev->next = &batch;
	list_init(&l->phases[phase]);
	while (!list_empty(&batch)) {
		struct deferred *d = list_first(&batch, struct deferred, link);
		list_del(&d->link);
		d->run(d);
		if (end && !list_empty(&batch) && loop_clock_us() >= end) {
			phase_cut(l, phase, &batch);
			break;
		}
	}
}

/* The same, for what is left of the phase's share of time; 0: it has none. False: there is nothing to run in this
 * turn. */
static bool run_share(struct loop *l, enum loop_phase phase, uint64_t *left)
{
	if (l->cut[phase] || list_empty(&l->phases[phase]))
		return false;
	uint64_t begin = *left ? loop_clock_us() : 0;
	run_phase(l, phase, *left ? begin + *left : 0);
	uint64_t took = *left ? loop_clock_us() - begin : 0;
	*left = took < *left ? *left - took : *left > 0;
	return true;
}

/* Round after round, until nothing is left that has time. */
static void run_phases(struct loop *l, uint64_t left[LOOP_PHASES])
{
	for (bool again = true; again;) {
		again = false;
		for (int p = 0; p < LOOP_PHASES; p++)
			again |= run_share(l, (enum loop_phase)p, &left[p]);
	}
}

static void run_to_the_end(struct loop *l)
{
	uint64_t left[LOOP_PHASES] = {0};
	memset(l->cut, 0, sizeof l->cut);
	run_phases(l, left);
}

/* ---- LOOP_READ ---- */

static void read_on_mark(struct deferred *d)
{
	struct loop *l = container_of(d, struct loop, mark);
	l->due_us = l->mark_us;
}

/* What this poll has reported goes behind what is left of those before. Where a mark stands already, it is the mark of
 * these as well: the timers may be late, but not early. */
static void read_take_polled(struct loop *l)
{
	struct list *reads = &l->phases[LOOP_READ];
	if (list_empty(reads)) {
		l->due_us = l->now_us;
	} else if (!deferred_is_set(&l->mark)) {
		l->mark_us = l->now_us;
		list_add_tail(reads, &l->mark.link);
	}
	if (list_empty(&l->polled))
		return;
	list_put(reads->prev, &l->polled);
	list_init(&l->polled);
}

static void read_run(struct loop *l, uint64_t *left)
{
	read_take_polled(l);
	run_share(l, LOOP_READ, left);
	if (!l->cut[LOOP_READ])
		l->due_us = l->now_us;
}

/* ---- turns ---- */

static void before_sleep(struct ev_loop *ev, ev_prepare *w, int revents)
{
	(void)revents;
	struct loop *l = w->data;
	uint64_t left[LOOP_PHASES] = {
		[LOOP_READ] = LOOP_SHARE_US, [LOOP_WORK] = LOOP_SHARE_US, [LOOP_FLUSH] = LOOP_SHARE_US};
	memset(l->cut, 0, sizeof l->cut);
	read_run(l, &left[LOOP_READ]);
	fire_due(l);
	run_phases(l, left);
	uint64_t now = loop_clock_us(), took = now - l->now_us;
	l->longest_us = took > l->longest_us ? took : l->longest_us;
	bool rest = l->cut[LOOP_READ] || l->cut[LOOP_WORK] || l->cut[LOOP_FLUSH];
	if (l->count == 0 && !rest) {
		ev_timer_stop(ev, &l->wake);
		return;
	}
	uint64_t at = rest ? now : l->heap[0].at * 1000;
	if (ev_is_active(&l->wake) && at == l->wake_us)
		return;
	l->wake_us = at;
	ev_now_update(ev);
	ev_timer_stop(ev, &l->wake);
	ev_timer_set(&l->wake, at > now ? (double)(at - now) / 1e6 : 0., 0.);
	ev_timer_start(ev, &l->wake);
}

static void after_poll(struct ev_loop *ev, ev_check *w, int revents)
{
	(void)ev, (void)revents;
	struct loop *l = w->data;
	l->now_us = loop_clock_us();
}

static void on_wake(struct ev_loop *ev, ev_timer *w, int revents)
{
	(void)ev, (void)w, (void)revents; /* nothing but wakes the loop: timers fire in before_sleep */
}

struct loop *loop_new(void)
{
	struct loop *l = NEW(struct loop);
	l->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	if (!l->ev) {
		fputs("no event loop: libev found no working backend\n", stderr);
		abort();
	}
	for (int p = 0; p < LOOP_PHASES; p++)
		list_init(&l->phases[p]);
	list_init(&l->polled);
	deferred_init(&l->mark, read_on_mark);
	l->now_us = l->due_us = loop_clock_us();
	ev_prepare_init(&l->before_sleep, before_sleep);
	ev_set_priority(&l->before_sleep, EV_MINPRI); /* last of the prepare watchers */
	l->before_sleep.data = l;
	ev_prepare_start(l->ev, &l->before_sleep);
	ev_check_init(&l->after_poll, after_poll);
	ev_set_priority(&l->after_poll, EV_MAXPRI); /* first: callbacks of the turn read the new time */
	l->after_poll.data = l;
	ev_check_start(l->ev, &l->after_poll);
	ev_timer_init(&l->wake, on_wake, 0., 0.);
	return l;
}

void loop_free(struct loop **l)
{
	struct loop *gone = *l;
	*l = NULL;
	if (!gone)
		return;
	run_to_the_end(gone);
	ev_timer_stop(gone->ev, &gone->wake);
	ev_prepare_stop(gone->ev, &gone->before_sleep);
	ev_check_stop(gone->ev, &gone->after_poll);
	ev_loop_destroy(gone->ev);
	free(gone->heap);
	free(gone);
}

void loop_run(struct loop *l)
{
	ev_run(l->ev, 0);
	run_to_the_end(l);
}

void loop_stop(struct loop *l)
{
	ev_break(l->ev, EVBREAK_ALL);
}

void loop_settle(struct loop *l)
{
	run_to_the_end(l);
}

bool loop_is_behind(const struct loop *l)
{
	return l->cut[LOOP_FLUSH];
}

struct ev_loop *loop_ev(struct loop *l)
{
	return l->ev;
}

void loop_watch_signal(struct loop *l, ev_signal *w, int sig, void (*fn)(struct ev_loop *, ev_signal *, int),
                       void *data)
{
	ev_signal_init(w, fn, sig);
	w->data = data;
	ev_signal_start(l->ev, w);
}

uint64_t loop_longest_us(const struct loop *l)
{
	return l->longest_us;
}

uint64_t loop_now(const struct loop *l)
{
	return l->now_us / 1000;
}

uint64_t loop_due(const struct loop *l)
{
	return l->due_us / 1000;
}

char *loop_scratch(struct loop *l)
{
	return l->scratch;
}

char *loop_gather(struct loop *l)
{
	return l->gather;
}

uint64_t loop_now_us(const struct loop *l)
{
	return l->now_us;
}
