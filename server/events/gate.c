/*
 * Client events: route, shape, size and rate are settled here; what passes is handed to its SQL function, and the answer is
 * the ack. Every refusal is told as an `error` event, and as the ack when one was asked for (contract 3, 5).
 */
#include "app/worker.h"
#include "base/mem.h"
#include "base/text.h"

#define CLIENT_ID_MAX 64

struct call {
	struct worker *w;
	uint64_t ack_id;
	uint64_t at_us;
	struct buf body; /* the ack, while it waits for the pump */
	uint32_t metric;
	bool wants_ack;
	uint8_t socket_n;
	uint16_t event_n, client_id_n;
	char text[]; /* socket id, event, client_id source */
};

static struct slice call_socket(const struct call *k)
{
	return slice_of(k->text, k->socket_n);
}
static struct slice call_event(const struct call *k)
{
	return slice_of(k->text + k->socket_n, k->event_n);
}
static struct slice call_client_id(const struct call *k)
{
	return slice_of(k->text + k->socket_n + k->event_n, k->client_id_n);
}

/* client_id as it was sent, when it is a string that may be repeated to its sender. */
static struct slice find_client_id(const struct sio_event *ev)
{
	struct slice v;
	if (ev->nargs == 0 || ev->flaws || json_kind_of(ev->args[0]) != JSON_OBJECT ||
	    !json_get(ev->args[0], "client_id", &v) || json_kind_of(v) != JSON_STRING || v.n > CLIENT_ID_MAX * 6 + 2)
		return (struct slice){0};
	return v;
}

/* ---- failures ---- */

static void fail(struct client *c, const struct error_about *e, bool wants_ack, uint64_t ack_id)
{
	client_error(c, e);
	if (!wants_ack)
		return;
	struct buf ack = {0};
	buf_char(&ack, '[');
	error_put(&ack, e, true);
	buf_char(&ack, ']');
	sio_ack(c->sio, ack_id, buf_view(&ack));
	buf_fini(&ack);
}

static void gate_fail_after(struct client *c, const struct sio_event *ev, struct slice code, struct slice message,
                            uint64_t retry_after_ms)
{
	struct worker *w = c->w;
	w->m.events[metrics_event_find(&w->m, ev->name)].n[STATUS_ERROR]++;
	log_debug(sio_ident(c->sio), "event refused", LSL("event", ev->name), LSL("code", code));
	fail(c,
	     &(struct error_about){.code = code,
	                           .message = message,
	                           .event = ev->name,
	                           .client_id = find_client_id(ev),
	                           .retry_after_ms = retry_after_ms},
	     ev->wants_ack, ev->ack_id);
}

void gate_fail(struct client *c, const struct sio_event *ev, struct slice code, struct slice message)
{
	gate_fail_after(c, ev, code, message, 0);
}

/* ---- answers ---- */

static void call_free(struct call *k)
{
	buf_fini(&k->body);
	free(k);
}

static void answer(void *arg)
{
	struct call *k = arg;
	struct client *c = client_of(k->w, call_socket(k));
	if (c && k->wants_ack)
		sio_ack(c->sio, k->ack_id, buf_view(&k->body));
	histogram_add(&k->w->m.ack, (double)(loop_now_us(k->w->loop) - k->at_us) / 1e6, 1);
	k->w->m.events[k->metric].n[STATUS_OK]++;
	call_free(k);
}

static void refused(struct call *k, const struct db_item_result *r)
{
	struct worker *w = k->w;
	struct client *c = client_of(w, call_socket(k));
	struct error_about e = {.code = SLICE("UNAVAILABLE"),
	                        .message = SLICE("Try again"),
	                        .event = call_event(k),
	                        .client_id = call_client_id(k)};
	w->m.events[k->metric].n[STATUS_ERROR]++;
	if (r->outcome == DB_ERROR) {
		e.code = r->code;
		e.message = r->message;
		if (slice_eq(r->code, SLICE("INTERNAL")))
			log_error(w->ident, "event function failed", LSL("event", e.event),
			          LSL("sqlstate", r->sqlstate), LSL("message", r->message), LSL("detail", r->detail));
	} else {
		log_debug(w->ident, "event not done", LSL("event", e.event),
		          LS("outcome", r->outcome == DB_UNCERTAIN ? "uncertain" : "failed"));
	}
	if (c && c->state == CLIENT_OPEN)
		fail(c, &e, k->wants_ack, k->ack_id);
	call_free(k);
}

