/*
 * Clients: the door of their state, their rooms, their end.
 */
#include "people/client.h"
#include "base/blob.h"
#include "base/mem.h"
#include "base/text.h"
#include "people/room_names.h"
#include "people/tell.h"

/* ---- the doors ---- */

const char *client_state_label(enum client_state s)
{
	static const char *const labels[] = {
#define X(NAME, label) #label,
		CLIENT_STATES(X)
#undef X
	};
	return labels[s];
}

static const char *client_place_label(enum client_place p)
{
	static const char *const labels[] = {
#define X(NAME, label) #label,
		CLIENT_PLACES(X)
#undef X
	};
	return labels[p];
}

static void entering_free(struct client *c)
{
	struct entering *e = c->entering;
	if (!e)
		return;
	list_del(&e->link);
	late_free(&e->late);
	free(e);
	c->entering = NULL;
}

void client_enter(struct client *c, enum client_state to)
{
	static const uint8_t next[] = {
		[CLIENT_OPENING] = 1u << CLIENT_WAITING | 1u << CLIENT_RECOVERING | 1u << CLIENT_OPEN |
	                           1u << CLIENT_REFUSED,
		[CLIENT_WAITING] = 1u << CLIENT_OPEN | 1u << CLIENT_REFUSED,
		[CLIENT_RECOVERING] = 1u << CLIENT_OPEN | 1u << CLIENT_REFUSED,
		[CLIENT_OPEN] = 1u << CLIENT_REFUSED,
		[CLIENT_REFUSED] = 0,
	};
	assert(next[c->state] & 1u << to);
	log_trace(sio_ident(c->sio), "client", LS("from", client_state_label(c->state)),
	          LS("to", client_state_label(to)));
	if (to == CLIENT_RECOVERING || (to == CLIENT_OPEN && c->state != CLIENT_RECOVERING))
		c->came_ms = clock_wall_ms();
	c->state = to;
	if (to == CLIENT_OPEN) {
		c->hears_since = c->people->fence_value;
		entering_free(c);
	}
}

void client_stand(struct client *c, enum client_place to, struct list *line)
{
	static const uint8_t next[] = {
		[PLACE_NOWHERE] = 1u << PLACE_QUEUE,
		[PLACE_QUEUE] = 1u << PLACE_CALL | 1u << PLACE_DATABASE,
		[PLACE_CALL] = 1u << PLACE_QUEUE | 1u << PLACE_DATABASE | 1u << PLACE_KEY | 1u << PLACE_PUMP,
		[PLACE_DATABASE] = 1u << PLACE_QUEUE,
		[PLACE_KEY] = 1u << PLACE_PUMP,
		[PLACE_PUMP] = 1u << PLACE_MISSED,
		[PLACE_MISSED] = 1u << PLACE_WALK,
		[PLACE_WALK] = 1u << PLACE_PUMP,
	};
	struct entering *e = c->entering;
	assert(to == PLACE_NOWHERE || next[e->place] & 1u << to);
	log_trace(sio_ident(c->sio), "client stands", LS("from", client_place_label(e->place)),
	          LS("to", client_place_label(to)));
	list_del(&e->link);
	if (line)
		list_add_tail(line, &e->link);
	e->place = to;
}

/* ---- life ---- */

struct client *client_of(const struct people *p, struct slice socket_id)
{
	struct sio_socket *s = sio_find(p->sio, socket_id);
	return s ? sio_user(s) : NULL;
}

struct client *client_new(struct people *p, struct sio_socket *s, const char user[UUID_LEN])
{
	struct client *c = NEW(struct client);
	c->people = p;
	c->sio = s;
	c->user = user_get(p, user);
	list_add_tail(&c->user->clients, &c->user_link);
	c->user->nclients++;
	c->number = ++p->clients_so_far & TRACE_NUMBER_MOST;
	c->came_ms = clock_wall_ms();
	c->entering = NEW(struct entering);
	c->entering->client = c;
	list_init(&c->entering->link);
	late_init(&c->entering->late);
	sio_set_user(s, c);
	log_trace(sio_ident(s), "client", LS("to", client_state_label(c->state)), LSL("user", user_id(c->user)));
	return c;
}

