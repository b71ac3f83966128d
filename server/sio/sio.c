#include "sio/sio.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "eio/eio.h"
#include "sio/encode.h"
#include "sio/parser.h"

#define IN_FLIGHT_MS 5000 /* S9: how long packets for a namespace that we ended are taken for late ones */
#define GOODBYE_MS 1000   /* C7: how long a kicked client may close by itself */

enum sio_state { SIO_STATE_CONNECTING, SIO_STATE_CONNECTED, SIO_STATE_CLOSED };

static const uint8_t sio_next[] = {
	[SIO_STATE_CONNECTING] = 1u << SIO_STATE_CONNECTED | 1u << SIO_STATE_CLOSED,
	[SIO_STATE_CONNECTED] = 1u << SIO_STATE_CLOSED,
	[SIO_STATE_CLOSED] = 0,
};

/* A binary packet whose attachments are arriving (S7). */
struct assembly {
	struct buf header;        /* the text, which outlives its message */
	unsigned wanted, got;
	size_t bytes;
	struct buf attachments[]; /* wanted of them */
};

struct session {
	struct sio_server *srv;
	struct eio_session *eio;
	struct sio_socket *sockets; /* linked by sibling; one as a rule */
	struct assembly *assembly;
	struct timer connect_timeout;
	uint64_t late_until;      /* packets for late_nsp are ignored until then (S9) */
	uint16_t late_nsp, connects;
	uint16_t count;
};

struct sio_socket {
	struct map_node node;
	struct session *session;
	struct sio_socket *sibling;
	const struct sio_namespace *nsp;
	void *user;
	struct deferred goodbye;   /* on_disconnect outside of whoever ended the socket */
	struct log_ident ident;
	enum sio_state state : 8;
	enum close_reason why : 8;
	char id[SIO_ID_LEN];
};

struct sio_server {
	struct loop *loop;
	struct sio_config cfg;
	struct eio_server *eio;
	const struct sio_namespace *nsps;
	size_t nnsps;
	struct map sockets;
	struct sio_stats stats;
};

const struct sio_limits sio_default_limits = {
	.ping_interval_ms = 25000, .ping_timeout_ms = 20000, .connect_timeout_ms = 45000, .upgrade_timeout_ms = 10000, .linger_ms = 30000,
	.max_payload = 1000000, .max_attachments = 10, .max_poll_packets = 16, .max_queue_bytes = 4 << 20, .max_queue_packets = 4096,
	.max_sockets_per_session = 8, .max_connects_per_session = 32,
};

/* ---- sockets ---- */

static void enter(struct sio_socket *s, enum sio_state to)
{
	assert(sio_next[s->state] & 1u << to);
	s->state = to;
}

static struct sio_socket *find_in(const struct session *ses, const struct sio_namespace *nsp)
{
	for (struct sio_socket *s = ses->sockets; s; s = s->sibling)
		if (s->nsp == nsp)
			return s;
	return NULL;
}

/* Out of its session and the server's map: nobody finds it any more. */
static void unlink_socket(struct sio_socket *s)
{
	struct session *ses = s->session;
	struct sio_socket **at = &ses->sockets;
	while (*at != s)
		at = &(*at)->sibling;
	*at = s->sibling;
	ses->count--;
	ses->srv->stats.sockets--;
	map_del(&ses->srv->sockets, &s->node);
}

static void say_goodbye(struct sio_socket *s)
{
	deferred_cancel(&s->goodbye);
	s->nsp->on_disconnect(s, s->why, s->nsp->ctx);
	free(s);
}

static void on_goodbye(struct deferred *d)
{
	struct sio_socket *s = container_of(d, struct sio_socket, goodbye);
	unlink_socket(s);
	say_goodbye(s);
}

static void socket_close(struct sio_socket *s, enum close_reason why)
{
	if (s->state == SIO_STATE_CLOSED)
		return;
	enter(s, SIO_STATE_CLOSED);
	s->why = why;
	loop_defer(s->session->srv->loop, LOOP_WORK, &s->goodbye);
}

