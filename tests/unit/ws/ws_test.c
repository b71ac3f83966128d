#include "ws/frame_reader.h"
#include "ws/ws.h"

#include "pair.h"
#include "test.h"

/* A WebSocket on one end of a pair; the log says what its owner was told. */
struct peer {
	struct pair pair;
	struct ws *ws;
	struct buf log; /* t"text" b"bytes" !reason */
	bool close_on_message, kill_on_message;
};

#define LINGER_MS 100

static struct ws_config config = {.max_message = 100, .max_fragments = 5, .close_linger_ms = LINGER_MS};

static void on_message(struct ws *w, void *owner, bool binary, struct slice data)
{
	struct peer *p = owner;
	buf_char(&p->log, binary ? 'b' : 't');
	buf_json_str(&p->log, data);
	if (p->close_on_message)
		ws_close(w, 0, CLOSE_PARSE);
	if (p->kill_on_message)
		conn_kill(ws_conn(w), CLOSE_KICKED);
}

static void on_close(struct ws *w, void *owner, enum close_reason why)
{
	(void)w;
	struct peer *p = owner;
	buf_char(&p->log, '!');
	buf_str(&p->log, close_label(why));
	p->ws = NULL;
}

static const struct ws_events ws_events = {.on_message = on_message, .on_close = on_close};

static void on_head(struct http_exchange *x, void *ctx)
{
	(void)x, (void)ctx;
}

static void on_body(struct http_exchange *x, void *ctx, struct slice body)
{
	(void)body;
	const char *why;
	struct peer *p = ctx;
	CHECK_INT(ws_check(x, &why), 0);
	if (!config.reader) /* one for all */
		config.reader = ws_reader_new();
	p->ws = ws_accept(x, &config, slice_of("", 0), &ws_events, p);
}

static const struct http_events http_events = {.on_head = on_head, .on_body = on_body};
static const struct http_config http_config = {.max_head = 16384, .max_body = 100};
static const struct slice handshake = SLICE(
	"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");

/* A frame of a client, masked, with this first byte. */
static void put_frame(struct buf *b, unsigned first, struct slice data)
{
	static const char mask[4] = {0x37, (char)0xfa, 0x21, 0x3d};
	char head[WS_HEAD_MAX];
	size_t n = ws_frame_head(head, 0, data.n);
	head[0] = (char)first;
	head[1] = (char)(head[1] | 0x80);
	buf_add(b, head, n);
	buf_add(b, mask, 4);
	for (size_t i = 0; i < data.n; i++)
		buf_char(b, (char)(data.p[i] ^ mask[i % 4]));
}

static void start(struct peer *p, struct slice early)
{
	struct buf b = {0};
	*p = (struct peer){0};
	pair_open(&p->pair);
	http_serve(p->pair.conn, &http_config, &http_events, p);
	buf_slice(&b, handshake);
	buf_slice(&b, early);
	pair_say(&p->pair, buf_view(&b));
	buf_fini(&b);
	const char *end = memmem(p->pair.got.p, p->pair.got.n, "\r\n\r\n", 4);
	CHECK(end && memcmp(p->pair.got.p, "HTTP/1.1 101 ", 13) == 0);
	buf_drop(&p->pair.got, (size_t)(end + 4 - p->pair.got.p));
}

static void finish(struct peer *p)
{
	pair_close(&p->pair);
	buf_fini(&p->log);
	config.close_linger_ms = LINGER_MS;
}

struct frame {
	unsigned first;
	struct slice data;
};

struct row {
	const char *name;
	struct frame frames[7];
	struct slice raw; /* instead of, or behind the frames */
	const char *log;
	struct slice answer;
};

#define LONG100 "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"

