/*
 * The routes of client events: rows of bellwire.routes, read at start and again when a control row says that they
 * changed. A route whose function does not fit is kept and named in the log, and its events are refused.
 */
#ifndef EVENTS_ROUTES_H
#define EVENTS_ROUTES_H

#include "events/events.h"
#include "people/rate.h"

struct route {
	struct map_node node;   /* in routes.map, which owns it until the routes are read again */
	char *event, *lock_key; /* owned; lock_key may be NULL */
	uint32_t max_bytes;
	struct rate_limit limit;
	bool fit;
	struct relay_rule *relay; /* owned; NULL: the database does it */
	enum db_repeat repeat;
	uint32_t metric; /* index of its counts, by counts_event */
};

void routes_start(struct events *ev);
void routes_stop(struct events *ev);
void routes_database_up(struct events *ev);
void routes_gap(struct events *ev);
const char *routes_missing(const struct events *ev); /* for readiness; NULL: the routes have been read */
void routes_load(struct events *ev);
const struct route *route_find(const struct events *ev,
                               struct slice event); /* NULL: none. Valid until routes are read again */

#endif
