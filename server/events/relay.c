/*
 * Decides, delivers, and gathers the row for others.
 */
#include "events/relay.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/text.h"
#include "db/sender.h"
#include "events/deliver.h"
#include "events/names.h"
#include "events/rooms.h"
#include "events/routes.h"

#define GATHER_MS 10
#define ROW_MOST (128 << 10) /* bytes; with more, events go to the database one by one */
/* The row is waited for: what waits longer is told that nobody knows, as after any call without an answer. */
#define PATIENCE_MS 1000

/* An event whose client waits for the row, and an item that does. */
struct relay_waiter {
	struct list link; /* in relays.waiters */
	uint32_t row;
	void (*done)(void *arg, bool ok); /* NULL: it is an item */
	void *arg;
	struct db_item item; /* its slices are in text */
	char text[];
};

struct relays {
	struct events *events;
	bool alone;          /* no other edge is there */
	uint64_t came_at;    /* what rt.maintain said before this time is not true any more */
	struct buf items;    /* JSON objects of the row that is gathered, with a comma before each but the first */
	uint32_t row;        /* its number */
	uint32_t out;        /* number of the row whose call is out; 0: none is */
	uint64_t sent_at;    /* loop_now: when the last one left */
	struct list waiters; /* of relay_waiter.link, in order */
	struct timer patience;
	struct sender sender;
};

/* ---- who waits ---- */

static void waiter_end(struct relays *rs, struct relay_waiter *w, bool ok)
{
	list_del(&w->link);
	if (w->done)
		w->done(w->arg, ok);
	else
		db_item_send(rs->events->db, &w->item);
	free(w);
}

/* row 0: those of every row. */
static void waiters_end(struct relays *rs, uint32_t row, bool ok)
{
	struct list *at, *tmp;
	list_each (at, tmp, &rs->waiters) {
		struct relay_waiter *w = list_entry(at, struct relay_waiter, link);
		if (!row || w->row == row)
			waiter_end(rs, w, ok);
	}
}

static void relays_on_impatient(struct timer *t)
{
	struct relays *rs = container_of(t, struct relays, patience);
	rs->items.n = 0;
	waiters_end(rs, 0, false);
}

static struct relay_waiter *waiter_add(struct relays *rs, uint32_t row, size_t text)
{
	struct relay_waiter *w = mem_zalloc(sizeof(*w) + text);
	w->row = row;
	list_add_tail(&rs->waiters, &w->link);
	if (!timer_is_set(&rs->patience))
		timer_set(rs->events->people->loop, &rs->patience, loop_now(rs->events->people->loop) + PATIENCE_MS);
	return w;
}

void relay_wait(struct events *ev, void (*done)(void *arg, bool ok), void *arg)
{
	struct relay_waiter *w = waiter_add(ev->relays, ev->relays->row, 0);
	w->done = done;
	w->arg = arg;
}

static struct slice waiter_keep(char **at, struct slice s)
{
	char *p = *at;
	if (s.n)
		memcpy(p, s.p, s.n);
	*at += s.n;
	return slice_of(p, s.n);
}

void relay_then(struct events *ev, const struct client *c, const struct db_item *item)
{
	struct relays *rs = ev->relays;
	bool told = !c->relay_row || (c->relay_row != rs->row && c->relay_row != rs->out);
	if (told || list_empty(&rs->waiters) || db_state(ev->db) != DB_UP) {
		db_item_send(ev->db, item);
		return;
	}
	struct relay_waiter *w = waiter_add(rs, c->relay_row,
	                                    item->event.n + item->user_id.n + item->socket_id.n + item->payload.n +
	                                            item->lock_key.n);
	char *at = w->text;
	w->item = *item;
	w->item.event = waiter_keep(&at, item->event);
	w->item.user_id = waiter_keep(&at, item->user_id);
	w->item.socket_id = waiter_keep(&at, item->socket_id);
	w->item.payload = waiter_keep(&at, item->payload);
	w->item.lock_key = waiter_keep(&at, item->lock_key);
	timer_stop(rs->events->people->loop, &rs->sender.later);
	sender_wake(&rs->sender);
}

/* ---- the row ---- */

static void relays_answered(void *arg, const struct db_result *r)
{
	struct events *ev = arg;
	struct relays *rs = ev->relays;
	uint32_t row = rs->out;
	rs->out = 0;
	timer_stop(ev->people->loop, &rs->patience);
	waiters_end(rs, row, r->outcome == DB_OK);
	if (!list_empty(&rs->waiters))
		timer_set(ev->people->loop, &rs->patience, loop_now(ev->people->loop) + PATIENCE_MS);
	if (rs->items.n && !sender_waits(&rs->sender))
		sender_wake(&rs->sender);
}

static void relays_send(void *events)
{
	struct events *ev = events;
	struct relays *rs = ev->relays;
	struct buf array = {0};
	if (rs->items.n == 0 || !sender_ready(&rs->sender))
		return;
	buf_char(&array, '[');
	buf_slice(&array, buf_view(&rs->items));
	buf_char(&array, ']');
	struct slice params[] = {slice_str(ev->edge_id), buf_view(&array)};
	rs->items.n = 0;
	rs->sent_at = loop_now(ev->people->loop);
	rs->out = rs->row++;
	if (rs->row == 0)
		rs->row = 1;
	sender_call(&rs->sender, "select rt.relayed($1::uuid, $2::jsonb)", params, 2, relays_answered);
	buf_fini(&array);
}

