/*
 * What the pump brings: events go to the sockets of their rooms, one packet for all; control rows move sockets between rooms
 * and end them. Rows come in visibility order, so a control row acts between the events around it (design section 3).
 */
#include "app/worker.h"
#include "base/mem.h"
#include "base/text.h"

/* ---- control rows ---- */

void feed_apply(struct client *c, char verb, struct slice room)
{
	if (verb == 'j')
		client_join(c, room);
	else if (verb == 'l')
		client_leave(c, room);
	else
		client_refuse(c);
}

static bool json_text(struct slice object, const char *key, struct buf *out)
{
	struct slice v;
	out->n = 0;
	return json_get(object, key, &v) && json_kind_of(v) == JSON_STRING && json_unescape(out, v);
}

static void user_control(struct worker *w, const struct db_event *e, char verb)
{
	struct buf id = {0}, room = {0};
	struct user *u;
	struct list *it, *tmp;
	if (!json_text(e->data, "user_id", &id) || (verb != 'k' && !json_text(e->data, "room", &room))) {
		log_error(w->ident, "control row not understood", LSL("verb", e->control));
	} else if ((u = user_find(w, buf_view(&id)))) {
		rooms_late(w, buf_view(&id), e->xid, verb, buf_view(&room));
		list_each (it, tmp, &u->clients) {
			struct client *c = list_entry(it, struct client, user_link);
			if (!open_late(c, e->xid, verb, buf_view(&room)) && client_in_rooms(c))
				feed_apply(c, verb, buf_view(&room));
		}
	}
	buf_fini(&id);
	buf_fini(&room);
}

static void socket_control(struct worker *w, const struct db_event *e, char verb)
{
	struct buf id = {0}, room = {0};
	if (json_text(e->data, "socket_id", &id) && json_text(e->data, "room", &room)) {
		struct client *c = client_of(w, buf_view(&id));
		if (c && c->state == CLIENT_OPEN) {
			feed_apply(c, verb, buf_view(&room));
			if (c->recovery)
				offset_due(c); /* offsets tell what it has joined */
		}
	}
	buf_fini(&id);
	buf_fini(&room);
}

static void socket_kick(struct worker *w, const struct db_event *e, char verb)
{
	struct buf id = {0};
	struct client *c = json_text(e->data, "socket_id", &id) ? client_of(w, buf_view(&id)) : NULL;
	(void)verb;
	if (c)
		client_taken_over(c);
	buf_fini(&id);
}

static void rooms_stale(struct worker *w, const struct db_event *e)
{
	struct slice ids, v;
	struct buf id = {0};
	if (!json_get(e->data, "user_ids", &ids) || json_kind_of(ids) != JSON_ARRAY) {
		rooms_read_all(w, false);
		return;
	}
	for (size_t it = 0; json_next_element(ids, &it, &v);) {
		id.n = 0;
		struct user *u = json_kind_of(v) == JSON_STRING && json_unescape(&id, v) ? user_find(w, buf_view(&id))
		                                                                         : NULL;
		if (u)
			rooms_read(w, u);
	}
	buf_fini(&id);
}

static void control(struct worker *w, const struct db_event *e)
{
	static const struct {
		struct slice name;
		void (*run)(struct worker *w, const struct db_event *e, char verb);
		char verb;
	} verbs[] = {
		{{"socket_join", 11}, socket_control, 'j'}, {{"socket_leave", 12}, socket_control, 'l'},
		{{"user_join", 9}, user_control, 'j'},      {{"user_leave", 10}, user_control, 'l'},
		{{"user_kick", 9}, user_control, 'k'},      {{"socket_kick", 11}, socket_kick, 'k'},
	};
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (slice_eq(e->control, verbs[i].name)) {
			verbs[i].run(w, e, verbs[i].verb);
			return;
		}
	if (slice_eq(e->control, SLICE("rooms_stale")))
		rooms_stale(w, e);
	else if (slice_eq(e->control, SLICE("routes_changed")))
		routes_load(w);
	else if (!slice_eq(e->control, SLICE("settings_changed"))) /* the functions read settings themselves */
		log_warn(w->ident, "unknown control row", LSL("verb", e->control));
}

/* ---- events ---- */

struct delivery {
	struct packet *packet;
	struct blob *confirm; /* NULL: no fence */
	uint64_t value, dropped;
	void (*told)(struct client *c, void *arg); /* NULL: nobody counts */
	void *arg;
};

static void deliver(struct hub_member *m, void *arg)
{
	struct client *c = container_of(m, struct client, member);
	struct delivery *d = arg;
	if (c->state != CLIENT_OPEN) {
		if (c->state == CLIENT_RECOVERING)
			recover_hold(c, d->packet, d->confirm);
		return;
	}
	if (!sio_send(c->sio, d->packet))
		d->dropped++;
	else if (d->confirm)
		confirm_expect(c, d->confirm, d->value);
	if (d->told)
		d->told(c, d->arg);
	if (c->recovery)
		offset_due(c);
}

struct packet *feed_packet(const struct db_event *e)
{
	struct buf data = {0};
	json_compact(&data, e->data);
	struct packet *p = sio_event_packet("/", e->event, buf_view(&data));
	buf_fini(&data);
	return p;
}

void feed_event(struct worker *w, const struct db_event *e, void (*told)(struct client *c, void *arg), void *arg)
{
	struct slice rooms = e->everyone ? SLICE(HUB_EVERYONE) : e->rooms;
	struct delivery d = {.packet = feed_packet(e), .value = ++w->fence_value, .told = told, .arg = arg};
	if (e->confirm.n)
		d.confirm = confirm_blob(e);
	size_t n = hub_send(w->hub, rooms, e->except_rooms, deliver, &d);
	struct event_metric *metric = &w->m.events[metrics_event_find(&w->m, e->event)];
	n -= d.dropped;
	metric->n[STATUS_OK] += n;
	metric->n[STATUS_DROPPED] += d.dropped;
	if (n)
		metrics_written(w, e->at_us, n);
	log_debug(w->ident, "event", LSL("event", e->event), LU("id", e->id), LU("sockets", n));
	packet_unref(&d.packet);
	if (d.confirm)
		blob_unref(&d.confirm);
}

static void on_batch(void *ctx, const struct db_batch *b)
{
	struct worker *w = ctx;
	for (size_t i = 0; i < b->n; i++) {
		const struct db_event *e = &b->events[i];
		if (e->control.n)
			control(w, e);
		else if (!presence_takes(w, e))
			feed_event(w, e, NULL, NULL);
	}
	if (b->last)
		offsets_turn(w);
}

static void on_gap(void *ctx, const char *why)
{
	struct worker *w = ctx;
	log_warn(w->ident, "events may be missing, clients resynchronise", LS("why", why));
	offsets_gap(w);
	recoveries_gap(w);
	rooms_read_all(w, true);
	routes_load(w);
}

static void on_ready(void *ctx, const char *snapshot, bool first)
{
	struct worker *w = ctx;
	(void)snapshot;
	w->pump_ready = true;
	log_info(w->ident, first ? "pump started" : "pump resumed");
	if (!first)
		emitter_gap(w);
}

void feed_start(struct worker *w)
{
	static const struct db_pump_events events = {.on_batch = on_batch, .on_gap = on_gap, .on_ready = on_ready};
	db_pump_set_events(w->db, &events, w);
}