static void done(void *arg, const struct db_item_result *r)
{
	struct call *k = arg;
	if (r->outcome != DB_OK) {
		refused(k, r);
		return;
	}
	buf_char(&k->body, '[');
	json_compact(&k->body, r->body);
	buf_char(&k->body, ']');
	/* the control rows of the same transaction come first: who is told "joined" is in the room (design section 3) */
	if (r->published)
		db_pump_after(k->w->db, answer, k);
	else
		answer(k);
}

/* ---- the gate ---- */

static struct call *call_new(struct client *c, const struct sio_event *ev, const struct route *r)
{
	struct slice id = client_id(c), client_id_text = find_client_id(ev);
	struct call *k = mem_zalloc(sizeof(*k) + id.n + ev->name.n + client_id_text.n);
	k->w = c->w;
	k->ack_id = ev->ack_id;
	k->wants_ack = ev->wants_ack;
	k->at_us = loop_now_us(c->w->loop);
	k->metric = r->metric;
	k->socket_n = (uint8_t)id.n;
	k->event_n = (uint16_t)ev->name.n; /* a route's name is at most 64 characters */
	k->client_id_n = (uint16_t)client_id_text.n;
	memcpy(k->text, id.p, id.n);
	memcpy(k->text + id.n, ev->name.p, ev->name.n);
	if (client_id_text.n)
		memcpy(k->text + id.n + ev->name.n, client_id_text.p, client_id_text.n);
	return k;
}

static void dispatch(struct client *c, const struct sio_event *ev, const struct route *r)
{
	struct buf key = {0};
	struct slice v;
	if (r->lock_key && json_get(ev->args[0], r->lock_key, &v) && json_kind_of(v) == JSON_STRING &&
	    !json_unescape(&key, v))
		key.n = 0;
	struct db_item item = {
		.event = ev->name,
		.user_id = user_id(c->user),
		.socket_id = client_id(c),
		.payload = ev->args[0],
		.lock_key = buf_view(&key),
		.repeatable = r->repeat == DB_REPEAT_ALWAYS ||
	                      (r->repeat == DB_REPEAT_BY_KEY && find_client_id(ev).n > 2),
		.done = done,
		.arg = call_new(c, ev, r),
	};
	db_item_send(c->w->db, &item);
	buf_fini(&key);
}

/* What an event costs its user whatever becomes of it: refusals are answers, too. */
static const struct rate_limit *limit_of(const struct route *r, bool refresh)
{
	/* checking a token costs more than any other event does here */
	static const struct rate_limit refresh_limit = {.per_s = 1, .burst = 10, .rate_class = RATE_REFRESH};
	/* as a route that says nothing (migrations/0001) */
	static const struct rate_limit unknown_limit = {.per_s = 10, .burst = 50, .rate_class = RATE_OTHER};
	return refresh ? &refresh_limit : r ? &r->limit : &unknown_limit;
}

void gate_event(struct sio_socket *s, const struct sio_event *ev, void *ctx)
{
	struct worker *w = ctx;
	struct client *c = sio_user(s);
	uint64_t retry_after_ms = 0;
	if (!c || c->state == CLIENT_REFUSED || c->state == CLIENT_OPENING || c->state == CLIENT_RECOVERING)
		return;
	bool refresh = slice_eq(ev->name, SLICE("auth:refresh"));
	const struct route *r = refresh ? NULL : route_find(w, ev->name);
	if (!rate_allows(c->user, limit_of(r, refresh), loop_now(w->loop), &retry_after_ms))
		gate_fail_after(c, ev, SLICE("RATE_LIMIT"), SLICE("Too many events"), retry_after_ms);
	else if (c->state == CLIENT_WAITING || (!refresh && !routes_loaded(w)))
		gate_fail(c, ev, SLICE("UNAVAILABLE"), SLICE("Try again"));
	else if (!refresh && !r)
		gate_fail(c, ev, SLICE("INVALID_DATA"), SLICE("Unknown event"));
	else if (ev->flaws || ev->nattachments || ev->nargs != 1 || json_kind_of(ev->args[0]) != JSON_OBJECT)
		gate_fail(c, ev, SLICE("INVALID_DATA"), SLICE("One object is expected"));
	else if (refresh)
		refresh_event(c, ev);
	else if (!r->ok)
		gate_fail(c, ev, SLICE("UNAVAILABLE"), SLICE("Try again"));
	else if (ev->args[0].n > r->max_bytes)
		gate_fail(c, ev, SLICE("MESSAGE_TOO_LARGE"), SLICE("Payload too large"));
	else
		dispatch(c, ev, r);
}
