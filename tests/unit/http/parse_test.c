#include "http/parse.h"

#include "base/mem.h"
#include "test.h"

/* Parses a copy of exact size; the slices of *p are good until the next call. */
static int parse(struct slice s, struct http_parsed *p)
{
	static char *text;
	free(text);
	text = mem_dup(s.p, s.n);
	return http_parse_head(slice_of(text, s.n), p);
}

static int parse_str(const char *s, struct http_parsed *p)
{
	return parse(slice_str(s), p);
}

TEST(head_ends_behind_the_blank_line)
{
	struct slice s = SLICE("GET / HTTP/1.1\r\nHost: a\r\n\r\nbody\r\n\r\n");
	size_t scanned = 0;
	for (size_t n = 0; n <= s.n; n++) { /* byte by byte, remembering what was scanned */
		size_t end;
		CHECK_INT(http_head_end(slice_of(s.p, n), &scanned, &end), 0);
		if (n >= 27) {
			CHECK_INT(end, 27);
			break;
		}
		CHECK_INT(end, 0);
		CHECK_INT(scanned, n);
	}
	for (size_t n = 0; n <= s.n; n++) { /* at once */
		size_t end;
		scanned = 0;
		CHECK_INT(http_head_end(slice_of(s.p, n), &scanned, &end), 0);
		CHECK_INT(end, n < 27 ? 0 : 27);
	}
}

/* At which byte a head is refused that would never end, when it comes a byte at a time; and that it is when it comes at
 * once. */
