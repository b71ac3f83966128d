#include "sio/parser.h"

#include "base/mem.h"
#include "test.h"

#define MAX_ATTACHMENTS 10

/* Parses a copy of exact size; the slices are good until the next call. */
static bool parse(struct slice s, struct sio_packet *p)
{
	static char *text;
	free(text);
	text = mem_dup(s.p, s.n);
	return sio_parse(slice_of(text, s.n), MAX_ATTACHMENTS, p);
}

struct row {
	const char *text;
	enum sio_type type;
	const char *nsp; /* NULL: "/" */
	int64_t id;      /* -1: none */
	const char *json;
	unsigned attachments, flaws;
};

static void expect(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct sio_packet p;
		CHECK_ROW(rows[i].text);
		CHECK(parse(slice_str(rows[i].text), &p));
		CHECK_INT(p.type, rows[i].type);
		CHECK_SLICE(p.nsp, slice_str(rows[i].nsp ? rows[i].nsp : "/"));
		CHECK_INT(p.has_id, rows[i].id >= 0);
		CHECK(!p.has_id || p.id == (uint64_t)rows[i].id);
		CHECK_SLICE(p.json, slice_str(rows[i].json ? rows[i].json : ""));
		CHECK_INT(p.attachments, rows[i].attachments);
		CHECK_INT(p.flaws, rows[i].flaws);
	}
	CHECK_ROW("");
}
#define EXPECT(rows) expect(rows, ARRAY_LEN(rows))

static void refuse(const char *const *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct sio_packet p;
		CHECK_ROW(rows[i]);
		CHECK(!parse(slice_str(rows[i]), &p));
	}
	CHECK_ROW("");
}
#define REFUSE(rows) refuse(rows, ARRAY_LEN(rows))

/* S2: namespaces; S4: payloads of CONNECT and DISCONNECT */
TEST(connect_and_disconnect)
{
	static const struct row rows[] = {
		{"0", SIO_CONNECT, NULL, -1, NULL, 0, 0},
		{"0{}", SIO_CONNECT, NULL, -1, "{}", 0, 0},
		{"0{\"token\":\"x\"}", SIO_CONNECT, NULL, -1, "{\"token\":\"x\"}", 0, 0},
		{"0 { \"token\" : 1 } ", SIO_CONNECT, NULL, -1, "{ \"token\" : 1 }", 0, 0},
		{"0/", SIO_CONNECT, "/", -1, NULL, 0, 0},
		{"0/,", SIO_CONNECT, "/", -1, NULL, 0, 0},
		{"0/,{\"token\":\"x\"}", SIO_CONNECT, "/", -1, "{\"token\":\"x\"}", 0, 0},
		{"0/custom", SIO_CONNECT, "/custom", -1, NULL, 0, 0},
		{"0/custom,", SIO_CONNECT, "/custom", -1, NULL, 0, 0},
		{"0/custom,{}", SIO_CONNECT, "/custom", -1, "{}", 0, 0},
		{"0/custom?x=1,{}", SIO_CONNECT, "/custom?x=1", -1, "{}", 0, 0},
		{"0/custom{}", SIO_CONNECT, "/custom{}", -1, NULL, 0, 0},
		{"0/a/b", SIO_CONNECT, "/a/b", -1, NULL, 0, 0},
		{"0//", SIO_CONNECT, "//", -1, NULL, 0, 0},
		{"0/__proto__", SIO_CONNECT, "/__proto__", -1, NULL, 0, 0},
		{"0/,{\"a\":\"b,c\"}", SIO_CONNECT, "/", -1, "{\"a\":\"b,c\"}", 0, 0},
		{"0{\"a\":1,\"a\":2}", SIO_CONNECT, NULL, -1, "{\"a\":1,\"a\":2}", 0, JSON_DUPLICATE_KEY},
		{"1", SIO_DISCONNECT, NULL, -1, NULL, 0, 0},
		{"1/", SIO_DISCONNECT, "/", -1, NULL, 0, 0},
		{"1/,", SIO_DISCONNECT, "/", -1, NULL, 0, 0},
		{"1/custom", SIO_DISCONNECT, "/custom", -1, NULL, 0, 0},
		{"1/custom,", SIO_DISCONNECT, "/custom", -1, NULL, 0, 0},
	};
	EXPECT(rows);
	static const char *const bad[] = {
		"0[]",        "0null",      "0\"x\"", "0true",       "0{",          "0{}x",
		"0{}{}",      "0,",         "0,{}",   "0{\"a\":}",   "0/custom,[]", "0/custom,null",
		"0/custom,x", "0/custom,,", "0 ",     "1{}",         "1[]",         "1null",
		"1 ",         "1,",         "1x",     "1/custom,{}", "1/custom,[]", "1/custom,x",
	};
	REFUSE(bad);
}

