/*
 * The gate, and the events that have passed it and wait for the database.
 */
#include "events/gate.h"
#include "base/mem.h"
#include "events/refresh.h"
#include "events/relay.h"
#include "events/routes.h"
#include "people/tell.h"

#define PUMP_WAIT_MS 1000
#define CLIENT_WAITING_MOST (4 << 20) /* bytes of one client: an offline queue of long messages fits */
#define WAITING_OVERHEAD 512          /* of an event, beside its payload */

/* ---- an event that was asked of the database ---- */

struct asked {
	struct events *events;
	uint64_t ack_id;
	uint64_t at_us;
	uint32_t bytes;  /* counted by gate_keep */
	struct buf body; /* the ack's object, while the ack waits for the pump */
	uint32_t metric; /* route.metric */
	bool wants_ack;
	uint8_t socket_n;
	uint16_t event_n, client_id_n;
	char text[]; /* socket id, event, client_id as JSON text */
};

static struct slice asked_socket(const struct asked *k)
{
	return slice_of(k->text, k->socket_n);
}
static struct slice asked_event(const struct asked *k)
{
	return slice_of(k->text + k->socket_n, k->event_n);
}
static struct slice asked_client_id(const struct asked *k)
{
	return slice_of(k->text + k->socket_n + k->event_n, k->client_id_n);
}

static struct asked *asked_new(struct events *events, const struct client *c, const struct sio_event *ev,
                               const struct route *r, struct slice id_text)
{
	struct slice id = client_id(c);
	struct asked *k = mem_zalloc(sizeof(*k) + id.n + ev->name.n + id_text.n);
	k->events = events;
	k->ack_id = ev->ack_id;
	k->wants_ack = ev->wants_ack;
	k->at_us = loop_now_us(events->people->loop);
	k->metric = r->metric;
	k->socket_n = (uint8_t)id.n;
	k->event_n = (uint16_t)ev->name.n; /* fits: the name of a route has at most 64 characters */
	k->client_id_n = (uint16_t)id_text.n;
	memcpy(k->text, id.p, id.n);
	memcpy(k->text + id.n, ev->name.p, ev->name.n);
	if (id_text.n)
		memcpy(k->text + id.n + ev->name.n, id_text.p, id_text.n);
	return k;
}

static void asked_free(struct asked *k)
{
	buf_fini(&k->body);
	free(k);
}

/* ---- bytes that wait ---- */

static void gate_keep(struct client *c, struct asked *k, size_t payload)
{
	k->bytes = (uint32_t)payload + WAITING_OVERHEAD;
	k->events->people->counts.waiting_bytes += k->bytes;
	c->waiting_bytes += k->bytes;
}

static void gate_unkeep(struct asked *k)
{
	struct client *c = client_of(k->events->people, asked_socket(k));
	k->events->people->counts.waiting_bytes -= k->bytes;
	if (c) /* perhaps another one, which has recovered the id since */
		c->waiting_bytes -= k->bytes < c->waiting_bytes ? k->bytes : c->waiting_bytes;
}

/* False: the event is refused. While the database is slow or away, events of many clients with large payloads would
 * otherwise use up the memory that no other budget counts. */
static bool gate_has_room(const struct events *events, struct client *c, const struct sio_event *ev)
{
	size_t n = ev->args[0].n + WAITING_OVERHEAD;
	if (c->waiting_bytes && c->waiting_bytes + n > CLIENT_WAITING_MOST) {
		client_fail_event(c, ev, ERROR_RATE_LIMIT, "Too many events are waiting",
		                  "4 MiB of this client's events wait for the database", PUMP_WAIT_MS);
		return false;
	}
	if (events->max_waiting_bytes && events->people->counts.waiting_bytes + n > events->max_waiting_bytes) {
		client_fail_event(c, ev, ERROR_UNAVAILABLE, "Try again",
		                  "client events of BELLWIRE_MAX_MEMORY_BYTES wait for the database", 0);
		return false;
	}
	return true;
}

/* ---- answers ---- */

static void gate_count(const struct asked *k, enum event_status s)
{
	k->events->people->counts.events[k->metric].n[s]++;
}

static void gate_ack(void *arg)
{
	struct asked *k = arg;
	struct people *p = k->events->people;
	struct client *c = client_of(p, asked_socket(k));
	if (c && k->wants_ack)
		sio_ack(c->sio, k->ack_id, buf_view(&k->body));
	histogram_add(&p->counts.ack, (double)(loop_now_us(p->loop) - k->at_us) / 1e6, 1);
	gate_count(k, STATUS_OK);
	asked_free(k);
}

static void gate_not_done(struct asked *k, const struct db_item_result *r)
{
	struct people *p = k->events->people;
	struct client *c = client_of(p, asked_socket(k));
	struct error_about e = {.code = error_name(ERROR_UNAVAILABLE),
	                        .message = SLICE("Try again"),
	                        .event = asked_event(k),
	                        .client_id = asked_client_id(k)};
	gate_count(k, STATUS_ERROR);
	e.hint = tell_hint(p, "Postgres is away, or did not answer within BELLWIRE_DB_TIMEOUT_MS");
	if (r->outcome == DB_ERROR) {
		e.hint = p->dev && !slice_starts(r->sqlstate, SLICE("RT")) ? r->detail : (struct slice){0};
		e.code = r->code;
		e.message = r->message;
		e.retry_after_ms = r->retry_after_ms;
		if (slice_eq(r->code, error_name(ERROR_INTERNAL)))
			log_error(p->ident, "event function failed", LSL("event", e.event),
			          LSL("sqlstate", r->sqlstate), LSL("message", r->message), LSL("detail", r->detail));
	} else {
		log_debug(p->ident, "event not done", LSL("event", e.event),
		          LS("outcome", r->outcome == DB_UNCERTAIN ? "uncertain" : "failed"));
	}
	if (c && c->state == CLIENT_OPEN)
		client_fail(c, &e, k->wants_ack, k->ack_id);
	asked_free(k);
}

