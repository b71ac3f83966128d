#include "http/http.h"

#include "pair.h"
#include "test.h"

/* A handler: remembers what it was told, and answers as the test wants. */
struct site {
	unsigned heads, bodies, aborts, too_large;
	struct buf targets, body;
	struct http_exchange *parked;
	bool park, answer_in_head, drop, respond_in_too_large;
	size_t max_body;
	const char *query; /* a name to look up */
	struct buf value;
	bool found;
};

static const struct http_reply ok = {.status = 200, .content_type = "text/html", .body = {"ok", 2}};

static void on_too_large(struct http_exchange *x, void *ctx)
{
	((struct site *)ctx)->too_large++;
	http_respond(x, &(struct http_reply){.status = 413, .body = SLICE("big"), .close = true});
}

static void on_head(struct http_exchange *x, void *ctx)
{
	struct site *s = ctx;
	s->heads++;
	buf_slice(&s->targets, http_head(x)->target);
	buf_char(&s->targets, ' ');
	if (s->query)
		s->found = http_query(x, s->query, &s->value);
	if (s->max_body)
		http_set_max_body(x, s->max_body);
	if (s->respond_in_too_large)
		http_set_on_too_large(x, on_too_large);
	if (s->answer_in_head)
		http_respond(x, &ok);
}

static void on_body(struct http_exchange *x, void *ctx, struct slice body)
{
	struct site *s = ctx;
	s->bodies++;
	buf_slice(&s->body, body);
	if (s->park)
		s->parked = x;
	else if (s->drop)
		http_drop(x, CLOSE_TRANSPORT);
	else
		http_respond(x, &ok);
}

static void on_abort(struct http_exchange *x, void *ctx)
{
	struct site *s = ctx;
	s->aborts++;
	if (s->parked == x)
		s->parked = NULL;
}

static const struct http_events site_events = {.on_head = on_head, .on_body = on_body, .on_abort = on_abort};
static const struct http_config config = {
	.max_head = 1024, .max_body = 100, .head_timeout_ms = 200, .request_timeout_ms = 200, .idle_timeout_ms = 200};

static void serve(struct pair *p, struct site *s)
{
	pair_open(p);
	http_serve(p->conn, &config, &site_events, s);
}

static void finish(struct pair *p, struct site *s)
{
	pair_close(p);
	buf_fini(&s->targets);
	buf_fini(&s->body);
	buf_fini(&s->value);
}

/* How often the text occurs in the answers. */
static unsigned count(const struct pair *p, const char *text)
{
	unsigned n = 0;
	size_t len = strlen(text);
	for (const char *at = p->got.p, *end = at + p->got.n; at && (at = memmem(at, (size_t)(end - at), text, len));
	     at += len)
		n++;
	return n;
}

static bool ends_with(const struct pair *p, struct slice tail)
{
	return p->got.n >= tail.n && memcmp(p->got.p + p->got.n - tail.n, tail.p, tail.n) == 0;
}

#define GET "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"

TEST(a_request_and_its_answer)
{
	struct pair p;
	struct site s = {0};
	serve(&p, &s);
	pair_say(&p, SLICE(GET));
	CHECK(s.heads == 1 && s.bodies == 1 && s.body.n == 0);
	CHECK(p.got.n > 17 && memcmp(p.got.p, "HTTP/1.1 200 OK\r\n", 17) == 0);
	CHECK(count(&p, "Content-Type: text/html\r\n") == 1 && count(&p, "Content-Length: 2\r\n") == 1 &&
	      count(&p, "Connection:") == 0);
	CHECK(ends_with(&p, SLICE("\r\n\r\nok")));
	CHECK(!p.eof);
	pair_say(&p, SLICE("\r\n\r\n" GET)); /* empty lines before a request are skipped */
	CHECK(count(&p, "HTTP/1.1 200") == 2);
	finish(&p, &s);
}

TEST(byte_by_byte)
{
	struct pair p;
	struct site s = {0};
	serve(&p, &s);
	struct slice wire = SLICE(
		"\r\nPOST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloPOST /c HTTP/1.1\r\nHost: h\r\n"
		"Transfer-Encoding: chunked\r\n\r\n3\r\nwor\r\n2\r\nld\r\n0\r\n\r\n" GET);
	for (size_t i = 0; i < wire.n; i++)
		pair_say(&p, slice_of(wire.p + i, 1));
	CHECK_SLICE(buf_view(&s.body), SLICE("helloworld"));
	CHECK_SLICE(buf_view(&s.targets), SLICE("/b /c /a "));
	CHECK_INT(count(&p, "HTTP/1.1 200"), 3);
	finish(&p, &s);
}