TEST(events)
{
	static const struct row rows[] = {
		{"2[\"a\"]", SIO_EVENT, NULL, -1, "[\"a\"]", 0, 0},
		{"2[\"\"]", SIO_EVENT, NULL, -1, "[\"\"]", 0, 0},
		{"2[1,2]", SIO_EVENT, NULL, -1, "[1,2]", 0, 0},
		{"2[-1.5e3]", SIO_EVENT, NULL, -1, "[-1.5e3]", 0, 0},
		{"2 [ \"a\" , {} ] ", SIO_EVENT, NULL, -1, "[ \"a\" , {} ]", 0, 0},
		{"2 [\"x\"]", SIO_EVENT, NULL, -1, "[\"x\"]", 0, 0}, /* a blank is no id */
		{"2/custom,[\"a\",{\"b\":[1]}]", SIO_EVENT, "/custom", -1, "[\"a\",{\"b\":[1]}]", 0, 0},
		{"2/,[\"a\"]", SIO_EVENT, "/", -1, "[\"a\"]", 0, 0},
		{"2/custom,12[\"a\"]", SIO_EVENT, "/custom", 12, "[\"a\"]", 0, 0},
		{"20[\"a\"]", SIO_EVENT, NULL, 0, "[\"a\"]", 0, 0},
		{"2[\"a\",\"\\u0000\"]", SIO_EVENT, NULL, -1, "[\"a\",\"\\u0000\"]", 0, JSON_NUL},
		{"2[\"\\ud800\"]", SIO_EVENT, NULL, -1, "[\"\\ud800\"]", 0, JSON_LONE_SURROGATE},
		{"2[\"a\",1e999]", SIO_EVENT, NULL, -1, "[\"a\",1e999]", 0, JSON_NUMBER_RANGE},
		{"2[\"a\",{\"_placeholder\":true,\"num\":9}]", SIO_EVENT, NULL, -1,
	         "[\"a\",{\"_placeholder\":true,\"num\":9}]", 0, JSON_PLACEHOLDER},
	};
	EXPECT(rows);
	static const char *const bad[] = {
		"2",
		"2/custom",
		"2/custom,",
		"25",
		"2[]",
		"2[ ]",
		"2{}",
		"2null",
		"2\"a\"",
		"2[{}]",
		"2[null]",
		"2[true]",
		"2[false]",
		"2[[]]",
		"2[\"a\"",
		"2[\"a\",]",
		"2[\"a\"]]",
		"2[\"a\"]x",
		"2[\"a\"][\"b\"]",
		"2,[\"a\"]",
		"2-[\"a\"]",
		"2/custom[\"a\"]",
		"2[\"a\x1e"
		"b\"]",
		"2[\"a\"]\x1e"
		"2[\"b\"]",
		"2[a]",
		"2['a']",
		"2[\"\xff\"]",
		"2[\"\xed\xa0\x80\"]",
		"2+1[\"a\"]",
		"2 1[\"a\"]",
		"21 2[\"a\"]",
		"2x[\"a\"]",
		"2[\"a\n\"]",
	};
	REFUSE(bad);
	struct sio_packet p;
	CHECK(!parse(SLICE("2[\"a\0\"]"), &p));
	CHECK(!parse(SLICE("2[\"a\"]\0"), &p));
}

TEST(acks)
{
	static const struct row rows[] = {
		{"30[]", SIO_ACK, NULL, 0, "[]", 0, 0},
		{"3430[]", SIO_ACK, NULL, 430, "[]", 0, 0},
		{"3/custom,7[null,{}]", SIO_ACK, "/custom", 7, "[null,{}]", 0, 0},
		{"35", SIO_ACK, NULL, 5, NULL, 0, 0}, /* an ack without arguments, which is ignored (S4) */
		{"61-5[{\"_placeholder\":true,\"num\":0}]", SIO_BINARY_ACK, NULL, 5,
	         "[{\"_placeholder\":true,\"num\":0}]", 1, JSON_PLACEHOLDER},
	};
	EXPECT(rows);
	static const char *const bad[] = {"35{}",  "35null", "35\"a\"", "35[",  "35[]]", "35,[]",
	                                  "35[],", "61-5",   "61-5{}",  "65[]", "6-5[]"};
	REFUSE(bad);
}

