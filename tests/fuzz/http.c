/* Heads and bodies of HTTP requests, by themselves and as a connection sees them. */
#include "target.h"

#include "http/parse.h"
#include "pair.h"

#define HEAD_MOST 1024
#define BODY_MOST 512

/* ---- heads ---- */

/* The size of the head; 0: there is none. A head of which a part is refused is refused as a whole. */
static size_t head_end(const struct input *in)
{
	size_t whole_scanned = 0, scanned = 0, end = 0, whole, have = 0;
	int whole_status = http_head_end(in->content, &whole_scanned, &whole), status = 0;
	struct slice left = in->content;
	for (size_t i = 0; left.n && !end && !status; i++) {
		have += input_piece(in, i, &left).n;
		status = http_head_end(slice_of(in->content.p, have), &scanned, &end);
	}
	if (status && whole) {
		struct http_parsed p;
		CHECK(http_parse_head(slice_of(in->content.p, whole), &p) != 0);
		return whole;
	}
	CHECK_INT(end, whole);
	CHECK_INT(status != 0, whole_status != 0);
	return whole;
}

static void put_head(struct buf *out, const struct http_parsed *p, struct slice method)
{
	buf_slice(out, method);
	buf_char(out, ' ');
	buf_slice(out, p->head.path);
	if (p->head.target.n > p->head.path.n) {
		buf_char(out, '?');
		buf_slice(out, p->head.query);
	}
	buf_str(out, p->head.http10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
	for (unsigned i = 0; i < p->nheaders; i++) {
		buf_slice(out, p->headers[i].name);
		buf_str(out, ":");
		buf_slice(out, p->headers[i].value);
		buf_str(out, "\r\n");
	}
	buf_str(out, "\r\n");
}

static void same_head(const struct http_parsed *a, const struct http_parsed *b)
{
	CHECK_INT(b->head.method, a->head.method);
	CHECK_SLICE(b->head.target, a->head.target);
	CHECK_SLICE(b->head.path, a->head.path);
	CHECK_SLICE(b->head.query, a->head.query);
	CHECK_INT(b->head.upgrade_websocket, a->head.upgrade_websocket);
	CHECK_INT(b->head.content_length, a->head.content_length);
	CHECK_INT(b->head.chunked, a->head.chunked);
	CHECK_INT(b->head.has_body, a->head.has_body);
	CHECK_INT(b->close, a->close);
	CHECK_INT(b->keep_alive, a->keep_alive);
	CHECK_INT(b->nheaders, a->nheaders);
	for (unsigned i = 0; i < a->nheaders; i++) {
		CHECK_SLICE(b->headers[i].name, a->headers[i].name);
		CHECK_SLICE(b->headers[i].value, a->headers[i].value);
	}
}

static void check_head(struct slice text)
{
	struct http_parsed first, again;
	struct buf out = {0};
	char *exact = mem_dup(text.p, text.n);
	if (http_parse_head(slice_of(exact, text.n), &first) == 0) {
		CHECK(first.nheaders <= HTTP_MAX_HEADERS);
		CHECK(!first.head.chunked || !first.head.content_length); /* two readings of one message */
		put_head(&out, &first, slice_of(exact, (size_t)(first.head.target.p - exact) - 1));
		CHECK_INT(http_parse_head(buf_view(&out), &again), 0);
		same_head(&first, &again);
	}
	buf_fini(&out);
	free(exact);
}

/* ---- chunks ---- */

struct body {
	struct buf out;
	size_t used;
	enum http_chunked_result result;
};

static void decode(struct body *b, const struct input *in, bool whole)
{
	struct http_chunked c = {0};
	struct slice left = in->content;
	for (size_t i = 0; left.n && b->result == HTTP_CHUNKED_MORE; i++) {
		struct slice piece = whole ? left : input_piece(in, i, &left);
		size_t used = 0;
		left.n = whole ? 0 : left.n;
		b->result = http_chunked_feed(&c, piece.p, piece.n, &b->out, BODY_MOST, &used);
		CHECK(used <= piece.n);
		b->used += used;
	}
}

/* One chunk a piece. */
static void encode(struct buf *out, const struct input *in, struct slice body)
{
	for (size_t i = 0; body.n; i++) {
		struct slice piece = input_piece(in, i, &body);
		buf_printf(out, "%zx\r\n", piece.n);
		buf_slice(out, piece);
		buf_str(out, "\r\n");
	}
	buf_str(out, "0\r\n\r\n");
}

static void check_chunks(const struct input *in)
{
	struct body whole = {0}, parts = {0}, again = {0};
	struct buf encoded = {0};
	decode(&whole, in, true);
	decode(&parts, in, false);
	CHECK(whole.out.n <= BODY_MOST);
	CHECK_INT(parts.result, whole.result);
	CHECK_SLICE(buf_view(&parts.out), buf_view(&whole.out));
	if (whole.result == HTTP_CHUNKED_DONE || whole.result == HTTP_CHUNKED_MORE)
		CHECK_INT(parts.used, whole.used);
	if (whole.result == HTTP_CHUNKED_DONE) {
		encode(&encoded, in, buf_view(&whole.out));
		struct input once = {.content = buf_view(&encoded)};
		decode(&again, &once, true);
		CHECK_INT(again.result, HTTP_CHUNKED_DONE);
		CHECK_SLICE(buf_view(&again.out), buf_view(&whole.out));
	}
	buf_fini(&whole.out);
	buf_fini(&parts.out);
	buf_fini(&again.out);
	buf_fini(&encoded);
}

/* ---- a connection ---- */

struct site {
	struct buf log;
	bool dropped;
	struct http_exchange *parked; /* answered a turn later */
};

static void answer(struct http_exchange *x)
{
	http_respond(x, &(struct http_reply){.status = 200, .body = SLICE("ok")});
}

static void on_head(struct http_exchange *x, void *ctx)
{
	struct site *s = ctx;
	struct buf value = {0};
	buf_printf(&s->log, "head %d ", http_head(x)->method);
	buf_slice(&s->log, http_head(x)->target);
	if (http_query(x, "sid", &value))
		buf_slice(&s->log, buf_view(&value));
	buf_char(&s->log, '\n');
	buf_fini(&value);
	if (slice_eq(http_head(x)->path, SLICE("/now")))
		answer(x);
	else if (slice_eq(http_head(x)->path, SLICE("/drop")) && (s->dropped = true))
		http_drop(x, CLOSE_TRANSPORT);
}

static void on_body(struct http_exchange *x, void *ctx, struct slice body)
{
	struct site *s = ctx;
	CHECK(body.n <= BODY_MOST);
	buf_str(&s->log, "body ");
	buf_slice(&s->log, body);
	buf_char(&s->log, '\n');
	if (slice_eq(http_head(x)->path, SLICE("/park")))
		s->parked = x;
	else
		answer(x);
}

static void on_abort(struct http_exchange *x, void *ctx)
{
	struct site *s = ctx;
	if (s->parked == x)
		s->parked = NULL;
}

static const struct http_events events = {.on_head = on_head, .on_body = on_body, .on_abort = on_abort};
static const struct http_config config = {.max_head = HEAD_MOST, .max_body = BODY_MOST};

static void turn(struct pair *p, struct site *s)
{
	pair_turn(p);
	for (struct http_exchange *x; (x = s->parked); pair_turn(p)) {
		s->parked = NULL;
		answer(x);
	}
}

/* Dates differ from run to run, and where the body is here already nobody is told to go on. */
static void blur(struct buf *b)
{
	strike(b, SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
	strike_faults(b);
	for (size_t i = 0; i + 37 < b->n; i++)
		if (memcmp(b->p + i, "\r\nDate: ", 8) == 0)
			memset(b->p + i + 8, '-', 29);
}

/* False: a handler dropped the connection, and with it what waited to be sent. */
static bool converse(const struct input *in, bool whole, struct buf *answer, struct buf *log)
{
	struct pair p;
	struct site s = {0};
	pair_open(&p);
	http_serve(p.conn, &config, &events, &s);
	struct slice left = in->content;
	for (size_t i = 0; left.n; i++) {
		struct slice piece = whole ? left : input_piece(in, i, &left);
		left.n = whole ? 0 : left.n;
		if (send(p.fd, piece.p, piece.n, MSG_NOSIGNAL) != (ssize_t)piece.n)
			break; /* it has closed */
		turn(&p, &s);
	}
	turn(&p, &s);
	pair_read(&p);
	blur(&p.got);
	buf_slice(answer, buf_view(&p.got));
	pair_close(&p);
	buf_slice(log, buf_view(&s.log));
	buf_fini(&s.log);
	return !s.dropped;
}

static void check_connection(const struct input *in)
{
	struct buf whole = {0}, parts = {0}, log = {0}, log_parts = {0};
	bool all = converse(in, true, &whole, &log);
	CHECK_INT(converse(in, false, &parts, &log_parts), all);
	CHECK_SLICE(buf_view(&log_parts), buf_view(&log));
	if (all)
		CHECK_SLICE(buf_view(&parts), buf_view(&whole));
	else
		CHECK(slice_starts(buf_view(&parts), buf_view(&whole)));
	buf_fini(&whole);
	buf_fini(&parts);
	buf_fini(&log);
	buf_fini(&log_parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct input in = input_open(data, n);
	size_t end = head_end(&in);
	if (end)
		check_head(slice_of(in.content.p, end));
	check_chunks(&in);
	check_connection(&in);
	input_close(&in);
	return 0;
}
