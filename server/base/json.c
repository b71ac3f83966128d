/*
 * Looking at JSON that json_scan has accepted: kinds, elements, members, unescaping. Called by sio/ and app/ for every
 * event. Nothing here checks the grammar again, so no function may be called with text that was not scanned.
 */
#include "base/json.h"

#include "base/json_char.h"

struct slice json_trim(struct slice v)
{
	while (v.n && json_space(v.p[0]))
		v = slice_of(v.p + 1, v.n - 1);
	while (v.n && json_space(v.p[v.n - 1]))
		v.n--;
	return v;
}

enum json_kind json_kind_of(struct slice v)
{
	v = json_trim(v);
	switch (v.n ? v.p[0] : 'n') {
	case '{':
		return JSON_OBJECT;
	case '[':
		return JSON_ARRAY;
	case '"':
		return JSON_STRING;
	case 't':
		return JSON_TRUE;
	case 'f':
		return JSON_FALSE;
	case 'n':
		return JSON_NULL;
	default:
		return JSON_NUMBER;
	}
}

/* The place behind the string that opens at p. Few have an escape. */
static const char *skip_string(const char *p, const char *end)
{
	const char *quote = memchr(p + 1, '"', (size_t)(end - p - 1));
	if (quote && quote[-1] != '\\')
		return quote + 1;
	for (p++; p < end && *p != '"'; p++)
		p += *p == '\\';
	return p + 1;
}

/* The place behind the value that begins at p. */
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
		} else if (depth == 0 && (c == ',' || json_space(c))) {
			return p;
		}
		p++;
	}
	return p;
}

static const char *skip_blank(const char *p, const char *end)
{
	while (p < end && (json_space(*p) || *p == ',' || *p == ':'))
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

/* One escape; p is behind its backslash. The place behind it, or NULL when it is half a surrogate pair. */
static const char *unescape_one(struct buf *out, const char *p, const char *end)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at = strchr(from, *p);
	if (*p != 'u') {
		buf_char(out, to[at - from]);
		return p + 1;
	}
	int32_t u = json_hex4(p + 1, end);
	p += 5;
	if (u >= 0xdc00 && u <= 0xdfff)
		return NULL;
	if (u >= 0xd800 && u <= 0xdbff) {
		int32_t low = end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? json_hex4(p + 2, end) : -1;
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
		if (*p == '"') {
			size_t n = (size_t)(skip_string(p, end) - p);
			memcpy(to, p, n);
			to += n;
			p += n;
			continue;
		}
		if (!json_space(*p))
			*to++ = *p;
		p++;
	}
	out->n += (size_t)(to - from);
}