static const struct row rows[] = {
	{"text", {{0x81, SLICE("hello")}, {0x81, SLICE("")}}, .log = "t\"hello\"t\"\""},
	{"binary", {{0x82, SLICE("\0\xff")}, {0x82, SLICE("")}}, .log = "b\"\\u0000\xff\"b\"\""},
	{"fragments",
         {{0x01, SLICE("a")}, {0x00, SLICE("")}, {0x00, SLICE("b")}, {0x80, SLICE("c")}, {0x81, SLICE("d")}},
         .log = "t\"abc\"t\"d\""},
	{"empty fragments", {{0x02, SLICE("")}, {0x80, SLICE("")}}, .log = "b\"\""},
	{"ping in between",
         {{0x01, SLICE("a")}, {0x89, SLICE("x")}, {0x80, SLICE("b")}},
         .log = "t\"ab\"",
         .answer = SLICE("\x8a\x01x")},
	{"empty ping", {{0x89, SLICE("")}}, .log = "", .answer = SLICE("\x8a\x00")},
	{"unasked pong", {{0x8a, SLICE("x")}}, .log = ""},
	{"split character", {{0x01, SLICE("\xe2\x82")}, {0x80, SLICE("\xac")}}, .log = "t\"\xe2\x82\xac\""},
	{"largest", {{0x81, SLICE(LONG100)}}, .log = "t\"" LONG100 "\""},
	{"largest in parts",
         {{0x01, SLICE("x")}, {0x80, SLICE("x")}, {0x01, SLICE("")}, {0x80, SLICE(LONG100)}},
         .log = "t\"xx\"t\"" LONG100 "\""},
	{"most fragments",
         {{0x01, SLICE("a")}, {0, SLICE("a")}, {0, SLICE("a")}, {0, SLICE("a")}, {0x80, SLICE("a")}},
         .log = "t\"aaaaa\""},

	{"too large", {{0x81, SLICE(LONG100 "x")}}, .log = "!too_large", .answer = SLICE("\x88\x02\x03\xf1")},
	{"sum too large",
         {{0x01, SLICE("x")}, {0x80, SLICE(LONG100)}},
         .log = "!too_large",
         .answer = SLICE("\x88\x02\x03\xf1")},
	{"announced too large", .raw = SLICE("\x82\xff\x00\x00\x00\xff\xff\xff\xff\xff"), .log = "!too_large",
         .answer = SLICE("\x88\x02\x03\xf1")},
	{"too many fragments",
         {{0x01, SLICE("a")}, {0, SLICE("")}, {0, SLICE("")}, {0, SLICE("")}, {0, SLICE("")}, {0x80, SLICE("")}},
         .log = "!too_large",
         .answer = SLICE("\x88\x02\x03\xf1")},
	{"not UTF-8", {{0x81, SLICE("a\xff")}}, .log = "!protocol", .answer = SLICE("\x88\x02\x03\xef")},
	{"surrogate", {{0x81, SLICE("\xed\xa0\x80")}}, .log = "!protocol", .answer = SLICE("\x88\x02\x03\xef")},
	{"cut character", {{0x81, SLICE("\xe2\x82")}}, .log = "!protocol", .answer = SLICE("\x88\x02\x03\xef")},
	{"cut character in parts",
         {{0x01, SLICE("\xe2\x82")}, {0x80, SLICE("")}},
         .log = "!protocol",
         .answer = SLICE("\x88\x02\x03\xef")},
	{"unmasked", .raw = SLICE("\x81\x01x"), .log = "!protocol", .answer = SLICE("\x88\x02\x03\xea")},
	{"RSV1", {{0xc1, SLICE("a")}}, .log = "!protocol", .answer = SLICE("\x88\x02\x03\xea")},
	{"RSV3 on ping", {{0x99, SLICE("a")}}, .log = "!protocol", .answer = SLICE("\x88\x02\x03\xea")},
	{"opcode 3", {{0x83, SLICE("a")}}, .log = "!protocol", .answer = SLICE("\x88\x02\x03\xea")},
	{"opcode 11", {{0x8b, SLICE("")}}, .log = "!protocol", .answer = SLICE("\x88\x02\x03\xea")},
	{"continuation of nothing", {{0x80, SLICE("a")}}, .log = "!protocol", .answer = SLICE("\x88\x02\x03\xea")},
	{"text inside a message",
         {{0x01, SLICE("a")}, {0x81, SLICE("b")}},
         .log = "!protocol",
         .answer = SLICE("\x88\x02\x03\xea")},
	{"fragmented ping", {{0x09, SLICE("a")}}, .log = "!protocol", .answer = SLICE("\x88\x02\x03\xea")},
	{"long ping", .raw = SLICE("\x89\xfe\x00\x7e"), .log = "!protocol", .answer = SLICE("\x88\x02\x03\xea")},
	{"length not shortest, 16 bits", .raw = SLICE("\x81\xfe\x00\x01\0\0\0\0x"), .log = "!protocol",
         .answer = SLICE("\x88\x02\x03\xea")},
	{"length not shortest, 64 bits", .raw = SLICE("\x81\xff\0\0\0\0\0\0\0\1\0\0\0\0x"), .log = "!protocol",
         .answer = SLICE("\x88\x02\x03\xea")},
	{"length with its top bit", .raw = SLICE("\x81\xff\x80\0\0\0\0\0\0\1"), .log = "!protocol",
         .answer = SLICE("\x88\x02\x03\xea")},
	{"nothing after a violation counts",
         {{0x83, SLICE("a")}, {0x81, SLICE("late")}},
         .log = "!protocol",
         .answer = SLICE("\x88\x02\x03\xea")},

	{"close", {{0x88, SLICE("")}, {0x81, SLICE("late")}}, .log = "!peer", .answer = SLICE("\x88\x00")},
	{"close 1000", {{0x88, SLICE("\x03\xe8")}}, .log = "!peer", .answer = SLICE("\x88\x02\x03\xe8")},
	{"close with reason",
         {{0x88, SLICE("\x0f\xa0"
                       "bye")}},
         .log = "!peer",
         .answer = SLICE("\x88\x02\x0f\xa0")},
	{"close of one byte", {{0x88, SLICE("\x03")}}, .log = "!protocol", .answer = SLICE("\x88\x02\x03\xea")},
	{"close 1005", {{0x88, SLICE("\x03\xed")}}, .log = "!protocol", .answer = SLICE("\x88\x02\x03\xea")},
	{"close 1006", {{0x88, SLICE("\x03\xee")}}, .log = "!protocol", .answer = SLICE("\x88\x02\x03\xea")},
	{"close 999", {{0x88, SLICE("\x03\xe7")}}, .log = "!protocol", .answer = SLICE("\x88\x02\x03\xea")},
	{"close 5000", {{0x88, SLICE("\x13\x88")}}, .log = "!protocol", .answer = SLICE("\x88\x02\x03\xea")},
	{"close reason not UTF-8",
         {{0x88, SLICE("\x03\xe8\xff")}},
         .log = "!protocol",
         .answer = SLICE("\x88\x02\x03\xef")},
	{"close inside a message",
         {{0x01, SLICE("a")}, {0x88, SLICE("")}},
         .log = "!peer",
         .answer = SLICE("\x88\x00")},
};

