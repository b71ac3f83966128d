#include "base/json.h"

#include "base/mem.h"
#include "test.h"

struct verdict {
	const char *text;
	enum json_kind kind;
	unsigned flaws;
};

static bool scan(struct slice s, enum json_kind *kind, unsigned *flaws)
{
	/* a copy of exact size: a sanitizer then sees the first byte that is read behind it */
	char *copy = mem_dup(s.p, s.n);
	*flaws = 0;
	bool good = json_scan(slice_of(copy, s.n), kind, flaws);
	free(copy);
	return good;
}

static void expect(const struct verdict *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		enum json_kind kind = JSON_NULL;
		unsigned flaws;
		CHECK_ROW(rows[i].text);
		CHECK(scan(slice_str(rows[i].text), &kind, &flaws));
		CHECK_INT(kind, rows[i].kind);
		CHECK_INT(flaws, rows[i].flaws);
	}
	CHECK_ROW("");
}
#define EXPECT(rows) expect(rows, ARRAY_LEN(rows))

static void refuse(struct slice s)
{
	enum json_kind kind;
	unsigned flaws;
	CHECK(!scan(s, &kind, &flaws));
}

TEST(scan_takes_every_kind)
{
	static const struct verdict rows[] = {
		{"null", JSON_NULL, 0},
		{"true", JSON_TRUE, 0},
		{"false", JSON_FALSE, 0},
		{"0", JSON_NUMBER, 0},
		{"-0", JSON_NUMBER, 0},
		{"-0.0e+0", JSON_NUMBER, 0},
		{"12.5E-3", JSON_NUMBER, 0},
		{"\"\"", JSON_STRING, 0},
		{"\"a\\\"b\\\\c\\/\\b\\f\\n\\r\\t\"", JSON_STRING, 0},
		{"\"\x7f\"", JSON_STRING, 0}, /* DEL is no control character to JSON */
		{"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", JSON_STRING, 0},
		{"\"\\u00e9\\uD83D\\uDE00\"", JSON_STRING, 0},
		{"[]", JSON_ARRAY, 0},
		{"[ ]", JSON_ARRAY, 0},
		{"{}", JSON_OBJECT, 0},
		{"{\n}", JSON_OBJECT, 0},
		{" \t\r\n[1 , [ ] , {\"a\" : {}}] \n", JSON_ARRAY, 0},
		{"{\"\":0,\"a\":[{\"a\":1}],\"A\":null}", JSON_OBJECT, 0},
	};
	EXPECT(rows);
}

TEST(scan_refuses_broken_grammar)
{
	static const char *const rows[] = {
		"",
		" ",
		"nul",
		"nulL",
		"True",
		"truefalse",
		"true false",
		"undefined",
		"NaN",
		"Infinity",
		"-Infinity",
		"-",
		"+1",
		"01",
		"-01",
		"00",
		".5",
		"1.",
		"1.e1",
		"1e",
		"1e+",
		"1e1.5",
		"0x10",
		"1_000",
		"1 2",
		"- 1",
		"--1",
		"[",
		"]",
		"[1",
		"[1,",
		"[1,]",
		"[,1]",
		"[,]",
		"[1 2]",
		"[1]]",
		"[]]",
		"[}",
		"{]",
		"[1}",
		"{\"a\":1]",
		"{",
		"}",
		"{\"a\"",
		"{\"a\":",
		"{\"a\":1",
		"{\"a\":1,",
		"{\"a\":1,}",
		"{,}",
		"{\"a\"}",
		"{\"a\" 1}",
		"{\"a\":}",
		"{a:1}",
		"{1:1}",
		"{'a':1}",
		"{\"a\":1 \"b\":2}",
		"{\"a\"::1}",
		"{\"a\":1,,\"b\":2}",
		"{null:1}",
		"\"",
		"\"a",
		"\"a\\\"",
		"\"\\",
		"\"\\x41\"",
		"\"\\'\"",
		"\"\\u\"",
		"\"\\u12\"",
		"\"\\u12g4\"",
		"\"\\u123",
		"\"\\U0041\"",
		"'a'",
		"\"a\nb\"",
		"\"a\tb\"",
		"\"\x01\"",
		"\"\x1f\"",
		"\v1",
		"\f1",
		"1\v",
		"/**/1",
		"1//",
		"[1]x",
		"\"a\"\"b\"",
		"\xef\xbb\xbf{}",
		"\xc2\xa0"
		"1",
		"[1,2",
		"{\"a\":{\"b\":[}}",
		",",
		":",
		"\\u0031",
		"[\"\\ud83d\\u\"]",
		"[\"\\ud83d\\\"]",
		"[tru]",
		"[t",
		"{\"k\":f}",
		"1,2",
		"\"a\":1",
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i]);
		refuse(slice_str(rows[i]));
	}
}

