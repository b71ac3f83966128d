/*
 * WebSocket frames as a connection brings them. The first byte of an input says how to read the rest. Even: the bytes
 * of the stream. Odd: a list of frames (first byte, length, payload), and the target adds mask and length field.
 */
#include "target.h"

#include "base/text.h"
#include "pair.h"
#include "ws/frame_reader.h"
#include "ws/ws.h"

#define MESSAGE_MOST 200
#define FRAGMENTS_MOST 5

static struct ws_config config = {
	.max_message = MESSAGE_MOST, .max_fragments = FRAGMENTS_MOST, .close_linger_ms = 1000};

/* What the owner heard: messages, then the reason of the end. */
struct peer {
	struct pair pair;
	struct ws *ws;
	struct buf messages; /* as frames of their own, one a message */
	struct buf end;
};

/* A client's frame, masked. */
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

static void on_message(struct ws *w, void *owner, bool binary, struct slice data)
{
	(void)w;
	struct peer *p = owner;
	CHECK(!p->end.n);
	CHECK(data.n <= MESSAGE_MOST);
	CHECK(binary || utf8_valid(data));
	put_frame(&p->messages, 0x80 | (binary ? WS_BINARY : WS_TEXT), data);
}

static void on_close(struct ws *w, void *owner, enum close_reason why)
{
	(void)w;
	struct peer *p = owner;
	CHECK(!p->end.n); /* once */
	buf_str(&p->end, close_label(why));
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

/* Feeds the stream, in pieces where `in` is given. */
static void feed(struct peer *p, struct slice stream, const struct input *in)
{
	*p = (struct peer){0};
	pair_open(&p->pair);
	http_serve(p->pair.conn, &http_config, &http_events, p);
	pair_say(&p->pair, handshake);
	CHECK(p->ws);
	p->pair.got.n = 0;
	for (size_t i = 0; stream.n; i++) {
		struct slice piece = in ? input_piece(in, i, &stream) : stream;
		stream.n = in ? stream.n : 0;
		if (send(p->pair.fd, piece.p, piece.n, MSG_NOSIGNAL) != (ssize_t)piece.n)
			break; /* it has closed */
		pair_turn(&p->pair);
	}
	pair_read(&p->pair);
}

static void fini(struct peer *p)
{
	pair_close(&p->pair);
	CHECK(!p->ws);
	buf_fini(&p->messages);
	buf_fini(&p->end);
}

/*
 * The code of the Close that came back; -1 without one. All before it must be whole pongs; their number depends on the
 * cuts.
 */
static int close_code(const struct peer *p)
{
	const unsigned char *at = (const unsigned char *)p->pair.got.p;
	size_t left = p->pair.got.n;
	while (left) {
		CHECK(left >= 2 && at[1] <= 125 && left >= 2u + at[1]);
		CHECK(at[0] == 0x8a || at[0] == 0x88);
		size_t n = 2u + at[1];
		if (at[0] == 0x88) {
			CHECK_INT(left, n);
			return n == 2 ? 0 : at[2] << 8 | at[3];
		}
		at += n;
		left -= n;
	}
	return -1;
}

static void check_stream(struct slice stream, const struct input *in)
{
	struct peer whole, parts, again;
	feed(&whole, stream, NULL);
	feed(&parts, stream, in);
	CHECK_SLICE(buf_view(&parts.messages), buf_view(&whole.messages));
	CHECK_SLICE(buf_view(&parts.end), buf_view(&whole.end));
	CHECK_INT(close_code(&parts), close_code(&whole));
	feed(&again, buf_view(&whole.messages), in);
	CHECK_SLICE(buf_view(&again.messages), buf_view(&whole.messages));
	CHECK_INT(again.end.n, 0);
	fini(&whole);
	fini(&parts);
	fini(&again);
}

static void put_frames(struct buf *out, struct slice list)
{
	while (list.n >= 2) {
		size_t n = (uint8_t)list.p[1];
		n = n < list.n - 2 ? n : list.n - 2;
		put_frame(out, (uint8_t)list.p[0], slice_of(list.p + 2, n));
		list = slice_of(list.p + 2 + n, list.n - 2 - n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct input in = input_open(data, n);
	struct buf stream = {0};
	if (input_mode(&in) & 1)
		put_frames(&stream, in.content);
	else
		buf_slice(&stream, in.content);
	check_stream(buf_view(&stream), &in);
	buf_fini(&stream);
	input_close(&in);
	return 0;
}