/* S3: ids */
TEST(ids)
{
	static const struct row rows[] = {
		{"2005[\"a\"]", SIO_EVENT, NULL, 5, "[\"a\"]", 0, 0},
		{"20000000000000000000000000000000000000001[\"a\"]", SIO_EVENT, NULL, 1, "[\"a\"]", 0, 0},
		{"22147483648[\"a\"]", SIO_EVENT, NULL, 2147483648, "[\"a\"]", 0, 0},
		{"29007199254740991[\"a\"]", SIO_EVENT, NULL, 9007199254740991, "[\"a\"]", 0, 0},
	};
	EXPECT(rows);
	static const char *const bad[] = {
		"29007199254740992[\"a\"]",
		"218446744073709551616[\"a\"]",
		"218446744073709551621[\"a\"]",
		"299999999999999999999999999999999999999[\"a\"]",
		"2-1[\"a\"]",
		"21.5[\"a\"]",
		"21e3[\"a\"]",
		"20x1[\"a\"]",
	};
	REFUSE(bad);
}

/* S5: numbers of attachments */
TEST(attachments)
{
	static const struct row rows[] = {
		{"51-[\"a\",{\"_placeholder\":true,\"num\":0}]", SIO_BINARY_EVENT, NULL, -1,
	         "[\"a\",{\"_placeholder\":true,\"num\":0}]", 1, JSON_PLACEHOLDER},
		{"510-[\"a\"]", SIO_BINARY_EVENT, NULL, -1, "[\"a\"]", 10, 0},
		{"501-[\"a\"]", SIO_BINARY_EVENT, NULL, -1, "[\"a\"]", 1, 0},
		{"52-/custom,3[\"a\"]", SIO_BINARY_EVENT, "/custom", 3, "[\"a\"]", 2, 0},
		{"51-/,[\"a\"]", SIO_BINARY_EVENT, "/", -1, "[\"a\"]", 1, 0},
	};
	EXPECT(rows);
	static const char *const bad[] = {
		"5",
		"5-",
		"5-[\"a\"]",
		"5[\"a\"]",
		"51[\"a\"]",
		"51",
		"51-",
		"50-[\"a\"]",
		"511-[\"a\"]",
		"5-1-[\"a\"]",
		"5+1-[\"a\"]",
		"5 1-[\"a\"]",
		"51 -[\"a\"]",
		"51.0-[\"a\"]",
		"5x-[\"a\"]",
		"5999999999999999999999-[\"a\"]",
		"54294967297-[\"a\"]",
		"518446744073709551617-[\"a\"]",
		"5/custom,1-[\"a\"]",
		"51-[]",
		"51-{}",
		"51-[{}]",
		"51-[null]",
		"50",
		"500000-[\"a\"]",
	};
	REFUSE(bad);
}

TEST(other_types)
{
	static const char *const bad[] = {"",
	                                  "7",
	                                  "7[\"a\"]",
	                                  "9",
	                                  "a",
	                                  "-1",
	                                  " 2[\"a\"]",
	                                  "/",
	                                  "[\"a\"]",
	                                  "4",
	                                  "4{}",
	                                  "4{\"message\":\"x\"}",
	                                  "4/custom,{}",
	                                  "\x02[\"a\"]",
	                                  "\xb2[\"a\"]"};
	REFUSE(bad);
}

TEST(cut_packets_are_refused_or_complete)
{
	struct slice s = SLICE("52-/custom,17[\"name\",{\"k\":[1,\"\\u00e9\"]},{\"_placeholder\":true,\"num\":1}]");
	struct sio_packet p;
	CHECK(parse(s, &p));
	for (size_t n = 0; n < s.n; n++)
		CHECK(!parse(slice_of(s.p, n), &p));
}

