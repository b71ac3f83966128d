/*
 * The life of a session, whatever its transport: opening, heartbeat, packets that come, fences, the end. Called by the
 * transports (polling.c, websocket.c), by server.c, and through eio.h by sio/.
 */
#include "eio/session.h"

#include "base/json_write.h"
#include "base/mem.h"
#include "base/text.h"
#include "http/forwarded.h"
#include <stddef.h>

/* ---- the end ---- */

static void session_free(struct eio_session *s)
{
	timer_stop(s->srv->loop, &s->timer);
	deferred_cancel(&s->turn);
	polling_end(s);
	address_leave(s);
	free(s->fences);
	free(s);
}

/* In the sweep. The application hears of the end once; the session is freed when its client has been served as well
 * (EIO_ENDED). */
static void session_farewell(struct deferred *d)
{
	struct eio_session *s = container_of(d, struct eio_session, turn);
	struct eio_server *srv = s->srv;
	if (!s->told) {
		s->told = true;
		srv->stats.closed[s->why]++;
		srv->ev->on_close(s, s->why, srv->ctx);
		s->user = NULL;
	}
	if (s->state == EIO_ENDED)
		session_free(s);
}

static const uint8_t eio_next[] = {
	[EIO_OPEN] = 1u << EIO_CLOSING | 1u << EIO_ENDED,
	[EIO_CLOSING] = 1u << EIO_ENDED,
	[EIO_ENDED] = 0,
};

static const char *const eio_state_name[] = {
#define X(NAME, label) #label,
	EIO_STATES(X)
#undef X
};

/* The reason of the first move stays. */
static void session_enter(struct eio_session *s, enum eio_state to, enum close_reason why)
{
	assert(eio_next[s->state] & 1u << to);
	if (s->state == EIO_OPEN)
		s->why = why;
	log_move(eio_ident(s), "session", eio_state_name[s->state], eio_state_name[to],
	         LS("reason", close_label(s->why)));
	s->state = to;
	deferred_cancel(&s->turn);
	s->turn.run = session_farewell;
	loop_defer(s->srv->loop, LOOP_SWEEP, &s->turn);
}

void session_end(struct eio_session *s, enum close_reason why)
{
	if (s->state == EIO_ENDED)
		return;
	struct eio_server *srv = s->srv;
	uint32_t queued = polling_queued(s);
	srv->stats.lost[why] += queued - (queued && s->state == EIO_CLOSING); /* the 1 is no loss */
	session_enter(s, EIO_ENDED, why);
	timer_stop(srv->loop, &s->timer);
	eio_settle(s);
	map_del(&srv->sessions, &s->node);
	srv->stats.sessions--;
	if (s->ws) {
		srv->stats.websockets--;
		ws_set_owner(s->ws, NULL, NULL);
		s->ws = NULL;
	}
	polling_end(s);
}

void eio_close(struct eio_session *s, enum close_reason why)
{
	if (s->state != EIO_OPEN)
		return;
	if (s->ws) {
		ws_close(s->ws, 0, why);
		session_end(s, why);
		return;
	}
	queue_push(s, s->srv->close);
	polling_release(s, NULL); /* C3: the queue and the 1 share the answer */
	if (polling_queued(s) == 0) {
		session_end(s, why);
		return;
	}
	session_enter(s, EIO_CLOSING, why); /* C4: the next GETs fetch the rest */
	timer_set(s->srv->loop, &s->timer, loop_now(s->srv->loop) + s->srv->cfg.limits.linger_ms);
}

void eio_drop(struct eio_session *s, enum close_reason why)
{
	if (s->state != EIO_OPEN || !s->ws) {
		eio_close(s, why);
		return;
	}
	ws_finish(s->ws, why);
	session_end(s, why);
}

void eio_close_later(struct eio_session *s, uint64_t ms, enum close_reason why)
{
	if (s->state != EIO_OPEN)
		return;
	s->leaving = true;
	s->why = why;
	timer_set(s->srv->loop, &s->timer, loop_now(s->srv->loop) + ms);
}

/* ---- heartbeat ---- */

/* B1, B5: a deadline is counted from the deadline before, not from the time at which the loop woke up. */
static void session_ping(struct eio_session *s, uint64_t due)
{
	struct eio_server *srv = s->srv;
	log_trace(eio_ident(s), "ping");
	s->ping_out = true;
	if (s->ws) /* by polling the ping may wait in the queue, so no GET can confirm it (polling_answer arms) */
		session_arm(s);
	eio_send(s, srv->ping);
	if (s->state == EIO_OPEN) /* sending may have ended it: its queue was full */
		timer_set(srv->loop, &s->timer, due + srv->cfg.limits.ping_timeout_ms);
}