TEST(what_begins_no_request_is_refused_before_its_end)
{
	static const struct {
		const char *name;
		struct slice bytes;
		size_t at;
		int status;
	} rows[] = {
		{"a TLS hello", SLICE("\x16\x03\x01\x02"), 1, 400},
		{"bare LF", SLICE("GET / HTTP/1.1\nHost: a\n\n"), 15, 400},
		{"bare LF behind a header", SLICE("GET / HTTP/1.1\r\nHost: a\n\n"), 24, 400},
		{"bare CR", SLICE("GET / HTTP/1.1\rHost: a"), 16, 400},
		{"NUL", SLICE("GET / HTTP/1.1\r\nHost: a\0"), 24, 400},
		{"ssh", SLICE("SSH-2.0-OpenSSH_9.2\r\n"), 21, 400},
		{"another protocol with blanks", SLICE("EHLO mail example\r\n"), 19, 400},
		{"HTTP/2", SLICE("PRI * HTTP/2.0\r\n"), 16, 505},
		{"a request so far", SLICE("GET / HTTP/1.1\r\nHost: a\tb\xff\r\nX"), 0, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t scanned = 0, end, n = 0;
		int status = 0;
		CHECK_ROW(rows[i].name);
		while (!status && n++ < rows[i].bytes.n)
			status = http_head_end(slice_of(rows[i].bytes.p, n), &scanned, &end);
		CHECK_INT(status, rows[i].status);
		CHECK_INT(status ? n : 0, rows[i].at);
		scanned = 0;
		CHECK_INT(http_head_end(rows[i].bytes, &scanned, &end), rows[i].status);
	}
}

TEST(request_is_taken_apart)
{
	struct http_parsed p;
	CHECK_INT(
		parse_str(
			"GET /socket.io/?EIO=4&transport=polling?x HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nX-Blank: \t v w \t\r\n\r\n",
			&p),
		0);
	CHECK_INT(p.head.method, HTTP_GET);
	CHECK_SLICE(p.head.target, SLICE("/socket.io/?EIO=4&transport=polling?x"));
	CHECK_SLICE(p.head.path, SLICE("/socket.io/"));
	CHECK_SLICE(p.head.query, SLICE("EIO=4&transport=polling?x"));
	CHECK_INT(p.nheaders, 3);
	CHECK_SLICE(p.headers[1].name, SLICE("X-Empty"));
	CHECK_SLICE(p.headers[1].value, SLICE(""));
	CHECK_SLICE(p.headers[2].value, SLICE("v w"));
	CHECK(!p.head.http10 && !p.head.upgrade && !p.head.has_body && !p.head.chunked && !p.close && !p.keep_alive &&
	      !p.expect_continue);
	CHECK_INT(parse_str("HEAD * HTTP/1.0\r\n\r\n", &p), 0);
	CHECK_SLICE(p.head.path, SLICE("*"));
	CHECK_SLICE(p.head.query, SLICE(""));
	CHECK(p.head.http10 && p.head.method == HTTP_HEAD);
}

TEST(methods)
{
	static const struct {
		const char *name;
		enum http_method method;
	} rows[] = {
		{"GET", HTTP_GET},    {"HEAD", HTTP_HEAD},   {"POST", HTTP_POST},     {"OPTIONS", HTTP_OPTIONS},
		{"PUT", HTTP_PUT},    {"PATCH", HTTP_PATCH}, {"DELETE", HTTP_DELETE}, {"get", HTTP_OTHER},
		{"GETS", HTTP_OTHER}, {"TRACE", HTTP_OTHER}, {"CONNECT", HTTP_OTHER}, {"M-SEARCH", HTTP_OTHER},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[100];
		struct http_parsed p;
		CHECK_ROW(rows[i].name);
		snprintf(text, sizeof text, "%s / HTTP/1.1\r\nHost: a\r\n\r\n", rows[i].name);
		CHECK_INT(parse_str(text, &p), 0);
		CHECK_INT(p.head.method, rows[i].method);
	}
}

TEST(request_lines)
{
	static const struct {
		const char *line;
		int status;
	} rows[] = {
		{"GET / HTTP/1.1", 0},
		{"GET /a%20b?\xc3\xa9 HTTP/1.1", 0},
		{"GET http://a/b HTTP/1.1", 0},
		{"GET / HTTP/2.0", 505},
		{"GET / HTTP/1.2", 505},
		{"GET / HTTP/1.10", 505},
		{"", 400},
		{"GET", 400},
		{"GET /", 400},
		{"GET  HTTP/1.1", 400},
		{"GET / http/1.1", 400},
		{"GET / HTTP", 400},
		{"GET / HTTP/1.1 ", 400},
		{"GET /  HTTP/1.1", 400},
		{"GET  / HTTP/1.1", 400},
		{" GET / HTTP/1.1", 400},
		{"GET /a b HTTP/1.1", 400},
		{"GET /a\tb HTTP/1.1", 400},
		{"GET /\x7f HTTP/1.1", 400},
		{"GET /\x01 HTTP/1.1", 400},
		{"G(T / HTTP/1.1", 400},
		{"G\xc3T / HTTP/1.1", 400},
		{"GET\t/ HTTP/1.1", 400},
		{"GET / HTTP/1.1\r", 400},
		{"GET /\nHost: b HTTP/1.1", 400},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[200];
		struct http_parsed p;
		CHECK_ROW(rows[i].line);
		snprintf(text, sizeof text, "%s\r\nHost: a\r\n\r\n", rows[i].line);
		CHECK_INT(parse_str(text, &p), rows[i].status);
	}
	struct http_parsed p;
	CHECK_INT(parse(SLICE("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"), &p), 400);
	CHECK_INT(parse(SLICE("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"), &p), 400);
	CHECK_INT(parse(SLICE("GET / HTTP/1.1\r\nHost: a\r\nX\0: a\r\n\r\n"), &p), 400);
}

struct header_row {
	const char *headers;
	int status;
	bool has_body, chunked, upgrade, websocket, close, keep_alive, expect;
	uint64_t length;
};

static void check_headers(const char *line, const struct header_row *r)
{
	char text[500];
	struct http_parsed p;
	CHECK_ROW(r->headers);
	snprintf(text, sizeof text, "%s\r\n%s\r\n\r\n", line, r->headers);
	CHECK_INT(parse_str(text, &p), r->status);
	if (r->status)
		return;
	CHECK_INT(p.head.has_body, r->has_body);
	CHECK_INT(p.head.chunked, r->chunked);
	CHECK_INT(p.head.upgrade, r->upgrade);
	CHECK_INT(p.head.upgrade_websocket, r->websocket);
	CHECK_INT(p.close, r->close);
	CHECK_INT(p.keep_alive, r->keep_alive);
	CHECK_INT(p.expect_continue, r->expect);
	CHECK_INT(p.head.content_length, r->length);
}

TEST(framing)
{
	static const struct header_row rows[] = {
		{.headers = "Host: a"},
		{.headers = "hOST:a"},
		{.headers = "Host:"},
		{.headers = "X: y", .status = 400}, /* no Host */
		{.headers = "Host: a\r\nHost: a", .status = 400},
		{.headers = "Host: a\r\nContent-Length: 0"},
		{.headers = "Host: a\r\nCONTENT-LENGTH:\t5 ", .has_body = true, .length = 5},
		{.headers = "Host: a\r\nContent-Length: 007", .has_body = true, .length = 7},
		{.headers = "Host: a\r\nContent-Length: 999999999999999999",
	         .has_body = true,
	         .length = 999999999999999999},
		{.headers = "Host: a\r\nContent-Length: 9999999999999999999", .status = 400},
		{.headers = "Host: a\r\nContent-Length: 18446744073709551616", .status = 400},
		{.headers = "Host: a\r\nContent-Length: 18446744073709551621", .status = 400},
		{.headers = "Host: a\r\nContent-Length:", .status = 400},
		{.headers = "Host: a\r\nContent-Length: -1", .status = 400},
		{.headers = "Host: a\r\nContent-Length: +1", .status = 400},
		{.headers = "Host: a\r\nContent-Length: 0x1", .status = 400},
		{.headers = "Host: a\r\nContent-Length: 1.0", .status = 400},
		{.headers = "Host: a\r\nContent-Length: 1 1", .status = 400},
		{.headers = "Host: a\r\nContent-Length: 1, 1", .status = 400},
		{.headers = "Host: a\r\nContent-Length: 1\r\nContent-Length: 1", .status = 400},
		{.headers = "Host: a\r\nContent-Length: 1\r\ncontent-length: 2", .status = 400},
		{.headers = "Host: a\r\nTransfer-Encoding: chunked", .has_body = true, .chunked = true},
		{.headers = "Host: a\r\ntransfer-encoding: CHUNKED", .has_body = true, .chunked = true},
		{.headers = "Host: a\r\nTransfer-Encoding: gzip", .status = 501},
		{.headers = "Host: a\r\nTransfer-Encoding: gzip, chunked", .status = 501},
		{.headers = "Host: a\r\nTransfer-Encoding: chunked, chunked", .status = 501},
		{.headers = "Host: a\r\nTransfer-Encoding: xchunked", .status = 501},
		{.headers = "Host: a\r\nTransfer-Encoding: identity", .status = 501},
		{.headers = "Host: a\r\nTransfer-Encoding:", .status = 501},
		{.headers = "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", .status = 400},
		{.headers = "Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5", .status = 400},
		{.headers = "Host: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked", .status = 400},
		{.headers = "Host: a\r\nExpect: 100-continue", .expect = true},
		{.headers = "Host: a\r\nExpect: 100-Continue", .expect = true},
		{.headers = "Host: a\r\nExpect: something", .status = 417},
		{.headers = "Host: a\r\nConnection: close", .close = true},
		{.headers = "Host: a\r\nConnection: Keep-Alive", .keep_alive = true},
		{.headers = "Host: a\r\nConnection: x , CLOSE", .close = true},
		{.headers = "Host: a\r\nConnection: closed, not-close"},
		{.headers = "Host: a\r\nConnection: keep-alive\r\nConnection: close",
	         .keep_alive = true,
	         .close = true},
		{.headers = "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket", .upgrade = true, .websocket = true},
		{.headers = "Host: a\r\nconnection: keep-alive, upgrade\r\nupgrade: WebSocket",
	         .upgrade = true,
	         .websocket = true,
	         .keep_alive = true},
		{.headers = "Host: a\r\nUpgrade: websocket"},
		{.headers = "Host: a\r\nConnection: Upgrade"},
		{.headers = "Host: a\r\nConnection: Upgrade\r\nUpgrade: h2c", .upgrade = true},
		{.headers = "Host: a\r\nConnection: Upgrade\r\nUpgrade: websockets", .upgrade = true},
		{.headers = "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0",
	         .upgrade = true,
	         .websocket = true},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_headers("POST / HTTP/1.1", &rows[i]);
	static const struct header_row http10[] = {
		{.headers = "X: y"},
		{.headers = "Connection: keep-alive", .keep_alive = true},
		{.headers = "Content-Length: 3", .has_body = true, .length = 3},
		{.headers = "Transfer-Encoding: chunked", .status = 400},
		{.headers = "Host: a\r\nHost: b", .status = 400},
	};
	for (size_t i = 0; i < ARRAY_LEN(http10); i++)
		check_headers("POST / HTTP/1.0", &http10[i]);
}

TEST(header_lines)
{
	static const struct header_row rows[] = {
		{.headers = "Host: a\r\nX-Odd!#$%&'*+-.^_`|~09: \xc3\xa9\xff"},
		{.headers = "Host: a\r\nX: a\tb"},
		{.headers = "Host: a\r\nX: a:b"},
		{.headers = "Host: a\r\nX", .status = 400},
		{.headers = "Host: a\r\n: x", .status = 400},
		{.headers = "Host: a\r\nX : y", .status = 400},
		{.headers = "Host: a\r\n X: y", .status = 400},
		{.headers = "Host: a\r\n folded", .status = 400},
		{.headers = "Host: a\r\n\tfolded: too", .status = 400},
		{.headers = "Host: a\r\nX(y): z", .status = 400},
		{.headers = "Host: a\r\nX\xc3: z", .status = 400},
		{.headers = "Host: a\r\nX: a\x01", .status = 400},
		{.headers = "Host: a\r\nX: a\x7f", .status = 400},
		{.headers = "Host: a\r\nX: a\rY: b", .status = 400},
		{.headers = "Host: a\r\nX: a\nY: b", .status = 400},
		{.headers = "Host: a\nX: a", .status = 400},
		{.headers = "Host: a\r\nX: a\r", .status = 400},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_headers("GET / HTTP/1.1", &rows[i]);
}

TEST(number_of_headers_is_limited)
{
	struct http_parsed p;
	for (int extra = 0; extra < 2; extra++) {
		struct buf b = {0};
		buf_str(&b, "GET / HTTP/1.1\r\nHost: a\r\n");
		for (int i = 1; i < HTTP_MAX_HEADERS + extra; i++)
			buf_printf(&b, "X%d: y\r\n", i);
		buf_str(&b, "\r\n");
		CHECK_INT(parse(buf_view(&b), &p), extra ? 431 : 0);
		buf_fini(&b);
	}
}

TEST(every_cut_of_a_head_is_refused_or_whole)
{
	struct slice s = SLICE("POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n");
	struct http_parsed p;
	for (size_t n = 0; n < s.n; n++) {
		int status = parse(slice_of(s.p, n), &p);
		/* a head that is cut at the end of a line may look whole: only the caller knows where it ends */
		CHECK(status != 0 || (n >= 2 && s.p[n - 1] == '\n'));
	}
	CHECK_INT(parse(s, &p), 0);
}

TEST(names_and_tokens)
{
	CHECK(http_name_eq(SLICE("HoSt"), "host"));
	CHECK(!http_name_eq(SLICE("hosts"), "host"));
	CHECK(!http_name_eq(SLICE("hos"), "host"));
	CHECK(!http_name_eq(SLICE("HOST\0"), "host"));
	CHECK(!http_name_eq(SLICE("@"), "`")); /* only letters have two cases */
	CHECK(http_has_token(SLICE("a, B ,c"), "b"));
	CHECK(http_has_token(SLICE(",,\tb\t,"), "b"));
	CHECK(!http_has_token(SLICE("a b"), "b"));
	CHECK(!http_has_token(SLICE(""), "b"));
	CHECK(!http_has_token(SLICE("ab,ba"), "b"));
}
