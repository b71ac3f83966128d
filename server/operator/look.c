/*
 * This edge and its sockets.
 */
#include "operator/look.h"
#include "base/json_write.h"
#include "base/text.h"
#include "people/audience.h"

#ifndef BELLWIRE_VERSION
#define BELLWIRE_VERSION "0.0.0"
#endif

#define ROOMS_OF_A_SOCKET 50 /* names in an answer; it says how many there are */

/* ---- the edge ---- */

static const char *look_pump(uint64_t state)
{
	static const char *const words[] = {"away", "busy", "drain", "asleep"};
	return words[state < ARRAY_LEN(words) ? state : 0];
}

static uint64_t look_rate(uint64_t now, uint64_t before, uint64_t ms)
{
	return ms ? ((now - before) * 1000 + ms / 2) / ms : 0;
}

static void look_rates(const struct operator* op, struct buf *b)
{
	const struct sio_stats *s = sio_server_stats(op->people->sio);
	const struct pulse *from = op->before.at_ms ? &op->before : &op->last;
	uint64_t ms = from->at_ms ? loop_now(op->people->loop) - from->at_ms : 0;
	json_member_u64(b, "rows_per_s", look_rate(db_stats(op->db)->rows, from->rows, ms));
	json_member_u64(b, "events_in_per_s", look_rate(s->events_in, from->events_in, ms));
	json_member_u64(b, "packets_out_per_s", look_rate(s->packets_out, from->packets_out, ms));
}

bool look_edge(struct operator* op, struct ask *a)
{
	const struct db_stats *db = db_stats(op->db);
	const struct sio_stats *sio = sio_server_stats(op->people->sio);
	struct buf *b = &a->body;
	json_open(b);
	json_member_str(b, "version", SLICE(BELLWIRE_VERSION));
	json_member_time(b, "started_at", op->started_ms);
	json_member_str(b, "pump", slice_str(look_pump(db->pump_state)));
	json_member_u64(b, "lag_ms", db->pump_lag_us / 1000);
	json_member_u64(b, "users", people_present(op->people));
	json_member_u64(b, "sockets", sio->sockets);
	json_member_u64(b, "websockets", sio->websockets);
	json_member_u64(b, "sessions", sio->sessions);
	json_member_u64(b, "rooms", hub_stats(op->people->hub)->rooms);
	json_member_u64(b, "waiting_events", db->queue_items);
	look_rates(op, b);
	json_close(b);
	return true;
}

/* ---- sockets ---- */

static void look_rooms_of(const struct client *c, struct buf *b)
{
	struct slice room;
	bool first = true;
	json_member(b, "rooms");
	buf_char(b, '[');
	for (uint32_t i = 0; i < ROOMS_OF_A_SOCKET && hub_room_of(c->people->hub, &c->member, i, &room); i++) {
		if (memchr(room.p, 0, room.n)) /* no row can hold it; orders of the emitter can */
			continue;
		if (!first)
			buf_char(b, ',');
		buf_json_str(b, room);
		first = false;
	}
	buf_char(b, ']');
	json_member_u64(b, "nrooms", c->member.nseats);
}

static uint32_t look_unconfirmed(const struct client *c)
{
	uint32_t n = 0;
	while (fences_at(c->fences, n))
		n++;
	return n;
}

void look_put_socket(const struct client *c, bool peer, struct buf *b)
{
	json_open(b);
	json_member_str(b, "socket_id", client_id(c));
	json_member_str(b, "user_id", user_id(c->user));
	json_member_str(b, "state", slice_str(client_state_label(c->state)));
	json_member_str(b, "transport", slice_str(sio_transport(c->sio) == EIO_WEBSOCKET ? "websocket" : "polling"));
	if (peer)
		json_member_str(b, "peer", slice_str(sio_peer(c->sio)));
	json_member_time(b, "since", c->came_ms);
	if (c->confirmed_s)
		json_member_time(b, "confirmed_at", (uint64_t)c->confirmed_s * 1000);
	json_member_u64(b, "unconfirmed", look_unconfirmed(c));
	json_member_u64(b, "queued_bytes", sio_queued(c->sio));
	json_member_bool(b, "recovery", c->recoverable);
	look_rooms_of(c, b);
	json_close(b);
}

/* False: the answer is full. */
static bool look_add(struct ask *a, const struct client *c)
{
	if (a->seen == ask_limit(a) || a->body.n > ASK_BODY_MOST) {
		a->more = true;
		return false;
	}
	if (a->seen++)
		buf_char(&a->body, ',');
	look_put_socket(c, true, &a->body);
	return true;
}

/* A user's: those too that are not in rooms yet. */
static void look_user(struct operator* op, struct ask *a, struct slice id)
{
	const struct user *u = user_find(op->people, id);
	for (const struct list *at = u ? u->clients.next : NULL; at && at != &u->clients; at = at->next)
		if (!look_add(a, list_entry(at, struct client, user_link)))
			return;
}

static void look_audience(struct operator* op, struct ask *a, struct slice rooms)
{
	struct audience at;
	const struct client *c;
	audience_begin(&at, op->people, rooms, (struct slice){0});
	while ((c = audience_next(&at)) && look_add(a, c)) {
		/* each was added */
	}
}

bool look_sockets(struct operator* op, struct ask *a)
{
	struct buf text = {0};
	buf_str(&a->body, "{\"sockets\":[");
	if (ask_text(a, "user_id", &text))
		look_user(op, a, buf_view(&text));
	else
		look_audience(op, a, ask_whom(a, &text) ? buf_view(&text) : SLICE(HUB_EVERYONE));
	buf_str(&a->body, "]}");
	buf_fini(&text);
	return true;
}