static void gate_answered(void *arg, const struct db_item_result *r)
{
	struct asked *k = arg;
	struct client *c = client_of(k->events->people, asked_socket(k));
	gate_unkeep(k);
	if (c && (r->published || r->outcome == DB_UNCERTAIN))
		c->behind = db_pump_moment(k->events->db);
	if (r->outcome != DB_OK) {
		gate_not_done(k, r);
		return;
	}
	buf_char(&k->body, '[');
	json_compact(&k->body, r->body);
	buf_char(&k->body, ']');
	/*
	 * The ack waits until the pump has read the control rows of the same transaction: a client that is told
	 * "joined" is in the room. It waits for a second at most, since the event has happened even if the pump hangs.
	 */
	if (r->moved)
		db_pump_within(k->events->db, PUMP_WAIT_MS, gate_ack, k);
	else
		gate_ack(k);
}

/* ---- the gate ---- */

static void gate_dispatch(struct events *events, struct client *c, const struct sio_event *ev, const struct route *r)
{
	struct buf key = {0};
	struct slice v, id_text = tell_client_id(ev);
	if (r->lock_key && json_get(ev->args[0], r->lock_key, &v) && json_kind_of(v) == JSON_STRING &&
	    !json_unescape(&key, v))
		key.n = 0;
	struct db_item item = {
		.event = ev->name,
		.user_id = user_id(c->user),
		.socket_id = client_id(c),
		.payload = ev->args[0],
		.lock_key = buf_view(&key),
		.repeatable = r->repeat == DB_REPEAT_ALWAYS || (r->repeat == DB_REPEAT_BY_KEY && id_text.n > 2),
		.done = gate_answered,
		.arg = asked_new(events, c, ev, r, id_text),
	};
	gate_keep(c, item.arg, item.payload.n);
	relay_then(events, c, &item);
	buf_fini(&key);
}

static void gate_told(void *arg, bool ok)
{
	if (ok)
		gate_ack(arg);
	else
		gate_not_done(arg, &(struct db_item_result){.outcome = DB_UNCERTAIN});
}

/* False: the database decides. */
static bool gate_relay(struct events *events, struct client *c, const struct sio_event *ev, const struct route *r)
{
	enum relayed done = r->relay ? relay_event(events, c, ev->name, r->relay, ev->args[0]) : RELAY_NOT;
	if (done == RELAY_NOT)
		return false;
	struct asked *k = asked_new(events, c, ev, r, tell_client_id(ev));
	buf_str(&k->body, "[{\"status\":\"ok\"}]");
	if (done == RELAY_TOLD)
		relay_wait(events, gate_told, k);
	else
		gate_ack(k);
	return true;
}

/* The limit that an event counts against. A refused event counts as well, since a refusal is an answer too. */
static const struct rate_limit *gate_limit(const struct route *r, bool refresh)
{
	/* Low, because checking a token costs the edge more than any other event. */
	static const struct rate_limit refresh_limit = {.per_s = 1, .burst = 10, .rate_class = RATE_REFRESH};
	/* the defaults of a route (migrations/0001_bellwire.sql) */
	static const struct rate_limit unknown_limit = {.per_s = 10, .burst = 50, .rate_class = RATE_OTHER};
	return refresh ? &refresh_limit : r ? &r->limit : &unknown_limit;
}

void gate_event(struct sio_socket *s, const struct sio_event *ev, void *ctx)
{
	struct events *events = ctx;
	struct client *c = sio_user(s);
	uint64_t retry_after_ms = 0;
	if (!c || (c->state != CLIENT_OPEN && c->state != CLIENT_WAITING))
		return;
	bool refresh = slice_eq(ev->name, SLICE("auth:refresh"));
	const struct route *r = refresh ? NULL : route_find(events, ev->name);
	if (!rate_allows(&c->user->rates, gate_limit(r, refresh), loop_now(c->people->loop), &retry_after_ms))
		client_fail_event(c, ev, ERROR_RATE_LIMIT, "Too many events",
		                  "rate_per_s and rate_burst of its row in bellwire.routes", retry_after_ms);
	else if (c->state == CLIENT_WAITING || (!refresh && routes_missing(events)))
		client_fail_event(c, ev, ERROR_UNAVAILABLE, "Try again", TELL_AWAY, 0);
	else if (!refresh && !r)
		client_fail_event(c, ev, ERROR_INVALID_DATA, "Unknown event", "bellwire.routes has no row for it", 0);
	else if (ev->flaws || ev->nattachments || ev->nargs != 1 || json_kind_of(ev->args[0]) != JSON_OBJECT)
		client_fail_event(c, ev, ERROR_INVALID_DATA, "One object is expected",
		                  "one argument, an object: no binary data, no lone surrogate, no U+0000, no key twice",
		                  0);
	else if (refresh)
		refresh_event(events, c, ev);
	else if (!r->fit)
		client_fail_event(c, ev, ERROR_UNAVAILABLE, "Try again",
		                  "the function of its row in bellwire.routes is not there, or has another signature",
		                  0);
	else if (ev->args[0].n > r->max_bytes)
		client_fail_event(c, ev, ERROR_MESSAGE_TOO_LARGE, "Payload too large",
		                  "max_bytes of its row in bellwire.routes", 0);
	else if (gate_has_room(events, c, ev) && !gate_relay(events, c, ev, r))
		gate_dispatch(events, c, ev, r);
}
