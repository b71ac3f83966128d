#include "emitter/msgpack.h"

#include "base/json.h"
#include "base/mem.h"
#include "test.h"

#define PLENTY 65536
#define TAKEN "taken"
#define FUZZ_ROUNDS 200000

/* Bytes of exactly their size, so that a sanitizer sees the first one read too far. */
static const char *decode(struct buf *out, struct slice in, size_t max)
{
	char *copy = mem_dup(in.p, in.n);
	const char *why = msgpack_to_json(out, slice_of(copy, in.n), max);
	free(copy);
	return why ? why : TAKEN;
}

struct row {
	const char *name;
	struct slice in;
	const char *out;
};
#define ROW(name, in, out)                      \
	{                                       \
		name, {in, sizeof(in) - 1}, out \
	}

static const struct row good[] = {
	ROW("nil", "\xc0", "null"),
	ROW("false", "\xc2", "false"),
	ROW("true", "\xc3", "true"),
	ROW("fixint", "\x7f", "127"),
	ROW("negative fixint", "\xe0", "-32"),
	ROW("-1", "\xff", "-1"),
	ROW("uint8", "\xcc\xff", "255"),
	ROW("uint16", "\xcd\xff\xfe", "65534"),
	ROW("uint32", "\xce\xff\xff\xff\xff", "4294967295"),
	ROW("uint64", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615"),
	ROW("int8", "\xd0\x80", "-128"),
	ROW("int16", "\xd1\x80\x00", "-32768"),
	ROW("int32", "\xd2\x80\x00\x00\x00", "-2147483648"),
	ROW("int64", "\xd3\x80\x00\x00\x00\x00\x00\x00\x00", "-9223372036854775808"),
	ROW("int64, positive", "\xd3\x00\x1f\xff\xff\xff\xff\xff\xff", "9007199254740991"),
	ROW("float32", "\xca\x3f\x00\x00\x00", "0.5"),
	ROW("float64", "\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a", "0.1"),
	ROW("float64, all digits", "\xcb\x3f\xd3\x33\x33\x33\x33\x33\x34", "0.30000000000000004"),
	ROW("-0", "\xcb\x80\x00\x00\x00\x00\x00\x00\x00", "0"),
	ROW("NaN", "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", "null"),
	ROW("-Infinity", "\xca\xff\x80\x00\x00", "null"),
	ROW("empty string", "\xa0", "\"\""),
	ROW("fixstr", "\xa5h\xc3\xa9\"\n", "\"h\xc3\xa9\\\"\\n\""),
	ROW("str8", "\xd9\x02hi", "\"hi\""),
	ROW("str16", "\xda\x00\x02hi", "\"hi\""),
	ROW("str32", "\xdb\x00\x00\x00\x02hi", "\"hi\""),
	ROW("empty array", "\x90", "[]"),
	ROW("fixarray", "\x93\x01\xc0\x91\xa1x", "[1,null,[\"x\"]]"),
	ROW("array16", "\xdc\x00\x01\x01", "[1]"),
	ROW("array32", "\xdd\x00\x00\x00\x01\x01", "[1]"),
	ROW("empty map", "\x80", "{}"),
	ROW("fixmap",
            "\x82\xa1"
            "a\x01\xa1"
            "b\x80",
            "{\"a\":1,\"b\":{}}"),
	ROW("map16, keys of str8",
            "\xde\x00\x01\xd9\x01"
            "a\xc3",
            "{\"a\":true}"),
	ROW("map32, keys of str32",
            "\xdf\x00\x00\x00\x01\xdb\x00\x00\x00\x01"
            "a\xc3",
            "{\"a\":true}"),
	ROW("date, 4 bytes", "\xd6\xff\x00\x00\x00\x01", "\"1970-01-01T00:00:01.000Z\""),
	ROW("date, 8 bytes", "\xd7\xff\x1d\xcd\x65\x00\x69\x60\x4e\x80", "\"2026-01-09T00:40:32.125Z\""),
	ROW("date, 12 bytes, before 1970", "\xc7\x0c\xff\x3b\x8b\x87\xc0\xff\xff\xff\xff\xff\xff\xff\xff",
            "\"1969-12-31T23:59:59.999Z\""),
	ROW("date, year 10000", "\xc7\x0c\xff\x00\x00\x00\x00\x00\x00\x00\x3a\xff\xf4\x41\x80",
            "\"+010000-01-01T00:00:00.000Z\""),
	ROW("date, ext8 of 4", "\xc7\x04\xff\x00\x00\x00\x00", "\"1970-01-01T00:00:00.000Z\""),
	ROW("date, ext32 of 8", "\xc9\x00\x00\x00\x08\xff\x00\x00\x00\x00\x00\x00\x00\x00",
            "\"1970-01-01T00:00:00.000Z\""),
};

static const struct row bad[] = {
	ROW("nothing", "", "cut short"),
	ROW("never used", "\xc1", "no MessagePack"),
	ROW("bin8", "\xc4\x01x", "binary"),
	ROW("bin16", "\xc5\x00\x01x", "binary"),
	ROW("bin32", "\xc6\x00\x00\x00\x01x", "binary"),
	ROW("binary within",
            "\x81\xa1"
            "a\x91\xc4\x00",
            "binary"),
	ROW("extension 1", "\xd4\x01\x00", "an extension type"),
	ROW("date of 1 byte", "\xd4\xff\x00", "no date"),
	ROW("date of 16 bytes", "\xd8\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "no date"),
	ROW("date with 10^9 ns", "\xd7\xff\xee\x6b\x28\x00\x00\x00\x00\x00", "no date"),
	ROW("date beyond JavaScript's", "\xc7\x0c\xff\x00\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff", "no date"),
	ROW("invalid UTF-8", "\xa2\xc0\x80", "invalid UTF-8"),
	ROW("surrogate", "\xa3\xed\xa0\x80", "invalid UTF-8"),
	ROW("number as key", "\x81\x01\x01", "a key that is no string"),
	ROW("nil as key", "\x81\xc0\x01", "a key that is no string"),
	ROW("two values", "\x01\x02", "more than one value"),
	ROW("4 G elements", "\xdd\xff\xff\xff\xff", "cut short"),
	ROW("4 G members", "\xdf\xff\xff\xff\xff", "cut short"),
	ROW("4 GB", "\xdb\xff\xff\xff\xff", "too large"),
};

TEST(values)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct buf out = {0};
		enum json_kind kind;
		unsigned flaws = 0;
		CHECK_ROW(good[i].name);
		CHECK_STR(decode(&out, good[i].in, PLENTY), TAKEN);
		CHECK_SLICE(buf_view(&out), slice_str(good[i].out));
		CHECK(json_scan(buf_view(&out), &kind, &flaws) && flaws == 0);
		buf_fini(&out);
	}
}

