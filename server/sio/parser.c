/*
 * Parsing a packet. Called by receive.c for each text message, and at every cut by unit tests and the fuzzer.
 */
#include "sio/parser.h"

#include "base/number.h"

#define MAX_ID ((UINT64_C(1) << 53) - 1) /* S3: what a double of JavaScript holds */
#define COUNT_DIGITS 4                   /* of the number of attachments, or of the index of one */

static struct slice slice_from(struct slice s, size_t n)
{
	return slice_of(s.p + n, s.n - n);
}

/* S5: a decimal number, never zero, and a dash. */
static bool parse_attachments(struct slice *s, unsigned max, unsigned *count)
{
	struct slice behind = *s;
	uint64_t n;
	if (!u64_take(&behind, &n) || s->n - behind.n > COUNT_DIGITS || n == 0 || n > max)
		return false;
	if (behind.n == 0 || behind.p[0] != '-')
		return false;
	*count = (unsigned)n;
	*s = slice_from(behind, 1);
	return true;
}

/* S2: up to the first comma, or to the end of the packet. */
static void parse_namespace(struct slice *s, struct slice *nsp)
{
	*nsp = SLICE("/");
	if (s->n == 0 || s->p[0] != '/')
		return;
	const char *comma = memchr(s->p, ',', s->n);
	*nsp = slice_of(s->p, comma ? (size_t)(comma - s->p) : s->n);
	*s = slice_from(*s, nsp->n + (comma != NULL));
}

static bool parse_id(struct slice *s, bool *has, uint64_t *id)
{
	*has = s->n && is_digit(s->p[0]);
	return !*has || (u64_take(s, id) && *id <= MAX_ID);
}

/* S4: which payload a type of packet may have. An event begins with its name. */
static bool good_shape(const struct sio_packet *p, enum json_kind kind)
{
	bool none = p->json.n == 0;
	struct slice first;
	switch (p->type) {
	case SIO_CONNECT:
		return none || kind == JSON_OBJECT;
	case SIO_DISCONNECT:
		return none;
	case SIO_EVENT:
	case SIO_BINARY_EVENT:
		if (none || kind != JSON_ARRAY || json_elements(p->json, &first, 1) == 0)
			return false;
		return json_kind_of(first) == JSON_STRING || json_kind_of(first) == JSON_NUMBER;
	case SIO_ACK:
	case SIO_BINARY_ACK:
		return none ? p->type == SIO_ACK : kind == JSON_ARRAY;
	case SIO_CONNECT_ERROR:
		return false;
	}
	return false;
}

bool sio_parse(struct slice text, unsigned max_attachments, struct sio_packet *out)
{
	*out = (struct sio_packet){0};
	if (text.n == 0 || text.p[0] < '0' || text.p[0] > '6')
		return false;
	out->type = (enum sio_type)(text.p[0] - '0');
	struct slice s = slice_from(text, 1);
	bool binary = out->type == SIO_BINARY_EVENT || out->type == SIO_BINARY_ACK;
	if (binary && !parse_attachments(&s, max_attachments, &out->attachments))
		return false;
	parse_namespace(&s, &out->nsp);
	if (!parse_id(&s, &out->has_id, &out->id))
		return false;
	enum json_kind kind = JSON_NULL;
	if (s.n && !json_scan(s, &kind, &out->flaws))
		return false;
	out->json = json_trim(s);
	return good_shape(out, kind);
}

bool sio_name_reserved(struct slice name)
{
	static const char *const reserved[] = {"connect",       "connect_error", "disconnect",
	                                       "disconnecting", "newListener",   "removeListener"};
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		if (slice_eq(name, slice_str(reserved[i])))
			return true;
	return false;
}

/* ---- placeholders: one pass over scanned text. Of a key that comes twice the last counts, as it does for clients
 * ---- */

struct level {
	bool object, wants_key, placeholder, has_num;
	enum { KEY_OTHER, KEY_PLACEHOLDER, KEY_NUM } key;
};

static const char *behind_string(const char *p)
{
	for (p++; *p != '"'; p++)
		p += *p == '\\';
	return p + 1;
}

static void level_key(struct level *l, struct slice raw)
{
	l->wants_key = false;
	l->key = KEY_OTHER;
	if (json_key_eq(raw, SLICE("_placeholder"))) {
		l->key = KEY_PLACEHOLDER;
		l->placeholder = false;
	} else if (json_key_eq(raw, SLICE("num"))) {
		l->key = KEY_NUM;
		l->has_num = false;
	}
}

/* Steps over a number. True: it is an integer from 0 to n - 1. */
static bool number_below(const char **p, const char *end, unsigned n)
{
	const char *from = *p;
	uint64_t num = 0;
	bool plain = true;
	for (; *p < end && (is_digit(**p) || strchr("+-.eE", **p)); (*p)++) {
		plain = plain && is_digit(**p) && *p - from < COUNT_DIGITS;
		num = plain ? num * 10 + (uint64_t)(**p - '0') : 0;
	}
	return plain && num < n;
}

bool sio_placeholders_valid(struct slice json, unsigned n)
{
	struct level levels[JSON_MAX_DEPTH], *l = NULL;
	size_t depth = 0;
	for (const char *p = json.p, *end = p + json.n; p < end;) {
		char c = *p;
		if (c == '"') {
			const char *next = behind_string(p);
			if (l && l->wants_key)
				level_key(l, slice_of(p + 1, (size_t)(next - p - 2)));
			p = next;
			continue;
		}
		if (is_digit(c) || c == '-') {
			bool good = number_below(&p, end, n);
			if (l && l->key == KEY_NUM)
				l->has_num = good;
			continue;
		}
		p += c == 't' ? strlen("true") : 1;
		if (c == 't' && l && l->key == KEY_PLACEHOLDER)
			l->placeholder = true;
		if (c == '{' || c == '[') {
			if (depth < JSON_MAX_DEPTH)
				levels[depth] = (struct level){.object = c == '{', .wants_key = c == '{'};
			depth++;
		} else if (c == '}' || c == ']') {
			if (l && l->placeholder && !l->has_num)
				return false;
			depth--;
		} else if (c == ',' && l) {
			l->wants_key = l->object;
		} else {
			continue;
		}
		/* Deeper levels are not looked at: the application refuses them (JSON_TOO_DEEP). */
		l = depth && depth <= JSON_MAX_DEPTH ? &levels[depth - 1] : NULL;
	}
	return true;
}