TEST(scan_refuses_raw_nul)
{
	refuse(SLICE("\0"));
	refuse(SLICE("1\0"));
	refuse(SLICE("\"a\0b\""));
	refuse(SLICE("\"\\\0\""));
	refuse(SLICE("[\0]"));
	refuse(SLICE("{\"a\0\":1}"));
}

TEST(scan_refuses_broken_utf8)
{
	static const char *const rows[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc3",
		"\xc3(",
		"\xe0\x9f\xbf",
		"\xe2\x82",
		"\xe2\x28\xa1",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xf0\x8f\xbf\xbf",
		"\xf0\x9f\x98",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xf8\x88\x80\x80\x80",
		"\xfe",
		"\xff",
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[64];
		CHECK_ROW(rows[i]);
		snprintf(text, sizeof text, "[\"%s\"]", rows[i]);
		refuse(slice_str(text));
		snprintf(text, sizeof text, "{\"%s\":1}", rows[i]);
		refuse(slice_str(text));
		snprintf(text, sizeof text, "%s1", rows[i]);
		refuse(slice_str(text));
		snprintf(text, sizeof text, "\"abcdefgh%s", rows[i]);
		refuse(slice_str(text));
	}
}

TEST(every_cut_of_a_value_is_refused)
{
	struct slice s = SLICE("{\"a\\u00e9\":[1.5e3,\"\\ud83d\\ude00\xe2\x82\xac\",true,false,null,{}],\"b\":\"x\"}");
	enum json_kind kind;
	unsigned flaws;
	CHECK(scan(s, &kind, &flaws));
	for (size_t n = 0; n < s.n; n++)
		refuse(slice_of(s.p, n));
}

TEST(flaws_of_strings)
{
	static const struct verdict rows[] = {
		{"\"\\ud800\"", JSON_STRING, JSON_LONE_SURROGATE},
		{"\"\\udc00\"", JSON_STRING, JSON_LONE_SURROGATE},
		{"\"\\uDFFF\"", JSON_STRING, JSON_LONE_SURROGATE},
		{"\"\\ude00\\ud83d\"", JSON_STRING, JSON_LONE_SURROGATE},
		{"\"\\ud83d\\ud83d\\ude00\"", JSON_STRING, JSON_LONE_SURROGATE},
		{"\"\\ud83dx\\ude00\"", JSON_STRING, JSON_LONE_SURROGATE},
		{"\"\\ud83d\\n\"", JSON_STRING, JSON_LONE_SURROGATE},
		{"\"\\ud83d\\\\ude00\"", JSON_STRING, JSON_LONE_SURROGATE},
		{"{\"\\udbff\":1}", JSON_OBJECT, JSON_LONE_SURROGATE},
		{"\"\\udbff\\udfff\\ud800\\udc00\"", JSON_STRING, 0},
		{"\"\\ud7ff\\ue000\\uffff\"", JSON_STRING, 0},
		{"\"\\u0000\"", JSON_STRING, JSON_NUL},
		{"\"\\\\u0000\"", JSON_STRING, 0},
		{"\"\\u0001\"", JSON_STRING, 0},
		{"{\"\\u0000\":1}", JSON_OBJECT, JSON_NUL},
		{"[\"\\u0000\",\"\\udc00\"]", JSON_ARRAY, JSON_NUL | JSON_LONE_SURROGATE},
	};
	EXPECT(rows);
}