static void relays_gather(struct relays *rs, const struct db_event *e)
{
	uint64_t due = rs->sent_at + GATHER_MS, now = loop_now(rs->events->people->loop);
	if (rs->items.n)
		buf_char(&rs->items, ',');
	json_open(&rs->items);
	json_member_str(&rs->items, "event", e->event);
	json_member_str(&rs->items, "room", e->rooms);
	json_member_str(&rs->items, "except", e->except_rooms);
	json_member_raw(&rs->items, "data", e->data);
	json_close(&rs->items);
	if (due > now)
		sender_after(&rs->sender, due - now);
	else
		sender_wake(&rs->sender);
}

/* ---- an event ---- */

/*
 * Are the rooms of this client what the database would find, and would its event come behind those that it sent before?
 * Else the database decides.
 */
static bool relay_is_sure(const struct events *ev, struct client *c)
{
	if (c->behind && db_pump_past(ev->db, c->behind))
		c->behind = 0;
	return db_state(ev->db) == DB_UP && !db_stalled(ev->db) && c->state == CLIENT_OPEN && !c->owed_sync &&
	       !c->waiting_bytes && !c->behind && rooms_are_known(ev, c->user) && ev->relays->items.n < ROW_MOST;
}

static void relay_deliver(struct events *ev, struct client *c, struct slice event, const struct relay_text *t)
{
	struct db_event e = {.at_us = (int64_t)clock_wall_us(),
	                     .ephemeral = true,
	                     .rooms = buf_view(&t->room),
	                     .except_rooms = client_id(c),
	                     .event = event,
	                     .data = buf_view(&t->data)};
	deliver_event(ev, &e, NULL, NULL);
	if (ev->relays->alone)
		return;
	c->relay_row = ev->relays->row;
	relays_gather(ev->relays, &e);
}

enum relayed relay_event(struct events *ev, struct client *c, struct slice event, const struct relay_rule *rule,
                         struct slice payload)
{
	struct relay_text t = {0};
	struct slice name;
	bool good = relay_is_sure(ev, c) && names_of(ev, c->user, &name) &&
	            relay_rule_apply(rule, payload, user_id(c->user), name, &t) &&
	            client_is_in(c, buf_view(&t.members));
	if (good)
		relay_deliver(ev, c, event, &t);
	relay_text_fini(&t);
	return !good ? RELAY_NOT : ev->relays->alone ? RELAY_DONE : RELAY_TOLD;
}

/* ---- others ---- */

static void relays_set_alone(const struct events *ev, bool alone)
{
	ev->relays->alone = alone;
	db_set_alone(ev->db, alone);
}

void relay_edges(const struct events *ev, uint64_t edges, uint64_t asked_at)
{
	if (asked_at > ev->relays->came_at)
		relays_set_alone(ev, edges == 1);
}

void relay_edge_came(struct events *ev)
{
	relays_set_alone(ev, false);
	ev->relays->came_at = loop_now(ev->people->loop);
}

static bool heard_text(struct slice object, const char *key, struct buf *out)
{
	struct slice v;
	out->n = 0;
	return json_get(object, key, &v) && json_unescape(out, v);
}

/* The event of a route that is not relayed is not taken: rt.relayed may be called by every login of an edge. */
static void relay_hear(struct events *ev, const struct db_event *row, struct slice item)
{
	struct buf room = {0}, except = {0}, event = {0};
	struct slice data;
	if (heard_text(item, "room", &room) && heard_text(item, "except", &except) &&
	    heard_text(item, "event", &event) && json_get(item, "data", &data)) {
		const struct route *r = route_find(ev, buf_view(&event));
		struct db_event e = {.id = row->id,
		                     .at_us = row->at_us,
		                     .ephemeral = true,
		                     .rooms = buf_view(&room),
		                     .except_rooms = buf_view(&except),
		                     .event = buf_view(&event),
		                     .data = data};
		if (r && r->relay)
			deliver_event(ev, &e, NULL, NULL);
	}
	buf_fini(&room);
	buf_fini(&except);
	buf_fini(&event);
}

void relay_heard(struct events *ev, const struct db_event *e)
{
	struct buf edge = {0};
	struct slice items, item;
	bool good = heard_text(e->data, "edge_id", &edge);
	bool own = good && slice_eq(buf_view(&edge), slice_str(ev->edge_id));
	buf_fini(&edge);
	if (own || !good || !json_get(e->data, "events", &items) || json_kind_of(items) != JSON_ARRAY)
		return;
	for (size_t it = 0; json_next_element(items, &it, &item);)
		relay_hear(ev, e, item);
}

/* ---- life ---- */

void relays_start(struct events *ev)
{
	struct relays *rs = ev->relays = NEW(struct relays);
	rs->events = ev;
	rs->row = 1;
	rs->patience.fire = relays_on_impatient;
	list_init(&rs->waiters);
	sender_init(&rs->sender, ev->db, ev->people->loop, ev->people->ident, "relayed", relays_send, ev);
}

/* The database is gone, and takes no items. */
void relays_stop(struct events *ev)
{
	struct relays *rs = ev->relays;
	struct relay_waiter *w;
	if (!rs)
		return;
	while ((w = list_first(&rs->waiters, struct relay_waiter, link))) {
		list_del(&w->link);
		if (w->done)
			w->done(w->arg, false);
		else
			w->item.done(w->item.arg, &(struct db_item_result){.outcome = DB_FAILED});
		free(w);
	}
	timer_stop(ev->people->loop, &rs->patience);
	sender_stop(&rs->sender);
	buf_fini(&rs->items);
	free(rs);
	ev->relays = NULL;
}

void relays_database_up(struct events *ev)
{
	relay_edge_came(ev); /* who is there is not known yet */
	sender_wake(&ev->relays->sender);
}

void relays_gap(struct events *ev)
{
	relay_edge_came(ev);
}
