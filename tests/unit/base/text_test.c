#include "base/text.h"

#include "base/mem.h"
#include "test.h"

static const char *const good_utf8[] = {
	"",
	"abc",
	"\x7f",
	"\xc2\x80",
	"\xdf\xbf",
	"\xe0\xa0\x80",
	"\xed\x9f\xbf",
	"\xee\x80\x80",
	"\xef\xbf\xbd",
	"\xef\xbf\xbf",
	"\xf0\x90\x80\x80",
	"\xf4\x8f\xbf\xbf",
	"a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z",
	"12345678\xc3\xa9",
	"1234567\xc3\xa9"
	"12345678",
	"\xef\xbb\xbf",
};
static const char *const bad_utf8[] = {
	"\x80",
	"\xbf",
	"\xc0\x80",
	"\xc0\xaf",
	"\xc1\xbf",
	"\xc2",
	"\xc2\xc2",
	"\xc2z",
	"\xe0\x80\x80",
	"\xe0\x9f\xbf",
	"\xe1\x80",
	"\xe1\x80z",
	"\xe1z\x80",
	"\xed\xa0\x80",
	"\xed\xbf\xbf",
	"\xf0\x80\x80\x80",
	"\xf0\x8f\xbf\xbf",
	"\xf0\x90\x80",
	"\xf1\x80\x80z",
	"\xf4\x90\x80\x80",
	"\xf5\x80\x80\x80",
	"\xf7\xbf\xbf\xbf",
	"\xf8\x88\x80\x80\x80",
	"\xfc\x84\x80\x80\x80\x80",
	"\xfe",
	"\xff",
	"12345678\x80",
	"1234567\xc3",
	"\xc3\xa9\xa9",
};

TEST(utf8)
{
	for (size_t i = 0; i < ARRAY_LEN(good_utf8); i++) {
		CHECK_ROW(good_utf8[i]);
		CHECK(utf8_valid(slice_str(good_utf8[i])));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad_utf8); i++) {
		CHECK_ROW(bad_utf8[i]);
		CHECK(!utf8_valid(slice_str(bad_utf8[i])));
	}
	CHECK_ROW("");
	CHECK(utf8_valid(SLICE("a\0b"))); /* U+0000 is a character; only JSON refuses it */
	CHECK(utf8_valid(slice_of(NULL, 0)));
}

static bool feed_cut(struct slice s, size_t cut)
{
	uint32_t state = 0;
	return utf8_feed(&state, slice_of(s.p, cut)) && utf8_feed(&state, slice_of(s.p + cut, 0)) &&
	       utf8_feed(&state, slice_of(s.p + cut, s.n - cut)) && state == 0;
}

TEST(utf8_in_pieces_says_the_same)
{
	for (size_t i = 0; i < ARRAY_LEN(good_utf8); i++)
		for (size_t cut = 0; cut <= strlen(good_utf8[i]); cut++) {
			CHECK_ROW(good_utf8[i]);
			CHECK(feed_cut(slice_str(good_utf8[i]), cut));
		}
	for (size_t i = 0; i < ARRAY_LEN(bad_utf8); i++)
		for (size_t cut = 0; cut <= strlen(bad_utf8[i]); cut++) {
			CHECK_ROW(bad_utf8[i]);
			CHECK(!feed_cut(slice_str(bad_utf8[i]), cut));
		}
}

/* Every sequence of two bytes, and every first byte with every second, compared with the table of RFC 3629. */
TEST(utf8_ranges)
{
	for (unsigned a = 0; a < 256; a++)
		for (unsigned b = 0; b < 256; b++) {
			char two[2] = {(char)a, (char)b}, four[4] = {(char)a, (char)b, '\x80', '\x80'};
			bool tail = b >= 0x80 && b <= 0xbf;
			CHECK_INT(utf8_valid(slice_of(two, 2)),
			          (a < 0x80 && b < 0x80) || (a >= 0xc2 && a <= 0xdf && tail));
			if (a < 0x80)
				continue;
			bool three = a >= 0xe0 && a <= 0xef && tail && (a != 0xe0 || b >= 0xa0) &&
			             (a != 0xed || b <= 0x9f);
			CHECK_INT(utf8_valid(slice_of(four, 3)), three);
			CHECK_INT(utf8_valid(slice_of(four, 4)), a >= 0xf0 && a <= 0xf4 && tail &&
			                                                 (a != 0xf0 || b >= 0x90) &&
			                                                 (a != 0xf4 || b <= 0x8f));
		}
}

