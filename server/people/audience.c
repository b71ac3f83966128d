/*
 * The walk through the rooms of an event.
 */
#include "people/audience.h"
#include "people/room_names.h"

static bool audience_room(struct audience *a)
{
	struct slice name;
	if (!hub_next_name(&a->rooms, &name))
		return false;
	struct client *c = name.n == SIO_ID_LEN ? client_of(a->people, name) : NULL;
	struct user *u = room_family(name) == ROOM_USER ? user_find(a->people, room_rest(name, ROOM_USER)) : NULL;
	a->joined = hub_room(a->people->hub, name);
	a->socket = c && client_in_rooms(c) ? c : NULL;
	a->user = a->at = u ? &u->clients : NULL;
	return true;
}

/* The next client of the room, whether or not it has been given before. */
static struct client *audience_in_room(struct audience *a)
{
	struct hub_member *m = hub_next(a->people->hub, &a->joined);
	struct client *c = a->socket;
	if (m)
		return container_of(m, struct client, member);
	a->socket = NULL;
	if (c || !a->user)
		return c;
	while ((a->at = a->at->next) != a->user) {
		c = container_of(a->at, struct client, user_link);
		if (client_in_rooms(c))
			return c;
	}
	a->user = NULL;
	return NULL;
}

struct client *audience_next(struct audience *a)
{
	struct client *c;
	do {
		while (!(c = audience_in_room(a)))
			if (!audience_room(a))
				return NULL;
	} while (!hub_reach(a->people->hub, &c->member));
	return c;
}

void audience_begin(struct audience *a, struct people *p, struct slice rooms, struct slice except)
{
	*a = (struct audience){.people = p, .rooms = except, .joined = HUB_NO_ROOM};
	hub_begin(p->hub);
	while (audience_next(a)) {
		/* Clients of the excepted rooms are marked as reached first, so the walk passes them over. */
	}
	a->rooms = rooms;
}