static struct sio_socket *socket_new(struct session *ses, const struct sio_namespace *nsp)
{
	struct sio_socket *s = NEW(struct sio_socket);
	s->session = ses;
	s->nsp = nsp;
	random_id(s->id, SIO_ID_LEN);
	s->ident.parent = eio_ident(ses->eio);
	s->ident.fields[0] = LSL("sid", slice_of(s->id, SIO_ID_LEN));
	deferred_init(&s->goodbye, on_goodbye);
	s->sibling = ses->sockets;
	ses->sockets = s;
	ses->count++;
	ses->srv->stats.sockets++;
	map_add(&ses->srv->sockets, &s->node);
	return s;
}

static void send_text(struct session *ses, struct buf *text)
{
	struct packet *p = sio_packet_of(text);
	eio_send(ses->eio, p);
	packet_unref(&p);
}

/* ---- packets in ---- */

static void violate(struct session *ses)
{
	eio_close(ses->eio, CLOSE_PARSE);
}

static const struct sio_namespace *find_namespace(const struct sio_server *srv, struct slice name)
{
	for (size_t i = 0; i < srv->nnsps; i++)
		if (slice_eq(name, slice_str(srv->nsps[i].name)))
			return &srv->nsps[i];
	return NULL;
}

static void refuse_namespace(struct session *ses, struct slice name)
{
	struct buf b = {0};
	buf_char(&b, '4');
	buf_slice(&b, name);
	buf_str(&b, ",{\"message\":\"Invalid namespace\"}"); /* N5 */
	send_text(ses, &b);
}

static void got_connect(struct session *ses, const struct sio_packet *p)
{
	struct sio_server *srv = ses->srv;
	const struct sio_namespace *nsp = find_namespace(srv, p->nsp);
	if (++ses->connects > srv->cfg.limits.max_connects_per_session) { /* X6 */
		eio_close(ses->eio, CLOSE_LIMIT);
		return;
	}
	if (!nsp) {
		refuse_namespace(ses, p->nsp);
		return;
	}
	struct sio_socket *old = find_in(ses, nsp);
	if (old && old->state != SIO_STATE_CLOSED) { /* S9: connected, or still connecting */
		violate(ses);
		return;
	}
	if (ses->count >= srv->cfg.limits.max_sockets_per_session) {
		eio_close(ses->eio, CLOSE_LIMIT);
		return;
	}
	ses->late_until = 0;
	nsp->on_connect(socket_new(ses, nsp), p->json, p->flaws, nsp->ctx);
}

static bool is_late(const struct session *ses, const struct sio_namespace *nsp)
{
	const struct sio_server *srv = ses->srv;
	return nsp && ses->late_until > loop_now(srv->loop) && &srv->nsps[ses->late_nsp] == nsp;
}

static void got_event(struct sio_socket *s, const struct sio_packet *p, const struct slice *attachments)
{
	struct sio_event ev = {.source = p->json, .flaws = p->flaws, .wants_ack = p->has_id, .ack_id = p->id,
	                       .attachments = attachments, .nattachments = p->attachments};
	struct slice all[SIO_MAX_ARGS + 1];
	size_t n = json_elements(p->json, all, SIO_MAX_ARGS + 1);
	if (n > SIO_MAX_ARGS + 1) {
		violate(s->session);
		return;
	}
	struct buf name = {0};
	if (json_kind_of(all[0]) == JSON_NUMBER)
		buf_slice(&name, all[0]);
	else if (!json_unescape(&name, all[0]))
		name.n = 0; /* half a surrogate pair: the flaw says so */
	ev.name = buf_view(&name);
	ev.nargs = n - 1;
	memcpy(ev.args, all + 1, ev.nargs * sizeof all[0]);
	if (sio_name_reserved(ev.name)) { /* S6 */
		violate(s->session);
	} else {
		s->session->srv->stats.events_in++;
		s->nsp->on_event(s, &ev, s->nsp->ctx);
	}
	buf_fini(&name);
}