static void wire_of(const struct row *r, struct buf *b)
{
	for (size_t i = 0; i < ARRAY_LEN(r->frames) && r->frames[i].data.p; i++)
		put_frame(b, r->frames[i].first, r->frames[i].data);
	buf_slice(b, r->raw);
}

static void check_row(const struct row *r, const struct peer *p)
{
	CHECK_SLICE(buf_view(&p->log), slice_str(r->log));
	CHECK_SLICE(buf_view(&p->pair.got), r->answer);
}

TEST(frames_at_once)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct peer p;
		struct buf b = {0};
		CHECK_ROW(rows[i].name);
		start(&p, slice_of("", 0));
		wire_of(&rows[i], &b);
		pair_say(&p.pair, buf_view(&b));
		check_row(&rows[i], &p);
		buf_fini(&b);
		finish(&p);
	}
}

TEST(frames_byte_by_byte)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct peer p;
		struct buf b = {0};
		CHECK_ROW(rows[i].name);
		start(&p, slice_of("", 0));
		wire_of(&rows[i], &b);
		for (size_t k = 0; k < b.n && !p.pair.eof && !p.pair.reset; k++)
			if (send(p.pair.fd, b.p + k, 1, MSG_NOSIGNAL) == 1) {
				pair_turn(&p.pair);
				pair_read(&p.pair);
			}
		check_row(&rows[i], &p);
		buf_fini(&b);
		finish(&p);
	}
}