TEST(flaws_of_keys)
{
	static const struct verdict rows[] = {
		{"{\"a\":1,\"a\":1}", JSON_OBJECT, JSON_DUPLICATE_KEY},
		{"{\"a\":1,\"\\u0061\":2}", JSON_OBJECT, JSON_DUPLICATE_KEY},
		{"{\"\":1,\"\":2}", JSON_OBJECT, JSON_DUPLICATE_KEY},
		{"{\"\xc3\xa9\":1,\"\\u00E9\":2}", JSON_OBJECT, JSON_DUPLICATE_KEY},
		{"{\"/\":1,\"\\/\":2}", JSON_OBJECT, JSON_DUPLICATE_KEY},
		{"{\"a\":1,\"b\":{},\"a\":2}", JSON_OBJECT, JSON_DUPLICATE_KEY},
		{"{\"a\":{\"c\":1,\"b\":2,\"c\":3}}", JSON_OBJECT, JSON_DUPLICATE_KEY},
		{"[{\"x\":[{\"a\":1,\"a\":1}]}]", JSON_ARRAY, JSON_DUPLICATE_KEY},
		{"{\"1\":0,\"2\":0,\"3\":0,\"4\":0,\"5\":0,\"6\":0,\"7\":0,\"8\":0,\"9\":0,\"1\":0}", JSON_OBJECT,
	         JSON_DUPLICATE_KEY},
		{"{\"a\":{\"a\":{\"a\":1}}}", JSON_OBJECT, 0},
		{"[{\"a\":1},{\"a\":1}]", JSON_ARRAY, 0},
		{"{\"a\":1,\"A\":2,\"a \":3,\" a\":4,\"\\\\u0061\":5}", JSON_OBJECT, 0},
		{"{\"x\":{\"a\":1},\"a\":2,\"y\":{\"x\":1}}", JSON_OBJECT, 0},
		{"{\"_placeholder\":true,\"num\":0}", JSON_OBJECT, JSON_PLACEHOLDER},
		{"[[{\"_placeholder\":false}]]", JSON_ARRAY, JSON_PLACEHOLDER},
		{"{\"\\u005fplaceholder\":1}", JSON_OBJECT, JSON_PLACEHOLDER},
		{"[\"_placeholder\"]", JSON_ARRAY, 0},
		{"{\"a\":\"_placeholder\",\"_placeholder \":1,\"_Placeholder\":1}", JSON_OBJECT, 0},
	};
	EXPECT(rows);
}

TEST(flaws_of_numbers)
{
	static const struct verdict rows[] = {
		{"1e308", JSON_NUMBER, 0},
		{"1.7976931348623157e308", JSON_NUMBER, 0},
		{"-1.7976931348623157E+308", JSON_NUMBER, 0},
		{"1.8e308", JSON_NUMBER, JSON_NUMBER_RANGE},
		{"-1e309", JSON_NUMBER, JSON_NUMBER_RANGE},
		{"1e99999999999999999999", JSON_NUMBER, JSON_NUMBER_RANGE},
		{"[0,{\"a\":1e400}]", JSON_ARRAY, JSON_NUMBER_RANGE},
		{"1e-400", JSON_NUMBER, 0}, /* a number that is too small becomes zero */
		{"1e-00000000000000000000400", JSON_NUMBER, 0},
		{"4.9406564584124654e-324", JSON_NUMBER, 0},
		{"1e-401", JSON_NUMBER, JSON_NUMBER_RANGE}, /* Postgres would write it as a long row of zeros */
		{"0E-16383", JSON_NUMBER, JSON_NUMBER_RANGE},
		{"[-0.0e-99999999999999999999]", JSON_ARRAY, JSON_NUMBER_RANGE},
		{"0e99999999999999999999", JSON_NUMBER, 0},
		{"123456789012345678901234567890", JSON_NUMBER, 0},
	};
	EXPECT(rows);
	struct buf digits = {0};
	for (int i = 0; i < 309; i++)
		buf_char(&digits, '1');
	enum json_kind kind;
	unsigned flaws;
	CHECK(scan(buf_view(&digits), &kind, &flaws) && flaws == 0);
	buf_char(&digits, '1');
	CHECK(scan(buf_view(&digits), &kind, &flaws) && flaws == JSON_NUMBER_RANGE);
	for (int i = 0; i < 1000000; i++)
		buf_char(&digits, '1');
	CHECK(scan(buf_view(&digits), &kind, &flaws) && flaws == JSON_NUMBER_RANGE);
	buf_fini(&digits);
}

