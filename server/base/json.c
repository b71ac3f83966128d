#include "base/json.h"

#include "base/mem.h"
#include "base/text.h"
#include <errno.h>
#include <math.h>

/*
 * One pass, no recursion: the containers that are open lie on a stack of their own. Nesting beyond JSON_MAX_DEPTH is a flaw, not bad
 * grammar, so the pass goes on; the stack then costs one bit a level, at most one level a byte of input.
 */
struct scan {
	const char *p, *end;
	unsigned flaws;
	size_t depth;
	struct buf kinds;        /* one byte an open container: '{' or '[' */
	struct buf keys;         /* struct key of all open objects, the innermost last */
	struct buf firsts;       /* size_t: where the keys of each open object begin, for the first JSON_MAX_DEPTH levels */
};

struct key {
	uint64_t hash;
	struct slice raw;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(struct scan *s)
{
	while (s->p < s->end && is_space(*s->p))
		s->p++;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hex digits, or -1. */
static int32_t hex4(const char *p, const char *end)
{
	int32_t v = 0;
	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int d = hex_digit(p[i]);
		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	return v;
}

/* Behind the backslash. */
static bool scan_escape(struct scan *s)
{
	char c = s->p < s->end ? *s->p++ : '\0';
	if (c != 'u')
		return c && strchr("\"\\/bfnrt", c);
	int32_t u = hex4(s->p, s->end);
	if (u < 0)
		return false;
	s->p += 4;
	if (u == 0)
		s->flaws |= JSON_NUL;
	if (u >= 0xdc00 && u <= 0xdfff)
		s->flaws |= JSON_LONE_SURROGATE;
	if (u >= 0xd800 && u <= 0xdbff) {
		int32_t low = s->end - s->p >= 6 && s->p[0] == '\\' && s->p[1] == 'u' ? hex4(s->p + 2, s->end) : -1;
		if (low >= 0xdc00 && low <= 0xdfff)
			s->p += 6;
		else
			s->flaws |= JSON_LONE_SURROGATE;
	}
	return true;
}

/* At the opening quote; raw gets what stands between the quotes. UTF-8 was settled for the whole text. */
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

static const char *digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

static bool scan_number(struct scan *s)
{
	const char *from = s->p, *p = from + (*from == '-'), *mark = p;
	p = digits(p, s->end);
	if (p == mark || (*mark == '0' && p > mark + 1))
		return false;
	size_t magnitude = (size_t)(p - mark);
	if (p < s->end && *p == '.') {
		mark = ++p;
		p = digits(p, s->end);
		if (p == mark)
			return false;
	}
	bool exponent = p < s->end && (*p == 'e' || *p == 'E');
	if (exponent) {
		p++;
		p += p < s->end && (*p == '+' || *p == '-');
		mark = p;
		p = digits(p, s->end);
		if (p == mark)
			return false;
	}
	s->p = p;
	if (!exponent && magnitude < 300)
		return true;
	if (p - from > 4096) { /* nobody means a number of that length */
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

/* ---- keys: duplicates are found when an object closes, by sorting hashes of the unescaped spelling ---- */

static uint64_t key_hash(struct slice raw)
{
	/* not keyed: agreeing hashes refuse a message, they do not slow one down (check_keys) */
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

static void note_key(struct scan *s, struct slice raw)
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

/* 64-bit hashes of a few keys that agree are taken for equal keys; a chance of 2^-50 to refuse a message is cheaper than a second look. */
static void check_keys(struct scan *s, size_t first)
{
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
	note_key(s, raw);
	skip_space(s);
	return s->p < s->end && *s->p++ == ':';
}

/* A value's beginning: scalars whole, containers opened. *opened tells that a container was opened and is not empty. */
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

/* Behind a value: closes what ends here, or steps to the next element. *more: another value follows. */
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

/* ---- looking at text that was scanned ---- */

struct slice json_trim(struct slice v)
{
	while (v.n && is_space(v.p[0]))
		v = slice_of(v.p + 1, v.n - 1);
	while (v.n && is_space(v.p[v.n - 1]))
		v.n--;
	return v;
}

enum json_kind json_kind_of(struct slice v)
{
	v = json_trim(v);
	switch (v.n ? v.p[0] : 'n') {
	case '{': return JSON_OBJECT;
	case '[': return JSON_ARRAY;
	case '"': return JSON_STRING;
	case 't': return JSON_TRUE;
	case 'f': return JSON_FALSE;
	case 'n': return JSON_NULL;
	default: return JSON_NUMBER;
	}
}

/* Behind the string that opens at p. */
static const char *skip_string(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		p += *p == '\\';
	return p + 1;
}

/* Behind the value that begins at p, in text that was scanned. */
static const char *skip_value(const char *p, const char *end)
{
	size_t depth = 0;
	while (p < end) {
		char c = *p;
		if (c == '"') {
			p = skip_string(p, end);
			if (depth == 0)
				return p;
			continue;
		}
		if (c == '{' || c == '[') {
			depth++;
		} else if (c == '}' || c == ']') {
			if (depth == 0)
				return p;
			if (--depth == 0)
				return p + 1;
		} else if (depth == 0 && (c == ',' || is_space(c))) {
			return p;
		}
		p++;
	}
	return p;
}

static const char *skip_blank(const char *p, const char *end)
{
	while (p < end && (is_space(*p) || *p == ',' || *p == ':'))
		p++;
	return p;
}

bool json_next_element(struct slice array, size_t *it, struct slice *value)
{
	struct slice a = json_trim(array);
	const char *end = a.p + a.n - 1, *p = skip_blank(*it ? array.p + *it : a.p + 1, end);
	if (p >= end)
		return false;
	const char *from = p;
	p = skip_value(p, end);
	*value = slice_of(from, (size_t)(p - from));
	*it = (size_t)(p - array.p);
	return true;
}

size_t json_elements(struct slice array, struct slice *out, size_t max)
{
	size_t n = 0, it = 0;
	for (struct slice v; n <= max && json_next_element(array, &it, &v); n++)
		if (n < max)
			out[n] = v;
	return n;
}

bool json_next_member(struct slice object, size_t *it, struct slice *key, struct slice *value)
{
	struct slice o = json_trim(object);
	const char *end = o.p + o.n - 1, *p = *it ? object.p + *it : o.p + 1;
	p = skip_blank(p, end);
	if (p >= end)
		return false;
	const char *from = p;
	p = skip_string(p, end);
	*key = slice_of(from + 1, (size_t)(p - from - 2));
	from = skip_blank(p, end);
	p = skip_value(from, end);
	*value = slice_of(from, (size_t)(p - from));
	*it = (size_t)(p - object.p);
	return true;
}

bool json_get(struct slice object, const char *key, struct slice *value)
{
	struct slice k, v;
	for (size_t it = 0; json_next_member(object, &it, &k, &v);)
		if (json_key_eq(k, slice_str(key))) {
			*value = v;
			return true;
		}
	return false;
}

static void put_utf8(struct buf *out, uint32_t u)
{
	if (u < 0x80) {
		buf_char(out, (char)u);
		return;
	}
	if (u < 0x800) {
		buf_char(out, (char)(0xc0 | u >> 6));
	} else {
		if (u < 0x10000) {
			buf_char(out, (char)(0xe0 | u >> 12));
		} else {
			buf_char(out, (char)(0xf0 | u >> 18));
			buf_char(out, (char)(0x80 | (u >> 12 & 63)));
		}
		buf_char(out, (char)(0x80 | (u >> 6 & 63)));
	}
	buf_char(out, (char)(0x80 | (u & 63)));
}

/* One escape behind its backslash, which the scanner found well-formed; NULL for half a surrogate pair. */
static const char *unescape_one(struct buf *out, const char *p, const char *end)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at = strchr(from, *p);
	if (*p != 'u') {
		buf_char(out, to[at - from]);
		return p + 1;
	}
	int32_t u = hex4(p + 1, end);
	p += 5;
	if (u >= 0xdc00 && u <= 0xdfff)
		return NULL;
	if (u >= 0xd800 && u <= 0xdbff) {
		int32_t low = end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2, end) : -1;
		if (low < 0xdc00 || low > 0xdfff)
			return NULL;
		p += 6;
		u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
	}
	put_utf8(out, (uint32_t)u);
	return p;
}

bool json_unescape(struct buf *out, struct slice string)
{
	struct slice s = json_trim(string);
	if (s.n < 2 || s.p[0] != '"')
		return false;
	const char *p = s.p + 1, *end = s.p + s.n - 1;
	while (p < end) {
		const char *back = memchr(p, '\\', (size_t)(end - p));
		buf_add(out, p, (size_t)((back ? back : end) - p));
		if (!back)
			break;
		p = unescape_one(out, back + 1, end);
		if (!p)
			return false;
	}
	return true;
}

bool json_key_eq(struct slice raw, struct slice plain)
{
	if (!memchr(raw.p, '\\', raw.n))
		return slice_eq(raw, plain);
	struct buf text = {0};
	bool same = json_unescape(&text, slice_of(raw.p - 1, raw.n + 2)) && slice_eq(buf_view(&text), plain);
	buf_fini(&text);
	return same;
}

void json_compact(struct buf *out, struct slice v)
{
	const char *p = v.p, *end = v.p + v.n;
	char *to = buf_room(out, v.n), *from = to;
	while (p < end) {
		if (is_space(*p)) {
			p++;
			continue;
		}
		const char *next = *p == '"' ? skip_string(p, end) : p + 1;
		memcpy(to, p, (size_t)(next - p));
		to += next - p;
		p = next;
	}
	out->n += (size_t)(to - from);
}
