/* Frames that one reader takes apart, for one WebSocket after the other. */
#include "base/buf.h"
#include "test.h"
#include "ws/frame_reader.h"
#include "ws/ws.h"

#define LARGE 10000 /* more than one piece */

/* A frame of so many bytes c, masked with zeros. */
static struct buf frame_of(char c, size_t n)
{
	struct buf b = {0};
	char head[WS_HEAD_MAX];
	size_t head_n = ws_frame_head(head, WS_TEXT, n);
	head[1] = (char)(head[1] | 0x80);
	buf_add(&b, head, head_n);
	buf_add(&b, "\0\0\0", 4);
	memset(buf_room(&b, n), c, n);
	b.n += n;
	return b;
}

static void reads(struct ws_reader *r, struct slice frame, char c, size_t n)
{
	struct slice piece;
	ws_reader_begin(r, frame);
	for (size_t got = 0; got < n; got += piece.n) {
		CHECK(ws_reader_next(r, &piece));
		CHECK(piece.n && piece.n <= n - got);
		for (size_t i = 0; i < piece.n; i++)
			CHECK(piece.p[i] == c);
	}
}

TEST(a_frame_that_is_left_in_the_middle_spoils_no_other)
{
	struct ws_reader *r = ws_reader_new();
	struct buf large = frame_of('a', LARGE), small = frame_of('b', 5);
	struct slice piece;
	for (int round = 0; round < 3; round++) {
		ws_reader_begin(r, buf_view(&large));
		CHECK(ws_reader_next(r, &piece));
		CHECK(piece.n < LARGE);
		reads(r, buf_view(&small), 'b', 5);
		reads(r, buf_view(&large), 'a', LARGE);
	}
	buf_fini(&large);
	buf_fini(&small);
	ws_reader_free(&r);
}

TEST(what_is_no_frame_spoils_no_other)
{
	struct ws_reader *r = ws_reader_new();
	struct buf small = frame_of('b', 5);
	struct slice piece;
	ws_reader_begin(r, SLICE("\x83\xff"));
	CHECK(!ws_reader_next(r, &piece));
	reads(r, buf_view(&small), 'b', 5);
	buf_fini(&small);
	ws_reader_free(&r);
}
