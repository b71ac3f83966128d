/*
 * HTTP/1.x on one connection: bytes become exchanges, replies become bytes. Called by net/conn.c with what arrives, and
 * by the handlers of exchanges (eio/, app/, echo/) with their answers.
 */
#include "http/http.h"

#include "base/mem.h"
#include "http/http_internal.h"
#include <time.h>

#define PIPELINE_MAX 16384 /* bytes of later requests that are kept while one is answered */

static const struct conn_events http_conn_events;

/* ---- exchanges ---- */

static struct http_exchange *exchange_new(struct http *h, const struct http_parsed *p, char *text)
{
	struct http_exchange *x = mem_zalloc(sizeof *x + p->nheaders * sizeof x->headers[0]);
	x->h = h;
	x->ev = h->ev;
	x->ctx = h->ctx;
	x->max_body = h->cfg->max_body;
	x->head = p->head;
	x->body_left = p->head.content_length;
	x->keep_alive = p->head.http10 ? p->keep_alive && !p->close : !p->close;
	x->text = text;
	x->nheaders = p->nheaders;
	memcpy(x->headers, p->headers, p->nheaders * sizeof x->headers[0]);
	return x;
}

static struct slice request_method(const struct http_exchange *x)
{
	return slice_of(x->text, (size_t)(x->head.target.p - x->text) - 1);
}

static void exchange_keep(struct http_exchange *x, size_t n)
{
	x->kept += n;
	conn_keep(x->h->conn, n);
}

static void exchange_free(struct http_exchange *x)
{
	x->h->x = NULL;
	conn_unkeep(x->h->conn, x->kept);
	buf_fini(&x->body);
	free(x->text);
	free(x);
}

/* Nobody waits any more to hear whether the last answer has arrived. */
static void watch_end(struct http *h)
{
	if (h->watch)
		http_unwatch(h->watch);
}

static void watch_lost(struct http *h, bool doubtful)
{
	struct http_watch *w = h->watch;
	watch_end(h);
	if (w)
		w->lost(w, doubtful);
}

static void http_free(struct http *h)
{
	watch_end(h);
	if (h->gone)
		*h->gone = true;
	timer_stop(conn_loop(h->conn), &h->timer);
	free(h);
}

static void exchange_abort(struct http *h)
{
	struct http_exchange *x = h->x;
	if (!x)
		return;
	if (x->ev->on_abort)
		x->ev->on_abort(x, x->ctx);
	exchange_free(x);
}

static const uint8_t http_next[] = {
	[HTTP_IN_IDLE] = 1u << HTTP_IN_HEAD | 1u << HTTP_IN_OVER,
	[HTTP_IN_HEAD] = 1u << HTTP_IN_BODY | 1u << HTTP_IN_BUSY | 1u << HTTP_IN_OVER,
	[HTTP_IN_BODY] = 1u << HTTP_IN_BUSY | 1u << HTTP_IN_OVER,
	[HTTP_IN_BUSY] = 1u << HTTP_IN_IDLE | 1u << HTTP_IN_OVER,
	[HTTP_IN_OVER] = 0,
};

static const char *const http_state_name[] = {
#define X(NAME, label) #label,
	HTTP_STATES(X)
#undef X
};

static void http_time_limit(struct http *h, uint64_t ms)
{
	struct loop *l = conn_loop(h->conn);
	if (ms)
		timer_set(l, &h->timer, loop_now(l) + ms);
	else
		timer_stop(l, &h->timer);
}

/* A body that trickles holds a connection, and a parked session with it: each step has a time limit of its own. */
static void body_step(struct http *h)
{
	struct http_exchange *x = h->x;
	uint64_t now = loop_now(conn_loop(h->conn)), left = x->body_until > now ? x->body_until - now : 1;
	uint64_t step = h->cfg->body_step_ms;
	x->step_left = h->cfg->body_step;
	http_time_limit(h, step && step < left ? step : left);
}

