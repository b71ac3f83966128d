/*
 * WHAT is said: rows of the outbox become events at clients, and events of clients become calls. This floor uses
 * people/ and db/. It does not know how clients come and go.
 *
 *   feed.h      a batch of the pump: control rows act, events are delivered      deliver.h  one row to the sockets of its rooms
 *   presence.h  user:online and user:offline, coalesced                          confirm.h  confirmed deliveries, rt.confirm
 *   gate.h      client events: limits, rt.dispatch, the ack                      routes.h   the routes of client events
 *   refresh.h   the end of tokens, auth:refresh                                  rooms.h    rooms that are read again
 *   token_keys.h  the keys of tokens
 *   few.h       deliveries of which a few confirmations count
 *   user_of.h   rt.user_of: whose a token is                                     confirm_key.h  the message of a confirm value
 *   relay.h     events that the edge delivers by itself, relay_rule.h            names.h    names of users, for these
 */
#ifndef EVENTS_EVENTS_H
#define EVENTS_EVENTS_H

#include "db/db.h"
#include "people/people.h"

struct events {
	struct people *people;      /* borrowed */
	struct db *db;              /* borrowed */
	const char *edge_id;        /* borrowed; a uuid */
	void (*on_turn)(void *ctx); /* no change of presence waits any more; may be NULL */
	void (*on_keys)(void *ctx); /* the keys were read for the first time; may be NULL */
	/* An operator asks: data is that of the control row, and ends with the call. May be NULL. */
	void (*on_asked)(void *ctx, struct slice data);
	void *ctx;
	bool user_hook;           /* rt.user_of says whose a token is */
	size_t max_waiting_bytes; /* of people.counts.waiting_bytes; 0: no limit */
	/* Each is made by the start function of its file, and freed by the stop function. */
	struct routes *routes;
	struct keys_reader *keys;
	struct user_asks *user_asks;
	struct rooms_reader *rooms;
	struct confirms *confirms;
	struct presence *presence;
	struct fews *fews;
	struct names *names;
	struct relays *relays;
};

#endif
