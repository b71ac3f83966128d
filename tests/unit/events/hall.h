/*
 * The floor of events with people before it and a played database behind it. CONNECT's payload names the user, and
 * opens at once; what entry/ does about that is not this floor's.
 */
#ifndef UNIT_HALL_H
#define UNIT_HALL_H

#include "database.h"
#include "events/confirm.h"
#include "events/events.h"
#include "events/feed.h"
#include "events/gate.h"
#include "events/parts.h"
#include "events/presence.h"
#include "events/refresh.h"
#include "events/rooms.h"
#include "events/routes.h"
#include "stage.h"

struct hall {
	struct stage stage;
	struct database base;
	struct events events;
	int turns, ups, gone;
	enum close_reason why; /* of the last one that is gone, */
	bool expired;          /* and whether its token had run out */
	/* A floor above that opens clients otherwise, and what it does each turn of the pump, at a gap and when the database is up. */
	void (*open)(struct client *c, struct slice auth);
	void (*on_last)(void);
	void (*on_gap)(void);
	void (*on_up)(void);
};

#define ROUTES                                                                     \
	"chat:send|rt.chat_send|200|sending|0|0|chat_id|by key|t|~|~|~|~\n"        \
	"chat:lost|rt.chat_lost|200|sending|0|0||never|f|no such function|~|~|~\n" \
	"chat:rare|rt.chat_rare|200|rare|0.001|2||always|t|~|~|~|~"

static struct hall hall, *hall_now = &hall;

static void hall_on_connect(struct sio_socket *s, struct slice auth, unsigned flaws, void *ctx)
{
	(void)flaws;
	struct hall *h = *(struct hall **)ctx;
	struct slice user;
	CHECK(json_get(auth, "user", &user) && user.n == UUID_LEN + 2);
	struct client *c = client_new(&h->stage.people, s, user.p + 1);
	if (h->open) {
		h->open(c, auth);
		return;
	}
	sio_accept(s, SLICE(""));
	hub_enter(h->stage.people.hub, &c->member);
	client_enter(c, CLIENT_OPEN);
}

static void hall_on_disconnect(struct sio_socket *s, enum close_reason why, void *ctx)
{
	struct hall *h = *(struct hall **)ctx;
	h->gone++;
	h->why = why;
	h->expired = ((struct client *)sio_user(s))->expired;
	client_free(sio_user(s));
}

static void hall_on_event(struct sio_socket *s, const struct sio_event *ev, void *ctx)
{
	gate_event(s, ev, &(*(struct hall **)ctx)->events);
}

static void hall_on_fence(struct sio_socket *s, uint64_t value, void *ctx)
{
	confirm_fence(s, value, &(*(struct hall **)ctx)->events);
}

static void hall_up(void *ctx)
{
	struct hall *h = ctx;
	h->ups++;
	routes_database_up(&h->events);
	rooms_database_up(&h->events);
	confirms_database_up(&h->events);
	names_database_up(&h->events);
	relays_database_up(&h->events);
	if (h->on_up)
		h->on_up();
}

static void hall_gap(void *ctx)
{
	struct hall *h = ctx;
	routes_gap(&h->events);
	rooms_gap(&h->events);
	relays_gap(&h->events);
	if (h->on_gap)
		h->on_gap();
}

static size_t hall_batch(void *ctx, const struct db_batch *b)
{
	return feed_batch(&((struct hall *)ctx)->events, b);
}

static void hall_cursor(void *ctx)
{
	struct hall *h = ctx;
	if (h->on_last)
		h->on_last();
}

static void hall_turn(void *ctx)
{
	struct hall *h = ctx;
	h->turns++;
	if (h->on_last)
		h->on_last();
}

static inline void hall_turns(void)
{
	fake_turn(hall.stage.loop);
	stage_turn(&hall.stage);
}

/* Turns until it is so; the test's time limit is the only one. */
#define HALL_UNTIL(cond)              \
	do {                          \
		while (!(cond))       \
			hall_turns(); \
	} while (0)

/* Without a database yet: hall_opens starts it. */
static inline void hall_begin(void)
{
	memset(&hall, 0, sizeof hall);
	stage_begin(&hall.stage, &(struct sio_namespace){.on_connect = hall_on_connect,
	                                                 .on_event = hall_on_event,
	                                                 .on_disconnect = hall_on_disconnect,
	                                                 .on_fence = hall_on_fence,
	                                                 .ctx = &hall_now,
	                                                 .event_ctx = &hall_now});
	database_begin(&hall.base, hall.stage.loop);
	hall.base.up = hall_up;
	hall.base.gap = hall_gap;
	hall.base.batch = hall_batch;
	hall.base.cursor = hall_cursor;
	hall.base.ctx = &hall;
	database_answers(&hall.base, "rt.routes", ROUTES);
	hall.events = (struct events){
		.people = &hall.stage.people, .db = hall.base.db, .edge_id = "own", .on_turn = hall_turn, .ctx = &hall};
	events_parts_start(&hall.events);
}

static inline void hall_opens(void)
{
	hall_begin();
	db_start(hall.base.db);
	HALL_UNTIL(!routes_missing(&hall.events));
	database_said(&hall.base);
}

static inline void hall_end_floor(void)
{
	events_parts_stop(&hall.events);
	database_end(&hall.base);
	stage_end(&hall.stage);
}

static inline void hall_end(void)
{
	stage_end_clients(&hall.stage);
	db_free(&hall.base.db);
	hall_end_floor();
}

static inline struct guest *hall_guest(const char *user)
{
	struct guest *g = stage_guest(&hall.stage);
	char text[100];
	snprintf(text, sizeof text, "40{\"user\":\"%s\"}", user);
	guest_say(g, text);
	guest_reads(g, "40{\"sid\":\"ID\"}\n");
	return g;
}

static inline void hall_publish(struct published p)
{
	database_publish(&hall.base, p);
	HALL_UNTIL(hall.base.rows.n == 0);
	hall_turns();
}

#endif