/* The same bytes in two pieces, cut anywhere. */
TEST(cut_anywhere)
{
	struct slice wire = SLICE(
		"\r\nPOST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nwor\r\n2\r\nld\r\n0\r\nT: t\r\n\r\n" GET);
	for (size_t cut = 0; cut < wire.n; cut++) {
		struct pair p;
		struct site s = {0};
		serve(&p, &s);
		if (cut)
			pair_say(&p, slice_of(wire.p, cut));
		pair_say(&p, slice_of(wire.p + cut, wire.n - cut));
		CHECK_SLICE(buf_view(&s.body), SLICE("world"));
		CHECK_SLICE(buf_view(&s.targets), SLICE("/b /a "));
		CHECK_INT(count(&p, "HTTP/1.1 200"), 2);
		finish(&p, &s);
	}
}

TEST(pipelined_requests_are_answered_in_order)
{
	struct pair p;
	struct site s = {.park = true};
	serve(&p, &s);
	pair_say(&p, SLICE("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n"));
	CHECK_SLICE(buf_view(&s.targets), SLICE("/1 "));
	s.park = false;
	http_respond(s.parked, &ok);
	pair_turn(&p);
	pair_read(&p);
	CHECK_SLICE(buf_view(&s.targets), SLICE("/1 /2 "));
	CHECK_INT(count(&p, "HTTP/1.1 200"), 2);
	finish(&p, &s);
}

TEST(pipelining_is_bounded)
{
	struct pair p;
	struct site s = {.park = true};
	char junk[20000];
	memset(junk, 'x', sizeof junk);
	serve(&p, &s);
	pair_say(&p, SLICE(GET));
	pair_say(&p, slice_of(junk, sizeof junk));
	CHECK(s.aborts == 1 && p.budget.killed[CLOSE_LIMIT] == 1);
	finish(&p, &s);
}

