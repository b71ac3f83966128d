/*
 * The floors up to entry/, joined as app/worker.c does it, on a played database: clients come with real tokens.
 */
#ifndef UNIT_HOUSE_H
#define UNIT_HOUSE_H

#include "auth/auth.h"
#include "base/text.h"
#include "database.h"
#include "entry/closes.h"
#include "entry/leave.h"
#include "entry/maintain.h"
#include "entry/connect.h"
#include "entry/open.h"
#include "entry/refusals.h"
#include "entry/register.h"
#include "events/confirm.h"
#include "events/feed.h"
#include "events/gate.h"
#include "events/parts.h"
#include "events/presence.h"
#include "events/rooms.h"
#include "events/routes.h"
#include "recovery/parts.h"
#include "recovery/missed.h"
#include "recovery/offsets.h"
#include "recovery/recover.h"
#include "stage.h"

#define EDGE "6f1e7f8e-0000-4000-8000-000000000001"

static struct house {
	struct stage stage;
	struct database base;
	struct events events;
	struct recovery recovery;
	struct entry entry;
	struct auth *auth;
	int ups;
} house;

static const struct auth_config house_keys = {.algorithm = "HS256", .secret = "0123456789abcdef0123456789abcdef"};

/* In the order of app/parts.c. */
static void house_up(void *ctx)
{
	(void)ctx;
	house.ups++;
	routes_database_up(&house.events);
	rooms_database_up(&house.events);
	confirms_database_up(&house.events);
	offsets_database_up(&house.recovery);
	closes_database_up(&house.entry);
	opens_database_up(&house.entry);
	registers_database_up(&house.entry);
	maintenance_database_up(&house.entry);
}

static size_t house_batch(void *ctx, const struct db_batch *b)
{
	(void)ctx;
	return feed_batch(&house.events, b);
}

static void house_cursor(void *ctx)
{
	(void)ctx;
	offsets_turn(&house.recovery);
}

static inline void house_turns(void)
{
	fake_turn(house.stage.loop);
	stage_turn(&house.stage);
}

/* Turns until it is so; the test's time limit is the only one. */
#define HOUSE_UNTIL(cond)              \
	do {                           \
		while (!(cond))        \
			house_turns(); \
	} while (0)

static inline void house_some_turns(void)
{
	for (int i = 0; i < 15; i++)
		house_turns();
}

static inline void house_begin(void)
{
	char error[200];
	struct people *p = &house.stage.people;
	memset(&house, 0, sizeof house);
	stage_begin(&house.stage, &(struct sio_namespace){.on_connect = connect_socket,
	                                                  .on_event = gate_event,
	                                                  .on_disconnect = leave_socket,
	                                                  .on_fence = confirm_fence,
	                                                  .ctx = &house.entry,
	                                                  .event_ctx = &house.events});
	database_begin(&house.base, house.stage.loop);
	house.base.up = house_up;
	house.base.batch = house_batch;
	house.base.cursor = house_cursor;
	database_answers(&house.base, "rt.version", "8|x");
	database_answers(&house.base, "rt.recovery_key", "x");
	p->auth = house.auth = auth_new(&house_keys, error, sizeof error);
	house.events = (struct events){.people = p, .db = house.base.db};
	house.recovery = (struct recovery){
		.people = p, .events = &house.events, .db = house.base.db, .bytes_max = 10000};
	house.entry = (struct entry){.people = p,
	                             .recovery = &house.recovery,
	                             .db = house.base.db,
	                             .edge_id = EDGE,
	                             .max_sockets_per_user = 3,
	                             .lost_after_ms = 45000,
	                             .schema_needed = 8};
	events_parts_start(&house.events);
	recovery_parts_start(&house.recovery);
	closes_start(&house.entry);
	refusals_start(&house.entry);
	opens_start(&house.entry);
	registers_start(&house.entry);
	maintenance_start(&house.entry);
}

static inline void house_opens(void)
{
	house_begin();
	db_start(house.base.db);
	HOUSE_UNTIL(!maintenance_missing(&house.entry) && !offsets_key_wanted(&house.recovery));
	house_some_turns();
	database_said(&house.base);
}

static inline void house_end(void)
{
	stage_end_clients(&house.stage);
	db_free(&house.base.db);
	maintenance_stop(&house.entry);
	registers_stop(&house.entry);
	opens_stop(&house.entry);
	refusals_stop(&house.entry);
	closes_stop(&house.entry);
	recovery_parts_stop(&house.recovery);
	events_parts_stop(&house.events);
	database_end(&house.base);
	stage_end(&house.stage);
	auth_free(&house.auth);
}

/* The row of rt.socket_open's answer for one socket that may open. */
#define OPENS(ord, rooms) ord "|t|" rooms "|reconnection|200:200:"

static inline char *house_token(const char *user, int seconds)
{
	char error[200];
	char *token = auth_sign(&house_keys, user, (uint64_t)((int64_t)clock_wall_ms() / 1000 + seconds), error,
	                        sizeof error);
	CHECK(token);
	return token;
}

/* CONNECT is sent; more: further members of its payload. */
static inline struct guest *house_comes_with(const char *user, int seconds, const char *more)
{
	struct guest *g = stage_guest(&house.stage);
	char *token = house_token(user, seconds), text[1000];
	snprintf(text, sizeof text, "40{\"token\":\"%s\"%s}", token, more);
	guest_say(g, text);
	free(token);
	return g;
}

static inline struct guest *house_comes(const char *user)
{
	return house_comes_with(user, 3600, "");
}

/* ... and opens. */
static inline struct guest *house_guest(const char *user)
{
	database_answers(&house.base, "rt.socket_open_one", OPENS("1", "followers:1"));
	struct guest *g = house_comes(user);
	guest_waits_for(g, "sync:required");
	guest_text(g);
	database_said(&house.base);
	return g;
}

static inline bool house_is_in(const struct guest *g, const char *room)
{
	return hub_is_in(house.stage.people.hub, &guest_client(g)->member, slice_str(room));
}

#endif
