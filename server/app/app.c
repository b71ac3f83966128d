/*
 * The edge as a process: one worker from its settings, signals, and an orderly end.
 *
 *   SIGTERM, SIGINT  drain: no new sessions, the present ones are sent away over BELLWIRE_DRAIN_MS, then the end; again: at once
 *   SIGHUP           log level, certificate and token keys are read again
 */
#include "app/app.h"
#include "app/config_check.h"
#include "app/worker.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/tls.h"
#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define DRAIN_STEP_MS 100
#define LAST_WORDS_MS 3000 /* for rt.socket_close and rt.edge_close */

enum ending { RUNNING, DRAINING, CLOSING, LEAVING };

struct app {
	struct worker w;
	const char *config_file;
	ev_signal term, interrupt, hup;
	struct timer step;
	enum ending ending;
	uint64_t drain_until, give_up_at;
	bool was_up;
};

/* ---- what comes in ---- */

static void route(struct http_exchange *x, void *ctx)
{
	struct worker *w = ctx;
	struct slice path = http_head(x)->path;
	if (sio_wants(w->sio, x))
		sio_handle(w->sio, x);
	else if (reads_wants(w, path))
		reads_handle(w, x);
	else if (demo_wants(w, path))
		demo_handle(w, x);
	else
		http_respond(x, &(struct http_reply){.status = 404,
		                                     .content_type = "text/plain",
		                                     .body = SLICE("not found\n"),
		                                     .close = http_head(x)->upgrade});
}

static void on_conn(struct conn *c, void *ctx)
{
	static const struct http_events routes = {.on_head = route};
	struct worker *w = ctx;
	http_serve(c, &w->http, &routes, w);
}

/* The ends that recovery leaves nothing of (wire-protocol R6): either side said 41, or the peer is not to be trusted. */
static bool is_over(enum close_reason why)
{
	switch (why) {
	case CLOSE_CLIENT_LEFT:
	case CLOSE_PARSE:
	case CLOSE_PROTOCOL:
	case CLOSE_TOO_LARGE:
	case CLOSE_KICKED:
	case CLOSE_UNAUTHORIZED:
		return true;
	default:
		return false;
	}
}

static void on_disconnect(struct sio_socket *s, enum close_reason why, void *ctx)
{
	struct worker *w = ctx;
	struct client *c = sio_user(s);
	bool clean = why == CLOSE_CLIENT_LEFT;
	log_info(sio_ident(s), "disconnected", LS("reason", close_label(why)));
	w->m.disconnects[why]++;
	if (!c)
		return;
	open_forget(c, clean);
	if (c->registered && !open_is_out(c))
		close_tell(w, &(struct ended){client_id(c), user_id(c->user), clean, is_over(why), c->expired});
	client_free(c);
}

static void on_db_state(void *ctx, enum db_state state)
{
	struct app *a = ctx;
	struct worker *w = &a->w;
	if (state != DB_UP) {
		log_warn(w->ident, "database away", LS("error", db_last_error(w->db)));
		return;
	}
	log_info(w->ident, "database up");
	offsets_database_up(w);
	maintenance_database_up(w, a->was_up);
	a->was_up = true;
	if (!routes_loaded(w))
		routes_load(w);
	opens_database_up(w);
	closes_database_up(w);
	confirms_database_up(w);
	rooms_database_up(w);
}

/* ---- the end ---- */

/* First rt.edge_close, then rt.sweep for as long as it says that there is more; what the time is too short for is left to others. */
static void edge_closed(void *arg, const struct db_result *r)
{
	struct app *a = arg;
	struct slice said = r->outcome == DB_OK && r->nrows == 1 ? db_value(r, 0, 0) : SLICE("f");
	if (said.n == 0 || slice_eq(said, SLICE("t"))) {
		struct slice edge = slice_str(a->w.edge_id);
		db_call(a->w.db, "select rt.sweep($1::uuid)", &edge, 1, edge_closed, a);
		return;
	}
	a->ending = LEAVING;
	timer_set(a->w.loop, &a->step, loop_now(a->w.loop));
}

