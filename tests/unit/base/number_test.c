#include "base/number.h"

#include "test.h"

TEST(decimal)
{
	static const struct {
		const char *text;
		bool good;
		uint64_t v;
	} cases[] = {
		{"0", true, 0},
		{"7", true, 7},
		{"0042", true, 42},
		{"18446744073709551615", true, UINT64_MAX},
		{"000018446744073709551615", true, UINT64_MAX},
		{"18446744073709551616", false, 0},
		{"18446744073709551620", false, 0},
		{"99999999999999999999", false, 0},
		{"", false, 0},
		{"-1", false, 0},
		{"+1", false, 0},
		{" 1", false, 0},
		{"1 ", false, 0},
		{"1.0", false, 0},
		{"0x1", false, 0},
		{"/", false, 0},
		{":", false, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t v = 12345;
		CHECK_ROW(cases[i].text);
		CHECK(u64_parse(slice_str(cases[i].text), &v) == cases[i].good);
		CHECK(v == (cases[i].good ? cases[i].v : 12345)); /* a refusal leaves *v as it was */
	}
	CHECK_ROW("");
	CHECK(!u64_parse(SLICE("1\0"), &(uint64_t){0}));
}

TEST(decimal_from_the_front)
{
	struct slice s = SLICE("12,34");
	uint64_t v;
	CHECK(u64_take(&s, &v) && v == 12);
	CHECK_SLICE(s, SLICE(",34"));
	CHECK(!u64_take(&s, &v));
	CHECK_SLICE(s, SLICE(",34"));
	s = slice_of(s.p + 1, s.n - 1);
	CHECK(u64_take(&s, &v) && v == 34 && s.n == 0);
	CHECK(!u64_take(&s, &v));
	s = SLICE("18446744073709551616,");
	CHECK(!u64_take(&s, &v));
	CHECK_INT(s.n, 21);
}

TEST(hex_of_any_byte_comes_back)
{
	struct buf text = {0};
	unsigned char bytes[256], back[256];
	for (int i = 0; i < 256; i++)
		bytes[i] = (unsigned char)i;
	hex_encode(&text, slice_of(bytes, 256));
	CHECK_INT(text.n, 512);
	CHECK(slice_starts(buf_view(&text), SLICE("000102")));
	CHECK_SLICE(slice_of(text.p + 508, 4), SLICE("feff"));
	CHECK(hex_decode(back, 256, buf_view(&text)) && memcmp(bytes, back, 256) == 0);
	buf_fini(&text);
}

TEST(hex_is_refused)
{
	unsigned char two[2];
	CHECK(hex_decode(two, 2, SLICE("aBFf")) && two[0] == 0xab && two[1] == 0xff);
	CHECK(hex_decode(two, 0, SLICE("")));
	static const char *const bad[] = {"", "abc", "abcde", "abcdef", "ab g", "abg0", "ab0g", "0x12", "ab-1", "@@@@"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK_ROW(bad[i]);
		CHECK(!hex_decode(two, 2, slice_str(bad[i])));
	}
}

TEST(hex_digits)
{
	for (int c = -128; c < 128; c++) {
		const char *all = "0123456789abcdef0123456789ABCDEF", *at = c > 0 ? strchr(all, c) : NULL;
		CHECK_INT(hex_digit((char)c), at ? (at - all) % 16 : -1);
		CHECK(is_digit((char)c) == (c >= '0' && c <= '9'));
	}
}
