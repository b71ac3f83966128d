#include "http/parse.h"

#include "base/mem.h"
#include "test.h"

struct run {
	enum http_chunked_result result;
	struct buf body;
	size_t used; /* bytes of the whole input */
};

/* Feeds s in pieces of `step` bytes, each a copy of exact size. */
static struct run feed(struct slice s, size_t first, size_t step, size_t max)
{
	struct http_chunked c = {0};
	struct run r = {.result = HTTP_CHUNKED_MORE};
	for (size_t at = 0; at < s.n && r.result == HTTP_CHUNKED_MORE;) {
		size_t n = at == 0 && first ? first : step, used = 0;
		n = n > s.n - at ? s.n - at : n;
		char *piece = mem_dup(s.p + at, n);
		r.result = http_chunked_feed(&c, piece, n, &r.body, max, &used);
		free(piece);
		if (r.result == HTTP_CHUNKED_MORE)
			CHECK_INT(used, n);
		at += n;
		r.used += used;
	}
	return r;
}

static void expect(struct slice s, size_t max, enum http_chunked_result result, struct slice body)
{
	static const size_t steps[] = {1, 2, 3, 7, 100000};
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct run r = feed(s, 0, steps[i], max);
		CHECK_INT(r.result, result);
		if (result == HTTP_CHUNKED_DONE) {
			CHECK_SLICE(buf_view(&r.body), body);
			CHECK_INT(r.used, s.n);
		}
		CHECK(r.body.n <= max);
		buf_fini(&r.body);
	}
}

TEST(bodies)
{
	static const struct {
		const char *wire, *body;
	} rows[] = {
		{"0\r\n\r\n", ""},
		{"000\r\n\r\n", ""},
		{"5\r\nhello\r\n0\r\n\r\n", "hello"},
		{"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "abc"},
		{"0005\r\nhello\r\n0\r\n\r\n", "hello"},
		{"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"},
		{"4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"},
		{"3\r\n0\r\n\r\n0\r\n\r\n", "0\r\n"},
		{"1;name=value;q=\"x;y\"\r\na\r\n0;last\r\n\r\n", "a"},
		{"1 ; a\r\nx\r\n0\t\r\n\r\n", "x"},
		{"1\r\na\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n", "a"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].wire);
		expect(slice_str(rows[i].wire), 100, HTTP_CHUNKED_DONE, slice_str(rows[i].body));
	}
}

TEST(broken_at_every_byte)
{
	struct slice s = SLICE("a;x=y\r\n0123456789\r\n3\r\nabc\r\n0\r\nT: u\r\n\r\n");
	for (size_t cut = 1; cut < s.n; cut++) {
		struct run r = feed(s, cut, s.n, 100);
		CHECK_INT(r.result, HTTP_CHUNKED_DONE);
		CHECK_SLICE(buf_view(&r.body), SLICE("0123456789abc"));
		buf_fini(&r.body);
		r = feed(slice_of(s.p, cut), 0, s.n, 100);
		CHECK_INT(r.result, HTTP_CHUNKED_MORE); /* input that is cut off has no end */
		buf_fini(&r.body);
	}
}

TEST(stops_at_its_end)
{
	struct http_chunked c = {0};
	struct buf body = {0};
	struct slice s = SLICE("1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n");
	size_t used = 0;
	CHECK_INT(http_chunked_feed(&c, s.p, s.n, &body, 100, &used), HTTP_CHUNKED_DONE);
	CHECK_INT(used, 11);
	CHECK_SLICE(buf_view(&body), SLICE("a"));
	buf_fini(&body);
}

TEST(nonsense_is_refused)
{
	static const char *const rows[] = {
		"\r\n",
		"x\r\n",
		" 1\r\na",
		"-1\r\n",
		"+1\r\n",
		"0x1\r\n",
		";\r\n",
		"g\r\n",
		"1\na\n0\n\n",
		"1\r\na\n0\r\n\r\n",
		"1\r\nab\r\n0\r\n\r\n",
		"1\r\na0\r\n\r\n",
		"1\r\na\r\r\n",
		"1\rX",
		"1;x\rX",
		"1;x\n",
		"1\r\na\r\n0\r\n\n",
		"0\r\n\rX",
		"0\r\nT: u\n\r\n",
		"0\r\nT: u\rX",
		"1 2\r\na",
		"1 x\r\na",
		"1\t\v\r\n",
		"\x80\r\n",
		"1\r\n\r\n\r\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i]);
		expect(slice_str(rows[i]), 100, HTTP_CHUNKED_BAD, SLICE(""));
	}
	CHECK_ROW("");
	expect(SLICE("1;\0\r\na"), 100, HTTP_CHUNKED_BAD, SLICE(""));
	expect(SLICE("0\r\n\0"), 100, HTTP_CHUNKED_BAD, SLICE(""));
}

TEST(size_is_limited)
{
	expect(SLICE("5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"), 10, HTTP_CHUNKED_DONE, SLICE("helloworld"));
	expect(SLICE("5\r\nhello\r\n6\r\n"), 10, HTTP_CHUNKED_TOO_LARGE, SLICE("")); /* the size alone says it */
	expect(SLICE("b\r\n"), 10, HTTP_CHUNKED_TOO_LARGE, SLICE(""));
	expect(SLICE("1\r\n"), 0, HTTP_CHUNKED_TOO_LARGE, SLICE(""));
	expect(SLICE("0\r\n\r\n"), 0, HTTP_CHUNKED_DONE, SLICE(""));
	expect(SLICE("7fffffff\r\n"), 10, HTTP_CHUNKED_TOO_LARGE, SLICE(""));
	expect(SLICE("ffffffffff\r\n"), 10, HTTP_CHUNKED_TOO_LARGE, SLICE(""));
	/* sizes over 64 bits */
	expect(SLICE("ffffffffffffffff\r\n"), 10, HTTP_CHUNKED_BAD, SLICE(""));
	expect(SLICE("10000000000000001\r\na"), 10, HTTP_CHUNKED_BAD, SLICE(""));
	expect(SLICE("fffffffffffffffffffffffff\r\n"), 10, HTTP_CHUNKED_BAD, SLICE(""));
}

TEST(overhead_is_limited)
{
	static const char *const begins[] = {"1;", "0\r\nT: ", "0"};
	for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
		struct buf b = {0};
		CHECK_ROW(begins[i]);
		buf_str(&b, begins[i]);
		while (b.n < 70000)
			buf_char(&b, '0');
		struct run r = feed(buf_view(&b), 0, 1000, 100);
		CHECK_INT(r.result, HTTP_CHUNKED_BAD);
		buf_fini(&r.body);
		buf_fini(&b);
	}
	/* long extensions on many chunks add up */
	struct buf b = {0};
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "1;%0100d\r\na\r\n", 0);
	struct run r = feed(buf_view(&b), 0, 1000, 1000000);
	CHECK_INT(r.result, HTTP_CHUNKED_BAD);
	buf_fini(&r.body);
	buf_fini(&b);
}

TEST(chunks_of_one_byte_carry_a_whole_payload)
{
	struct buf b = {0};
	for (int i = 0; i < 1000000; i++)
		buf_str(&b, "1\r\na\r\n");
	buf_str(&b, "0\r\n\r\n");
	struct run r = feed(buf_view(&b), 0, 65536, 1000000);
	CHECK_INT(r.result, HTTP_CHUNKED_DONE);
	CHECK_INT(r.body.n, 1000000);
	buf_fini(&r.body);
	buf_fini(&b);
}
