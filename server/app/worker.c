/*
 * Puts the floors together: makes them from the settings, joins them by callbacks, starts and stops them, and asks
 * whether they are ready.
 */
#include "app/worker.h"
#include "app/demo.h"
#include "app/embedded.h"
#include "app/metrics.h"
#include "app/parts.h"
#include "base/mem.h"
#include "base/text.h"
#include "entry/closes.h"
#include "entry/leave.h"
#include "entry/connect.h"
#include "entry/pending.h"
#include "events/confirm.h"
#include "events/feed.h"
#include "events/gate.h"
#include "net/address.h"
#include "net/tls.h"
#include "operator/ask.h"
#include "operator/page.h"
#include "recovery/offsets.h"
#include "recovery/recover.h"
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	TICK_MS = 2000,              /* several in a lease of 30 s, so that some calls may fail */
	BACKLOG = 4096,              /* for clients that come back all at once */
	ACCEPTS_PER_TURN = 64,       /* a storm of new clients must not starve the present ones */
	BATCH_MOST = 32,             /* docs/decisions/0001-batches.md */
	QUEUE_ITEMS_MOST = 16384,    /* of a connection: small packets cost more than their bytes */
	HEAD_MOST = 16384,           /* H5 */
	BODY_MOST = 65536,           /* of requests outside Socket.IO, which has a limit of its own */
	HEAD_TIMEOUT_MS = 15000,     /* a client that sends its head byte by byte holds a descriptor for this time */
	REQUEST_TIMEOUT_MS = 300000, /* of a body: a megabyte at the speed of an old telephone */
	BODY_STEP_MS = 15000,        /* in this time BODY_STEP bytes of it have to come, or its rest */
	BODY_STEP = 1024,
	IDLE_TIMEOUT_MS = 65000,  /* longer than the 60 s of most balancers, so that they close first */
	CALLS_TIMEOUT_FACTOR = 3, /* a call may take this many times BELLWIRE_DB_TIMEOUT_MS */
	STORM_SESSIONS = 2048,    /* with so many ended, or so many bytes let go, memory is given back ... */
	STORM_BYTES = 32 << 20,
	STORM_TICK = 512, /* ... unless so many ended since the last tick */
	GIVE_BACK_EVERY_MS = 60000,
	OTHER_DESCRIPTORS = 64, /* kept for the database, the log, the internal listener */
};

/* ---- readiness and metrics ---- */

static const char *worker_missing(void *ctx)
{
	const struct worker *w = ctx;
	const char *stalled;
	if (w->draining)
		return "draining";
	if (db_state(w->db) != DB_UP)
		return *db_last_error(w->db) ? db_last_error(w->db) : "database unreachable";
	if ((stalled = db_stalled(w->db)))
		return stalled;
	return parts_missing(w);
}

static void worker_print_metrics(void *ctx, struct buf *out)
{
	struct worker *w = ctx;
	struct metrics_sources from = {
		.loop = w->loop,
		.budget = &w->budget,
		.sio = w->sio,
		.people = &w->people,
		.db = w->db,
		.emitter = &w->emitter,
		.entry = &w->entry,
		.tls = w->tls,
		.max_connections = w->max_connections,
		.started_ms = w->started_ms,
		.loop_started_ms = w->loop_started_ms,
		.ready = !worker_missing(w),
	};
	metrics_print(&from, out);
}

static bool worker_page(void *ctx, struct http_exchange *x)
{
	struct worker *w = ctx;
	bool wants = page_wants(&w->operator, http_head(x)->path);
	if (wants)
		page_handle(&w->operator, x);
	return wants;
}

/* ---- connections and requests ---- */

/* Memory that a storm of clients took lies in pieces between that of others: the allocator keeps such pages. Not
 * while the storm goes on, and once a minute at most, as it stops the loop for milliseconds. */
