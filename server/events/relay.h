/*
 * Relayed events (docs/decisions/0015-relayed.md): the edge decides who may send one, from rooms that it holds, and
 * delivers it to its own sockets at once. Other edges get it by a row that has all events of some milliseconds; without
 * other edges nothing is written.
 *
 * What the edge is not sure of goes to rt.dispatch, as every other event does: refusals above all.
 */
#ifndef EVENTS_RELAY_H
#define EVENTS_RELAY_H

#include "events/events.h"
#include "events/relay_rule.h"
#include "people/client.h"

void relays_start(struct events *ev);
void relays_stop(struct events *ev);
void relays_database_up(struct events *ev);
void relays_gap(struct events *ev);

/* ---- from a client ---- */

enum relayed {
	RELAY_NOT,  /* nothing has happened: the database is to be asked */
	RELAY_DONE, /* no other edge is there */
	RELAY_TOLD, /* others are being told: relay_wait says when they are */
};
enum relayed relay_event(struct events *ev, struct client *c, struct slice event, const struct relay_rule *rule,
                         struct slice payload) MUST_CHECK;

/* Right after RELAY_TOLD. ok: the row is committed; else it is not known, or was not. */
void relay_wait(struct events *ev, void (*done)(void *arg, bool ok), void *arg);

/*
 * Sends an item of the client, behind its events that others are being told of: there, too, events of one client come
 * in their order.
 */
void relay_then(struct events *ev, const struct client *c, const struct db_item *item);

/* ---- other edges ---- */

/* rt.maintain was asked at a time (loop_now), and knew so many edges. */
void relay_edges(const struct events *ev, uint64_t edges, uint64_t asked_at);
void relay_edge_came(struct events *ev);                       /* edge_came: at least one more is there */
void relay_heard(struct events *ev, const struct db_event *e); /* relayed: a row of another edge, or the own one */

#endif
