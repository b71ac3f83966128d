/*
 * The pages /livez, /readyz and /metrics; all others are asked of operator/page.h.
 */
#include "app/admin.h"
#include "http/http.h"

#define CONNECTIONS_MOST 64
#define BACKLOG 64

static void admin_respond(struct http_exchange *x, int status, const char *type, struct slice body)
{
	http_respond(x, &(struct http_reply){.status = status,
	                                     .content_type = type,
	                                     .headers = SLICE("Cache-Control: no-store\r\n"),
	                                     .body = body});
}

static void admin_ready(struct admin *a, struct http_exchange *x)
{
	const char *missing = a->missing(a->ctx);
	struct buf page = {0};
	buf_printf(&page, "%s\n", missing ? missing : "ok");
	admin_respond(x, missing ? 503 : 200, "text/plain", buf_view(&page));
	buf_fini(&page);
}

static void admin_metrics(struct admin *a, struct http_exchange *x)
{
	struct buf page = {0};
	a->print_metrics(a->ctx, &page);
	admin_respond(x, 200, "text/plain; version=0.0.4; charset=utf-8", buf_view(&page));
	buf_fini(&page);
}

static void admin_on_head(struct http_exchange *x, void *ctx)
{
	const struct http_head *h = http_head(x);
	struct admin *a = ctx;
	conn_touch(http_conn(x));
	if (h->method != HTTP_GET && h->method != HTTP_HEAD)
		admin_respond(x, 405, "text/plain", SLICE("GET only\n"));
	else if (slice_eq(h->path, SLICE("/livez")))
		admin_respond(x, 200, "text/plain", SLICE("ok\n"));
	else if (slice_eq(h->path, SLICE("/readyz")))
		admin_ready(a, x);
	else if (slice_eq(h->path, SLICE("/metrics")))
		admin_metrics(a, x);
	else if (!a->page(a->ctx, x))
		admin_respond(x, 404, "text/plain", SLICE("/livez /readyz /metrics\n"));
}

/* A connection without a request must not keep others out: it is closed soon, and at once when others come. */
static void admin_on_conn(struct conn *c, void *ctx)
{
	static const struct http_events events = {.on_head = admin_on_head};
	static const struct http_config config = {.max_head = 16384,
	                                          .max_body = 4096,
	                                          .head_timeout_ms = 5000,
	                                          .request_timeout_ms = 5000,
	                                          .idle_timeout_ms = 10000};
	http_serve(c, &config, &events, ctx);
}

bool admin_listen(struct admin *a, struct loop *l, const char *address, const char **error)
{
	if (!address || !*address)
		return true;
	struct listener_config cfg = {.address = address,
	                              .backlog = BACKLOG,
	                              .accepts_per_turn = 4,
	                              .max_connections = CONNECTIONS_MOST,
	                              .end_oldest = true};
	/* A page of metrics has some 100 kB; the budget lets every connection have one unread page. */
	a->budget = (struct conn_budget){.max_queue_bytes = 4 << 20,
	                                 .max_queue_items = 1024,
	                                 .max_total_bytes = 64 << 20,
	                                 .max_input_bytes = 4 << 20};
	a->listener = listener_new(l, &a->budget, &cfg, admin_on_conn, a, error);
	return a->listener != NULL;
}

void admin_stop(struct admin *a)
{
	listener_free(&a->listener);
	conn_budget_kill_all(&a->budget, CLOSE_SHUTDOWN);
}