/* Clients are gone: what the database must know goes first. */
static void close_step(struct app *a)
{
	struct worker *w = &a->w;
	bool away = db_state(w->db) != DB_UP;
	if (a->ending == LEAVING || away || loop_now(w->loop) >= a->give_up_at) {
		loop_stop(w->loop);
		return;
	}
	if (closes_idle(w) && confirms_idle(w) && a->ending == DRAINING) {
		struct slice edge = slice_str(w->edge_id);
		a->ending = CLOSING;
		db_call(w->db, "select rt.edge_close($1::uuid)", &edge, 1, edge_closed, a);
	}
	timer_set(w->loop, &a->step, loop_now(w->loop) + 10);
}

static void step(struct timer *t)
{
	struct app *a = container_of(t, struct app, step);
	struct worker *w = &a->w;
	uint64_t now = loop_now(w->loop);
	const struct sio_stats *s = sio_server_stats(w->sio);
	if (s->sessions == s->websockets || now >= a->drain_until)
		listener_stop(w->listener); /* a polling client may need a new connection for its next request */
	/* peers that do not take their last bytes in time are left */
	if (s->sessions && now < a->drain_until + LAST_WORDS_MS) {
		uint64_t left = a->drain_until > now ? a->drain_until - now : 0, steps = left / DRAIN_STEP_MS + 1;
		sio_drain_some(w->sio, (size_t)((s->sessions + steps - 1) / steps));
		timer_set(w->loop, t, now + DRAIN_STEP_MS);
		return;
	}
	if (!a->give_up_at)
		a->give_up_at = now + LAST_WORDS_MS;
	close_step(a);
}

static void drain(struct ev_loop *ev, ev_signal *sig, int revents)
{
	struct app *a = sig->data;
	struct worker *w = &a->w;
	(void)ev, (void)revents;
	if (a->ending != RUNNING) {
		log_warn(w->ident, "stopped at once");
		loop_stop(w->loop);
		return;
	}
	log_info(w->ident, "draining", LU("sessions", sio_server_stats(w->sio)->sessions), LU("ms", w->cfg->drain_ms));
	a->ending = DRAINING;
	w->draining = true;
	sio_refuse_new(w->sio);
	a->drain_until = loop_now(w->loop) + w->cfg->drain_ms;
	timer_set(w->loop, &a->step, loop_now(w->loop));
}

/* ---- settings that can change ---- */

static struct auth *make_auth(const struct config *c, char *error, size_t n)
{
	struct auth_config ac = config_auth(c);
	return auth_new(&ac, error, n);
}

static bool make_tls(const struct config *c, struct tls_context **tls, char *error, size_t n)
{
	*tls = NULL;
	if (!c->tls_cert_file)
		return true;
	*tls = tls_context_new(c->tls_cert_file, c->tls_key_file ? c->tls_key_file : c->tls_cert_file, error, n);
	return *tls != NULL;
}

static void reload(struct ev_loop *ev, ev_signal *sig, int revents)
{
	struct app *a = sig->data;
	struct worker *w = &a->w;
	struct config fresh = {0};
	struct tls_context *tls = NULL;
	struct auth *auth = NULL;
	char error[512] = "";
	(void)ev, (void)revents;
	/* all or nothing: a typing error in one setting changes none */
	if (!config_load(&fresh, a->config_file, error, sizeof(error)) ||
	    !(auth = make_auth(&fresh, error, sizeof(error))) || !make_tls(&fresh, &tls, error, sizeof(error))) {
		log_error(w->ident, "reload refused, nothing changed", LS("error", error));
		auth_free(&auth);
		config_free(&fresh);
		return;
	}
	auth_free(&w->auth);
	w->auth = auth;
	log_threshold = (enum log_level)fresh.log_level;
	if (w->tls && tls) {
		listener_set_tls(w->listener, tls);
		tls_context_unref(&w->tls);
		w->tls = tls;
	} else if (tls) {
		tls_context_unref(&tls); /* from plain to TLS needs a restart */
	}
	config_free(&fresh);
	log_info(w->ident, "reloaded");
}

/* ---- start ---- */

static void raise_limits(struct worker *w)
{
	struct rlimit l;
	if (getrlimit(RLIMIT_NOFILE, &l) != 0)
		return;
	l.rlim_cur = l.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &l) != 0)
		getrlimit(RLIMIT_NOFILE, &l);
	log_info(w->ident, "descriptors", LU("limit", l.rlim_cur));
}

