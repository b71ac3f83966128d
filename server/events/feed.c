/*
 * Control rows move clients between rooms, end clients, or demand that rooms or routes are read again. All other rows
 * are events.
 */
#include "events/feed.h"
#include "events/control.h"
#include "events/deliver.h"
#include "events/names.h"
#include "events/presence.h"
#include "events/relay.h"
#include "events/rooms.h"
#include "events/routes.h"
#include "events/token_keys.h"
#include "people/client.h"

static bool feed_text(struct slice object, const char *key, struct buf *out)
{
	struct slice v;
	out->n = 0;
	return json_get(object, key, &v) && json_kind_of(v) == JSON_STRING && json_unescape(out, v);
}

/*
 * A kick is for good, and the pump may lag: where the rooms of a client were read after the kick, its user may have
 * been let in again before. The present rows decide.
 */
static void feed_apply(struct events *ev, struct client *c, const struct db_event *e, enum room_verb verb,
                       struct slice room)
{
	if (verb == ROOM_KICK && e->xid < c->known_before)
		rooms_read(ev, c->user);
	else
		client_apply(c, verb, room);
}

/* user_join, user_leave, user_kick: all clients of the user, those included whose rooms are being read. */
static void feed_user(struct events *ev, const struct db_event *e, enum room_verb verb)
{
	struct people *p = ev->people;
	struct buf id = {0}, room = {0};
	struct user *u;
	struct list *it, *tmp;
	if (!feed_text(e->data, "user_id", &id) || (verb != ROOM_KICK && !feed_text(e->data, "room", &room))) {
		log_error(p->ident, "control row not understood", LSL("verb", e->control));
	} else if ((u = user_find(p, buf_view(&id)))) {
		rooms_keep_late(ev, buf_view(&id), e->xid, verb, buf_view(&room));
		list_each (it, tmp, &u->clients) {
			struct client *c = list_entry(it, struct client, user_link);
			if (!client_keep_late(c, e->xid, verb, buf_view(&room)) && client_in_rooms(c))
				feed_apply(ev, c, e, verb, buf_view(&room));
		}
	}
	buf_fini(&id);
	buf_fini(&room);
}

/* socket_join, socket_leave: one client, which asked for it by a client event. */
static void feed_socket(struct events *ev, const struct db_event *e, enum room_verb verb)
{
	struct buf id = {0}, room = {0};
	struct client *c = NULL;
	if (feed_text(e->data, "socket_id", &id) && feed_text(e->data, "room", &room))
		c = client_of(ev->people, buf_view(&id));
	if (c && c->state == CLIENT_OPEN) {
		struct slice name;
		(void)!names_of(ev, c->user, &name); /* who enters a room may soon say something that is relayed */
		client_apply(c, verb, buf_view(&room));
		if (c->recoverable)
			ev->people->recovery->sent(c); /* the client's next offset lists its joined rooms */
	}
	buf_fini(&id);
	buf_fini(&room);
}

/* socket_kick: another socket has recovered the state of this one. */
static void feed_socket_kick(struct events *ev, const struct db_event *e, enum room_verb verb)
{
	struct buf id = {0};
	struct client *c = feed_text(e->data, "socket_id", &id) ? client_of(ev->people, buf_view(&id)) : NULL;
	(void)verb;
	if (c)
		client_taken_over(c);
	buf_fini(&id);
}

/* rooms_stale: without user ids it means everybody. */
static void feed_rooms_stale(struct events *ev, const struct db_event *e, enum room_verb verb)
{
	struct slice ids, v;
	struct buf id = {0};
	(void)verb;
	if (!json_get(e->data, "user_ids", &ids) || json_kind_of(ids) != JSON_ARRAY) {
		rooms_read_all(ev);
		return;
	}
	for (size_t it = 0; json_next_element(ids, &it, &v);) {
		id.n = 0;
		bool text = json_kind_of(v) == JSON_STRING && json_unescape(&id, v);
		struct user *u = text ? user_find(ev->people, buf_view(&id)) : NULL;
		if (u)
			rooms_read(ev, u);
	}
	buf_fini(&id);
}

