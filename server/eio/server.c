/*
 * The door of Engine.IO: which request is a handshake, a poll, an upgrade or nothing of these, with the headers and
 * refusals that all of them share (H1-H16); and the server's own life. Called by sio/server.c and echo/.
 */
#include "eio/session.h"

#include "base/json_write.h"
#include "base/mem.h"
#include "http/cors.h"
#include "http/forwarded.h"
#include "ws/frame_reader.h"

static const char *const code_text[] = {"Transport unknown", "Session ID unknown", "Bad handshake method",
                                        "Bad request",       "Forbidden",          "Unsupported protocol version"};

/* ---- headers ---- */

void cors_headers(const struct eio_server *srv, const struct http_exchange *x, struct buf *out)
{
	http_cors_put(out, srv->cfg.cors_origin, x);
}

static void preflight(struct eio_server *srv, struct http_exchange *x)
{
	struct buf headers = {0};
	cors_headers(srv, x, &headers);
	http_cors_put_preflight(&headers, "GET,HEAD,PUT,PATCH,POST,DELETE", x);
	http_respond(x, &(struct http_reply){.status = 204, .headers = buf_view(&headers)});
	buf_fini(&headers);
}

/* ---- refusals (H7, H8) ---- */

/* 400, or 403 for code 4, with the code and its text; code -1 has no body (P3). */
static void refuse_with(struct eio_server *srv, struct http_exchange *x, int code, const char *text)
{
	struct buf headers = {0}, body = {0};
	cors_headers(srv, x, &headers);
	if (code >= 0) {
		srv->stats.refused[code]++;
		json_open(&body);
		json_member_u64(&body, "code", (uint64_t)code);
		json_member_str(&body, "message", slice_str(text));
		json_close(&body);
	}
	http_respond(x, &(struct http_reply){.status = code == 4 ? 403 : 400,
	                                     .content_type = code >= 0 ? "application/json" : NULL,
	                                     .headers = buf_view(&headers),
	                                     .body = buf_view(&body)});
	buf_fini(&headers);
	buf_fini(&body);
}

void refuse_plain(struct eio_server *srv, struct http_exchange *x, int code)
{
	refuse_with(srv, x, code, code >= 0 ? code_text[code] : NULL);
}

static void refuse_upgrade(struct eio_server *srv, struct http_exchange *x, const char *text)
{
	struct buf headers = {0};
	struct slice version;
	cors_headers(srv, x, &headers);
	if (http_header(x, "sec-websocket-version", &version) && !slice_eq(version, SLICE("13")))
		buf_str(&headers, "Sec-WebSocket-Version: 13\r\n"); /* W2: which version would do */
	http_respond(x, &(struct http_reply){.status = 400,
	                                     .content_type = "text/html",
	                                     .headers = buf_view(&headers),
	                                     .body = slice_str(text),
	                                     .close = true});
	buf_fini(&headers);
}

static void refuse_request(struct eio_server *srv, struct http_exchange *x, int code, const char *gate)
{
	const char *text = gate ? gate : code_text[code];
	if (!http_head(x)->upgrade_websocket) {
		refuse_with(srv, x, code, text);
		return;
	}
	srv->stats.refused[code]++;
	refuse_upgrade(srv, x, text);
}

/* ---- the checks of a request: the first that fails decides the code (H6) ---- */

struct request {
	bool upgrade, polling, websocket, eio4, has_sid;
	struct eio_session *session;
	const char *gate;
};

static bool query_is(const struct http_exchange *x, const char *name, const char *value)
{
	struct buf b = {0};
	bool same = http_query(x, name, &b) && slice_eq(buf_view(&b), slice_str(value));
	buf_fini(&b);
	return same;
}

static struct eio_session *find_session(struct eio_server *srv, struct slice sid)
{
	struct map_node *n = sid.n == EIO_SID_LEN ? map_find(&srv->sessions, sid) : NULL;
	struct eio_session *s = n ? container_of(n, struct eio_session, node) : NULL;
	return s && !session_overdue(s) ? s : NULL;
}

static bool good_origin(const struct http_exchange *x)
{
	struct slice origin;
	if (!http_header(x, "origin", &origin))
		return true;
	for (size_t i = 0; i < origin.n; i++)
		if (((unsigned char)origin.p[i] < 0x20 && origin.p[i] != '\t') || origin.p[i] == 0x7f)
			return false;
	return true;
}

