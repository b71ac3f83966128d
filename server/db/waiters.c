#include "db/waiters.h"

#include "base/mem.h"

struct waiter {
	struct list link;
	uint64_t until; /* loop_now; 0: as long as it takes */
	void (*done)(void *arg);
	void *arg;
};

static void waiters_move(struct list *from, struct list *to)
{
	while (!list_empty(from)) {
		struct list *n = from->next;
		list_del(n);
		list_add_tail(to, n);
	}
}

static bool waiters_run(struct list *l)
{
	bool some = false;
	while (!list_empty(l)) {
		struct waiter *w = list_first(l, struct waiter, link);
		some = true;
		list_del(&w->link);
		w->done(w->arg);
		free(w);
	}
	return some;
}

static void waiters_on_release(struct deferred *d)
{
	waiters_run(&container_of(d, struct waiters, release)->released);
}

/* ---- those who wait no longer ---- */

static void waiters_move_late(struct waiters *w, struct list *from, struct list *late, uint64_t *earliest)
{
	struct list *at, *tmp;
	list_each (at, tmp, from) {
		struct waiter *one = list_entry(at, struct waiter, link);
		if (one->until && one->until <= loop_now(w->loop)) {
			list_del(at);
			list_add_tail(late, at);
		} else if (one->until && (!*earliest || one->until < *earliest)) {
			*earliest = one->until;
		}
	}
}

static void waiters_on_late(struct timer *t)
{
	struct waiters *w = container_of(t, struct waiters, impatience);
	struct list late;
	uint64_t earliest = 0;
	list_init(&late);
	waiters_move_late(w, &w->current, &late, &earliest);
	waiters_move_late(w, &w->next, &late, &earliest);
	waiters_move_late(w, &w->released, &late, &earliest);
	if (earliest)
		timer_set(w->loop, &w->impatience, earliest);
	waiters_run(&late);
}

/* ---- what the pump calls ---- */

void waiters_init(struct waiters *w, struct loop *l)
{
	w->loop = l;
	list_init(&w->next);
	list_init(&w->current);
	list_init(&w->released);
	deferred_init(&w->release, waiters_on_release);
	w->impatience = (struct timer){.fire = waiters_on_late};
}

void waiters_add(struct waiters *w, uint64_t ms, void (*done)(void *arg), void *arg)
{
	struct waiter *one = NEW(struct waiter);
	one->until = ms ? loop_now(w->loop) + ms : 0;
	if (ms && (!timer_is_set(&w->impatience) || one->until < w->impatience.at))
		timer_set(w->loop, &w->impatience, one->until);
	one->done = done;
	one->arg = arg;
	list_add_tail(&w->next, &one->link);
}

void waiters_fetching(struct waiters *w)
{
	waiters_move(&w->next, &w->current);
}

void waiters_delivered(struct waiters *w)
{
	waiters_run(&w->current);
}

void waiters_release(struct waiters *w)
{
	waiters_move(&w->current, &w->released);
	waiters_move(&w->next, &w->released);
	if (!list_empty(&w->released))
		loop_defer(w->loop, LOOP_WORK, &w->release);
}

bool waiters_regain(struct waiters *w)
{
	deferred_cancel(&w->release);
	waiters_move(&w->released, &w->next);
	return !list_empty(&w->next);
}

bool waiters_flush(struct waiters *w)
{
	waiters_move(&w->current, &w->released);
	waiters_move(&w->next, &w->released);
	return waiters_run(&w->released);
}

void waiters_fini(struct waiters *w)
{
	deferred_cancel(&w->release);
	timer_stop(w->loop, &w->impatience);
}
