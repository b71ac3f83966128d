/*
 * Lists by powers of two. Called by holder.c for what is queued and by conn_budget.c for what was received.
 */
#include "net/rank.h"

#define LOOKED_AT 16 /* of one power: few enough to cost nothing, and the exact largest where there are few */

static unsigned power_of(size_t size)
{
	return size ? 64 - (unsigned)__builtin_clzll(size) : 0;
}

void rank_init(struct rank *r)
{
	for (unsigned i = 0; i < RANK_CLASSES; i++)
		list_init(&r->classes[i]);
}

void rank_add(struct rank *r, struct ranked *e, size_t size)
{
	e->size = size;
	list_add_tail(&r->classes[power_of(size)], &e->link);
}

void rank_set(struct rank *r, struct ranked *e, size_t size)
{
	bool moves = power_of(size) != power_of(e->size);
	e->size = size;
	if (moves)
		rank_touch(r, e);
}

void rank_touch(struct rank *r, struct ranked *e)
{
	list_del(&e->link);
	list_add_tail(&r->classes[power_of(e->size)], &e->link);
}

void rank_del(struct ranked *e)
{
	list_del(&e->link);
}

struct ranked *rank_first(struct rank *r, unsigned power)
{
	return list_first(&r->classes[power], struct ranked, link);
}

static struct ranked *largest_of(struct list *class)
{
	struct ranked *most = NULL;
	struct list *it, *tmp;
	unsigned n = 0;
	list_each (it, tmp, class) {
		struct ranked *e = list_entry(it, struct ranked, link);
		if (n++ == LOOKED_AT)
			break;
		if (!most || e->size > most->size)
			most = e;
	}
	return most;
}

struct ranked *rank_top(struct rank *r)
{
	for (unsigned i = RANK_CLASSES; i--;)
		if (!list_empty(&r->classes[i]))
			return largest_of(&r->classes[i]);
	return NULL;
}
