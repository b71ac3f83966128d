/*
 * The internal listener: /livez (the loop turns), /readyz (send me clients), /metrics.
 */
#include "app/embedded.h"
#include "app/worker.h"

#define CONNECTIONS_MOST 64

bool worker_ready(const struct worker *w, const char **why)
{
	if (w->draining)
		*why = "draining";
	else if (db_state(w->db) != DB_UP)
		*why = *db_last_error(w->db) ? db_last_error(w->db) : "database unreachable";
	else if (w->schema_version && w->schema_version < embedded_schema_version)
		*why = "schema too old: run bellwire migrate";
	else if (!w->schema_version || !routes_loaded(w))
		*why = "starting";
	else
		return true;
	return false;
}

static void respond(struct http_exchange *x, int status, const char *type, struct slice body)
{
	http_respond(x, &(struct http_reply){.status = status,
	                                     .content_type = type,
	                                     .headers = SLICE("Cache-Control: no-store\r\n"),
	                                     .body = body});
}

static void route(struct http_exchange *x, void *ctx)
{
	struct worker *w = ctx;
	const struct http_head *h = http_head(x);
	conn_touch(http_conn(x));
	struct buf page = {0};
	const char *why = "";
	if (h->method != HTTP_GET && h->method != HTTP_HEAD) {
		respond(x, 405, "text/plain", SLICE("GET only\n"));
	} else if (slice_eq(h->path, SLICE("/livez"))) {
		respond(x, 200, "text/plain", SLICE("ok\n"));
	} else if (slice_eq(h->path, SLICE("/readyz"))) {
		bool ready = worker_ready(w, &why);
		buf_printf(&page, "%s\n", ready ? "ok" : why);
		respond(x, ready ? 200 : 503, "text/plain", buf_view(&page));
	} else if (slice_eq(h->path, SLICE("/metrics"))) {
		metrics_print(w, &page);
		respond(x, 200, "text/plain; version=0.0.4; charset=utf-8", buf_view(&page));
	} else {
		respond(x, 404, "text/plain", SLICE("/livez /readyz /metrics\n"));
	}
	buf_fini(&page);
}

/* Who connects and asks nothing must not keep out who watches: he soon goes, and at once when others come. */
static void on_conn(struct conn *c, void *ctx)
{
	static const struct http_events events = {.on_head = route};
	static const struct http_config config = {.max_head = 16384,
	                                          .max_body = 4096,
	                                          .head_timeout_ms = 5000,
	                                          .request_timeout_ms = 5000,
	                                          .idle_timeout_ms = 10000};
	http_serve(c, &config, &events, ctx);
}

bool admin_listen(struct worker *w, const char **error)
{
	if (!w->cfg->admin_listen || !*w->cfg->admin_listen)
		return true;
	struct listener_config cfg = {.address = w->cfg->admin_listen,
	                              .backlog = 64,
	                              .accepts_per_turn = 4,
	                              .max_connections = CONNECTIONS_MOST,
	                              .end_oldest = true};
	w->admin = listener_new(w->loop, &w->admin_budget, &cfg, on_conn, w, error);
	return w->admin != NULL;
}