static void got_packet(struct session *ses, const struct sio_packet *p, const struct slice *attachments)
{
	if (p->type == SIO_CONNECT) {
		got_connect(ses, p);
		return;
	}
	const struct sio_namespace *nsp = find_namespace(ses->srv, p->nsp);
	struct sio_socket *s = nsp ? find_in(ses, nsp) : NULL;
	if (!s || s->state != SIO_STATE_CONNECTED) {
		if (!is_late(ses, nsp))
			violate(ses);
		return;
	}
	switch (p->type) {
	case SIO_EVENT:
	case SIO_BINARY_EVENT:
		got_event(s, p, attachments);
		break;
	case SIO_DISCONNECT:
		socket_close(s, CLOSE_CLIENT_LEFT);
		break;
	default: /* V4: we ask for no acks, so every id is unknown */
		break;
	}
}

/* ---- binary packets ---- */

static void assembly_free(struct assembly **a)
{
	struct assembly *gone = *a;
	*a = NULL;
	if (!gone)
		return;
	buf_fini(&gone->header);
	for (unsigned i = 0; i < gone->wanted; i++)
		buf_fini(&gone->attachments[i]);
	free(gone);
}

static void assembly_start(struct session *ses, struct slice text, unsigned wanted)
{
	struct assembly *a = mem_zalloc(sizeof *a + wanted * sizeof a->attachments[0]);
	a->wanted = wanted;
	a->bytes = text.n;
	buf_slice(&a->header, text);
	ses->assembly = a;
}

static void assembly_done(struct session *ses)
{
	struct assembly *a = ses->assembly;
	struct slice attachments[16];
	struct sio_packet p;
	ses->assembly = NULL;
	for (unsigned i = 0; i < a->wanted && i < ARRAY_LEN(attachments); i++)
		attachments[i] = a->attachments[i].n ? buf_view(&a->attachments[i]) : slice_of("", 0);
	if (sio_parse(buf_view(&a->header), a->wanted, &p))
		got_packet(ses, &p, attachments);
	assembly_free(&a);
}

static void got_binary(struct session *ses, struct slice data)
{
	struct assembly *a = ses->assembly;
	if (!a) {
		violate(ses);
		return;
	}
	a->bytes += data.n; /* X6: the sum counts towards maxPayload */
	if (a->bytes > ses->srv->cfg.limits.max_payload) {
		eio_close(ses->eio, CLOSE_TOO_LARGE);
		return;
	}
	buf_slice(&a->attachments[a->got++], data);
	if (a->got == a->wanted)
		assembly_done(ses);
}

static void got_text(struct session *ses, struct slice text)
{
	struct sio_packet p;
	if (ses->assembly || !sio_parse(text, ses->srv->cfg.limits.max_attachments, &p)) {
		violate(ses);
		return;
	}
	if (p.attachments == 0)
		got_packet(ses, &p, NULL);
	else if (!sio_placeholders_valid(p.json, p.attachments))
		violate(ses);
	else
		assembly_start(ses, text, p.attachments);
}

/* ---- sessions ---- */

static void connect_timeout(struct timer *t)
{
	struct session *ses = container_of(t, struct session, connect_timeout);
	eio_close(ses->eio, CLOSE_CONNECT_TIMEOUT); /* N8 */
}

static void on_open(struct eio_session *e, void *ctx)
{
	struct sio_server *srv = ctx;
	struct session *ses = NEW(struct session);
	ses->srv = srv;
	ses->eio = e;
	ses->connect_timeout.fire = connect_timeout;
	timer_set(srv->loop, &ses->connect_timeout, loop_now(srv->loop) + srv->cfg.limits.connect_timeout_ms);
	eio_set_user(e, ses);
}

static void on_message(struct eio_session *e, bool binary, struct slice data, void *ctx)
{
	(void)ctx;
	if (binary)
		got_binary(eio_user(e), data);
	else
		got_text(eio_user(e), data);
}