TEST(keep_alive_and_close)
{
	static const struct {
		const char *request;
		bool closes;
		const char *header;
	} rows[] = {
		{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", false, NULL},
		{"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", true, "Connection: close\r\n"},
		{"GET / HTTP/1.0\r\n\r\n", true, "Connection: close\r\n"},
		{"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false, "Connection: keep-alive\r\n"},
		{"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", true, "Connection: close\r\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pair p;
		struct site s = {0};
		CHECK_ROW(rows[i].request);
		serve(&p, &s);
		pair_say(&p, slice_str(rows[i].request));
		CHECK_INT(count(&p, "HTTP/1.1 200"), 1);
		CHECK_INT(p.eof, rows[i].closes);
		CHECK(!rows[i].header || count(&p, rows[i].header) == 1);
		finish(&p, &s);
	}
}

TEST(head_has_no_body)
{
	struct pair p;
	struct site s = {0};
	serve(&p, &s);
	pair_say(&p, SLICE("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"));
	CHECK(count(&p, "Content-Length: 2\r\n") == 1 && ends_with(&p, SLICE("\r\n\r\n")));
	finish(&p, &s);
}

TEST(refused_requests)
{
	static const struct {
		const char *request, *status;
	} rows[] = {
		{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
		{"nonsense\r\n\r\n", "HTTP/1.1 400 "},
		{"\x16\x03\x01\x02 TLS?\r\n\r\n", "HTTP/1.1 400 "},
		{"PRI * HTTP/2.0\r\n\r\n", "HTTP/1.1 505 "},
		{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 501 "},
		{"POST / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n", "HTTP/1.1 417 "},
		{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n", "HTTP/1.1 413 "},
		{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n", "HTTP/1.1 413 "},
		{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\n", "HTTP/1.1 400 "},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pair p;
		struct site s = {0};
		CHECK_ROW(rows[i].request);
		serve(&p, &s);
		pair_say(&p, slice_str(rows[i].request));
		CHECK(count(&p, rows[i].status) == 1 && count(&p, "HTTP/1.1") == 1 &&
		      count(&p, "Connection: close\r\n") == 1);
		CHECK(p.eof && s.bodies == 0);
		finish(&p, &s);
	}
}

TEST(head_size_limit)
{
	for (int over = 0; over < 2; over++)
		for (int whole = 0; whole < 2; whole++) { /* a head that ends, and one that does not */
			struct pair p;
			struct site s = {0};
			struct buf b = {0};
			serve(&p, &s);
			buf_str(&b, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
			while (b.n < 1024 + (size_t)over - (whole ? 4 : 0))
				buf_char(&b, 'x');
			if (whole)
				buf_str(&b, "\r\n\r\n");
			pair_say(&p, buf_view(&b));
			CHECK_INT(count(&p, "HTTP/1.1 200"), whole && !over);
			CHECK_INT(count(&p, "HTTP/1.1 431"), over);
			buf_fini(&b);
			finish(&p, &s);
		}
}

TEST(body_size_limit)
{
	struct pair p;
	struct site s = {0};
	struct buf b = {0};
	serve(&p, &s);
	buf_str(&b, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n");
	for (int i = 0; i < 100; i++)
		buf_char(&b, 'x');
	pair_say(&p, buf_view(&b)); /* exactly the limit is allowed (P9) */
	CHECK(count(&p, "HTTP/1.1 200") == 1 && s.body.n == 100);
	s.max_body = 99;
	s.respond_in_too_large = true;
	pair_say(&p, buf_view(&b));
	CHECK(s.too_large == 1 && count(&p, "HTTP/1.1 413") == 1 && ends_with(&p, SLICE("big")) && p.eof);
	buf_fini(&b);
	finish(&p, &s);
}

TEST(expect_100_continue)
{
	struct pair p;
	struct site s = {0};
	serve(&p, &s);
	pair_say(&p, SLICE("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
	CHECK_SLICE(buf_view(&p.got), SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
	pair_say(&p, SLICE("abc"));
	CHECK(count(&p, "HTTP/1.1 200") == 1 && s.body.n == 3);
	p.got.n = 0;
	s.answer_in_head = true; /* a final status instead */
	pair_say(&p, SLICE("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
	CHECK(count(&p, "100 Continue") == 0 && count(&p, "HTTP/1.1 200") == 1 &&
	      count(&p, "Connection: close\r\n") == 1 && p.eof);
	finish(&p, &s);
}

TEST(peer_that_leaves_aborts)
{
	for (int parked = 0; parked < 2; parked++) {
		struct pair p;
		struct site s = {.park = true};
		serve(&p, &s);
		pair_say(&p, parked ? SLICE(GET) : SLICE("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab"));
		shutdown(p.fd, SHUT_WR);
		pair_turn(&p);
		pair_read(&p);
		CHECK(s.aborts == 1 && !s.parked && p.got.n == 0 && p.eof);
		CHECK_INT(p.budget.killed[CLOSE_PEER], 1);
		finish(&p, &s);
	}
}

TEST(dropped_without_an_answer)
{
	struct pair p;
	struct site s = {.drop = true};
	serve(&p, &s);
	pair_say(&p, SLICE("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" GET));
	CHECK(s.heads == 1 && s.aborts == 0 && p.got.n == 0 && (p.eof || p.reset));
	finish(&p, &s);
}

TEST(timeouts)
{
	static const struct {
		const char *say;
		const char *status;
		enum close_reason why;
	} rows[] = {
		{"GET / HTTP/1.1\r\n", "HTTP/1.1 408 ", CLOSE_HTTP_TIMEOUT},
		{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab", "HTTP/1.1 408 ", CLOSE_HTTP_TIMEOUT},
		{GET, "HTTP/1.1 200 ", CLOSE_IDLE},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pair p;
		struct site s = {0};
		CHECK_ROW(rows[i].say);
		serve(&p, &s);
		pair_say(&p, slice_str(rows[i].say));
		CHECK(!p.eof);
		usleep(250000);
		pair_turn(&p);
		pair_read(&p);
		CHECK(p.eof && count(&p, rows[i].status) == 1);
		shutdown(p.fd, SHUT_WR);
		pair_turn(&p);
		CHECK_INT(p.budget.killed[rows[i].why], 1);
		finish(&p, &s);
	}
	struct pair p;
	struct site s = {.park = true};
	serve(&p, &s);
	pair_say(&p, SLICE(GET));
	usleep(450000);
	pair_turn(&p);
	pair_read(&p);
	CHECK(s.parked && !p.eof); /* a parked request has no time limit (H5) */
	finish(&p, &s);
	CHECK_INT(s.aborts, 1);
}

/* A body that comes a byte at a time is cut; a slow one that goes on is not. Length or chunks make no difference. */
TEST(a_body_that_trickles_is_cut_and_a_slow_one_is_not)
{
	static const struct http_config steps = {
		.max_head = 1024, .max_body = 1000, .request_timeout_ms = 10000, .body_step_ms = 200, .body_step = 10};
	static const struct {
		const char *head, *piece;
		bool whole;
	} rows[] = {
		{"Content-Length: 300", "a", false},
		{"Content-Length: 300", "abcdefghij", true},
		{"Transfer-Encoding: chunked", "1\r\na\r\n", false},
		{"Transfer-Encoding: chunked", "a\r\nabcdefghij\r\n", true},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pair p;
		struct site s = {0};
		char head[128];
		CHECK_ROW(rows[i].piece);
		pair_open(&p);
		http_serve(p.conn, &steps, &site_events, &s);
		snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n", rows[i].head);
		pair_say(&p, slice_str(head));
		for (int k = 0; k < 29 && !p.eof; k++, usleep(rows[i].whole ? 20000 : 60000))
			pair_say(&p, slice_str(rows[i].piece));
		CHECK(p.eof == !rows[i].whole);
		if (rows[i].whole)
			pair_say(&p, i == 1 ? SLICE("abcdefghij") : SLICE("0\r\n\r\n"));
		CHECK_INT(count(&p, "HTTP/1.1 200 "), rows[i].whole);
		CHECK_INT(count(&p, "HTTP/1.1 408 "), !rows[i].whole);
		finish(&p, &s);
	}
	CHECK_ROW("");
}

TEST(queries)
{
	static const struct {
		const char *query, *name;
		bool found;
		struct slice value;
	} rows[] = {
		{"EIO=4&transport=polling", "EIO", true, SLICE("4")},
		{"EIO=4&transport=polling", "transport", true, SLICE("polling")},
		{"EIO=4", "eio", false, SLICE("")},
		{"%45IO=%34", "EIO", true, SLICE("4")},
		{"a=1&a=2", "a", true, SLICE("2")},
		{"a=1&a", "a", true, SLICE("")},
		{"a", "a", true, SLICE("")},
		{"a=", "a", true, SLICE("")},
		{"a=b=c", "a", true, SLICE("b=c")},
		{"a+b=c+d", "a b", true, SLICE("c d")},
		{"a=%2B%26%3d", "a", true, SLICE("+&=")},
		{"a=%", "a", true, SLICE("%")},
		{"a=%4", "a", true, SLICE("%4")},
		{"a=%zz%4g", "a", true, SLICE("%zz%4g")},
		{"a=%00", "a", true, SLICE("\0")},
		{"a=%ff", "a", true, SLICE("\xff")},
		{"&&a=1&&", "a", true, SLICE("1")},
		{"=x", "", true, SLICE("x")},
		{"b=1", "a", false, SLICE("")},
		{"", "a", false, SLICE("")},
		{"a=1?a=2", "a", true, SLICE("1?a=2")},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pair p;
		struct site s = {.query = rows[i].name};
		char text[200];
		CHECK_ROW(rows[i].query);
		serve(&p, &s);
		snprintf(text, sizeof text, "GET /?%s HTTP/1.1\r\nHost: h\r\n\r\n", rows[i].query);
		pair_say(&p, slice_str(text));
		CHECK_INT(s.found, rows[i].found);
		CHECK_SLICE(buf_view(&s.value), rows[i].value);
		finish(&p, &s);
	}
}

/* A request that costs its connection the last room is told to nobody: on_head would come, and no end of it. */
TEST(a_request_that_costs_its_connection_is_not_told)
{
	struct pair p;
	struct site s = {.park = true};
	serve(&p, &s);
	p.budget.max_input_bytes = 10;
	pair_say(&p, SLICE("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
	CHECK_INT(s.heads, 0);
	CHECK_INT(s.aborts, 0);
	CHECK_INT(p.budget.killed[CLOSE_LIMIT], 1);
	finish(&p, &s);
}
