/*
 * The check of JSON from outside: grammar, UTF-8 and the flaws of json.h. Called once for every packet (sio/parser.c),
 * and for whatever else comes as JSON from a stranger.
 */
#include "base/json.h"

#include "base/json_char.h"
#include "base/mem.h"
#include "base/text.h"
#include <math.h>

#define EXPONENT_DOWN_MAX 400 /* the smallest double is 5e-324 */

/*
 * The scan is one pass without recursion: open containers lie on a stack of its own. Nesting beyond JSON_MAX_DEPTH is a
 * flaw and not bad grammar, so the pass goes on to the end. The stack costs one byte a level, and a level needs a byte
 * of input.
 */
struct scan {
	const char *p, *end;
	unsigned flaws;
	size_t depth;
	struct buf kinds;  /* one byte an open container: '{' or '[' */
	struct buf keys;   /* struct key of all open objects, the innermost last */
	struct buf firsts; /* size_t: where the keys of each open object begin, for the first JSON_MAX_DEPTH levels */
};

struct key {
	uint64_t hash;
	struct slice raw;
};

static void skip_space(struct scan *s)
{
	while (s->p < s->end && json_space(*s->p))
		s->p++;
}

/* One escape; s->p is behind its backslash. */
static bool scan_escape(struct scan *s)
{
	char c = s->p < s->end ? *s->p++ : '\0';
	if (c != 'u')
		return c && strchr("\"\\/bfnrt", c);
	int32_t u = json_hex4(s->p, s->end);
	if (u < 0)
		return false;
	s->p += 4;
	if (u == 0)
		s->flaws |= JSON_NUL;
	if (u >= 0xdc00 && u <= 0xdfff)
		s->flaws |= JSON_LONE_SURROGATE;
	if (u >= 0xd800 && u <= 0xdbff) {
		int32_t low = s->end - s->p >= 6 && s->p[0] == '\\' && s->p[1] == 'u' ? json_hex4(s->p + 2, s->end)
		                                                                      : -1;
		if (low >= 0xdc00 && low <= 0xdfff)
			s->p += 6;
		else
			s->flaws |= JSON_LONE_SURROGATE;
	}
	return true;
}

/* s->p is at the opening quote; raw gets the text between the quotes. That all of the text is UTF-8 is known by now. */
static bool scan_string(struct scan *s, struct slice *raw)
{
	const char *from = ++s->p;
	while (s->p < s->end) {
		unsigned char c = (unsigned char)*s->p++;
		if (c == '"') {
			*raw = slice_of(from, (size_t)(s->p - 1 - from));
			return true;
		}
		if (c < 0x20 || (c == '\\' && !scan_escape(s)))
			return false;
	}
	return false;
}

static const char *skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* The exponent is the sign and digits between from and to. Postgres keeps 1e-16383 in a few bytes, and 0e-16383 as
 * well, but prints 16 KB for either. */
static bool exponent_too_small(const char *from, const char *to)
{
	unsigned n = 0;
	if (*from != '-')
		return false;
	for (const char *p = from + 1; p < to && n <= EXPONENT_DOWN_MAX; p++)
		n = n * 10 + (unsigned)(*p - '0');
	return n > EXPONENT_DOWN_MAX;
}

static bool scan_number(struct scan *s)
{
	const char *from = s->p, *p = from + (*from == '-'), *mark = p;
	p = skip_digits(p, s->end);
	if (p == mark || (*mark == '0' && p > mark + 1))
		return false;
	size_t magnitude = (size_t)(p - mark);
	if (p < s->end && *p == '.') {
		mark = ++p;
		p = skip_digits(p, s->end);
		if (p == mark)
			return false;
	}
	bool exponent = p < s->end && (*p == 'e' || *p == 'E');
	if (exponent) {
		const char *sign = ++p;
		p += p < s->end && (*p == '+' || *p == '-');
		mark = p;
		p = skip_digits(p, s->end);
		if (p == mark)
			return false;
		if (exponent_too_small(sign, p))
			s->flaws |= JSON_NUMBER_RANGE;
	}
	s->p = p;
	if (!exponent && magnitude < 300)
		return true;
	if (p - from > 4096) { /* a longer number is no number that anybody means */
		s->flaws |= JSON_NUMBER_RANGE;
		return true;
	}
	char *text = mem_strndup(from, (size_t)(p - from));
	if (isinf(strtod(text, NULL)))
		s->flaws |= JSON_NUMBER_RANGE;
	free(text);
	return true;
}

static bool scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);
	if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
		return false;
	s->p += n;
	return true;
}

/* ---- keys: when an object closes, the hashes of its unescaped keys are sorted; equal neighbours are duplicates
 * ---- */

static uint64_t key_hash(struct slice raw)
{
	/* no random seed: a stranger who finds two keys with one hash gets his own message refused, and slows nothing
	 * down */
	uint64_t h = 0xcbf29ce484222325u;
	for (size_t i = 0; i < raw.n; i++)
		h = (h ^ (unsigned char)raw.p[i]) * 0x100000001b3u;
	return h;
}

