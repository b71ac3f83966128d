/*
 * Long-polling: the queue of a session that polls, its parked GET, its POST (P1-P14). Called by server.c with requests,
 * and by session.c with packets and at the end. websocket.c takes the queue over at an upgrade.
 */
#include "eio/session.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"

#define SEPARATOR '\x1e'

/* ---- the queue of packets that no GET has fetched ---- */

uint32_t polling_queued(const struct eio_session *s)
{
	return s->polling ? s->polling->queued : 0;
}

static const struct holder_ops polling_holder_ops;

void queue_push(struct eio_session *s, struct packet *p)
{
	struct polling *g = s->polling;
	if (g->queued == g->queue_cap) {
		g->queue_cap = g->queue_cap ? g->queue_cap * 2 : 4;
		g->queue = mem_realloc(g->queue, g->queue_cap * sizeof(struct packet *));
	}
	g->queue[g->queued++] = packet_ref(p);
	g->queue_bytes += packet_size(p);
	holder_add(&g->holder, p->wire);
	holder_blocked(&g->holder, &polling_holder_ops);
}

static void queue_forget(struct eio_session *s, uint32_t n)
{
	struct polling *g = s->polling;
	for (uint32_t i = 0; i < n; i++) {
		g->queue_bytes -= packet_size(g->queue[i]);
		holder_drop(&g->holder, g->queue[i]->wire);
		packet_unref(&g->queue[i]);
	}
	g->queued -= n;
	if (g->queued) {
		memmove(g->queue, g->queue + n, g->queued * sizeof(struct packet *));
		return;
	}
	holder_clear(&g->holder);
	free(g->queue);
	g->queue = NULL;
	g->queue_cap = 0;
}

struct packet *queue_shift(struct eio_session *s)
{
	struct packet *p = packet_ref(s->polling->queue[0]);
	queue_forget(s, 1);
	return p;
}

/* ---- how much may wait ---- */

static bool queue_over(const struct eio_session *s, size_t bytes_times, size_t packets_times)
{
	const struct eio_limits *most = &s->srv->cfg.limits;
	return s->polling->queue_bytes >= most->max_queue_bytes * bytes_times ||
	       s->polling->queued >= most->max_queue_packets * packets_times;
}

static bool queue_waits(struct eio_session *s)
{
	return !queue_over(s, 1, 1) || holder_waits(&s->polling->holder, queue_over(s, HOLDER_HARD, HOLDER_HARD_ITEMS));
}

static size_t polling_holder_queued(const struct holder *h)
{
	return container_of(h, const struct polling, holder)->queue_bytes;
}

static void polling_stalled(struct holder *h)
{
	struct eio_session *s = container_of(h, struct polling, holder)->session;
	if (s->state == EIO_OPEN && !queue_waits(s))
		session_end(s, CLOSE_SLOW);
}

/* The caller may be walking over the sessions, so this one ends later, by its timer. Its memory is given back at
 * once. */
static void polling_evict(struct holder *h)
{
	struct eio_session *s = container_of(h, struct polling, holder)->session;
	struct eio_server *srv = s->srv;
	srv->stats.lost[CLOSE_LIMIT] += s->polling->queued - (s->state == EIO_CLOSING); /* the 1 is no loss */
	queue_forget(s, s->polling->queued);
	s->polling->overflown = true;
	timer_set(srv->loop, &s->timer, loop_now(srv->loop));
}

static const struct holder_ops polling_holder_ops = {polling_holder_queued, polling_stalled, polling_evict};

enum close_reason polling_send(struct eio_session *s, struct packet *p)
{
	const struct eio_config *cfg = &s->srv->cfg;
	if (!queue_waits(s))
		return CLOSE_SLOW;
	if (cfg->budget && !conn_budget_room(cfg->budget, holder_cost(p->wire)))
		return CLOSE_LIMIT;
	if (s->polling->overflown) /* perhaps by the line before */
		return CLOSE_LIMIT;
	queue_push(s, p);
	session_mark(s);
	return CLOSE_DONE;
}

/* ---- life ---- */

/* Nobody knows what of it was read, and the packets are gone: the client has to begin anew, or to recover. Its HTTP
 * library may repeat the GET by itself, and the next answer would be taken for the one behind this. */