static void nest(struct buf *b, const char *open, const char *close, size_t n)
{
	b->n = 0;
	for (size_t i = 0; i < n; i++)
		buf_str(b, open);
	if (strcmp(open, "[") != 0)
		buf_str(b, "0");
	for (size_t i = 0; i < n; i++)
		buf_str(b, close);
}

TEST(flaws_of_depth)
{
	static const size_t depths[] = {1, 63, 64, 65, 66, 1000, 300000};
	struct buf b = {0};
	for (size_t i = 0; i < ARRAY_LEN(depths); i++) {
		enum json_kind kind;
		unsigned flaws, want = depths[i] > JSON_MAX_DEPTH ? JSON_TOO_DEEP : 0;
		nest(&b, "[", "]", depths[i]);
		CHECK(scan(buf_view(&b), &kind, &flaws));
		CHECK_INT(flaws, want);
		b.n--;
		refuse(buf_view(&b));
		nest(&b, "{\"a\":", "}", depths[i]);
		CHECK(scan(buf_view(&b), &kind, &flaws));
		CHECK_INT(flaws, want);
		b.p[b.n - 1] = ']'; /* the grammar is checked at any depth */
		refuse(buf_view(&b));
	}
	/* keys around a value that is too deep: duplicates are found, and no others */
	nest(&b, "[", "]", 100);
	struct buf o = {0};
	buf_printf(&o, "{\"a\":%.*s,\"b\":%.*s}", (int)b.n, b.p, (int)b.n, b.p);
	enum json_kind kind;
	unsigned flaws;
	CHECK(scan(buf_view(&o), &kind, &flaws));
	CHECK_INT(flaws, JSON_TOO_DEEP);
	memcpy(memchr(o.p, 'b', o.n), "a", 1);
	CHECK(scan(buf_view(&o), &kind, &flaws));
	CHECK_INT(flaws, JSON_TOO_DEEP | JSON_DUPLICATE_KEY);
	buf_fini(&o);
	buf_fini(&b);
}

TEST(many_keys_take_no_quadratic_time)
{
	struct buf b = {0};
	for (int i = 0; i < 100000; i++)
		buf_printf(&b, "%c\"k%d\":%d", i ? ',' : '{', i, i);
	buf_char(&b, '}');
	enum json_kind kind;
	unsigned flaws;
	CHECK(scan(buf_view(&b), &kind, &flaws));
	CHECK_INT(flaws, 0);
	b.n--;
	buf_str(&b, ",\"k77777\":0}");
	CHECK(scan(buf_view(&b), &kind, &flaws));
	CHECK_INT(flaws, JSON_DUPLICATE_KEY);
	buf_fini(&b);
}

TEST(elements_and_members)
{
	struct slice v[4], key;
	struct slice array = SLICE(" [ 1 ,\"a,]\\\"\" , [2,[3]] ,{\"x\":[1,2]}\n] ");
	CHECK_INT(json_elements(array, v, 4), 4);
	CHECK_SLICE(v[0], SLICE("1"));
	CHECK_SLICE(v[1], SLICE("\"a,]\\\"\""));
	CHECK_SLICE(v[2], SLICE("[2,[3]]"));
	CHECK_SLICE(v[3], SLICE("{\"x\":[1,2]}"));
	CHECK_INT(json_elements(array, v, 3), 4);
	CHECK_INT(json_elements(array, v, 1), 2);
	CHECK_INT(json_elements(array, v, 0), 1);
	CHECK_INT(json_elements(SLICE("[]"), v, 4), 0);
	CHECK_INT(json_elements(SLICE(" [ \n ] "), v, 4), 0);
	CHECK_INT(json_elements(SLICE("[[]]"), v, 4), 1);
	CHECK_SLICE(v[0], SLICE("[]"));

	struct slice object = SLICE(" { \"a\" : 1 , \"b:,}\" :\"}\", \"\\u0063\":{\"a\":2} , \"\":[] } ");
	static const struct {
		struct slice key, value;
	} members[] = {
		{SLICE("a"), SLICE("1")},
		{SLICE("b:,}"), SLICE("\"}\"")},
		{SLICE("\\u0063"), SLICE("{\"a\":2}")},
		{SLICE(""), SLICE("[]")},
	};
	size_t it = 0, n = 0;
	for (; json_next_member(object, &it, &key, v); n++) {
		CHECK_SLICE(key, members[n].key);
		CHECK_SLICE(v[0], members[n].value);
	}
	CHECK_INT(n, ARRAY_LEN(members));
	CHECK(json_get(object, "c", v));
	CHECK_SLICE(v[0], SLICE("{\"a\":2}"));
	CHECK(json_get(object, "", v));
	CHECK_SLICE(v[0], SLICE("[]"));
	CHECK(!json_get(object, "b", v));
	CHECK(!json_get(SLICE("{}"), "", v));
	it = 0;
	CHECK(!json_next_member(SLICE(" { } "), &it, &key, v));
}