void client_free(struct client *c)
{
	struct people *p = c->people;
	log_trace(sio_ident(c->sio), "client gone", LS("from", client_state_label(c->state)));
	timer_stop(p->loop, &c->timer);
	fences_free(&c->fences);
	if (c->recoverable)
		p->recovery->forget(c);
	hub_leave_all(p->hub, &c->member);
	entering_free(c);
	list_del(&c->user_link);
	c->user->nclients--;
	user_leave(p, c->user);
	sio_set_user(c->sio, NULL);
	free(c);
}

/* ---- its end, by us ---- */

static void client_send_away(struct client *c, bool close, enum close_reason why)
{
	client_enter(c, CLIENT_REFUSED);
	timer_stop(c->people->loop, &c->timer);
	if (c->entering)
		client_stand(c, PLACE_NOWHERE, NULL);
	hub_leave_all(c->people->hub, &c->member);
	sio_disconnect(c->sio, close, why);
}

/* "Invalid token" is part of the interface: clients compare it. */
void client_refuse(struct client *c)
{
	if (c->state == CLIENT_REFUSED)
		return;
	sio_accept(c->sio, (struct slice){0}); /* no effect where CONNECT was answered already */
	client_error(c,
	             &(struct error_about){.code = error_name(ERROR_UNAUTHORIZED), .message = SLICE("Invalid token")});
	client_send_away(c, true, CLOSE_UNAUTHORIZED);
}

void client_kick(struct client *c, bool close)
{
	if (c->state != CLIENT_REFUSED)
		client_send_away(c, close, CLOSE_KICKED);
}

void client_dismiss(struct client *c, struct slice reason)
{
	if (c->state == CLIENT_REFUSED)
		return;
	sio_accept(c->sio, (struct slice){0}); /* no effect where CONNECT was answered already */
	client_error(c, &(struct error_about){.code = error_name(ERROR_FORBIDDEN), .message = reason});
	client_send_away(c, true, CLOSE_KICKED);
}

/* The end is a disconnect, not a lost connection: a client that is still alive must not come back by itself and take
 * the state over in turn. */
void client_taken_over(struct client *c)
{
	if (c->state == CLIENT_REFUSED)
		return;
	sio_accept(c->sio, (struct slice){0});
	client_send_away(c, true, CLOSE_TAKEN_OVER);
}

/* ---- rooms ---- */

static bool client_owns(const struct client *c, struct slice room)
{
	return slice_eq(room, client_id(c)) ||
	       (room_family(room) == ROOM_USER && slice_eq(room_rest(room, ROOM_USER), user_id(c->user)));
}

bool client_is_in(const struct client *c, struct slice room)
{
	return client_owns(c, room) || hub_is_in(c->people->hub, &c->member, room);
}

bool client_join(struct client *c, struct slice room)
{
	if (client_owns(c, room) || !hub_join(c->people->hub, &c->member, room))
		return false;
	c->hears_since = c->people->fence_value;
	return true;
}

void client_leave(struct client *c, struct slice room)
{
	hub_leave(c->people->hub, &c->member, room);
}

void client_join_all(struct client *c, struct slice rooms)
{
	struct slice room;
	while (hub_next_name(&rooms, &room))
		client_join(c, room);
}

void client_keep(struct client *c, bool (*keep)(struct slice room, void *arg), void *arg)
{
	struct slice room;
	for (uint32_t i = 0; hub_room_of(c->people->hub, &c->member, i, &room);) {
		if (keep(room, arg))
			i++;
		else
			hub_leave(c->people->hub, &c->member, room); /* the last room takes place i */
	}
}

void client_apply(struct client *c, enum room_verb verb, struct slice room)
{
	switch (verb) {
	case ROOM_JOIN:
		client_join(c, room);
		break;
	case ROOM_LEAVE:
		client_leave(c, room);
		break;
	case ROOM_KICK:
		client_refuse(c);
		break;
	}
}

bool client_keep_late(struct client *c, uint64_t xid, enum room_verb verb, struct slice room)
{
	if (!c->entering || !c->entering->opening)
		return false;
	late_add(&c->entering->late, xid, verb, room);
	return true;
}