static void answer_is_lost(struct polling *g)
{
	struct eio_session *s = g->session;
	log_trace(eio_ident(s), "poll", LS("step", "answer_lost"), LU("packets", g->answered));
	s->srv->stats.lost[CLOSE_TRANSPORT] += g->answered;
	session_end(s, CLOSE_TRANSPORT);
}

static void answer_lost(struct http_watch *w, bool doubtful)
{
	struct polling *g = container_of(w, struct polling, answer);
	if (doubtful)
		g->doubtful = true;
	else
		answer_is_lost(g);
}

static uint64_t query_hash(const struct http_exchange *x)
{
	static const uint64_t seed[2]; /* a collision costs a client nothing but its own session */
	return hash_bytes(seed, http_head(x)->query);
}

/* The GET before had an answer whose connection was reset. Clients that have read it ask in other words: `t` counts. */
static bool poll_repeats(struct polling *g, const struct http_exchange *x)
{
	bool same = g->doubtful && query_hash(x) == g->asked;
	g->doubtful = false;
	return same;
}

void polling_start(struct eio_session *s)
{
	s->polling = NEW(struct polling);
	s->polling->session = s;
	s->polling->holder.budget = s->srv->cfg.budget;
	s->polling->answer.lost = answer_lost;
}

void polling_end(struct eio_session *s)
{
	struct polling *g = s->polling;
	if (!g)
		return;
	http_unwatch(&g->answer);
	if (s->state == EIO_ENDED) {
		struct http_exchange *x = g->push;
		g->push = NULL;
		probe_end(s);
		if (x)
			http_drop(x, CLOSE_TRANSPORT);
		polling_release(s, s->srv->close);
	}
	if (g->push)
		return; /* push_over comes back here */
	if (g->queued)
		queue_forget(s, g->queued);
	s->polling = NULL;
	free(g);
}

/* ---- answers ---- */

static void answer_parts(struct eio_session *s, struct http_exchange *x, struct packet *const *packets, uint32_t n,
                         const char *cookie)
{
	struct eio_server *srv = s->srv;
	log_trace(eio_ident(s), "poll", LS("step", "answered"), LU("packets", n), LI("conn", conn_fd(http_conn(x))));
	struct http_part *parts = mem_alloc(sizeof *parts * 2 * n);
	size_t count = 0;
	for (uint32_t i = 0; i < n; i++) {
		size_t off;
		struct blob *b = packet_polling(packets[i], &off);
		if (i)
			parts[count++] = (struct http_part){srv->separator, 0, 1};
		parts[count++] = (struct http_part){b, off, b->n - off};
	}
	struct buf headers = {0};
	cors_headers(srv, x, &headers);
	buf_str(&headers, "Cache-Control: no-store\r\n");
	if (cookie)
		buf_printf(&headers, "Set-Cookie: %s=%.*s; Path=/; HttpOnly; SameSite=Lax\r\n", cookie, EIO_SID_LEN,
		           s->sid);
	http_respond_parts(x,
	                   &(struct http_reply){.status = 200,
	                                        .content_type = "text/plain; charset=UTF-8",
	                                        .headers = buf_view(&headers)},
	                   parts, count);
	buf_fini(&headers);
	free(parts);
}

/* P13: how many packets one answer has. At least one; at most 16, as the python client refuses more; about maxPayload
 * bytes, and never more than a connection takes. */
static uint32_t answer_size(const struct eio_session *s)
{
	const struct eio_config *cfg = &s->srv->cfg;
	size_t bytes = 0, most = cfg->limits.max_payload < cfg->limits.max_queue_bytes / 2
	                                 ? cfg->limits.max_payload
	                                 : cfg->limits.max_queue_bytes / 2;
	uint32_t n = 0;
	while (n < polling_queued(s) && n < cfg->limits.max_poll_packets) {
		bytes += packet_size(s->polling->queue[n]) + 1;
		if (n && bytes > most)
			break;
		n++;
	}
	return n;
}

/* Its next GET cannot come before this answer has arrived: by a slow line, that takes a while. */
static void polling_taken(struct eio_session *s, size_t bytes)
{
	struct holder *h = &s->polling->holder;
	if (s->polling->queued == 0)
		return;
	holder_blocked(h, &polling_holder_ops);
	holder_taken(h, bytes, 1 + bytes * 1000 / HOLDER_RATE_LEAST);
}