static void body_begins(struct http *h)
{
	if (!h->cfg->request_timeout_ms) {
		http_time_limit(h, 0);
		return;
	}
	h->x->body_until = loop_now(conn_loop(h->conn)) + h->cfg->request_timeout_ms;
	body_step(h);
}

/* n more bytes of a body that is not whole yet. */
static void body_moves(struct http *h, size_t n)
{
	struct http_exchange *x = h->x;
	if (n < x->step_left)
		x->step_left -= n;
	else if (h->cfg->request_timeout_ms)
		body_step(h);
	if (x->ev->on_moving)
		x->ev->on_moving(x, x->ctx);
}

static void http_enter(struct http *h, enum http_state to)
{
	assert(http_next[h->state] & 1u << to);
	log_move(conn_ident(h->conn), "http", http_state_name[h->state], http_state_name[to]);
	h->state = to;
	http_time_limit(h, to == HTTP_IN_IDLE   ? h->cfg->idle_timeout_ms
	                   : to == HTTP_IN_HEAD ? h->cfg->head_timeout_ms
	                                        : 0); /* BUSY: a parked request has no time limit here (H5) */
	if (to == HTTP_IN_BODY)
		body_begins(h);
}

/* The connection writes what is queued, then ends. */
static void http_finish(struct http *h, enum close_reason why)
{
	http_enter(h, HTTP_IN_OVER);
	conn_finish(h->conn, why);
}

/* ---- answers ---- */

