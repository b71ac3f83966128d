/*
 * The list of late rows.
 */
#include "people/late.h"
#include "base/mem.h"

void late_init(struct late_list *l)
{
	l->first = NULL;
	l->last = &l->first;
}

void late_add(struct late_list *l, uint64_t xid, enum room_verb verb, struct slice room)
{
	struct late *x = mem_alloc(sizeof(*x) + room.n);
	*x = (struct late){.xid = xid, .verb = verb, .n = (uint32_t)room.n};
	if (room.n)
		memcpy(x->room, room.p, room.n);
	*l->last = x;
	l->last = &x->next;
}

void late_free(struct late_list *l)
{
	while (l->first) {
		struct late *x = l->first;
		l->first = x->next;
		free(x);
	}
	late_init(l);
}
