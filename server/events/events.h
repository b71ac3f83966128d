/*
 * WHAT is said: rows of the outbox become events at clients, and events of clients become calls. Uses the people who are here and the
 * database; knows nothing of how clients come and go.
 *
 *   feed.h      a batch of the pump: control rows act, events are delivered      deliver.h  one row to the sockets of its rooms
 *   presence.h  who came and went, coalesced on the way                          confirm.h  deliveries confirmed, rt.confirm
 *   gate.h      client events: limits, rt.dispatch, the ack                      routes.h   which there are, as rows
 *   refresh.h   tokens run out, or the next one comes                            rooms.h    rooms read again
 */
#ifndef EVENTS_EVENTS_H
#define EVENTS_EVENTS_H

#include "db/db.h"
#include "people/people.h"

struct events {
	struct people *people;      /* borrowed */
	struct db *db;              /* borrowed */
	void (*on_turn)(void *ctx); /* presence has been sent, all of it; NULL: nobody wants to know */
	void *ctx;
	/* each made by its file's start and freed by its stop */
	struct routes *routes;
	struct rooms_reader *rooms;
	struct confirms *confirms;
	struct presence *presence;
};

#endif
