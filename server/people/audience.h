/*
 * The audience of an event: the clients in some rooms and not in others, each once. Three kinds of clients are in a
 * room: those that joined it, the one whose socket has that name, and all clients of the user whose room it is. The
 * last two kinds have joined nothing: joining would cost two more rooms for each client.
 *
 *   audience_begin(&a, people, rooms, except);
 *   while ((c = audience_next(&a)))
 *           ...                          no client may join, leave or end meanwhile
 */
#ifndef PEOPLE_AUDIENCE_H
#define PEOPLE_AUDIENCE_H

#include "people/client.h"

struct audience {
	struct people *people;
	struct slice rooms;           /* the rooms that were not begun */
	struct hub_cursor joined;     /* members of the present room */
	struct client *socket;        /* the client that the present room is named after; NULL: none, or given */
	const struct list *user, *at; /* clients of the user that it is named after, the last one given; NULL: none */
};

/* rooms, except: names joined by newline; HUB_EVERYONE stands alone. Both are borrowed until audience_next was NULL. */
void audience_begin(struct audience *a, struct people *p, struct slice rooms, struct slice except);
struct client *audience_next(struct audience *a); /* NULL: all were given */

#endif
