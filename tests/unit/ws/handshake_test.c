#include "ws/handshake.h"

#include "pair.h"
#include "test.h"

/* The results of ws_check and ws_accept_head for a request. */
struct answer {
	int status;
	const char *why;
	struct buf head;
};

static void on_head(struct http_exchange *x, void *ctx)
{
	(void)x, (void)ctx;
}

static void on_body(struct http_exchange *x, void *ctx, struct slice body)
{
	(void)body;
	struct answer *a = ctx;
	a->status = ws_check(x, &a->why);
	ws_accept_head(&a->head, x, SLICE("Vary: Origin\r\n"));
	http_drop(x, CLOSE_DONE);
}

static const struct http_events events = {.on_head = on_head, .on_body = on_body};
static const struct http_config config = {.max_head = 16384, .max_body = 100, .head_timeout_ms = 1000};

static struct answer ask(const char *request)
{
	struct pair p;
	struct answer a = {.status = -1};
	pair_open(&p);
	http_serve(p.conn, &config, &events, &a);
	pair_say(&p, slice_str(request));
	pair_close(&p);
	CHECK(a.status != -1);
	return a;
}

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define GET "GET / HTTP/1.1\r\nHost: h\r\n"

TEST(answer_is_spelled_exactly)
{
	struct answer a = ask(GET UPGRADE KEY VERSION
	                      "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n");
	CHECK_INT(a.status, 0);
	CHECK(!a.why);
	CHECK_SLICE(buf_view(&a.head), SLICE("HTTP/1.1 101 Switching Protocols\r\n"
	                                     "Upgrade: websocket\r\n"
	                                     "Connection: Upgrade\r\n"
	                                     "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" /* RFC 6455 1.3 */
	                                     "Vary: Origin\r\n\r\n"));
	buf_fini(&a.head);
}

TEST(checks)
{
	static const struct {
		const char *request;
		const char *why; /* NULL: accepted */
	} rows[] = {
		{GET UPGRADE KEY VERSION "\r\n", NULL},
		{GET "upgrade: WebSocket\r\nconnection: keep-alive, upgrade\r\n" KEY VERSION "\r\n", NULL},
		{GET UPGRADE KEY VERSION "Content-Length: 0\r\n\r\n", NULL},
		{GET UPGRADE VERSION "sec-websocket-key:\tAAAAAAAAAAAAAAAAAAAAAA== \r\n\r\n", NULL},
		{"POST / HTTP/1.1\r\nHost: h\r\n" UPGRADE KEY VERSION "\r\n", "Bad handshake method"},
		{"HEAD / HTTP/1.1\r\nHost: h\r\n" UPGRADE KEY VERSION "\r\n", "Bad handshake method"},
		{"GET / HTTP/1.0\r\nHost: h\r\n" UPGRADE KEY VERSION "\r\n", "Bad request"},
		{GET "Upgrade: websocket\r\n" KEY VERSION "\r\n", "Bad request"},
		{GET "Connection: Upgrade\r\n" KEY VERSION "\r\n", "Bad request"},
		{GET "Upgrade: h2c\r\nConnection: Upgrade\r\n" KEY VERSION "\r\n", "Bad request"},
		{GET UPGRADE VERSION "\r\n", "Missing or invalid Sec-WebSocket-Key header"},
		{GET UPGRADE VERSION "Sec-WebSocket-Key:\r\n\r\n", "Missing or invalid Sec-WebSocket-Key header"},
		{GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n\r\n",
	         "Missing or invalid Sec-WebSocket-Key header"}, /* 15 bytes */
		{GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZUE=\r\n\r\n",
	         "Missing or invalid Sec-WebSocket-Key header"}, /* 17 */
		{GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZUFB\r\n\r\n",
	         "Missing or invalid Sec-WebSocket-Key header"}, /* 18 */
		{GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n\r\n",
	         "Missing or invalid Sec-WebSocket-Key header"},
		{GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBs*SBub25jZQ==\r\n\r\n",
	         "Missing or invalid Sec-WebSocket-Key header"},
		{GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhb XBsZSBub25jZQ==\r\n\r\n",
	         "Missing or invalid Sec-WebSocket-Key header"},
		{GET UPGRADE KEY "\r\n", "Missing or invalid Sec-WebSocket-Version header"},
		{GET UPGRADE KEY "Sec-WebSocket-Version: 8\r\n\r\n", "Missing or invalid Sec-WebSocket-Version header"},
		{GET UPGRADE KEY "Sec-WebSocket-Version: 13, 8\r\n\r\n",
	         "Missing or invalid Sec-WebSocket-Version header"},
		{GET UPGRADE KEY "Sec-WebSocket-Version: 013\r\n\r\n",
	         "Missing or invalid Sec-WebSocket-Version header"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].request);
		struct answer a = ask(rows[i].request);
		CHECK_INT(a.status, rows[i].why ? 400 : 0);
		CHECK_STR(a.why, rows[i].why);
		buf_fini(&a.head);
	}
}

TEST(first_subprotocol_is_chosen)
{
	static const struct {
		const char *header, *line;
	} rows[] = {
		{"", NULL},
		{"Sec-WebSocket-Protocol: \r\n", NULL},
		{"Sec-WebSocket-Protocol: chat\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n"},
		{"Sec-WebSocket-Protocol: a , b\r\n", "\r\nSec-WebSocket-Protocol: a\r\n"},
		{"Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n", "\r\nSec-WebSocket-Protocol: a\r\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char request[500];
		CHECK_ROW(rows[i].header);
		snprintf(request, sizeof request, GET UPGRADE KEY VERSION "%s\r\n", rows[i].header);
		struct answer a = ask(request);
		CHECK_INT(a.status, 0);
		const char *at = memmem(a.head.p, a.head.n, "Sec-WebSocket-Protocol", 22);
		CHECK_INT(at != NULL, rows[i].line != NULL);
		CHECK(!rows[i].line || memmem(a.head.p, a.head.n, rows[i].line, strlen(rows[i].line)));
		buf_fini(&a.head);
	}
}

TEST(frame_heads)
{
	static const struct {
		unsigned opcode;
		uint64_t len;
		struct slice head;
	} rows[] = {
		{WS_TEXT, 0, SLICE("\x81\x00")},
		{WS_TEXT, 125, SLICE("\x81\x7d")},
		{WS_TEXT, 126, SLICE("\x81\x7e\x00\x7e")},
		{WS_BINARY, 65535, SLICE("\x82\x7e\xff\xff")},
		{WS_BINARY, 65536, SLICE("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00")},
		{0x8, 2, SLICE("\x88\x02")},
		{WS_TEXT, UINT64_C(0x0123456789abcdef), SLICE("\x81\x7f\x01\x23\x45\x67\x89\xab\xcd\xef")},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char head[WS_HEAD_MAX];
		size_t n = ws_frame_head(head, rows[i].opcode, rows[i].len);
		CHECK_SLICE(slice_of(head, n), rows[i].head);
	}
}