/* CORS does not stop a page of another site: browsers ask nobody before they open a WebSocket. A request without
 * Origin is of no page. */
static bool foreign_origin(const struct eio_server *srv, const struct http_exchange *x)
{
	struct slice origin;
	const char *allowed = srv->cfg.allowed_origins;
	return allowed && http_header(x, "origin", &origin) && !http_origin_listed(allowed, origin);
}

static const char *request_gate(struct eio_server *srv, const struct http_exchange *x)
{
	if (srv->refuse_new)
		return "Draining";
	if (foreign_origin(srv, x))
		return "Origin not allowed";
	if (address_full(srv, http_client(x, srv->cfg.trusted_proxies)))
		return "Too many sessions";
	const char *gate = srv->cfg.admit ? srv->cfg.admit(x, srv->cfg.ctx) : NULL;
	return gate || session_room(srv) ? gate : "Too many sessions";
}

/* The code of the first check that fails; -1: none does. */
static int request_check(struct eio_server *srv, struct http_exchange *x, struct request *r)
{
	struct buf sid = {0};
	r->upgrade = http_head(x)->upgrade_websocket;
	r->polling = query_is(x, "transport", "polling");
	r->websocket = query_is(x, "transport", "websocket");
	r->eio4 = query_is(x, "EIO", "4");
	r->has_sid = http_query(x, "sid", &sid) && sid.n > 0;
	r->session = r->has_sid ? find_session(srv, buf_view(&sid)) : NULL;
	buf_fini(&sid);
	if (!(r->polling && srv->cfg.polling) && !(r->websocket && srv->cfg.websocket))
		return 0;
	if (!good_origin(x))
		return 3;
	if (r->has_sid) {
		if (!r->session)
			return 1;
		/* A session over a WebSocket takes no polls (U6). */
		if (r->upgrade ? !r->websocket : r->websocket || r->session->ws)
			return 3;
		return r->eio4 ? -1 : 3;
	}
	if (http_head(x)->method != HTTP_GET)
		return 2;
	if (r->websocket != r->upgrade)
		return 3;
	r->gate = request_gate(srv, x);
	if (r->gate)
		return 4;
	return r->eio4 ? -1 : 5;
}

/* To its application a client of another revision sees nothing but `xhr poll error`: here is the one place that knows
 * why. */
static void log_old_client(struct eio_server *srv, const struct http_exchange *x)
{
	struct buf eio = {0};
	struct slice agent = slice_of("", 0);
	uint64_t left_out;
	if (!log_sample_take(&srv->old_clients, loop_now(srv->loop), &left_out))
		return;
	http_query(x, "EIO", &eio);
	http_header(x, "user-agent", &agent);
	log_info(conn_ident(http_conn(x)), "client too old: only EIO=4, Socket.IO 3 and later, is served",
	         LSL("eio", slice_of(eio.p, eio.n < 16 ? eio.n : 16)),
	         LSL("client", http_client(x, srv->cfg.trusted_proxies)),
	         LSL("user_agent", slice_of(agent.p, agent.n < 100 ? agent.n : 100)), LU("left_out", left_out));
	buf_fini(&eio);
}

/* A handshake is answered behind its body, if it has one, so that the connection can be used again. */
static void handshake_on_body(struct http_exchange *x, void *ctx, struct slice body)
{
	(void)body;
	struct eio_server *srv = ctx;
	session_open(srv, x, false, NULL);
}

static const struct http_events handshake_events = {.on_body = handshake_on_body};

void eio_handle(struct eio_server *srv, struct http_exchange *x)
{
	struct request r = {0};
	if (http_cors_is_on(srv->cfg.cors_origin) && http_head(x)->method == HTTP_OPTIONS) {
		preflight(srv, x);
		return;
	}
	int code = request_check(srv, x, &r);
	if (code >= 0) {
		if (code == 5)
			log_old_client(srv, x);
		refuse_request(srv, x, code, r.gate);
		return;
	}
	if (!r.upgrade) {
		if (r.session)
			polling_handle(r.session, x);
		else
			http_set_events(x, &handshake_events, srv);
		return;
	}
	const char *why;
	if (ws_check(x, &why) != 0) {
		refuse_upgrade(srv, x, why);
		return;
	}
	if (r.session && (r.session->ws || r.session->polling->probe))
		websocket_turn_away(srv, x);
	else if (r.session)
		websocket_probe(r.session, x);
	else
		session_open(srv, x, true, websocket_accept);
}

