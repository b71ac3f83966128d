#include "app/worker.h"
#include "base/mem.h"
#include "base/text.h"

static const struct slice user_prefix = {"user:", 5};

#define SWEEP_MOST 1000 /* idle users looked at in one turn */

/* ---- users ---- */

static struct slice user_key(const struct map_node *n)
{
	return user_id(container_of(n, const struct user, node));
}

void worker_users_init(struct worker *w)
{
	map_init(&w->users, user_key);
	list_init(&w->idle_users);
}

static void user_free(struct worker *w, struct user *u)
{
	map_del(&w->users, &u->node);
	rate_free(u);
	free(u);
}

static void idle_user_free(struct worker *w, struct user *u)
{
	list_del(&u->rates->idle);
	w->nidle--;
	user_free(w, u);
}

void worker_users_sweep(struct worker *w)
{
	uint64_t now = loop_now(w->loop);
	for (uint32_t n = w->nidle < SWEEP_MOST ? w->nidle : SWEEP_MOST; n > 0; n--) {
		struct rates *r = list_first(&w->idle_users, struct rates, idle);
		if (r->full_ms <= now) {
			idle_user_free(w, r->user);
		} else {
			list_del(&r->idle);
			list_add_tail(&w->idle_users, &r->idle);
		}
	}
}

void worker_users_fini(struct worker *w)
{
	struct rates *r;
	while ((r = list_first(&w->idle_users, struct rates, idle)))
		idle_user_free(w, r->user);
	map_fini(&w->users);
}

static void user_idle(struct worker *w, struct user *u)
{
	if (!u->rates || u->rates->full_ms <= loop_now(w->loop)) {
		user_free(w, u);
		return;
	}
	list_add_tail(&w->idle_users, &u->rates->idle);
	w->nidle++;
}

struct user *user_find(const struct worker *w, struct slice id)
{
	struct map_node *n = map_find(&w->users, id);
	return n ? container_of(n, struct user, node) : NULL;
}

static struct user *user_get(struct worker *w, const char *id)
{
	struct user *u = user_find(w, slice_of(id, UUID_LEN));
	if (u && u->rates && !list_empty(&u->rates->idle)) {
		w->nidle--;
		list_del(&u->rates->idle);
	}
	if (u)
		return u;
	u = NEW(struct user);
	memcpy(u->id, id, UUID_LEN);
	list_init(&u->clients);
	map_add(&w->users, &u->node);
	return u;
}

bool rate_allows_id(struct worker *w, const char *user, const struct rate_limit *l, uint64_t *retry_after_ms)
{
	struct user *u = user_get(w, user);
	bool allowed = rate_allows(u, l, loop_now(w->loop), retry_after_ms);
	if (list_empty(&u->clients))
		user_idle(w, u);
	return allowed;
}

/* ---- clients ---- */

struct client *client_of(const struct worker *w, struct slice socket_id)
{
	struct sio_socket *s = sio_find(w->sio, socket_id);
	return s ? sio_user(s) : NULL;
}

/* ---- rooms ---- */

/* Every socket is in a room named by its id, and in its user's (contract 4): who is in these is known without joining. */
void client_own_rooms(struct slice name, void *ctx, hub_deliver *is, void *arg)
{
	struct client *c = name.n == SIO_ID_LEN ? client_of(ctx, name) : NULL;
	struct user *u = slice_starts(name, user_prefix)
	                         ? user_find(ctx, slice_of(name.p + user_prefix.n, name.n - user_prefix.n))
	                         : NULL;
	struct list *it, *tmp;
	if (c && client_in_rooms(c))
		is(&c->member, arg);
	if (!u)
		return;
	list_each (it, tmp, &u->clients) {
		c = list_entry(it, struct client, user_link);
		if (client_in_rooms(c))
			is(&c->member, arg);
	}
}

static bool is_own_room(const struct client *c, struct slice room)
{
	return slice_eq(room, client_id(c)) ||
	       (slice_starts(room, user_prefix) &&
	        slice_eq(slice_of(room.p + user_prefix.n, room.n - user_prefix.n), user_id(c->user)));
}

void client_join(struct client *c, struct slice room)
{
	if (!is_own_room(c, room))
		hub_join(c->w->hub, &c->member, room);
}

void client_leave(struct client *c, struct slice room)
{
	hub_leave(c->w->hub, &c->member, room);
}

/* ---- life ---- */

