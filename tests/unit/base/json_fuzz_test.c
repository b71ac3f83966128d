/*
 * Mutations of a corpus, the same in every run. The scanner must agree with jansson on what is JSON, and must read
 * nothing but the text, which lies between two pages that may not be read.
 */
#include "base/json.h"

#include "fuzz.h"
#include "json_peer.h"
#include "test.h"
#include <sys/mman.h>

#define ROUNDS 200000

static const char *const corpus[] = {
	"null",
	"true",
	"false",
	"0",
	"-0",
	"12.5E-3",
	"1e308",
	"-1.7976931348623157e308",
	"123456789012345678901234567890",
	"\"\"",
	"\"a\\\"b\\\\c\\/\\b\\f\\n\\r\\t\"",
	"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\"",
	"\"\\u00e9\\uD83D\\uDE00\\u0001\\uffff\"",
	"[]",
	"{}",
	"[[[[[[[[]]]]]]]]",
	"{\"a\":{\"b\":{\"c\":[{}]}}}",
	" [ 1 , \"2\" ,\t{ \"3\" : [ true , false , null ] } ]\r\n",
	"{\"a\":1,\"b\":2,\"\":3,\"\\u0061b\":4}",
	"{\"_placeholder\":true,\"num\":0}",
	"[\"message:send\",{\"room\":\"3b1f8a52-8a9e-4c0c-9b8e-0d3c0f5b7a11\",\"text\":\"hello \\\"you\\\"\",\"at\":1768003200000}]",
	"{\"sid\":\"lv_VI97HAXpY6yYWAAAC\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}",
	"{\"k0\":0,\"k1\":1,\"k2\":2,\"k3\":3,\"k4\":4,\"k5\":5,\"k6\":6,\"k7\":7,\"k8\":8,\"k9\":9}",
	"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
};

static const char *const tokens[] = {
	"{",
	"}",
	"[",
	"]",
	",",
	":",
	"\"",
	"\\",
	"\\u",
	"\\ud83d",
	"\\ude00",
	"\\u0000",
	"\\u0061",
	"\"a\":",
	"\"a\"",
	"{\"a\":1}",
	"[1]",
	"null",
	"true",
	"-",
	"+",
	".",
	"e",
	"E+",
	"0",
	"9",
	"999999999",
	"e999",
	" ",
	"\t",
	"\n",
	"\r",
	"\v",
	"\x7f",
	"\xc3",
	"\xa9",
	"\xed\xa0\x80",
	"\xf4\x90",
	"\xc0\x80",
};

static void mutate(struct fuzz *f)
{
	size_t at = below(f, f->n + 1);
	char some[32], one = (char)below(f, 256);
	switch (below(f, 7)) {
	case 0: /* a byte */
		splice(f, at, 1, slice_of(&one, 1));
		break;
	case 1: /* a bit */
		if (at < f->n)
			f->text[at] = (char)(f->text[at] ^ 1 << below(f, 8));
		break;
	case 2: /* a token, in between or instead */
		splice(f, at, below(f, 4), slice_str(tokens[below(f, ARRAY_LEN(tokens))]));
		break;
	case 3: /* without a piece */
		splice(f, at, 1 + below(f, 8), SLICE(""));
		break;
	case 4: /* a piece twice */
		if (at < f->n) {
			size_t n = 1 + below(f, sizeof some - 1);
			n = n > f->n - at ? f->n - at : n;
			memcpy(some, f->text + at, n);
			splice(f, below(f, f->n + 1), 0, slice_of(some, n));
		}
		break;
	case 5: /* cut */
		f->n = at;
		break;
	default: /* another text inside */
		splice(f, at, 0, slice_str(corpus[below(f, ARRAY_LEN(corpus))]));
	}
}

static size_t depth_of(json_t *v)
{
	if (json_typeof(v) != JANSSON_ARRAY && json_typeof(v) != JANSSON_OBJECT)
		return 0;
	size_t deepest = 0;
	for (size_t i = 0; i < json_array_size(v); i++) {
		size_t d = depth_of(json_array_get(v, i));
		deepest = d > deepest ? d : deepest;
	}
	for (void *it = json_object_iter(v); it; it = json_object_iter_next(v, it)) {
		size_t d = depth_of(json_object_iter_value(it));
		deepest = d > deepest ? d : deepest;
	}
	return deepest + 1;
}

