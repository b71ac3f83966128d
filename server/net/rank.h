/*
 * Objects in lists by the power of two of their size, so that one of the largest is found without walking over all.
 * Within a list the order is that of rank_set with a new power, and of rank_touch. For conn_budget.c and holder.c.
 */
#ifndef NET_RANK_H
#define NET_RANK_H

#include "base/list.h"

#define RANK_CLASSES 65 /* 0, and one for each bit */

struct rank {
	struct list classes[RANK_CLASSES];
};

/* Embedded in its owner, which outlives its stay in the rank. */
struct ranked {
	struct list link;
	size_t size;
};

void rank_init(struct rank *r);
void rank_add(struct rank *r, struct ranked *e, size_t size);
void rank_set(struct rank *r, struct ranked *e, size_t size); /* e is in r */
void rank_touch(struct rank *r, struct ranked *e);            /* now the last of its power */
void rank_del(struct ranked *e);                              /* may be repeated */

/* The first of its power; NULL: there is none. */
struct ranked *rank_first(struct rank *r, unsigned power);

/* The largest one, or one of more than half its size; NULL: the rank is empty. */
struct ranked *rank_top(struct rank *r);

#endif