static unsigned max_connections(const struct config *c)
{
	struct rlimit l = {.rlim_cur = 1024};
	getrlimit(RLIMIT_NOFILE, &l);
	uint64_t room = l.rlim_cur > 128 ? l.rlim_cur - 64 : 64; /* for the database, the log, the admin listener */
	uint64_t n = c->max_connections && c->max_connections < room ? c->max_connections : room;
	return n > UINT32_MAX ? UINT32_MAX : (unsigned)n;
}

static void make_edge_id(struct worker *w)
{
	unsigned char r[16];
	random_bytes(r, sizeof(r));
	r[6] = (unsigned char)((r[6] & 0x0f) | 0x40);
	r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
	char *p = w->edge_id;
	for (size_t i = 0; i < sizeof(r); i++)
		p += sprintf(p, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", r[i]);
}

static void make_sio(struct worker *w, const struct config *c)
{
	struct sio_config cfg = {
		.eio = {.path = "/socket.io/",
	                .limits = eio_default_limits,
	                .cors_origin = c->cors_origin,
	                .polling = c->polling,
	                .websocket = true,
	                .cookie = c->cookie,
	                .trusted_proxies = w->trusted_proxies,
	                .budget = &w->budget},
		.limits = sio_default_limits,
	};
	struct eio_limits *sessions = &cfg.eio.limits;
	sessions->ping_interval_ms = c->ping_interval_ms;
	sessions->ping_timeout_ms = c->ping_timeout_ms;
	sessions->max_payload = c->max_payload;
	sessions->max_queue_bytes = c->max_queue_bytes;
	cfg.limits.connect_timeout_ms = c->connect_timeout_ms;
	unsigned connections = max_connections(c); /* a client by polling has two at times, and none at others */
	sessions->max_sessions = connections < UINT32_MAX / 2 ? 2 * connections : UINT32_MAX;
	sessions->max_sessions_per_address = (unsigned)c->max_sessions_per_address;
	w->root = (struct sio_namespace){
		.name = "/",
		.on_connect = open_connect,
		.on_event = gate_event,
		.on_disconnect = on_disconnect,
		.on_fence = confirm_fence,
		.ctx = w,
	};
	w->sio = sio_server_new(w->loop, &cfg, &w->root, 1);
}

static void make_db(struct app *a, const struct config *c)
{
	static const struct db_events events = {.on_state = on_db_state};
	struct db_config cfg = {
		.url = c->database_url,
		.listen_url = c->listen_database_url,
		.edge_id = a->w.edge_id,
		.name = c->name,
		.lanes = (unsigned)c->db_connections,
		.batch_max = 32,
		.queue_max_items = c->db_queue,
		.item_timeout_ms = c->db_timeout_ms,
		.call_timeout_ms = c->db_timeout_ms * 3,
		.poll_ms = c->poll_ms,
		.fallback_poll_ms = c->fallback_poll_ms,
		.bell = (int)c->bell,
	};
	a->w.db = db_new(a->w.loop, &cfg, &events, a);
}

static bool listen_for_clients(struct worker *w, const char **error)
{
	w->max_connections = max_connections(w->cfg);
	struct listener_config cfg = {
		.address = w->cfg->listen,
		.backlog = 4096,
		.accepts_per_turn = 64,
		.max_connections = w->max_connections,
		.tls = w->tls,
	};
	w->listener = listener_new(w->loop, &w->budget, &cfg, on_conn, w, error);
	return w->listener != NULL;
}

static void put_edge(struct log_line *line, const void *of)
{
	const struct config *c = of;
	log_put(line, LS("edge", c->name ? c->name : "edge"));
}

static bool start(struct app *a, const struct config *c)
{
	struct worker *w = &a->w;
	char error[512] = "";
	const char *why = NULL;
	w->cfg = c;
	w->started_ms = clock_wall_ms();
	log_threshold = (enum log_level)c->log_level;
	w->ident = (struct log_ident){put_edge, c};
	raise_limits(w);
	if (!(w->auth = make_auth(c, error, sizeof(error))) || !make_tls(c, &w->tls, error, sizeof(error))) {
		log_error(w->ident, "not started", LS("error", error));
		return false;
	}
	w->budget = (struct conn_budget){.max_queue_bytes = c->max_queue_bytes,
	                                 .max_queue_items = 16384,
	                                 .max_total_bytes = c->max_memory_bytes,
	                                 .max_input_bytes = c->max_memory_bytes / 2};
	w->admin_budget = (struct conn_budget){.max_queue_bytes = 4 << 20,
	                                       .max_queue_items = 1024,
	                                       .max_total_bytes = 64 << 20,
	                                       .max_input_bytes = 4 << 20};
	w->http = (struct http_config){.max_head = 16384,
	                               .max_body = 65536,
	                               .head_timeout_ms = 15000,
	                               .request_timeout_ms = 300000,
	                               .idle_timeout_ms = 65000};
	w->trusted_proxies = c->trusted_proxies ? address_list_new(c->trusted_proxies)
	                                        : NULL; /* config_check has been over it */
	make_edge_id(w);
	metrics_init(&w->m);
	worker_users_init(w);
	w->loop = loop_new();
	w->loop_started_ms = loop_now(w->loop);
	w->hub = hub_new();
	hub_set_own(w->hub, client_own_rooms, w);
	make_sio(w, c);
	make_db(a, c);
	routes_start(w);
	opens_start(w);
	closes_start(w);
	rooms_start(w);
	confirms_start(w);
	presence_start(w);
	offsets_start(w);
	recoveries_start(w);
	feed_start(w);
	emitter_start(w);
	maintenance_start(w);
	if (!admin_listen(w, &why) || !listen_for_clients(w, &why)) {
		log_error(w->ident, "cannot listen",
		          LS("address", w->admin || !c->admin_listen ? c->listen : c->admin_listen), LS("error", why));
		return false;
	}
	db_start(w->db);
	log_info(w->ident, "listening", LS("address", c->listen), LU("port", listener_port(w->listener)),
	         LU("admin_port", w->admin ? listener_port(w->admin) : 0), LS("edge_id", w->edge_id),
	         LI("pid", getpid()));
	return true;
}

static void watch(struct app *a, ev_signal *w, int sig, void (*fn)(struct ev_loop *, ev_signal *, int))
{
	ev_signal_init(w, fn, sig);
	w->data = a;
	ev_signal_start(loop_ev(a->w.loop), w);
}

static void stop(struct app *a)
{
	struct worker *w = &a->w;
	if (!w->loop)
		goto out;
	timer_stop(w->loop, &a->step);
	listener_free(&w->listener);
	listener_free(&w->admin);
	sio_server_free(&w->sio);
	conn_budget_kill_all(&w->budget, CLOSE_SHUTDOWN);
	conn_budget_kill_all(&w->admin_budget, CLOSE_SHUTDOWN);
	loop_settle(w->loop);
	db_free(&w->db); /* what its last answers put off is not to be done any more */
	worker_users_fini(w);
	maintenance_stop(w);
	emitter_stop(w);
	recoveries_stop(w);
	offsets_stop(w);
	presence_stop(w);
	confirms_stop(w);
	rooms_stop(w);
	closes_stop(w);
	opens_stop(w);
	routes_stop(w);
	hub_free(&w->hub);
	metrics_fini(&w->m);
	loop_free(&w->loop);
out:
	tls_context_unref(&w->tls);
	auth_free(&w->auth);
	address_list_free(&w->trusted_proxies);
}

int app_serve(const struct config *cfg, const char *config_file)
{
	struct app *a = NEW(struct app);
	a->config_file = config_file;
	a->step.fire = step;
	signal(SIGPIPE, SIG_IGN);
	bool started = start(a, cfg);
	if (started) {
		watch(a, &a->term, SIGTERM, drain);
		watch(a, &a->interrupt, SIGINT, drain);
		watch(a, &a->hup, SIGHUP, reload);
		loop_run(a->w.loop);
		ev_signal_stop(loop_ev(a->w.loop), &a->term);
		ev_signal_stop(loop_ev(a->w.loop), &a->interrupt);
		ev_signal_stop(loop_ev(a->w.loop), &a->hup);
		log_info(a->w.ident, "stopped");
	}
	stop(a);
	free(a);
	return started ? 0 : 1;
}