static void session_deadline(struct eio_session *s)
{
	struct eio_server *srv = s->srv;
	uint64_t due = s->timer.at;
	if (s->state == EIO_CLOSING) { /* C5: nobody fetched the rest in time */
		session_end(s, s->why);
		return;
	}
	if (s->polling && s->polling->overflown) {
		session_end(s, CLOSE_LIMIT);
		return;
	}
	if (s->leaving) {
		eio_close(s, s->why);
		return;
	}
	if (!s->ping_out) {
		session_ping(s, due);
		return;
	}
	if (s->seen + srv->cfg.limits.ping_timeout_ms >
	    due) { /* B3: bytes are a sign of life too: a slow upload moves */
		timer_set(srv->loop, &s->timer, s->seen + srv->cfg.limits.ping_timeout_ms);
		return;
	}
	if (s->ws)
		ws_close(s->ws, 0, CLOSE_PING);
	session_end(s, CLOSE_PING);
}

static void session_on_timer(struct timer *t)
{
	session_deadline(container_of(t, struct eio_session, timer));
}

bool session_overdue(struct eio_session *s)
{
	struct loop *l = s->srv->loop;
	while (s->state != EIO_ENDED && timer_is_set(&s->timer) && s->timer.at <= loop_due(l)) {
		timer_stop(l, &s->timer);
		session_deadline(s);
	}
	return s->state == EIO_ENDED;
}

void session_heard(struct eio_session *s)
{
	s->seen = loop_now(s->srv->loop);
}

/* ---- the delivery fence ---- */

bool session_wants_fence(const struct eio_session *s)
{
	return s->fences && s->fences->wanted > s->fences->armed;
}

void session_arm(struct eio_session *s)
{
	if (s->fences)
		s->fences->armed = s->fences->wanted;
}

void session_confirm(struct eio_session *s)
{
	struct fences *f = s->fences;
	if (!f || f->armed <= s->confirmed || s->told)
		return;
	uint64_t value = s->confirmed = f->armed;
	if (value == f->wanted) {
		s->fences = NULL;
		free(f);
	}
	if (s->srv->ev->on_fence)
		s->srv->ev->on_fence(s, value, s->srv->ctx);
}

static void session_pong(struct eio_session *s)
{
	if (!s->ping_out || s->leaving)
		return; /* unsolicited pongs are harmless (E5) */
	log_trace(eio_ident(s), "pong");
	s->ping_out = false;
	uint64_t now = loop_now(s->srv->loop);
	timer_set(s->srv->loop, &s->timer, now + s->srv->cfg.limits.ping_interval_ms);
	if (!s->ws)
		return; /* by polling a GET confirms: this pong may answer a ping of an earlier answer */
	session_confirm(s);
	if (s->state == EIO_OPEN && session_wants_fence(s))
		session_mark(s);
}

void eio_fence(struct eio_session *s, uint64_t value)
{
	if (s->state != EIO_OPEN || value <= (s->fences ? s->fences->wanted : s->confirmed))
		return;
	if (!s->fences)
		s->fences = NEW(struct fences);
	s->fences->wanted = value;
	session_mark(s);
}

/* ---- once a turn ---- */

static void session_on_turn(struct deferred *d)
{
	struct eio_session *s = container_of(d, struct eio_session, turn);
	if (s->ws) {
		if (session_wants_fence(s) && !s->ping_out && !s->leaving)
			session_ping(s, loop_now(s->srv->loop));
		return;
	}
	polling_flush(s);
}

void session_mark(struct eio_session *s)
{
	if (s->state != EIO_OPEN)
		return;
	if (s->ws) /* before the connections write, so that the ping goes out in one piece with the data before it */
		loop_defer_first(s->srv->loop, LOOP_FLUSH, &s->turn);
	else
		loop_defer(s->srv->loop, LOOP_FLUSH, &s->turn);
}

bool eio_send(struct eio_session *s, struct packet *p)
{
	if (s->state != EIO_OPEN)
		return false;
	s->srv->stats.packets_out++;
	s->traffic.out += packet_size(p);
	if (s->ws)
		return websocket_send(s, p);
	enum close_reason why = polling_send(s, p);
	if (why == CLOSE_DONE)
		return true;
	s->srv->stats.lost[why]++;
	session_end(s, why);
	return false;
}

/* ---- packets in ---- */

static bool binary_text(struct eio_session *s, struct slice data)
{
	struct buf raw = {0};
	bool good = base64_decode(&raw, data);
	if (good)
		s->srv->ev->on_message(s, true, buf_view(&raw), s->srv->ctx);
	buf_fini(&raw);
	return good;
}

