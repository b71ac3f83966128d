/*
 * Whom an event is for: the clients in some rooms and not in others, each once. A room's clients are those who joined it, the client
 * whose socket has that name, and all clients of the user whose room it is; the latter two have joined nothing, because
 * there would be two such rooms for each client.
 *
 *   audience_begin(&a, people, rooms, except);
 *   while ((c = audience_next(&a)))
 *           ...                          nobody joins, leaves or ends meanwhile
 */
#ifndef PEOPLE_AUDIENCE_H
#define PEOPLE_AUDIENCE_H

#include "people/client.h"

struct audience {
	struct people *people;
	struct slice rooms;           /* those not begun */
	struct hub_cursor joined;     /* of the room that is being walked through */
	struct client *socket;        /* the one that it is named after */
	const struct list *user, *at; /* clients of the user it is named after, and the last one given; NULL: none */
};

/* Names joined by newline; HUB_EVERYONE stands alone. They are borrowed until the end. */
void audience_begin(struct audience *a, struct people *p, struct slice rooms, struct slice except);
struct client *audience_next(struct audience *a); /* NULL: that were all */

#endif