TEST(base64_both_ways)
{
	static const struct {
		struct slice plain;
		const char *text;
	} rows[] = {
		{SLICE(""), ""},
		{SLICE("f"), "Zg=="},
		{SLICE("fo"), "Zm8="},
		{SLICE("foo"), "Zm9v"},
		{SLICE("foob"), "Zm9vYg=="},
		{SLICE("fooba"), "Zm9vYmE="},
		{SLICE("foobar"), "Zm9vYmFy"},
		{SLICE("\0"), "AA=="},
		{SLICE("\xff\xff\xff"), "////"},
		{SLICE("\xfb\xef\xbe"), "++++"},
	};
	struct buf out = {0};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].text);
		out.n = 0;
		base64_encode(&out, rows[i].plain);
		CHECK_SLICE(buf_view(&out), slice_str(rows[i].text));
		out.n = 0;
		CHECK(base64_decode(&out, slice_str(rows[i].text)));
		CHECK_SLICE(buf_view(&out), rows[i].plain);
	}
	buf_fini(&out);
}

TEST(base64_tolerates_what_clients_send)
{
	static const struct {
		const char *text;
		struct slice plain;
	} rows[] = {
		{"Zg", SLICE("f")},
		{"Zm8", SLICE("fo")},
		{"Zm9v\r\nYmFy\r\n", SLICE("foobar")},
		{" Z m\t9v ", SLICE("foo")},
		{"Zg=\n=\n", SLICE("f")},
		{"____", SLICE("\xff\xff\xff")},
		{"-_+/", SLICE("\xfb\xff\xbf")},
		{"\r\n", SLICE("")},
	};
	struct buf out = {0};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].text);
		out.n = 0;
		CHECK(base64_decode(&out, slice_str(rows[i].text)));
		CHECK_SLICE(buf_view(&out), rows[i].plain);
	}
	static const char *const bad[] = {
		"Z",     "Zm9vY",    "=",        "==",   "====", "Zg=",    "Zg===", "Zm8==",
		"Zm9v=", "Zm9v====", "Zg==Zg==", "Z=g=", "Zm9*", "Zm\v9v", "Zm9v.", "Zm9\x80"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK_ROW(bad[i]);
		CHECK(!base64_decode(&out, slice_str(bad[i])));
	}
	CHECK_ROW("");
	CHECK(!base64_decode(&out, SLICE("Zm\0v")));
	buf_fini(&out);
}

TEST(base64_of_every_length)
{
	char bytes[200];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(i * 37);
	for (size_t n = 0; n <= sizeof bytes; n++) {
		struct buf text = {0}, back = {0};
		char *copy = mem_dup(bytes, n);
		base64_encode(&text, slice_of(copy, n));
		CHECK_INT(text.n, (n + 2) / 3 * 4);
		buf_str(&back, "kept");
		CHECK(base64_decode(&back, buf_view(&text)));
		CHECK_SLICE(slice_of(back.p, 4), SLICE("kept"));
		CHECK_SLICE(slice_of(back.p + 4, back.n - 4), slice_of(copy, n));
		free(copy);
		buf_fini(&text);
		buf_fini(&back);
	}
}