static int by_hash(const void *a, const void *b)
{
	uint64_t x = ((const struct key *)a)->hash, y = ((const struct key *)b)->hash;
	return x < y ? -1 : x > y;
}

static void object_key_seen(struct scan *s, struct slice raw)
{
	if (s->depth > JSON_MAX_DEPTH)
		return;
	struct key k = {.raw = raw};
	if (memchr(raw.p, '\\', raw.n)) {
		struct buf plain = {0}, quoted = {0};
		buf_char(&quoted, '"');
		buf_slice(&quoted, raw);
		buf_char(&quoted, '"');
		if (json_unescape(&plain, buf_view(&quoted)))
			k.hash = key_hash(buf_view(&plain));
		if (slice_eq(buf_view(&plain), SLICE("_placeholder")))
			s->flaws |= JSON_PLACEHOLDER;
		buf_fini(&plain);
		buf_fini(&quoted);
	} else {
		k.hash = key_hash(raw);
		if (slice_eq(raw, SLICE("_placeholder")))
			s->flaws |= JSON_PLACEHOLDER;
	}
	buf_add(&s->keys, &k, sizeof k);
}

/* Equal hashes are taken for equal keys. Comparing the keys as well would cost every message something, and being wrong
 * once in 2^50 costs one message a refusal. */
static void check_keys(struct scan *s, size_t first)
{
	if (s->keys.n == first)
		return;
	struct key *keys = (struct key *)(void *)(s->keys.p + first);
	size_t n = (s->keys.n - first) / sizeof *keys;
	if (n > 8)
		qsort(keys, n, sizeof *keys, by_hash);
	for (size_t i = 0; i + 1 < n; i++)
		for (size_t j = i + 1; j < (n > 8 ? i + 2 : n); j++)
			if (keys[i].hash == keys[j].hash)
				s->flaws |= JSON_DUPLICATE_KEY;
}

/* ---- containers ---- */

static void open_container(struct scan *s, char kind)
{
	s->p++;
	s->depth++;
	buf_char(&s->kinds, kind);
	if (s->depth > JSON_MAX_DEPTH) {
		s->flaws |= JSON_TOO_DEEP;
		return;
	}
	buf_add(&s->firsts, &s->keys.n, sizeof s->keys.n);
}

static void close_container(struct scan *s)
{
	s->p++;
	s->kinds.n--;
	if (s->depth-- > JSON_MAX_DEPTH)
		return;
	size_t first;
	s->firsts.n -= sizeof first;
	memcpy(&first, s->firsts.p + s->firsts.n, sizeof first);
	check_keys(s, first);
	s->keys.n = first;
}

/* A key and its colon. */
static bool scan_key(struct scan *s)
{
	struct slice raw;
	skip_space(s);
	if (s->p == s->end || *s->p != '"' || !scan_string(s, &raw))
		return false;
	object_key_seen(s, raw);
	skip_space(s);
	return s->p < s->end && *s->p++ == ':';
}

/* Takes a scalar as a whole, and of a container its opening. *opened: it was a container, and it is not empty. */
static bool scan_value(struct scan *s, bool *opened)
{
	struct slice raw;
	*opened = false;
	skip_space(s);
	if (s->p == s->end)
		return false;
	switch (*s->p) {
	case '{':
	case '[': {
		char kind = *s->p;
		open_container(s, kind);
		skip_space(s);
		if (s->p < s->end && *s->p == (kind == '{' ? '}' : ']')) {
			close_container(s);
			return true;
		}
		*opened = true;
		return kind == '[' || scan_key(s);
	}
	case '"':
		return scan_string(s, &raw);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		return (*s->p == '-' || (*s->p >= '0' && *s->p <= '9')) && s->p < s->end && scan_number(s);
	}
}

/* s->p is behind a value: closes the containers that end here and steps over a comma. *more: another value follows. */
static bool scan_after(struct scan *s, bool *more)
{
	while (s->depth) {
		skip_space(s);
		if (s->p == s->end)
			return false;
		bool object = s->kinds.p[s->kinds.n - 1] == '{';
		if (*s->p == ',') {
			s->p++;
			*more = true;
			return !object || scan_key(s);
		}
		if (*s->p != (object ? '}' : ']'))
			return false;
		close_container(s);
	}
	*more = false;
	return true;
}

static bool scan_all(struct scan *s)
{
	bool more = true;
	while (more) {
		bool opened;
		if (!scan_value(s, &opened))
			return false;
		if (!opened && !scan_after(s, &more))
			return false;
	}
	skip_space(s);
	return s->p == s->end;
}

bool json_scan(struct slice text, enum json_kind *kind, unsigned *flaws)
{
	if (!utf8_valid(text))
		return false;
	struct scan s = {.p = text.p, .end = text.p + text.n, .flaws = *flaws};
	skip_space(&s);
	if (s.p == s.end)
		return false;
	*kind = json_kind_of(slice_of(s.p, (size_t)(s.end - s.p)));
	bool good = scan_all(&s);
	*flaws = s.flaws;
	buf_fini(&s.kinds);
	buf_fini(&s.keys);
	buf_fini(&s.firsts);
	return good;
}