/* W5: bytes that come with the head of the request are frames. */
TEST(frames_with_the_handshake)
{
	struct peer p;
	struct buf b = {0};
	put_frame(&b, 0x81, SLICE("early"));
	put_frame(&b, 0x89, SLICE("p"));
	start(&p, buf_view(&b));
	CHECK_SLICE(buf_view(&p.log), SLICE("t\"early\""));
	CHECK_SLICE(buf_view(&p.pair.got), SLICE("\x8a\x01p"));
	buf_fini(&b);
	finish(&p);
}

TEST(every_length_unmasks_right)
{
	struct peer p;
	struct buf b = {0};
	start(&p, slice_of("", 0));
	/* lengths around four, the size of the mask, in one read */
	for (size_t n = 0; n < 40; n++)
		put_frame(&b, 0x81, slice_of(LONG100, n));
	pair_say(&p.pair, buf_view(&b));
	b.n = 0;
	for (int n = 0; n < 40; n++)
		buf_printf(&b, "t\"%.*s\"", n, LONG100);
	CHECK_SLICE(buf_view(&p.log), buf_view(&b));
	buf_fini(&b);
	finish(&p);
}

TEST(we_close)
{
	struct peer p;
	struct buf b = {0};
	start(&p, slice_of("", 0));
	struct blob *frame = blob_copy(SLICE("\x81\x01x"));
	ws_send(p.ws, frame);
	ws_close(p.ws, 1000, CLOSE_KICKED);
	ws_close(p.ws, 1001, CLOSE_DONE);
	ws_send(p.ws, frame); /* too late */
	pair_turn(&p.pair);
	pair_read(&p.pair);
	CHECK_SLICE(buf_view(&p.pair.got), SLICE("\x81\x01x\x88\x02\x03\xe8"));
	CHECK(!p.pair.eof);
	put_frame(&b, 0x81, SLICE("in flight"));
	put_frame(&b, 0x88, SLICE("\x03\xe8"));
	pair_say(&p.pair, buf_view(&b));
	CHECK(p.pair.eof);
	shutdown(p.pair.fd, SHUT_WR);
	pair_turn(&p.pair);
	CHECK_SLICE(buf_view(&p.log), SLICE("!kicked"));
	CHECK_INT(p.pair.budget.killed[CLOSE_KICKED], 1);
	blob_unref(&frame);
	buf_fini(&b);
	finish(&p);
}

/* What is in the middle of a frame is no Close, however it looks, wherever the frame is cut. */
TEST(we_close_into_a_large_frame)
{
	static const char lookalike[] = "\x88\x80zzzz";
	config.close_linger_ms = 60000; /* the Close alone ends it */
	for (int too_large = 0; too_large < 2; too_large++) {
		struct peer p;
		struct buf b = {0};
		start(&p, slice_of("", 0));
		ws_close(p.ws, 0, CLOSE_PARSE);
		char head[] = {(char)0x82, (char)(too_large ? 0xfe : 0xe0), 0, (char)160};
		pair_say(&p.pair, slice_of(head, too_large ? 4 : 2));
		pair_say(&p.pair, SLICE("mask"));
		for (int sent = 0; sent < (too_large ? 160 : 96); sent += too_large ? 8 : 6) {
			pair_say(&p.pair, slice_of(lookalike, 6));
			if (too_large)
				pair_say(&p.pair, SLICE("\x88\x80"));
			CHECK(!p.pair.eof);
		}
		put_frame(&b, 0x88, SLICE(""));
		pair_say(&p.pair, buf_view(&b));
		CHECK(p.pair.eof);
		CHECK_SLICE(buf_view(&p.pair.got), SLICE("\x88\x00"));
		shutdown(p.pair.fd, SHUT_WR);
		pair_turn(&p.pair);
		CHECK_INT(p.pair.budget.killed[CLOSE_PARSE], 1);
		buf_fini(&b);
		finish(&p);
	}
}

