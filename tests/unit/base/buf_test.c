#include "base/buf.h"

#include "base/mem.h"
#include "test.h"

TEST(holds_nothing_until_used)
{
	struct buf b = {0};
	buf_add(&b, NULL, 0);
	buf_slice(&b, slice_of(NULL, 0));
	buf_str(&b, "");
	CHECK(!b.p && b.n == 0 && b.cap == 0);
	buf_drop(&b, 0);
	buf_fini(&b);
	buf_fini(&b);
}

TEST(grows_and_keeps)
{
	struct buf b = {0};
	for (int i = 0; i < 100000; i++)
		buf_char(&b, (char)('a' + i % 26));
	CHECK_INT(b.n, 100000);
	for (int i = 0; i < 100000; i++)
		CHECK(b.p[i] == 'a' + i % 26);
	char *room = buf_room(&b, 1 << 20);
	memset(room, 'x', 1 << 20);
	CHECK_INT(b.n, 100000); /* room is no content */
	CHECK(b.cap >= 100000 + (1 << 20));
	b.n += 1 << 20;
	CHECK(b.p[99999] == 'a' + 99999 % 26 && b.p[b.n - 1] == 'x');
	buf_fini(&b);
	CHECK(!b.p && b.n == 0 && b.cap == 0);
}

TEST(exact_room_is_enough)
{
	for (size_t n = 1; n < 300; n++) {
		struct buf b = {0};
		memset(buf_room(&b, n), 1, n);
		b.n += n;
		buf_add(&b, "ab", 2);
		CHECK_INT(b.n, n + 2);
		buf_fini(&b);
	}
}

TEST(numbers_and_formats)
{
	static const struct {
		uint64_t v;
		const char *text;
	} rows[] = {{0, "0"}, {9, "9"}, {10, "10"}, {1000000, "1000000"}, {UINT64_MAX, "18446744073709551615"}};
	struct buf b = {0};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		b.n = 0;
		buf_u64(&b, rows[i].v);
		CHECK_SLICE(buf_view(&b), slice_str(rows[i].text));
	}
	b.n = 0;
	buf_printf(&b, "%s", "");
	CHECK_INT(b.n, 0);
	buf_printf(&b, "%d-%s", -5, "x");
	buf_printf(&b, "%200d", 7);
	CHECK_INT(b.n, 204);
	CHECK_SLICE(slice_of(b.p, 5), SLICE("-5-x "));
	CHECK(b.p[203] == '7');
	buf_fini(&b);
}

TEST(json_strings_are_escaped)
{
	static const struct {
		struct slice from, to;
	} rows[] = {
		{SLICE(""), SLICE("\"\"")},
		{SLICE("plain"), SLICE("\"plain\"")},
		{SLICE("a\"b\\c/d"), SLICE("\"a\\\"b\\\\c/d\"")},
		{SLICE("\n\r\t\b\f"), SLICE("\"\\n\\r\\t\\b\\f\"")},
		{SLICE("\0\x01\x1e\x1f\x7f"), SLICE("\"\\u0000\\u0001\\u001e\\u001f\x7f\"")},
		{SLICE("nrtbf"), SLICE("\"nrtbf\"")},
		{SLICE("\xc3\xa9\xf0\x9f\x98\x80"), SLICE("\"\xc3\xa9\xf0\x9f\x98\x80\"")},
		{SLICE("\"\"\""), SLICE("\"\\\"\\\"\\\"\"")},
	};
	struct buf b = {0};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].to.p);
		b.n = 0;
		buf_json_str(&b, rows[i].from);
		CHECK_SLICE(buf_view(&b), rows[i].to);
	}
	b.n = 0;
	buf_json_str(&b, slice_of(NULL, 0));
	CHECK_SLICE(buf_view(&b), SLICE("\"\""));
	buf_fini(&b);
}

TEST(drop_takes_from_the_front)
{
	struct buf b = {0};
	buf_str(&b, "abcdef");
	buf_drop(&b, 0);
	CHECK_SLICE(buf_view(&b), SLICE("abcdef"));
	buf_drop(&b, 2);
	CHECK_SLICE(buf_view(&b), SLICE("cdef"));
	buf_str(&b, "gh");
	buf_drop(&b, 5);
	CHECK_SLICE(buf_view(&b), SLICE("h"));
	buf_drop(&b, 1);
	CHECK_INT(b.n, 0);
	buf_fini(&b);
}

TEST(steal_hands_out_terminated_bytes)
{
	struct buf b = {0};
	size_t n = 99;
	char *empty = buf_steal(&b, &n);
	CHECK(n == 0 && *empty == '\0' && !b.p);
	free(empty);
	for (int i = 0; i < 64; i++) /* the first capacity is 64: the terminator needs one more */
		buf_char(&b, 'x');
	char *p = buf_steal(&b, &n);
	CHECK(n == 64 && strlen(p) == 64 && !b.p && b.n == 0);
	free(p);
	buf_str(&b, "again");
	p = buf_steal(&b, NULL);
	CHECK_STR(p, "again");
	free(p);
}

TEST(slices)
{
	CHECK(slice_eq(slice_of(NULL, 0), SLICE("")));
	CHECK(!slice_eq(SLICE("a"), SLICE("b")));
	CHECK(!slice_eq(SLICE("a"), SLICE("a\0")));
	CHECK(slice_eq(SLICE("a\0b"), SLICE("a\0b")));
	CHECK(slice_str(NULL).n == 0);
	CHECK(slice_starts(SLICE("abc"), SLICE("ab")));
	CHECK(slice_starts(SLICE("abc"), SLICE("")));
	CHECK(!slice_starts(SLICE("ab"), SLICE("abc")));
	CHECK(!slice_starts(SLICE("abc"), SLICE("b")));
}

TEST(trimmed_slices)
{
	CHECK_SLICE(slice_trim(SLICE(" \ta b\t "), " \t"), SLICE("a b"));
	CHECK_SLICE(slice_trim(SLICE(" \r\n"), " \t\r\n"), SLICE(""));
	CHECK_SLICE(slice_trim(SLICE("\na\n"), " "), SLICE("\na\n"));
	CHECK_SLICE(slice_trim(SLICE("\0a\0"), " "), SLICE("\0a\0"));
	CHECK_INT(slice_trim(slice_of(NULL, 0), " ").n, 0);
}

TEST(copies)
{
	char *s = mem_strndup("abc", 2);
	CHECK_STR(s, "ab");
	free(s);
	s = mem_strndup(NULL, 0);
	CHECK_STR(s, "");
	free(s);
	free(mem_dup(NULL, 0));
	s = mem_printf("%s:%d", "a", 1);
	CHECK_STR(s, "a:1");
	free(s);
	int *zeroed = NEW(int);
	CHECK_INT(*zeroed, 0);
	free(zeroed);
	free(mem_alloc(0));
	free(mem_zalloc(0));
	free(mem_realloc(NULL, 0));
}