/* S7: placeholders */
TEST(placeholders)
{
	static const struct {
		const char *json;
		unsigned n;
		bool valid;
	} rows[] = {
		{"[\"a\"]", 1, true}, /* an attachment may stay unused */
		{"[\"a\",{\"_placeholder\":true,\"num\":0}]", 1, true},
		{"[\"a\",{\"num\":0,\"_placeholder\":true}]", 1, true},
		{"[\"a\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":0}]", 1, true},
		{"[\"a\",{\"b\":[{\"c\":{\"_placeholder\":true,\"num\":9}}]}]", 10, true},
		{"[\"a\",{\"_placeholder\":true,\"num\":1}]", 1, false},
		{"[\"a\",{\"b\":[{\"c\":{\"_placeholder\":true,\"num\":10}}]}]", 10, false},
		{"[\"a\",{\"_placeholder\":true,\"num\":-1}]", 1, false},
		{"[\"a\",{\"_placeholder\":true,\"num\":-0}]", 1, false},
		{"[\"a\",{\"_placeholder\":true,\"num\":0.5}]", 1, false},
		{"[\"a\",{\"_placeholder\":true,\"num\":\"0\"}]", 1, false},
		{"[\"a\",{\"_placeholder\":true,\"num\":null}]", 1, false},
		{"[\"a\",{\"_placeholder\":true,\"num\":[0]}]", 1, false},
		{"[\"a\",{\"_placeholder\":true}]", 1, false},
		{"[\"a\",{\"_placeholder\":true,\"num\":4294967296}]", 1, false},
		{"[\"a\",{\"_placeholder\":true,\"num\":99999999999999999999}]", 1, false},
		{"[\"a\",{\"\\u005fplaceholder\":true,\"n\\u0075m\":0}]", 1, true},
		{"[\"a\",{\"\\u005fplaceholder\":true,\"n\\u0075m\":1}]", 1, false},
		{"[\"a\",{\"_placeholder\":false,\"num\":7}]", 1, true}, /* plain data */
		{"[\"a\",{\"_placeholder\":1,\"num\":7}]", 1, true},
		{"[\"a\",{\"_placeholder\":\"true\",\"num\":7}]", 1, true},
		{"[\"a\",\"{\\\"_placeholder\\\":true}\"]", 1, true},
		{"[\"a\",{\"x\":{\"_placeholder\":true,\"num\":5},\"_placeholder\":false}]", 1, false},
		{"[\"a\",{\"_placeholder\":true,\"x\":{\"num\":0}}]", 1, false},
		{"[\"a\",{\"x\":{\"_placeholder\":true},\"num\":0}]", 1, false},
		{"[\"a\",{\"_placeholder\":[true],\"num\":5}]", 1, true},
		{"[\"a\",{\"_placeholder\":{\"a\":true},\"num\":5}]", 1, true},
		{"[\"a\",{\"_placeholder\":\"x\",\"y\":true,\"num\":5}]", 1, true},
		{"[\"a\",{\"_placeholder\":true,\"num\":0,\"y\":7}]", 1, true},
		{"[\"a\",{\"_placeholder\":true,\"num\":0e0}]", 1, false},
		{"[\"a\", { \"_placeholder\" : true , \"num\" : 0 } ]", 1, true},
		{"[\"a\",{\"\\\"_placeholder\":true}]", 1, true},
		{"[\"a\",[\"_placeholder\",true],{\"b\":[\"num\",9]}]", 1, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].json);
		CHECK_INT(sio_placeholders_valid(slice_str(rows[i].json), rows[i].n), rows[i].valid);
	}
}

TEST(placeholders_of_a_deep_payload_end)
{
	struct buf b = {0};
	for (int i = 0; i < 100000; i++)
		buf_str(&b, "[");
	for (int i = 0; i < 100000; i++)
		buf_str(&b, "]");
	CHECK(sio_placeholders_valid(buf_view(&b), 1));
	b.n = 0;
	for (int i = 0; i < 100000; i++)
		buf_str(&b, "{\"a\":");
	buf_str(&b, "0");
	for (int i = 0; i < 100000; i++)
		buf_str(&b, "}");
	CHECK(sio_placeholders_valid(buf_view(&b), 1));
	/* a large value below many levels is read once, and not again for each level */
	b.n = 0;
	for (int i = 0; i < 60; i++)
		buf_str(&b, "{\"a\":");
	buf_char(&b, '[');
	for (int i = 0; i < 400000; i++)
		buf_str(&b, "0,");
	buf_str(&b, "{\"_placeholder\":true,\"num\":1}]");
	for (int i = 0; i < 60; i++)
		buf_char(&b, '}');
	for (int i = 0; i < 20; i++) {
		CHECK(sio_placeholders_valid(buf_view(&b), 2));
		CHECK(!sio_placeholders_valid(buf_view(&b), 1));
	}
	buf_fini(&b);
}

/* S6: reserved names */
TEST(reserved_names)
{
	static const char *const reserved[] = {"connect",       "connect_error", "disconnect",
	                                       "disconnecting", "newListener",   "removeListener"};
	static const char *const free_names[] = {"",        "error",    "connection", "message",    "ping",
	                                         "Connect", "connect ", "connecting", "newlistener"};
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		CHECK(sio_name_reserved(slice_str(reserved[i])));
	for (size_t i = 0; i < ARRAY_LEN(free_names); i++)
		CHECK(!sio_name_reserved(slice_str(free_names[i])));
	CHECK(!sio_name_reserved(SLICE("connect\0")));
}