static void on_close(struct eio_session *e, enum close_reason why, void *ctx)
{
	(void)ctx;
	struct session *ses = eio_user(e);
	timer_stop(ses->srv->loop, &ses->connect_timeout);
	assembly_free(&ses->assembly);
	while (ses->sockets) {
		struct sio_socket *s = ses->sockets;
		if (s->state != SIO_STATE_CLOSED)
			s->why = why;
		s->state = SIO_STATE_CLOSED;
		unlink_socket(s);
		say_goodbye(s);
	}
	free(ses);
}

static void on_fence(struct eio_session *e, uint64_t value, void *ctx)
{
	(void)ctx;
	struct session *ses = eio_user(e);
	for (struct sio_socket *s = ses->sockets; s; s = s->sibling)
		if (s->state == SIO_STATE_CONNECTED && s->nsp->on_fence)
			s->nsp->on_fence(s, value, s->nsp->ctx);
}

static const struct eio_events engine_events = {.on_open = on_open, .on_message = on_message, .on_close = on_close, .on_fence = on_fence};

/* ---- the application's side of a socket ---- */

void sio_accept(struct sio_socket *s, struct slice extra)
{
	if (s->state != SIO_STATE_CONNECTING)
		return;
	struct session *ses = s->session;
	enter(s, SIO_STATE_CONNECTED);
	timer_stop(ses->srv->loop, &ses->connect_timeout); /* N8: the first success stops it for good */
	eio_forget_headers(ses->eio);
	struct buf b = {0};
	sio_put_head(&b, '0', 0, s->nsp->name);
	buf_printf(&b, "{\"sid\":\"%.*s\"", SIO_ID_LEN, s->id);
	if (extra.n) {
		buf_char(&b, ',');
		buf_slice(&b, extra);
	}
	buf_char(&b, '}');
	send_text(ses, &b);
}

void sio_refuse(struct sio_socket *s, struct slice message, struct slice data)
{
	if (s->state != SIO_STATE_CONNECTING)
		return;
	struct buf b = {0};
	sio_put_head(&b, '4', 0, s->nsp->name);
	buf_str(&b, "{\"message\":");
	buf_json_str(&b, message);
	if (data.n) {
		buf_str(&b, ",\"data\":");
		buf_slice(&b, data);
	}
	buf_char(&b, '}');
	send_text(s->session, &b);
	socket_close(s, CLOSE_UNAUTHORIZED);
}

void sio_send(struct sio_socket *s, struct packet *p)
{
	if (s->state == SIO_STATE_CONNECTED)
		eio_send(s->session->eio, p);
}

bool sio_writable(const struct sio_socket *s)
{
	return s->state == SIO_STATE_CONNECTED && eio_writable(s->session->eio);
}

void sio_send_binary(struct sio_socket *s, struct packet *header, struct packet *const *attachments, unsigned n)
{
	if (s->state != SIO_STATE_CONNECTED)
		return;
	eio_send(s->session->eio, header); /* E7: nothing but pings can come between */
	for (unsigned i = 0; i < n; i++)
		eio_send(s->session->eio, attachments[i]);
}

void sio_ack(struct sio_socket *s, uint64_t ack_id, struct slice args)
{
	if (s->state != SIO_STATE_CONNECTED)
		return;
	struct buf b = {0};
	sio_put_head(&b, '3', 0, s->nsp->name);
	buf_u64(&b, ack_id);
	buf_slice(&b, args);
	send_text(s->session, &b);
}

void sio_fence(struct sio_socket *s, uint64_t value)
{
	if (s->state == SIO_STATE_CONNECTED)
		eio_fence(s->session->eio, value);
}

void sio_disconnect(struct sio_socket *s, bool close, enum close_reason why)
{
	struct session *ses = s->session;
	struct sio_server *srv = ses->srv;
	if (s->state == SIO_STATE_CLOSED)
		return;
	struct buf b = {0};
	sio_put_head(&b, '1', 0, s->nsp->name);
	send_text(ses, &b);
	ses->late_nsp = (uint16_t)(s->nsp - srv->nsps);
	ses->late_until = loop_now(srv->loop) + IN_FLIGHT_MS;
	socket_close(s, why);
	if (close)
		eio_close_later(ses->eio, GOODBYE_MS, why);
}