TEST(kinds_and_white_space)
{
	CHECK_SLICE(json_trim(SLICE(" \t\r\n1 \n")), SLICE("1"));
	CHECK_SLICE(json_trim(SLICE("  ")), SLICE(""));
	CHECK_SLICE(json_trim(SLICE("\" \"")), SLICE("\" \""));
	CHECK_INT(json_kind_of(SLICE(" -1")), JSON_NUMBER);
	CHECK_INT(json_kind_of(SLICE("\t{}")), JSON_OBJECT);
	CHECK_INT(json_kind_of(SLICE("\"[]\"")), JSON_STRING);
}

TEST(keys_compare_unescaped)
{
	static const struct {
		const char *object;
		struct slice plain;
		bool same;
	} rows[] = {
		{"{\"a\":0}", SLICE("a"), true},          {"{\"\\u0061\":0}", SLICE("a"), true},
		{"{\"\\/\":0}", SLICE("/"), true},        {"{\"\\uD83D\\uDE00\":0}", SLICE("\xf0\x9f\x98\x80"), true},
		{"{\"\\u0000\":0}", SLICE("\0"), true},   {"{\"\\u0000\":0}", SLICE(""), false},
		{"{\"\\ud83d\":0}", SLICE(""), false},    {"{\"a\\u0062\":0}", SLICE("a"), false},
		{"{\"\\\\u0061\":0}", SLICE("a"), false}, {"{\"\":0}", SLICE(""), true},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice key, value;
		size_t it = 0;
		CHECK_ROW(rows[i].object);
		CHECK(json_next_member(slice_str(rows[i].object), &it, &key, &value));
		CHECK_INT(json_key_eq(key, rows[i].plain), rows[i].same);
	}
}

TEST(unescape)
{
	static const struct {
		const char *text;
		struct slice plain;
	} rows[] = {
		{"\"\"", SLICE("")},
		{" \"a b\" ", SLICE("a b")},
		{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", SLICE("\"\\/\b\f\n\r\t")},
		{"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"", SLICE("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf")},
		{"\"\\ud800\\udc00\\uDBFF\\uDFFF\"", SLICE("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")},
		{"\"x\\u0000y\"", SLICE("x\0y")},
		{"\"\\\\n\"", SLICE("\\n")},
	};
	struct buf out = {0};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].text);
		out.n = 0;
		CHECK(json_unescape(&out, slice_str(rows[i].text)));
		CHECK_SLICE(buf_view(&out), rows[i].plain);
	}
	static const char *const no_string[] = {"1",
	                                        "null",
	                                        "[\"a\"]",
	                                        "{}",
	                                        "\"",
	                                        "",
	                                        "\"\\ud800\"",
	                                        "\"\\ud800x\"",
	                                        "\"\\udc00\\ud800\"",
	                                        "\"\\ud800\\n\""};
	for (size_t i = 0; i < ARRAY_LEN(no_string); i++) {
		CHECK_ROW(no_string[i]);
		CHECK(!json_unescape(&out, slice_str(no_string[i])));
	}
	buf_fini(&out);
}

TEST(compact_keeps_strings)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
		{" [ 1 , \"2 \\\" 3\" , { \"a b\" : [ true ] } ] ", "[1,\"2 \\\" 3\",{\"a b\":[true]}]"},
		{"\t\"\\\\\" ", "\"\\\\\""},
		{"1.50e+3", "1.50e+3"},
		{"{ }", "{}"},
		{"[\"\\\\\" , \" \"]", "[\"\\\\\",\" \"]"},
	};
	struct buf out = {0};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].from);
		out.n = 0;
		json_compact(&out, slice_str(rows[i].from));
		CHECK_SLICE(buf_view(&out), slice_str(rows[i].to));
	}
	buf_fini(&out);
}
