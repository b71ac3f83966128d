#include "db/waiters.h"

#include "base/mem.h"

struct waiter {
	struct list link;
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

void waiters_init(struct waiters *w, struct loop *l)
{
	w->loop = l;
	list_init(&w->next);
	list_init(&w->current);
	list_init(&w->released);
	deferred_init(&w->release, waiters_on_release);
}

void waiters_add(struct waiters *w, void (*done)(void *arg), void *arg)
{
	struct waiter *one = NEW(struct waiter);
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

bool waiters_flush(struct waiters *w)
{
	waiters_move(&w->current, &w->released);
	waiters_move(&w->next, &w->released);
	return waiters_run(&w->released);
}

void waiters_fini(struct waiters *w)
{
	deferred_cancel(&w->release);
}