static void feed_routes_changed(struct events *ev, const struct db_event *e, enum room_verb verb)
{
	(void)e, (void)verb;
	routes_load(ev);
}

static void feed_keys_changed(struct events *ev, const struct db_event *e, enum room_verb verb)
{
	(void)e, (void)verb;
	keys_load(ev);
}

/* settings_changed: nothing to do, since SQL functions read the settings themselves. */
static void feed_settings_changed(struct events *ev, const struct db_event *e, enum room_verb verb)
{
	(void)ev, (void)e, (void)verb;
}

/* asked: an operator's question, which the floor above answers. */
static void feed_asked(struct events *ev, const struct db_event *e, enum room_verb verb)
{
	(void)verb;
	if (ev->on_asked)
		ev->on_asked(ev->ctx, e->data);
}

/* user_renamed: the new name is read when it is needed. */
static void feed_user_renamed(struct events *ev, const struct db_event *e, enum room_verb verb)
{
	struct buf id = {0};
	struct user *u = feed_text(e->data, "user_id", &id) ? user_find(ev->people, buf_view(&id)) : NULL;
	(void)verb;
	if (u)
		names_forget(u);
	buf_fini(&id);
}

static void feed_relayed(struct events *ev, const struct db_event *e, enum room_verb verb)
{
	(void)verb;
	relay_heard(ev, e);
}

static void feed_edge_came(struct events *ev, const struct db_event *e, enum room_verb verb)
{
	(void)e, (void)verb;
	relay_edge_came(ev);
}

static void feed_control(struct events *ev, const struct db_event *e)
{
	static const struct {
		void (*run)(struct events *ev, const struct db_event *e, enum room_verb verb);
		enum room_verb verb; /* for feed_user and feed_socket */
	} verbs[] = {
		[CONTROL_SOCKET_JOIN] = {feed_socket, ROOM_JOIN},
		[CONTROL_SOCKET_LEAVE] = {feed_socket, ROOM_LEAVE},
		[CONTROL_SOCKET_KICK] = {feed_socket_kick, ROOM_KICK},
		[CONTROL_USER_JOIN] = {feed_user, ROOM_JOIN},
		[CONTROL_USER_LEAVE] = {feed_user, ROOM_LEAVE},
		[CONTROL_USER_KICK] = {feed_user, ROOM_KICK},
		[CONTROL_ROOMS_STALE] = {feed_rooms_stale, ROOM_JOIN},
		[CONTROL_ROUTES_CHANGED] = {feed_routes_changed, ROOM_JOIN},
		[CONTROL_KEYS_CHANGED] = {feed_keys_changed, ROOM_JOIN},
		[CONTROL_SETTINGS_CHANGED] = {feed_settings_changed, ROOM_JOIN},
		[CONTROL_ASKED] = {feed_asked, ROOM_JOIN},
		[CONTROL_USER_RENAMED] = {feed_user_renamed, ROOM_JOIN},
		[CONTROL_RELAYED] = {feed_relayed, ROOM_JOIN},
		[CONTROL_EDGE_CAME] = {feed_edge_came, ROOM_JOIN},
	};
	_Static_assert(ARRAY_LEN(verbs) == CONTROL_UNKNOWN, "a verb has nobody who carries it out");
	enum control_verb v = control_find(e->control);
	if (v == CONTROL_UNKNOWN)
		log_warn(ev->people->ident, "unknown control row", LSL("verb", e->control));
	else
		verbs[v].run(ev, e, verbs[v].verb);
}

size_t feed_batch(struct events *ev, const struct db_batch *b)
{
	uint64_t end = loop_clock_us() + LOOP_SHARE_US;
	size_t i = 0;
	do {
		const struct db_event *e = &b->events[i++];
		if (e->control.n)
			feed_control(ev, e);
		else if (e->bare)
			presence_gap(ev); /* it may be newer than what waits */
		else if (!presence_takes(ev, e))
			deliver_event(ev, e, NULL, NULL);
	} while (i < b->n && loop_clock_us() < end);
	return i;
}