bool session_packet(struct eio_session *s, bool binary, struct slice p, enum close_reason *why)
{
	*why = CLOSE_PARSE;
	s->traffic.in += p.n;
	if (binary) {
		s->srv->ev->on_message(s, true, p, s->srv->ctx);
		return true;
	}
	if (p.n == 0)
		return false;
	struct slice data = slice_of(p.p + 1, p.n - 1);
	switch (p.p[0]) {
	case '4':
		s->srv->ev->on_message(s, false, data, s->srv->ctx);
		return true;
	case 'b':
		return binary_text(s, data);
	case '3':
		session_pong(s);
		return true;
	case '0':
	case '5':
	case '6': /* E5: ignored; Swift sends a 6 around its upgrade */
		return true;
	case '1':
		*why = CLOSE_PEER; /* by polling clients say 1 after each error of their transport */
		return false;
	case '2':
		*why = CLOSE_TRANSPORT;
		return false;
	default:
		return false;
	}
}

/* ---- opening ---- */

static struct packet *open_packet(const struct eio_session *s, bool websocket)
{
	const struct eio_config *cfg = &s->srv->cfg;
	struct buf b = {0};
	json_open(&b);
	json_member_str(&b, "sid", slice_of(s->sid, EIO_SID_LEN));
	json_member_raw(&b, "upgrades", !websocket && cfg->websocket ? SLICE("[\"websocket\"]") : SLICE("[]"));
	json_member_u64(&b, "pingInterval", cfg->limits.ping_interval_ms);
	json_member_u64(&b, "pingTimeout", cfg->limits.ping_timeout_ms);
	json_member_u64(&b, "maxPayload", cfg->limits.max_payload);
	json_close(&b);
	struct packet *p = packet_text('0', buf_view(&b));
	buf_fini(&b);
	return p;
}

struct eio_session *session_open(struct eio_server *srv, struct http_exchange *x, bool websocket,
                                 struct ws *(*accept)(struct eio_session *, struct http_exchange *))
{
	struct slice client = http_client(x, srv->cfg.trusted_proxies), token;
	bool has_token = http_header(x, "authorization", &token);
	char *authorization = has_token ? mem_strndup(token.p, token.n) : NULL; /* x is gone when on_open is called */
	struct eio_session *s = mem_zalloc(offsetof(struct eio_session, peer) + client.n + 1);
	struct buf b64 = {0};
	s->srv = srv;
	random_id(s->sid, EIO_SID_LEN);
	s->b64 = http_query(x, "b64", &b64) && b64.n > 0; /* E6: for a WebSocket; polling has no other form */
	buf_fini(&b64);
	if (client.n)
		memcpy(s->peer, client.p, client.n);
	s->timer.fire = session_on_timer;
	deferred_init(&s->turn, session_on_turn);
	s->seen = loop_now(srv->loop);
	timer_set(srv->loop, &s->timer, s->seen + srv->cfg.limits.ping_interval_ms);
	map_add(&srv->sessions, &s->node);
	srv->stats.sessions++;
	srv->stats.opened++;
	log_move(eio_ident(s), "session", "new", eio_state_name[s->state],
	         LS("transport", websocket ? "websocket" : "polling"), LI("conn", conn_fd(http_conn(x))));
	struct packet *open = open_packet(s, websocket);
	if (websocket) {
		s->ws = accept(s, x);
		s->over_websocket = true;
		srv->stats.websockets++;
		eio_send(s, open);
	} else {
		polling_start(s);
		polling_handshake(s, x, open);
	}
	packet_unref(&open);
	guest_enter(s);
	srv->ev->on_open(s, authorization ? slice_str(authorization) : (struct slice){0}, srv->ctx);
	free(authorization);
	return s;
}

/* ---- looking ---- */

void eio_set_user(struct eio_session *s, void *user)
{
	s->user = user;
}

void *eio_user(const struct eio_session *s)
{
	return s->user;
}

static void put_session(struct log_line *line, const void *of)
{
	const struct eio_session *s = of;
	log_put(line, LSL("session", slice_of(s->sid, 6))); /* E3: the sid is a secret, so never whole */
	log_put(line, LS("peer", s->peer));
}

struct log_ident eio_ident(const struct eio_session *s)
{
	return (struct log_ident){put_session, s};
}

const char *eio_peer(const struct eio_session *s)
{
	return s->peer;
}

enum eio_transport eio_transport(const struct eio_session *s)
{
	return s->over_websocket ? EIO_WEBSOCKET : EIO_POLLING;
}

struct eio_traffic eio_traffic(const struct eio_session *s)
{
	return s->traffic;
}

size_t eio_queued(const struct eio_session *s)
{
	if (s->ws)
		return conn_queued(ws_conn(s->ws));
	return s->polling ? s->polling->queue_bytes : 0;
}

bool eio_writable(const struct eio_session *s)
{
	return s->state == EIO_OPEN && (s->ws ? !conn_blocked(ws_conn(s->ws)) : s->polling->poll != NULL);
}