TEST(refused)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf out = {0};
		CHECK_ROW(bad[i].name);
		CHECK_STR(decode(&out, bad[i].in, PLENTY), bad[i].out);
		buf_fini(&out);
	}
}

TEST(cut_at_every_byte)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CHECK_ROW(good[i].name);
		for (size_t n = 0; n < good[i].in.n; n++) {
			struct buf out = {0};
			CHECK_STR(decode(&out, slice_of(good[i].in.p, n), PLENTY), "cut short");
			buf_fini(&out);
		}
	}
}

TEST(depth)
{
	char in[JSON_MAX_DEPTH + 2];
	struct buf out = {0};
	memset(in, 0x91, sizeof(in));
	in[JSON_MAX_DEPTH] = 0x01;
	CHECK_STR(decode(&out, slice_of(in, JSON_MAX_DEPTH + 1), PLENTY), TAKEN);
	in[JSON_MAX_DEPTH] = (char)0x91;
	in[JSON_MAX_DEPTH + 1] = 0x01;
	CHECK_STR(decode(&out, slice_of(in, JSON_MAX_DEPTH + 2), PLENTY), "nested too deep");
	buf_fini(&out);
}

TEST(size)
{
	struct buf out = {0};
	buf_str(&out, "before"); /* does not count */
	CHECK_STR(decode(&out,
	                 SLICE("\xa4"
	                       "abcd"),
	                 6),
	          TAKEN);
	CHECK_SLICE(buf_view(&out), SLICE("before\"abcd\""));
	CHECK_STR(decode(&out,
	                 SLICE("\xa4"
	                       "abcd"),
	                 5),
	          "too large");
	/* escapes make it six times as long */
	char in[3 + 1000] = "\xda\x03\xe8";
	CHECK_STR(decode(&out, slice_of(in, sizeof(in)), 1002), "too large");
	/* it stops soon, not at the end */
	static char many[100003] = "\xdd\x00\x01\x86\x9e";
	out.n = 0;
	CHECK_STR(decode(&out, slice_of(many, sizeof(many)), 100), "too large");
	CHECK(out.n < 200);
	buf_fini(&out);
}

/* xorshift64*: the same everywhere */
static uint32_t below(uint64_t *random, size_t limit)
{
	*random ^= *random >> 12;
	*random ^= *random << 25;
	*random ^= *random >> 27;
	return (uint32_t)((*random * 0x2545f4914f6cdd1du >> 32) % limit);
}

/* The result is JSON, within its limit. */
TEST(fuzz)
{
	uint64_t random = 1;
	size_t taken = 0;
	for (unsigned i = 0; i < FUZZ_ROUNDS; i++) {
		char in[64];
		size_t n = 0;
		while (n < 40 && below(&random, 8)) {
			const struct row *r = below(&random, 8) ? &good[below(&random, ARRAY_LEN(good))]
			                                        : &bad[below(&random, ARRAY_LEN(bad))];
			if (below(&random, 3) == 0)
				in[n++] = (char)(below(&random, 2) ? 0x80 + below(&random, 0x60) : below(&random, 256));
			else if (n + r->in.n < sizeof(in)) {
				memcpy(in + n, r->in.p, r->in.n);
				n += r->in.n;
			}
		}
		for (unsigned k = below(&random, 3); k && n; k--)
			in[below(&random, n)] = (char)below(&random, 256);
		struct buf out = {0};
		size_t max = 1 + below(&random, 200);
		if (strcmp(decode(&out, slice_of(in, n), max), TAKEN) == 0) {
			enum json_kind kind;
			unsigned flaws = 0;
			CHECK(out.n <= max);
			CHECK(json_scan(buf_view(&out), &kind, &flaws));
			taken++;
		}
		CHECK(out.n <= max + 6 * sizeof(in) + 8);
		buf_fini(&out);
	}
	CHECK(taken > FUZZ_ROUNDS / 20);
}