TEST(we_close_and_the_peer_keeps_silent)
{
	struct peer p;
	start(&p, slice_of("", 0));
	ws_close(p.ws, 0, CLOSE_PARSE);
	pair_turn(&p.pair);
	usleep(150000);
	pair_turn(&p.pair);
	pair_read(&p.pair);
	CHECK_SLICE(buf_view(&p.pair.got), SLICE("\x88\x00"));
	CHECK(p.pair.eof);
	finish(&p);
}

TEST(closed_and_killed_from_inside)
{
	for (int kill = 0; kill < 2; kill++) {
		struct peer p;
		struct buf b = {0};
		start(&p, slice_of("", 0));
		p.close_on_message = !kill;
		p.kill_on_message = kill;
		put_frame(&b, 0x81, SLICE("a"));
		put_frame(&b, 0x81, SLICE("b"));
		pair_say(&p.pair, buf_view(&b));
		CHECK_SLICE(buf_view(&p.log), kill ? SLICE("t\"a\"!kicked") : SLICE("t\"a\""));
		CHECK_SLICE(buf_view(&p.pair.got), kill ? SLICE("") : SLICE("\x88\x00"));
		buf_fini(&b);
		finish(&p);
	}
}

TEST(finish_says_no_close)
{
	struct peer p;
	start(&p, slice_of("", 0));
	ws_finish(p.ws, CLOSE_SHUTDOWN);
	pair_turn(&p.pair);
	pair_read(&p.pair);
	CHECK(p.pair.got.n == 0 && p.pair.eof);
	finish(&p);
}

TEST(peer_fin_without_close)
{
	struct peer p;
	start(&p, slice_of("", 0));
	shutdown(p.pair.fd, SHUT_WR);
	pair_turn(&p.pair);
	CHECK_SLICE(buf_view(&p.log), SLICE("!peer"));
	finish(&p);
}

/* A peer that pings and does not read costs the memory of one pong. When it reads, it gets the latest. */
TEST(pongs_do_not_pile_up)
{
	struct peer p;
	struct buf b = {0};
	start(&p, slice_of("", 0));
	struct blob *filler = blob_new(500000);
	memset(filler->p, 'x', filler->n);
	ws_send(p.ws, filler);
	pair_turn(&p.pair);
	size_t queued = conn_queued(ws_conn(p.ws));
	CHECK(queued > 0);
	for (int i = 0; i < 300; i++)
		put_frame(&b, 0x89, i < 299 ? SLICE("old") : SLICE("latest"));
	CHECK_INT(send(p.pair.fd, b.p, b.n, 0), b.n);
	pair_turn(&p.pair);
	CHECK(conn_queued(ws_conn(p.ws)) <= queued + 20);
	for (int i = 0; i < 100 && conn_queued(ws_conn(p.ws)); i++) {
		pair_read(&p.pair);
		pair_turn(&p.pair);
	}
	pair_turn(&p.pair);
	pair_read(&p.pair);
	CHECK(p.pair.got.n > 8 + filler->n && memcmp(p.pair.got.p + p.pair.got.n - 8, "\x8a\x06latest", 8) == 0);
	CHECK(p.pair.got.n <= filler->n + 5 + 8);
	blob_unref(&filler);
	buf_fini(&b);
	finish(&p);
}