static void polling_answer(struct eio_session *s, struct http_exchange *x, struct packet *only)
{
	if (only) {
		answer_parts(s, x, &only, 1, NULL);
		return;
	}
	struct conn *c = http_conn(x);
	uint32_t n = answer_size(s), told = 0;
	struct packet **out = mem_alloc(n * sizeof(struct packet *));
	/* The packets leave the queue first: counted twice, they might have this very session ended for lack of
	 * room. */
	size_t bytes = 0;
	for (uint32_t i = 0; i < n; i++) {
		out[i] = packet_ref(s->polling->queue[i]);
		bytes += packet_size(out[i]);
	}
	queue_forget(s, n);
	polling_taken(s, bytes);
	http_watch_answer(x, &s->polling->answer);
	s->polling->asked = query_hash(x);
	answer_parts(s, x, out, n, NULL);
	for (uint32_t i = 0; i < n; i++) {
		told += out[i] != s->srv->close;
		packet_unref(&out[i]);
	}
	free(out);
	s->polling->answered = told;
	if (conn_is_dead(c)) { /* there was no room. The exchange is gone, so no on_abort will end the session (P5) */
		s->srv->stats.lost[CLOSE_TRANSPORT] += told;
		session_end(s, CLOSE_TRANSPORT);
		return;
	}
	if (s->polling->queued == 0) {
		session_arm(s); /* the next GET will show that this answer arrived */
		s->fence_flushed = true;
	}
}

void polling_release(struct eio_session *s, struct packet *only)
{
	struct http_exchange *x = s->polling ? s->polling->poll : NULL;
	if (!x)
		return;
	s->polling->poll = NULL;
	polling_answer(s, x, only);
}

void polling_flush(struct eio_session *s)
{
	if (s->polling->poll && s->polling->queued)
		polling_release(s, NULL);
}

void polling_handshake(struct eio_session *s, struct http_exchange *x, struct packet *open)
{
	answer_parts(s, x, &open, 1, s->srv->cfg.cookie);
}

/* ---- GET ---- */

static void poll_on_abort(struct http_exchange *x, void *ctx)
{
	struct eio_session *s = ctx;
	if (!s->polling || s->polling->poll != x)
		return;
	s->polling->poll = NULL;
	session_end(s, CLOSE_TRANSPORT); /* P5: a poll that is given up ends the session */
}

static void poll_take(struct eio_session *s, struct http_exchange *x)
{
	struct eio_server *srv = s->srv;
	struct polling *g = s->polling;
	http_unwatch(&g->answer); /* a client asks again when it has the last answer */
	if (poll_repeats(g, x)) {
		refuse_plain(srv, x, 1);
		answer_is_lost(g);
		return;
	}
	if (s->fence_flushed) {
		s->fence_flushed = false;
		session_confirm(s);
	}
	if (s->state == EIO_CLOSING) { /* C4: the client fetches the rest, and the 1 */
		bool rest = g->queued > answer_size(s);
		polling_answer(s, x, NULL);
		if (!rest)
			session_end(s, s->why);
		return;
	}
	if (g->poll) { /* P3: a second GET */
		refuse_plain(srv, x, -1);
		session_end(s, CLOSE_TRANSPORT);
		return;
	}
	if (g->queued) {
		polling_answer(s, x, NULL);
		return;
	}
	if (g->probe && g->probe->answered) { /* U3: the client waits for its poll before it upgrades */
		polling_answer(s, x, srv->noop);
		return;
	}
	log_trace(eio_ident(s), "poll", LS("step", "parked"), LI("conn", conn_fd(http_conn(x))));
	g->poll = x;
}

static void poll_on_body(struct http_exchange *x, void *ctx, struct slice body)
{
	(void)body;
	struct eio_session *s = ctx;
	poll_take(s, x);
}

static const struct http_events poll_events = {.on_body = poll_on_body, .on_abort = poll_on_abort};

/* ---- POST ---- */

/* The POST is over. A session that was upgraded meanwhile has kept its polling struct for it. */
static void push_over(struct eio_session *s)
{
	s->polling->push = NULL;
	if (s->ws)
		polling_end(s);
}

