/*
 * WebSockets of Engine.IO: as the transport of a session, and as a probe that asks a polling session for it (U1-U9).
 * Called by ws/ with messages, by server.c with upgrade requests, by session.c with packets.
 */
#include "eio/session.h"

#include "base/mem.h"

/* ---- the transport of a session ---- */

static void websocket_on_activity(struct ws *w, void *owner)
{
	(void)w;
	if (!session_overdue(owner)) /* B5: bytes behind the deadline are no sign of life */
		session_heard(owner);
}

static void websocket_on_message(struct ws *w, void *owner, bool binary, struct slice data)
{
	struct eio_session *s = owner;
	enum close_reason why;
	if (session_overdue(s) || s->state != EIO_OPEN)
		return;
	if (session_packet(s, binary, data, &why))
		return;
	ws_close(w, 0, why);
	session_end(s, why);
}

static void websocket_on_close(struct ws *w, void *owner, enum close_reason why)
{
	(void)w;
	struct eio_session *s = owner;
	s->ws = NULL;
	s->srv->stats.websockets--;
	session_end(s, why);
}

static const struct ws_events transport_events = {
	.on_message = websocket_on_message, .on_activity = websocket_on_activity, .on_close = websocket_on_close};

struct ws *websocket_accept(struct eio_session *s, struct http_exchange *x)
{
	struct buf headers = {0};
	cors_headers(s->srv, x, &headers);
	struct ws *w = ws_accept(x, &s->srv->ws_cfg, buf_view(&headers), &transport_events, s);
	buf_fini(&headers);
	return w;
}

bool websocket_send(struct eio_session *s, struct packet *p)
{
	return ws_send(s->ws, packet_frame(p, s->b64));
}

/* ---- a WebSocket that asks to take a polling session over ---- */

static void probe_free(struct probe *p)
{
	timer_stop(p->session->srv->loop, &p->timeout);
	p->session->polling->probe = NULL;
	free(p);
}

void probe_end(struct eio_session *s)
{
	struct probe *p = s->polling->probe;
	if (!p)
		return;
	log_trace(eio_ident(s), "upgrade", LS("step", "given_up"));
	ws_set_owner(p->ws, NULL, NULL);
	ws_close(p->ws, 0, CLOSE_DONE);
	probe_free(p);
}

static void probe_on_timeout(struct timer *t)
{
	probe_end(container_of(t, struct probe, timeout)->session); /* U8: the session goes on with polling */
}

/* U4, U5: from here on the WebSocket carries the session. Packets that no GET fetched go out there, in order. */
static void probe_take_over(struct probe *p)
{
	struct eio_session *s = p->session;
	struct eio_server *srv = s->srv;
	struct ws *w = p->ws;
	polling_release(s, srv->noop);
	if (session_overdue(s)) /* that answer needed room, and this session's queue had to make it */
		return;
	probe_free(p);
	if (s->fence_flushed) { /* the client has its last poll's answer: it sends the 5 behind it */
		s->fence_flushed = false;
		session_confirm(s);
	}
	if (s->fences)
		s->fences->armed = s->confirmed;
	log_trace(eio_ident(s), "upgrade", LS("step", "done"), LU("queued", polling_queued(s)));
	s->ws = w;
	s->over_websocket = true;
	ws_set_owner(w, &transport_events, s);
	srv->stats.upgrades++;
	srv->stats.websockets++;
	while (polling_queued(s)) {
		struct packet *out = queue_shift(s);
		if (out != srv->close) /* C2: on a WebSocket the Close says it */
			websocket_send(s, out);
		packet_unref(&out);
	}
	if (s->state == EIO_CLOSING) { /* U9: it was closing when the WebSocket took it over */
		ws_close(w, 0, s->why);
		session_end(s, s->why);
		return;
	}
	polling_end(s);
	if (session_wants_fence(s))
		session_mark(s);
}

static void probe_on_message(struct ws *w, void *owner, bool binary, struct slice data)
{
	struct probe *p = owner;
	struct eio_session *s = p->session;
	if (session_overdue(s))
		return;
	session_heard(s);
	if (!binary && slice_eq(data, SLICE("2probe"))) {
		log_trace(eio_ident(s), "upgrade", LS("step", "probed"));
		p->answered = true;
		ws_send(w, packet_frame(s->srv->probe_answer, false)); /* U2: and nothing else before the 5 */
		polling_release(s, s->srv->noop);                      /* U3: the client waits for its poll */
		return;
	}
	if (!binary && slice_eq(data, SLICE("5"))) { /* U7: a 5 is good without a probe too */
		probe_take_over(p);
		return;
	}
	probe_end(s);
}

static void probe_on_close(struct ws *w, void *owner, enum close_reason why)
{
	(void)w;
	struct probe *p = owner;
	log_trace(eio_ident(p->session), "upgrade", LS("step", "lost"), LS("reason", close_label(why)));
	probe_free(p); /* U7: the session goes on with polling */
}

static const struct ws_events probe_events = {.on_message = probe_on_message, .on_close = probe_on_close};

void websocket_probe(struct eio_session *s, struct http_exchange *x)
{
	struct probe *p = NEW(struct probe);
	struct loop *l = s->srv->loop;
	struct buf headers = {0}, b64 = {0};
	s->b64 = http_query(x, "b64", &b64) && b64.n > 0; /* E6: for an upgrade its own request decides */
	cors_headers(s->srv, x, &headers);
	*p = (struct probe){.session = s, .timeout = {.fire = probe_on_timeout}};
	p->ws = ws_accept(x, &s->srv->ws_cfg, buf_view(&headers), &probe_events, p);
	buf_fini(&headers);
	buf_fini(&b64);
	log_trace(eio_ident(s), "upgrade", LS("step", "asked"), LI("conn", conn_fd(ws_conn(p->ws))));
	s->polling->probe = p;
	timer_set(l, &p->timeout, loop_now(l) + s->srv->cfg.limits.upgrade_timeout_ms);
}

void websocket_turn_away(struct eio_server *srv, struct http_exchange *x)
{
	struct buf headers = {0};
	cors_headers(srv, x, &headers);
	struct ws *w = ws_accept(x, &srv->ws_cfg, buf_view(&headers), NULL, NULL);
	buf_fini(&headers);
	ws_close(w, 0, CLOSE_DONE);
}