struct client *client_new(struct worker *w, struct sio_socket *s, const char *user)
{
	struct client *c = NEW(struct client);
	c->w = w;
	c->sio = s;
	c->user = user_get(w, user);
	list_add_tail(&c->user->clients, &c->user_link);
	c->user->nclients++;
	c->entering = NEW(struct entering);
	c->entering->client = c;
	list_init(&c->entering->link);
	sio_set_user(s, c);
	return c;
}

void client_entered(struct client *c)
{
	if (c->entering)
		list_del(&c->entering->link);
	free(c->entering);
	c->entering = NULL;
}

void client_free(struct client *c)
{
	struct worker *w = c->w;
	struct user *u = c->user;
	timer_stop(w->loop, &c->timer);
	confirm_forget(c);
	recovery_forget(c);
	hub_leave_all(w->hub, &c->member);
	client_entered(c);
	list_del(&c->user_link);
	u->nclients--;
	if (list_empty(&u->clients))
		user_idle(w, u);
	sio_set_user(c->sio, NULL);
	free(c);
}

/* ---- what clients are told ---- */

void put_timestamp(struct buf *out, uint64_t wall_ms)
{
	char text[25];
	iso_time(text, wall_ms);
	buf_printf(out, "\"%s\"", text);
}

void client_emit(struct client *c, struct slice name, struct slice data)
{
	struct packet *p = sio_event_packet("/", name, data);
	c->w->m.events[metrics_event_find(&c->w->m, name)].n[sio_send(c->sio, p) ? STATUS_OK : STATUS_DROPPED]++;
	packet_unref(&p);
}

void error_put(struct buf *out, const struct error_about *e, bool as_ack)
{
	buf_str(out, as_ack ? "{\"status\":\"error\",\"code\":" : "{\"code\":");
	buf_json_str(out, e->code);
	buf_str(out, ",\"message\":");
	buf_json_str(out, e->message);
	buf_str(out, ",\"timestamp\":");
	put_timestamp(out, clock_wall_ms());
	if (!as_ack && e->event.n) {
		buf_str(out, ",\"event\":");
		buf_json_str(out, e->event);
	}
	if (e->client_id.n) {
		buf_str(out, ",\"client_id\":");
		buf_slice(out, e->client_id);
	}
	if (e->retry_after_ms) {
		buf_str(out, ",\"retry_after_ms\":");
		buf_u64(out, e->retry_after_ms);
	}
	buf_char(out, '}');
}

void client_error(struct client *c, const struct error_about *e)
{
	struct buf data = {0};
	error_put(&data, e, false);
	client_emit(c, SLICE("error"), buf_view(&data));
	metrics_error(&c->w->m, e->code);
	buf_fini(&data);
}

void client_sync(struct client *c, struct slice reason)
{
	struct buf data = {0};
	buf_str(&data, "{\"user_id\":\"");
	buf_slice(&data, user_id(c->user));
	buf_str(&data, "\",\"reason\":");
	buf_json_str(&data, reason);
	buf_str(&data, ",\"timestamp\":");
	put_timestamp(&data, clock_wall_ms());
	buf_char(&data, '}');
	client_emit(c, SLICE("sync:required"), buf_view(&data));
	buf_fini(&data);
	if (c->recovery)
		offset_synced(c);
}

static void send_away(struct client *c, bool close, enum close_reason why)
{
	c->state = CLIENT_REFUSED;
	timer_stop(c->w->loop, &c->timer);
	if (c->entering)
		list_del(&c->entering->link);
	hub_leave_all(c->w->hub, &c->member);
	sio_disconnect(c->sio, close, why);
}

/* The text is the contract's: clients compare it (contract 2.4). */
void client_refuse(struct client *c)
{
	if (c->state == CLIENT_REFUSED)
		return;
	sio_accept(c->sio, (struct slice){0}); /* in case it was not told yet */
	client_error(c, &(struct error_about){.code = SLICE("UNAUTHORIZED"), .message = SLICE("Invalid token")});
	send_away(c, true, CLOSE_UNAUTHORIZED);
}

void client_kick(struct client *c, bool close)
{
	if (c->state != CLIENT_REFUSED)
		send_away(c, close, CLOSE_KICKED);
}

/* 41, so that a client that is alive after all does not come back and take it over in turn (wire-protocol R7). */
void client_taken_over(struct client *c)
{
	if (c->state == CLIENT_REFUSED)
		return;
	sio_accept(c->sio, (struct slice){0});
	send_away(c, true, CLOSE_TAKEN_OVER);
}