void sio_drop_session(struct sio_socket *s, enum close_reason why)
{
	eio_drop(s->session->eio, why);
}

struct sio_socket *sio_find(const struct sio_server *srv, struct slice id)
{
	struct map_node *n = map_find(&srv->sockets, id);
	struct sio_socket *s = n ? container_of(n, struct sio_socket, node) : NULL;
	return s && s->state != SIO_STATE_CLOSED ? s : NULL;
}

struct slice sio_id(const struct sio_socket *s)
{
	return slice_of(s->id, SIO_ID_LEN);
}

void sio_set_user(struct sio_socket *s, void *user)
{
	s->user = user;
}

void *sio_user(const struct sio_socket *s)
{
	return s->user;
}

const struct log_ident *sio_ident(const struct sio_socket *s)
{
	return &s->ident;
}

const char *sio_peer(const struct sio_socket *s)
{
	return eio_peer(s->session->eio);
}

bool sio_handshake_header(const struct sio_socket *s, const char *name, struct slice *value)
{
	const char *v = eio_header(s->session->eio, name);
	*value = slice_str(v);
	return v != NULL;
}

/* ---- the server ---- */

static struct slice socket_key(const struct map_node *n)
{
	return slice_of(container_of(n, struct sio_socket, node)->id, SIO_ID_LEN);
}

struct sio_server *sio_server_new(struct loop *l, const struct sio_config *cfg, const struct sio_namespace *nsps, size_t n)
{
	struct sio_server *srv = NEW(struct sio_server);
	const struct sio_limits *m = &cfg->limits;
	assert(m->max_attachments <= 16);
	srv->loop = l;
	srv->cfg = *cfg;
	srv->nsps = nsps;
	srv->nnsps = n;
	map_init(&srv->sockets, socket_key);
	struct eio_config eio = {
		.path = cfg->path, .ping_interval_ms = m->ping_interval_ms, .ping_timeout_ms = m->ping_timeout_ms,
		.upgrade_timeout_ms = m->upgrade_timeout_ms, .linger_ms = m->linger_ms, .max_payload = m->max_payload,
		.max_poll_packets = m->max_poll_packets, .max_queue_bytes = m->max_queue_bytes, .max_queue_packets = m->max_queue_packets,
		.max_sessions_per_address = m->max_sessions_per_address, .trusted_proxies = cfg->trusted_proxies, .cors_origin = cfg->cors_origin, .polling = cfg->polling,
		.websocket = cfg->websocket, .cookie = cfg->cookie, .admit = cfg->admit, .ctx = cfg->ctx,
	};
	srv->eio = eio_server_new(l, &eio, &engine_events, srv);
	return srv;
}

void sio_server_free(struct sio_server **psrv)
{
	struct sio_server *srv = *psrv;
	*psrv = NULL;
	if (!srv)
		return;
	eio_server_free(&srv->eio);
	map_fini(&srv->sockets);
	free(srv);
}

const struct sio_stats *sio_server_stats(struct sio_server *srv)
{
	const struct eio_stats *e = eio_server_stats(srv->eio);
	struct sio_stats *out = &srv->stats;
	out->sessions = e->sessions;
	out->sessions_opened = e->opened;
	out->websockets = e->websockets;
	out->upgrades = e->upgrades;
	out->packets_out = e->packets_out;
	memcpy(out->refused, e->refused, sizeof out->refused);
	memcpy(out->session_closed, e->closed, sizeof out->session_closed);
	return out;
}

bool sio_wants(const struct sio_server *srv, const struct http_exchange *x)
{
	return eio_wants(srv->eio, http_head(x)->path);
}

void sio_handle(struct sio_server *srv, struct http_exchange *x)
{
	eio_handle(srv->eio, x);
}

void sio_refuse_new(struct sio_server *srv)
{
	eio_refuse_new(srv->eio);
}

size_t sio_drain_some(struct sio_server *srv, size_t n)
{
	return eio_drain_some(srv->eio, n);
}