static const char *status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} texts[] = {
		{200, "OK"},
		{204, "No Content"},
		{302, "Found"},
		{304, "Not Modified"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{408, "Request Timeout"},
		{413, "Content Too Large"},
		{417, "Expectation Failed"},
		{426, "Upgrade Required"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{503, "Service Unavailable"},
		{505, "HTTP Version Not Supported"},
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "Status";
}

static void reply_head(struct buf *out, const struct http_reply *r, size_t body_n, bool close, bool http10)
{
	char date[64];
	time_t now = time(NULL);
	struct tm tm;
	strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	buf_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", r->status, status_text(r->status), date);
	if (r->content_type)
		buf_printf(out, "Content-Type: %s\r\n", r->content_type);
	buf_slice(out, r->headers);
	buf_printf(out, "Content-Length: %zu\r\n", body_n);
	if (close)
		buf_str(out, "Connection: close\r\n");
	else if (http10)
		buf_str(out, "Connection: keep-alive\r\n");
	buf_str(out, "\r\n");
}

static void send_buf(struct conn *c, struct buf *b)
{
	conn_send_copy(c, buf_view(b));
	buf_fini(b);
}

void http_respond_parts(struct http_exchange *x, const struct http_reply *r, const struct http_part *parts, size_t n)
{
	struct http *h = x->h;
	size_t body_n = r->body.n;
	for (size_t i = 0; i < n; i++)
		body_n += parts[i].n;
	bool unread = h->state == HTTP_IN_BODY;
	bool close = r->close || !x->keep_alive || unread || (h->ev->keeps && !h->ev->keeps(h->ctx));
	struct buf out = {0};
	reply_head(&out, r, body_n, close, x->head.http10);
	bool head_only = x->head.method == HTTP_HEAD;
	if (!head_only)
		buf_slice(&out, r->body);
	send_buf(h->conn, &out);
	for (size_t i = 0; i < n && !head_only; i++)
		conn_send_part(h->conn, parts[i].blob, parts[i].off, parts[i].n);
	exchange_free(x);
	if (close) {
		http_finish(h, CLOSE_DONE);
		return;
	}
	http_enter(h, HTTP_IN_IDLE);
	conn_reshow(h->conn);
}

void http_respond(struct http_exchange *x, const struct http_reply *r)
{
	http_respond_parts(x, r, NULL, 0);
}

/* Answers bytes that never became an exchange, and closes. */
static void http_refuse(struct http *h, int status, enum close_reason why)
{
	struct buf out = {0};
	reply_head(&out, &(struct http_reply){.status = status}, 0, true, false);
	send_buf(h->conn, &out);
	http_finish(h, why);
}

void http_watch_answer(struct http_exchange *x, struct http_watch *w)
{
	http_unwatch(w);
	watch_end(x->h);
	w->h = x->h;
	x->h->watch = w;
}

void http_unwatch(struct http_watch *w)
{
	if (w->h)
		w->h->watch = NULL;
	w->h = NULL;
}

void http_drop(struct http_exchange *x, enum close_reason why)
{
	struct conn *c = x->h->conn;
	exchange_free(x);
	conn_kill(c, why);
}

struct conn *http_detach(struct http_exchange *x, struct slice head)
{
	struct http *h = x->h;
	struct conn *c = h->conn;
	conn_send_copy(c, head);
	exchange_free(x);
	http_free(h);
	return c;
}

/* ---- requests ---- */

static void exchange_body(struct http *h, struct slice body)
{
	if (h->state == HTTP_IN_BODY)
		http_enter(h, HTTP_IN_BUSY);
	struct http_exchange *x = h->x;
	x->ev->on_body(x, x->ctx, body);
}

static void exchange_too_large(struct http *h)
{
	struct http_exchange *x = h->x;
	if (x->on_too_large)
		x->on_too_large(x, x->ctx);
	else
		http_respond(x, &(struct http_reply){.status = 413, .close = true});
}

/* RFC 9112 2.2: empty lines before a request are ignored. How many bytes they are. */
static size_t empty_lines(const char *p, size_t n)
{
	size_t skip = 0;
	while (skip + 1 < n && skip < 8 && p[skip] == '\r' && p[skip + 1] == '\n')
		skip += 2;
	return skip;
}

/* Makes h->x of a whole head. 0, or the status to refuse it with. */
static int exchange_parse(struct http *h, struct slice head, bool *wants_continue)
{
	char *text = mem_dup(head.p, head.n);
	struct http_parsed parsed;
	int status = http_parse_head(slice_of(text, head.n), &parsed);
	if (status) {
		free(text);
		return status;
	}
	h->x = exchange_new(h, &parsed, text);
	exchange_keep(h->x, head.n);
	*wants_continue = parsed.expect_continue;
	return 0;
}

/* Tells the handler of the request. A body that is too large by its length alone is refused before it is read. */
static void exchange_begin(struct http *h, bool wants_continue)
{
	struct http_exchange *x = h->x;
	bool gone = false;
	h->gone = &gone;
	x->ev->on_head(x, x->ctx);
	if (gone)
		return;
	h->gone = NULL;
	if (!h->x || conn_is_dead(h->conn))
		return;
	if (!x->head.has_body)
		exchange_body(h, slice_of("", 0));
	else if (x->head.content_length > x->max_body)
		exchange_too_large(h);
	else if (wants_continue)
		conn_send_copy(h->conn, SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
}

static size_t http_take_head(struct http *h, const char *p, size_t n)
{
	if (h->state == HTTP_IN_IDLE) {
		size_t skip = empty_lines(p, n);
		if (skip || (n == 1 && p[0] == '\r')) /* its LF may come later */
			return skip;
		h->scanned = 0;
		watch_end(h); /* its client goes on, so it has read the answer */
		http_enter(h, HTTP_IN_HEAD);
	}
	size_t end;
	bool wants_continue = false;
	int status = http_head_end(slice_of(p, n), &h->scanned, &end);
	if ((end ? end : n) > h->cfg->max_head)
		status = 431;
	if (!end && !status)
		return 0;
	if (!status)
		status = exchange_parse(h, slice_of(p, end), &wants_continue);
	if (status) {
		http_refuse(h, status, CLOSE_HTTP_BAD);
		return n;
	}
	log_trace(conn_ident(h->conn), "request", LSL("method", request_method(h->x)), LSL("path", h->x->head.path));
	http_enter(h, h->x->head.has_body ? HTTP_IN_BODY : HTTP_IN_BUSY);
	if (conn_is_dead(h->conn)) /* conn_keep ended it: no handler hears of the request */
		exchange_free(h->x);
	else
		exchange_begin(h, wants_continue && n == end);
	return end;
}

static size_t http_take_body(struct http *h, const char *p, size_t n)
{
	struct http_exchange *x = h->x;
	size_t used = 0;
	if (x->head.chunked) {
		size_t before = x->body.n;
		enum http_chunked_result r = http_chunked_feed(&x->chunked, p, n, &x->body, x->max_body, &used);
		exchange_keep(x, x->body.n - before);
		if (r == HTTP_CHUNKED_BAD) {
			exchange_abort(h);
			http_refuse(h, 400, CLOSE_HTTP_BAD);
			return n;
		}
		if (r == HTTP_CHUNKED_TOO_LARGE) {
			exchange_too_large(h);
			return n;
		}
		if (r == HTTP_CHUNKED_DONE)
			exchange_body(h, buf_view(&x->body));
		else if (!conn_is_dead(h->conn))
			body_moves(h, x->body.n - before);
		return used;
	}
	used = x->body_left < n ? (size_t)x->body_left : n;
	x->body_left -= used;
	if (x->body_left == 0 && x->body.n == 0) { /* it arrived in one piece: nothing has to be kept */
		exchange_body(h, slice_of(p, used));
		return used;
	}
	buf_add(&x->body, p, used);
	exchange_keep(x, used);
	if (x->body_left == 0)
		exchange_body(h, buf_view(&x->body));
	else if (!conn_is_dead(h->conn))
		body_moves(h, used);
	return used;
}

static size_t http_on_data(struct conn *c, void *owner, const char *p, size_t n)
{
	struct http *h = owner;
	switch (h->state) {
	case HTTP_IN_IDLE:
	case HTTP_IN_HEAD:
		return http_take_head(h, p, n);
	case HTTP_IN_BODY:
		return http_take_body(h, p, n);
	case HTTP_IN_BUSY:
		if (n > PIPELINE_MAX) /* kept bytes must not grow, nor hide a FIN for ever */
			conn_kill(c, CLOSE_LIMIT);
		return 0;
	case HTTP_IN_OVER:
		break;
	}
	return n;
}

static void http_on_eof(struct conn *c, void *owner)
{
	struct http *h = owner;
	if (h->x) {
		exchange_abort(h); /* P5, P6: a peer that closes its half counts as gone */
		conn_kill(c, CLOSE_PEER);
		return;
	}
	if (!conn_arrived(c))
		watch_lost(h, conn_given(c));
	http_finish(h, CLOSE_PEER);
}

/* P5: now, not in the sweep: a request behind it must see the session gone. */
static void http_on_broken(struct conn *c, void *owner)
{
	exchange_abort(owner);
	watch_lost(owner, conn_arrived(c));
}

static void http_on_dead(struct conn *c, void *owner, enum close_reason why)
{
	(void)why;
	struct http *h = owner;
	exchange_abort(h);
	if (!conn_arrived(c))
		watch_lost(h, conn_given(c));
	http_free(h);
}

static const struct conn_events http_conn_events = {
	.on_data = http_on_data, .on_eof = http_on_eof, .on_broken = http_on_broken, .on_dead = http_on_dead};

static void http_on_timeout(struct timer *t)
{
	struct http *h = container_of(t, struct http, timer);
	if (h->state == HTTP_IN_IDLE) {
		http_finish(h, CLOSE_IDLE);
		return;
	}
	exchange_abort(h);
	http_refuse(h, 408, CLOSE_HTTP_TIMEOUT);
}

void http_serve(struct conn *c, const struct http_config *cfg, const struct http_events *ev, void *ctx)
{
	struct http *h = NEW(struct http);
	*h = (struct http){.conn = c, .cfg = cfg, .ev = ev, .ctx = ctx, .timer = {.fire = http_on_timeout}};
	http_time_limit(h, cfg->head_timeout_ms); /* a fresh connection owes a request */
	conn_set_events(c, &http_conn_events, h);
}