static void push_on_abort(struct http_exchange *x, void *ctx)
{
	struct eio_session *s = ctx;
	if (!s->polling || s->polling->push != x)
		return;
	push_over(s);
	session_end(s, CLOSE_TRANSPORT); /* P6: nothing of half a body is delivered */
}

static void push_ok(struct eio_server *srv, struct http_exchange *x)
{
	struct buf headers = {0};
	cors_headers(srv, x, &headers);
	buf_str(&headers, "Cache-Control: no-store\r\n");
	http_respond(x, &(struct http_reply){.status = 200,
	                                     .content_type = "text/html",
	                                     .headers = buf_view(&headers),
	                                     .body = SLICE("ok")});
	buf_fini(&headers);
}

/* Takes the packets of a body in order. True: all were good, or the client said 1. False: one was malformed (P10). */
static bool push_packets(struct eio_session *s, struct slice body, enum close_reason *why)
{
	const char *p = body.p, *end = body.p + body.n;
	for (;;) {
		const char *stop = p < end ? memchr(p, SEPARATOR, (size_t)(end - p)) : NULL;
		struct slice packet = slice_of(p, (size_t)((stop ? stop : end) - p));
		*why = CLOSE_PARSE;
		if (!utf8_valid(packet) ||
		    !session_packet(s, false, packet, why)) /* P8: bytes that are not UTF-8 are never passed on */
			return *why == CLOSE_PEER;
		*why = CLOSE_DONE;
		if (!stop || s->state != EIO_OPEN)
			return true;
		p = stop + 1;
	}
}

static void push_on_body(struct http_exchange *x, void *ctx, struct slice body)
{
	struct eio_session *s = ctx;
	struct eio_server *srv = s->srv;
	push_over(s);
	if (session_overdue(s) || s->state == EIO_CLOSING) { /* C4: nobody hears it any more */
		push_ok(srv, x);
		return;
	}
	session_heard(s);
	enum close_reason why;
	if (!push_packets(s, body, &why)) {
		refuse_plain(srv, x, 3);
		session_end(s, why);
		return;
	}
	push_ok(srv, x);
	if (why == CLOSE_PEER) {
		polling_release(s, srv->noop); /* P11: the parked GET of a client that leaves */
		session_end(s, CLOSE_PEER);
	}
}

static void push_on_too_large(struct http_exchange *x, void *ctx)
{
	struct eio_session *s = ctx;
	push_over(s); /* P9: the session lives on */
	struct buf headers = {0};
	cors_headers(s->srv, x, &headers);
	http_respond(x, &(struct http_reply){.status = 413, .headers = buf_view(&headers), .close = true});
	buf_fini(&headers);
}

/* B3: an upload that takes longer than the time for a pong is no silence. */
static void push_on_moving(struct http_exchange *x, void *ctx)
{
	struct eio_session *s = ctx;
	(void)x;
	if (!session_overdue(s))
		session_heard(s);
}

static const struct http_events push_events = {
	.on_body = push_on_body, .on_abort = push_on_abort, .on_moving = push_on_moving};

static void push_take(struct eio_session *s, struct http_exchange *x)
{
	struct slice type;
	bool octets = http_header(x, "content-type", &type) && slice_starts(type, SLICE("application/octet-stream"));
	if (s->polling->push || octets) { /* P4: a second POST; P7: Engine.IO 3 */
		refuse_plain(s->srv, x, 3);
		session_end(s, CLOSE_TRANSPORT);
		return;
	}
	http_set_max_body(x, s->srv->cfg.limits.max_payload);
	http_set_on_too_large(x, push_on_too_large);
	http_set_events(x, &push_events, s);
	s->polling->push = x;
}

void polling_handle(struct eio_session *s, struct http_exchange *x)
{
	switch (http_head(x)->method) {
	case HTTP_GET:
		/* Nobody polls with a body, and the session might end before it is here. */
		if (http_head(x)->has_body) {
			refuse_plain(s->srv, x, 3);
			break;
		}
		session_heard(s);
		http_set_events(x, &poll_events, s);
		break; /* poll_on_body answers or parks it */
	case HTTP_POST:
		push_take(s, x);
		break;
	default:
		refuse_plain(s->srv, x, 3); /* H13: another method; the session lives on */
	}
}