bool eio_wants(const struct eio_server *srv, struct slice path)
{
	struct slice own = slice_str(srv->cfg.path);
	return slice_starts(path, own) || slice_eq(path, slice_of(own.p, own.n - 1));
}

/* ---- life ---- */

static struct slice session_key(const struct map_node *n)
{
	return slice_of(container_of(n, struct eio_session, node)->sid, EIO_SID_LEN);
}

static struct slice address_key(const struct map_node *n)
{
	return slice_str(container_of(n, struct address, node)->text);
}

struct eio_server *eio_server_new(struct loop *l, const struct eio_config *cfg, const struct eio_events *ev, void *ctx)
{
	struct eio_server *srv = NEW(struct eio_server);
	srv->loop = l;
	srv->cfg = *cfg;
	srv->ws_cfg = (struct ws_config){.max_message = cfg->limits.max_payload,
	                                 .max_fragments = 1024,
	                                 .close_linger_ms = 1500,
	                                 .reader = ws_reader_new()};
	srv->ev = ev;
	srv->ctx = ctx;
	map_init(&srv->sessions, session_key);
	map_init(&srv->addresses, address_key);
	list_init(&srv->guests);
	struct slice none = slice_of("", 0);
	srv->ping = packet_text('2', none);
	srv->noop = packet_text('6', none);
	srv->close = packet_text('1', none);
	srv->probe_answer = packet_text('3', SLICE("probe"));
	srv->separator = blob_copy(SLICE("\x1e"));
	return srv;
}

/* The session behind s, NULL begins. A session may be ended once the next one is known. */
static struct eio_session *next_session(const struct eio_server *srv, const struct eio_session *s)
{
	struct map_node *n = map_next(&srv->sessions, s ? &s->node : NULL);
	return n ? container_of(n, struct eio_session, node) : NULL;
}

void eio_server_free(struct eio_server **psrv)
{
	struct eio_server *srv = *psrv;
	*psrv = NULL;
	if (!srv)
		return;
	for (struct eio_session *s = next_session(srv, NULL), *next; s; s = next) {
		next = next_session(srv, s);
		session_end(s, CLOSE_SHUTDOWN);
	}
	loop_settle(srv->loop);
	map_fini(&srv->sessions);
	map_fini(&srv->addresses);
	packet_unref(&srv->ping);
	packet_unref(&srv->noop);
	packet_unref(&srv->close);
	packet_unref(&srv->probe_answer);
	blob_unref(&srv->separator);
	ws_reader_free(&srv->ws_cfg.reader);
	free(srv);
}

const struct eio_stats *eio_server_stats(const struct eio_server *srv)
{
	return &srv->stats;
}

void eio_refuse_new(struct eio_server *srv)
{
	srv->refuse_new = true;
}

static bool nobody_is_there(const struct eio_session *s)
{
	const struct polling *g = s->polling;
	return s->guest && g && !s->ws && !g->poll && !g->push && !g->probe;
}

static void drain_one(struct eio_session *s)
{
	if (nobody_is_there(s))
		session_end(s, CLOSE_SHUTDOWN);
	else
		eio_drop(s, CLOSE_SHUTDOWN);
}

size_t eio_drain_some(struct eio_server *srv, size_t n, uint64_t linger_ms)
{
	size_t left = 0;
	uint64_t until = loop_now(srv->loop) + linger_ms;
	for (struct eio_session *s = next_session(srv, NULL), *next; s; s = next) {
		next = next_session(srv, s);
		if (s->state == EIO_OPEN && (n || nobody_is_there(s))) {
			n -= n > 0;
			drain_one(s);
		}
		left += s->state == EIO_OPEN;
		if (s->state == EIO_CLOSING && s->timer.at > until)
			timer_set(srv->loop, &s->timer, until);
	}
	return left;
}