static void worker_give_back(struct worker *w)
{
	struct storm *m = &w->storm;
	const struct sio_stats *s = sio_server_stats(w->sio);
	uint64_t ended = s->sessions_opened - s->sessions, now = loop_now(w->loop);
	size_t held = w->budget.total_bytes + w->budget.input_bytes + w->people.counts.waiting_bytes;
	bool quiet = ended - m->ended_before < STORM_TICK;
	m->ended_before = ended;
	m->most = held > m->most ? held : m->most;
	if (!quiet || now < m->next || (ended - m->ended_given < STORM_SESSIONS && m->most - held < STORM_BYTES))
		return;
	*m = (struct storm){
		.ended_before = ended, .ended_given = ended, .most = held, .next = now + GIVE_BACK_EVERY_MS};
	mem_give_back();
}

static void worker_on_tick(struct timer *t)
{
	struct worker *w = container_of(t, struct worker, tick);
	timer_set(w->loop, t, loop_now(w->loop) + TICK_MS);
	parts_tick(w);
	worker_give_back(w);
}

static void worker_on_head(struct http_exchange *x, void *ctx)
{
	struct worker *w = ctx;
	struct slice path = http_head(x)->path;
	if (sio_wants(w->sio, x))
		sio_handle(w->sio, x);
	else if (reads_wants(&w->reads, path))
		reads_handle(&w->reads, x);
	else if (demo_wants(w->cfg->demo_dir, path))
		demo_handle(w->cfg->demo_dir, x);
	else
		http_respond(x, &(struct http_reply){.status = 404,
		                                     .content_type = "text/plain",
		                                     .body = SLICE("not found\n"),
		                                     .close = http_head(x)->upgrade});
}

/* Who drains keeps none: a proxy or a client that has one would send its next request on it, perhaps while the process
 * ends. */
static bool worker_keeps(void *ctx)
{
	const struct worker *w = ctx;
	return !w->draining;
}

static void worker_on_conn(struct conn *c, void *ctx)
{
	static const struct http_events events = {.on_head = worker_on_head, .keeps = worker_keeps};
	static const struct http_config config = {.max_head = HEAD_MOST,
	                                          .max_body = BODY_MOST,
	                                          .head_timeout_ms = HEAD_TIMEOUT_MS,
	                                          .request_timeout_ms = REQUEST_TIMEOUT_MS,
	                                          .body_step_ms = BODY_STEP_MS,
	                                          .body_step = BODY_STEP,
	                                          .idle_timeout_ms = IDLE_TIMEOUT_MS};
	http_serve(c, &config, &events, ctx);
}

static void worker_on_db_state(void *ctx, enum db_state state)
{
	struct worker *w = ctx;
	if (state != DB_UP) {
		log_warn(w->ident, "database away", LS("error", db_last_error(w->db)));
		return;
	}
	log_info(w->ident, "database up");
	parts_database_up(w);
}

static size_t worker_on_batch(void *ctx, const struct db_batch *b)
{
	struct worker *w = ctx;
	return feed_batch(&w->events, b);
}

static void worker_on_cursor(void *ctx)
{
	struct worker *w = ctx;
	offsets_turn(&w->recovery);
}

static bool worker_has_nobody(void *ctx)
{
	const struct worker *w = ctx;
	return people_present(&w->people) == 0;
}

static void worker_on_gap(void *ctx, const char *why)
{
	struct worker *w = ctx;
	log_warn(w->ident, "events may be missing, clients resynchronise", LS("why", why));
	parts_gap(w);
}

static void worker_on_pump_ready(void *ctx, const char *snapshot, bool first)
{
	struct worker *w = ctx;
	(void)snapshot;
	log_info(w->ident, first ? "pump started" : "pump resumed");
	if (!first)
		emitter_resumed(&w->emitter);
}

static void worker_on_keys(void *ctx)
{
	struct worker *w = ctx;
	pendings_go_on(&w->entry);
}

static void worker_on_presence_sent(void *ctx)
{
	struct worker *w = ctx;
	offsets_turn(&w->recovery);
}

static void worker_on_asked(void *ctx, struct slice data)
{
	struct worker *w = ctx;
	ask_take(&w->operator, data);
}

/* ---- made from settings ---- */

static void worker_raise_limits(struct worker *w)
{
	struct rlimit l;
	if (getrlimit(RLIMIT_NOFILE, &l) != 0)
		return;
	l.rlim_cur = l.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &l) != 0)
		getrlimit(RLIMIT_NOFILE, &l);
	log_info(w->ident, "descriptors", LU("limit", l.rlim_cur));
}

