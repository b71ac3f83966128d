#include "http/answer.h"

#include "base/mem.h"
#include "test.h"

struct told {
	enum http_answer_result result;
	int status;
	struct buf body;
	bool ends;
};

/* Feeds `wire` as a connection would show it: what was not taken comes again, with more behind it. Each piece is a
 * copy of exact size. */
static struct told answer_of(struct slice wire, size_t cut, size_t max)
{
	struct http_answer a = {0};
	struct told t = {.result = HTTP_ANSWER_MORE};
	size_t from = 0;
	for (size_t end = cut; t.result == HTTP_ANSWER_MORE; end = wire.n) {
		char *piece = mem_dup(wire.p + from, end - from);
		size_t used = 0;
		t.result = http_answer_feed(&a, slice_of(piece, end - from), max, &used);
		CHECK(used <= end - from);
		free(piece);
		from += used;
		if (end == wire.n)
			break;
	}
	t.status = a.status;
	t.ends = http_answer_ends(&a);
	buf_slice(&t.body, buf_view(&a.body));
	http_answer_fini(&a);
	return t;
}

static const struct {
	const char *wire;
	enum http_answer_result result;
	int status;
	const char *body;
	bool ends;
} rows[] = {
	{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", HTTP_ANSWER_DONE, 200, "ok", false},
	{"HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\nok and more", HTTP_ANSWER_DONE, 200, "ok", false},
	{"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", HTTP_ANSWER_DONE, 400,
         "abc", false},
	{"HTTP/1.0 200 OK\r\n\r\nup to the end", HTTP_ANSWER_MORE, 200, "up to the end", true},
	{"HTTP/1.1 204 \r\nContent-Length: 0\r\n\r\n", HTTP_ANSWER_DONE, 204, "", false},
	{"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok", HTTP_ANSWER_MORE, 200, "ok", false},
	{"SSH-2.0-x here is\r\n\r\n", HTTP_ANSWER_BAD, 0, "", false},
	{"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok", HTTP_ANSWER_BAD, 200, "", false},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok", HTTP_ANSWER_BAD, 200, "", false},
};

TEST(answers_cut_at_every_place)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice wire = slice_str(rows[i].wire);
		CHECK_ROW(rows[i].wire);
		for (size_t cut = 0; cut <= wire.n; cut++) {
			struct told t = answer_of(wire, cut, 1000);
			CHECK_INT(t.result, rows[i].result);
			CHECK_INT(t.status, rows[i].status);
			CHECK_INT(t.ends, rows[i].ends);
			CHECK_SLICE(buf_view(&t.body), slice_str(rows[i].body));
			buf_fini(&t.body);
		}
	}
}

TEST(a_body_over_the_limit_is_refused)
{
	static const char *const wires[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\nabcd",
	};
	for (size_t i = 0; i < ARRAY_LEN(wires); i++) {
		CHECK_ROW(wires[i]);
		struct told t = answer_of(slice_str(wires[i]), 0, 3);
		CHECK_INT(t.result, HTTP_ANSWER_BAD);
		CHECK(t.body.n <= 3);
		buf_fini(&t.body);
	}
}

TEST(a_head_without_an_end_is_refused)
{
	struct told t = answer_of(slice_str("HTTP/1.1 200 OK\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaa"), 0, 20);
	CHECK_INT(t.result, HTTP_ANSWER_BAD);
}