TEST(uuids)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{"3b1f8a52-8a9e-4c0c-9b8e-0d3c0f5b7a11", true},  {"3B1F8A52-8A9E-4C0C-9B8E-0D3C0F5B7A11", true},
		{"00000000-0000-0000-0000-000000000000", true},  {"", false},
		{"3b1f8a52-8a9e-4c0c-9b8e-0d3c0f5b7a1", false},  {"3b1f8a52-8a9e-4c0c-9b8e-0d3c0f5b7a111", false},
		{"3b1f8a528a9e4c0c9b8e0d3c0f5b7a11", false},     {"{b1f8a52-8a9e-4c0c-9b8e-0d3c0f5b7a1}", false},
		{"3b1f8a52-8a9e-4c0c-9b8e_0d3c0f5b7a11", false}, {"3b1f8a5-28a9e-4c0c-9b8e-0d3c0f5b7a11", false},
		{"3b1f8a52-8a9e-4c0c-9b8e-0d3c0f5b7a1g", false}, {"-b1f8a52-8a9e-4c0c-9b8e-0d3c0f5b7a11", false},
		{" b1f8a52-8a9e-4c0c-9b8e-0d3c0f5b7a11", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].text);
		CHECK_INT(uuid_valid(slice_str(rows[i].text)), rows[i].good);
	}
	CHECK_ROW("");
	CHECK(!uuid_valid(SLICE("3b1f8a52-8a9e-4c0c-9b8e-0d3c0f5b7a1\0")));
}

TEST(random_ids)
{
	char a[64], b[64];
	random_id(a, sizeof a);
	random_id(b, sizeof b);
	CHECK(memcmp(a, b, sizeof a) != 0);
	bool met[256] = {false};
	for (int round = 0; round < 200; round++) {
		memset(a, '#', sizeof a);
		random_id(a, 20);
		for (int i = 0; i < 20; i++)
			met[(unsigned char)a[i]] = true;
		CHECK(a[20] == '#');
	}
	for (int c = 0; c < 256; c++) /* 4000 letters: that one of 64 is missing is next to impossible */
		CHECK_INT(met[c],
		          c && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", c) != NULL);
	random_id(a, 0);
}

TEST(secrets_compare)
{
	CHECK(secret_eq(SLICE(""), slice_of(NULL, 0)));
	CHECK(secret_eq(SLICE("abc\0d"), SLICE("abc\0d")));
	CHECK(!secret_eq(SLICE("abc\0d"), SLICE("abc\0e")));
	CHECK(!secret_eq(SLICE("abc"), SLICE("abcd")));
	CHECK(!secret_eq(SLICE("xbc"), SLICE("abc")));
}

TEST(times)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} rows[] = {
		{0, "1970-01-01T00:00:00.000Z"},
		{1768046400007, "2026-01-10T12:00:00.007Z"},
		{951782399999, "2000-02-28T23:59:59.999Z"},
		{951782400000, "2000-02-29T00:00:00.000Z"},
		{4102444799999, "2099-12-31T23:59:59.999Z"},
	};
	char text[25];
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		iso_time(text, rows[i].ms);
		CHECK_STR(text, rows[i].text);
	}
	CHECK(clock_wall_ms() > 1700000000000);
}

TEST(base64url_of_any_bytes_comes_back)
{
	static const struct {
		const char *raw, *text;
	} cases[] = {
		{"f", "Zg"},         {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"}, {"\xff\xff\xfe", "___-"},
		{"\xfb\xff", "-_8"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CHECK_ROW(cases[i].text);
		struct buf text = {0}, raw = {0};
		buf_str(&text, "+/="); /* stays as it is */
		base64url_encode(&text, slice_str(cases[i].raw));
		buf_drop(&text, 3);
		CHECK_SLICE(buf_view(&text), slice_str(cases[i].text));
		CHECK(base64url_decode(&raw, buf_view(&text)));
		CHECK_SLICE(buf_view(&raw), slice_str(cases[i].raw));
		buf_fini(&text);
		buf_fini(&raw);
	}
	struct buf none = {0};
	base64url_encode(&none, SLICE(""));
	CHECK_INT(none.n, 0);
	buf_fini(&none);
}

TEST(base64url_has_one_spelling)
{
	static const char *const bad[] = {
		"", "Z", "Zm9vY", "Zg==", "Zm8=", "Zh", "Zm9", "Z+", "Zm9/", "Zm 9v", "Zm9v\n", "Zm\n9v", "Zm.v", "=",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf raw = {0};
		CHECK_ROW(bad[i]);
		CHECK(!base64url_decode(&raw, slice_str(bad[i])));
		CHECK_INT(raw.n, 0);
		buf_fini(&raw);
	}
}