static unsigned worker_connections_most(const struct config *c)
{
	struct rlimit l = {.rlim_cur = 1024};
	getrlimit(RLIMIT_NOFILE, &l);
	uint64_t room = l.rlim_cur > 2 * OTHER_DESCRIPTORS ? l.rlim_cur - OTHER_DESCRIPTORS : OTHER_DESCRIPTORS;
	uint64_t n = c->max_connections && c->max_connections < room ? c->max_connections : room;
	return n > UINT32_MAX ? UINT32_MAX : (unsigned)n;
}

static void worker_make_edge_id(struct worker *w)
{
	unsigned char r[16];
	random_bytes(r, sizeof(r));
	r[6] = (unsigned char)((r[6] & 0x0f) | 0x40);
	r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
	char *p = w->edge_id;
	for (size_t i = 0; i < sizeof(r); i++)
		p += sprintf(p, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", r[i]);
}

static unsigned at_most(unsigned n, unsigned most)
{
	return n < most ? n : most;
}

/* Guests are clients between their handshake and their token: a storm of those who come back must fit in, also when a
 * balancer makes all of them look like one address. */
static void worker_guests(struct eio_limits *l)
{
	l->max_guests = at_most(l->max_sessions / 2 + 1, 20000);
	l->max_guests_per_address = at_most(l->max_sessions / 8 + 1, 4000);
}

static void worker_make_sio(struct worker *w, const struct config *c)
{
	struct sio_config cfg = {
		.eio = {.path = "/socket.io/",
	                .limits = c->eio,
	                .cors_origin = c->cors_origin,
	                .allowed_origins = c->allowed_origins,
	                .polling = c->polling,
	                .websocket = true,
	                .cookie = c->cookie,
	                .trusted_proxies = w->trusted_proxies,
	                .budget = &w->budget},
		.limits = c->sio,
	};
	struct eio_limits *sessions = &cfg.eio.limits;
	unsigned most = w->max_connections; /* a polling client has two connections at times, and none at others */
	sessions->max_sessions = most < UINT32_MAX / 2 ? 2 * most : UINT32_MAX;
	worker_guests(sessions);
	w->root = (struct sio_namespace){
		.name = "/",
		.on_connect = connect_socket,
		.on_event = gate_event,
		.on_disconnect = leave_socket,
		.on_fence = confirm_fence,
		.ctx = &w->entry,
		.event_ctx = &w->events,
	};
	w->sio = sio_server_new(w->loop, &cfg, &w->root, 1);
}

static void worker_make_db(struct worker *w, const struct config *c)
{
	static const struct db_events events = {.on_state = worker_on_db_state};
	static const struct db_pump_events pump_events = {.on_batch = worker_on_batch,
	                                                  .on_cursor = worker_on_cursor,
	                                                  .on_gap = worker_on_gap,
	                                                  .on_ready = worker_on_pump_ready,
	                                                  .nobody = worker_has_nobody};
	struct db_config cfg = {
		.url = c->database_url,
		.listen_url = c->listen_database_url,
		.edge_id = w->edge_id,
		.name = c->name,
		.lanes = (unsigned)c->db_connections,
		.batch_max = BATCH_MOST,
		.queue_max_items = c->db_queue,
		.item_timeout_ms = c->db_timeout_ms,
		.call_timeout_ms = c->db_timeout_ms * CALLS_TIMEOUT_FACTOR,
		.poll_ms = c->poll_ms,
		.fallback_poll_ms = c->fallback_poll_ms,
		.bell = (int)c->bell,
	};
	w->db = db_new(w->loop, &cfg, &events, w);
	db_pump_set_events(w->db, &pump_events, w);
}

static void worker_join_floors(struct worker *w, const struct config *c)
{
	w->people = (struct people){.loop = w->loop,
	                            .sio = w->sio,
	                            .auth = w->auth,
	                            .ident = w->ident,
	                            .dev = c->dev,
	                            .trace_kb = c->trace_kb};
	w->events = (struct events){.people = &w->people,
	                            .db = w->db,
	                            .edge_id = w->edge_id,
	                            .on_turn = worker_on_presence_sent,
	                            .on_keys = worker_on_keys,
	                            .on_asked = worker_on_asked,
	                            .ctx = w,
	                            .user_hook = c->jwt_user_hook,
	                            .max_waiting_bytes = c->max_memory_bytes / 4};
	w->recovery = (struct recovery){
		.people = &w->people, .events = &w->events, .db = w->db, .bytes_max = c->eio.max_queue_bytes};
	w->emitter = (struct emitter){.people = &w->people, .db = w->db, .on = c->emitter};
	w->entry = (struct entry){.people = &w->people,
	                          .recovery = &w->recovery,
	                          .events = &w->events,
	                          .db = w->db,
	                          .edge_id = w->edge_id,
	                          .max_sockets_per_user = (unsigned)c->max_sockets_per_user,
	                          .lost_after_ms = c->eio.ping_interval_ms + c->eio.ping_timeout_ms,
	                          .schema_needed = embedded_schema_version};
	w->operator=(struct operator){.people = &w->people,
	                              .db = w->db,
	                              .budget = &w->budget,
	                              .edge_id = w->edge_id,
	                              .name = c->name,
	                              .page_hosts = c->admin_hosts,
	                              .page_on = c->admin_page && c->admin_listen && *c->admin_listen,
	                              .started_ms = w->started_ms};
	w->reads = (struct reads){
		.people = &w->people, .events = &w->events, .db = w->db, .cors_origin = c->cors_origin, .on = c->rest};
	w->admin = (struct admin){
		.missing = worker_missing, .print_metrics = worker_print_metrics, .page = worker_page, .ctx = w};
}

/* ---- life ---- */

static bool worker_listen(struct worker *w, const struct config *c)
{
	const char *why = NULL, *address = c->admin_listen;
	struct listener_config cfg = {
		.address = c->listen,
		.backlog = BACKLOG,
		.accepts_per_turn = ACCEPTS_PER_TURN,
		.max_connections = w->max_connections,
		.tls = w->tls,
	};
	if (admin_listen(&w->admin, w->loop, c->admin_listen, &why)) {
		address = c->listen;
		w->listener = listener_new(w->loop, &w->budget, &cfg, worker_on_conn, w, &why);
	}
	if (!w->listener)
		log_error(w->ident, "cannot listen", LS("address", address), LS("error", why));
	return w->listener;
}

bool worker_start(struct worker *w)
{
	const struct config *c = w->cfg;
	w->started_ms = clock_wall_ms();
	worker_raise_limits(w);
	w->max_connections = worker_connections_most(c);
	w->budget = (struct conn_budget){.max_queue_bytes = c->eio.max_queue_bytes,
	                                 .max_queue_items = QUEUE_ITEMS_MOST,
	                                 .max_total_bytes = c->max_memory_bytes,
	                                 .max_input_bytes = c->max_memory_bytes / 2};
	if (c->trusted_proxies)
		w->trusted_proxies = address_list_new(c->trusted_proxies); /* config_check has checked it */
	worker_make_edge_id(w);
	w->loop = loop_new();
	w->loop_started_ms = loop_now(w->loop);
	worker_make_sio(w, c);
	worker_make_db(w, c);
	worker_join_floors(w, c);
	parts_start(w);
	w->tick.fire = worker_on_tick;
	timer_set(w->loop, &w->tick, loop_now(w->loop) + TICK_MS);
	if (!worker_listen(w, c))
		return false;
	db_start(w->db);
	log_info(w->ident, "listening", LS("address", c->listen), LU("port", listener_port(w->listener)),
	         LU("admin_port", w->admin.listener ? listener_port(w->admin.listener) : 0), LS("edge_id", w->edge_id),
	         LI("pid", getpid()));
	return true;
}

void worker_stop(struct worker *w)
{
	if (w->loop) {
		timer_stop(w->loop, &w->tick);
		listener_free(&w->listener);
		sio_server_free(&w->sio);
		conn_budget_kill_all(&w->budget, CLOSE_SHUTDOWN);
		admin_stop(&w->admin);
		loop_settle(w->loop);
		db_free(&w->db); /* the work that its last answers have deferred is dropped */
		parts_stop(w);
		loop_free(&w->loop);
	}
	tls_context_unref(&w->tls);
	auth_free(&w->auth);
	address_list_free(&w->trusted_proxies);
}