/* Walks the text with our accessors and jansson's tree beside it. */
static void compare(struct slice text, json_t *v)
{
	struct slice value, key;
	size_t it = 0, n = 0;
	struct buf plain = {0};
	CHECK(v);
	switch (json_kind_of(text)) {
	case JSON_ARRAY:
		CHECK_INT(json_typeof(v), JANSSON_ARRAY);
		for (; json_next_element(text, &it, &value); n++)
			compare(value, json_array_get(v, n));
		CHECK_INT(n, json_array_size(v));
		CHECK_INT(json_elements(text, NULL, 0), n > 0);
		break;
	case JSON_OBJECT:
		CHECK_INT(json_typeof(v), JANSSON_OBJECT);
		for (; json_next_member(text, &it, &key, &value); n++) {
			CHECK(json_unescape(&plain, slice_of(key.p - 1, key.n + 2)));
			CHECK(json_key_eq(key, buf_view(&plain)));
			compare(value, json_object_getn(v, plain.n ? plain.p : "", plain.n));
			plain.n = 0;
		}
		CHECK_INT(n, json_object_size(v));
		break;
	case JSON_STRING:
		CHECK_INT(json_typeof(v), JANSSON_STRING);
		CHECK(json_unescape(&plain, text));
		CHECK_SLICE(buf_view(&plain), slice_of(json_string_value(v), json_string_length(v)));
		break;
	case JSON_NUMBER:
		CHECK_INT(json_typeof(v), JSON_REAL);
		break;
	case JSON_TRUE:
		CHECK_INT(json_typeof(v), JANSSON_TRUE);
		break;
	case JSON_FALSE:
		CHECK_INT(json_typeof(v), JANSSON_FALSE);
		break;
	case JSON_NULL:
		CHECK_INT(json_typeof(v), JANSSON_NULL);
	}
	buf_fini(&plain);
}

static void check_compact(struct slice text, unsigned flaws)
{
	struct buf once = {0}, twice = {0};
	enum json_kind kind;
	unsigned again = 0;
	json_compact(&once, text);
	CHECK(json_scan(buf_view(&once), &kind, &again));
	CHECK_INT(again, flaws);
	json_compact(&twice, buf_view(&once));
	CHECK_SLICE(buf_view(&twice), buf_view(&once));
	buf_fini(&once);
	buf_fini(&twice);
}

/* True: it was JSON. */
static bool check_text(struct slice text)
{
	enum json_kind kind = JSON_NULL;
	unsigned flaws = 0;
	json_error_t error;
	const size_t how = JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL;
	bool good = json_scan(text, &kind, &flaws);
	if (memchr(text.p, '\0', text.n)) { /* jansson overlooks a raw NUL */
		CHECK(!good);
		return false;
	}
	json_t *v = json_loadb(text.p, text.n, how, &error);
	if (!good) {
		CHECK(!v);
		return false;
	}
	check_compact(text, flaws);
	if (flaws & (JSON_LONE_SURROGATE | JSON_NUL | JSON_NUMBER_RANGE)) { /* jansson knows only good and bad */
		json_decref(v);
		return true;
	}
	CHECK(v);
	json_t *unique = json_loadb(text.p, text.n, how | JSON_REJECT_DUPLICATES, &error);
	CHECK_INT(!unique, (flaws & JSON_DUPLICATE_KEY) != 0 || (!unique && flaws & JSON_TOO_DEEP));
	json_decref(unique);
	if (!(flaws & JSON_DUPLICATE_KEY) && unique) {
		CHECK_INT(depth_of(v) > JSON_MAX_DEPTH, (flaws & JSON_TOO_DEEP) != 0);
		compare(text, v);
	}
	json_decref(v);
	return true;
}

static void name_row(const struct fuzz *f)
{
	static char name[4 * FUZZ_ROOM];
	size_t at = 0;
	for (size_t i = 0; i < f->n; i++) {
		unsigned char c = (unsigned char)f->text[i];
		if (c >= ' ' && c < 0x7f)
			name[at++] = (char)c;
		else
			at += (size_t)sprintf(name + at, "\\x%02x", c);
	}
	name[at] = '\0';
	CHECK_ROW(name);
}

TEST(scanner_agrees_with_jansson)
{
	struct fuzz f = {.random = 0x62656c6c77697265u, .most = FUZZ_ROOM / 4};
	char *pages = mmap(NULL, 3 * FUZZ_ROOM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(pages != MAP_FAILED && mprotect(pages + FUZZ_ROOM, FUZZ_ROOM, PROT_READ | PROT_WRITE) == 0);
	char *page = pages + FUZZ_ROOM; /* this page may be read, its neighbours may not */
	unsigned good = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct slice seed = slice_str(corpus[below(&f, ARRAY_LEN(corpus))]);
		memcpy(f.text, seed.p, seed.n);
		f.n = seed.n;
		for (uint32_t k = 1 + below(&f, 3); k > 0; k--)
			mutate(&f);
		name_row(&f);
		char *at = round % 2 ? page : page + FUZZ_ROOM - f.n;
		memcpy(at, f.text, f.n);
		good += check_text(slice_of(at, f.n));
	}
	CHECK_ROW("");
	CHECK(good > ROUNDS / 20 && good < ROUNDS - ROUNDS / 20); /* both answers came often */
	munmap(pages, 3 * FUZZ_ROOM);
}
