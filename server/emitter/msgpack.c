#include "emitter/msgpack.h"

#include "base/json.h"
#include "base/text.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct reader {
	const unsigned char *p;
	size_t n;
	struct buf *out;
	size_t end; /* the most bytes that out may have */
	unsigned depth;
	const char *why; /* the first fault; NULL: none yet */
};

static bool value(struct reader *r);

static bool msgpack_wrong(struct reader *r, const char *why)
{
	r->why = why;
	return false;
}

/* ---- reading ---- */

static bool msgpack_take(struct reader *r, size_t n, const unsigned char **p)
{
	if (r->n < n)
		return msgpack_wrong(r, "cut short");
	*p = r->p;
	r->p += n;
	r->n -= n;
	return true;
}

/* An unsigned number of 1, 2, 4 or 8 bytes. */
static bool msgpack_number(struct reader *r, unsigned bytes, uint64_t *v)
{
	const unsigned char *p;
	if (!msgpack_take(r, bytes, &p))
		return false;
	*v = 0;
	for (unsigned i = 0; i < bytes; i++)
		*v = *v << 8 | p[i];
	return true;
}

static int64_t sign_extend(uint64_t v, unsigned bytes)
{
	unsigned shift = 64 - 8 * bytes;
	return (int64_t)(v << shift) >> shift;
}

/* ---- values ---- */

static bool put_string(struct reader *r, uint64_t n)
{
	const unsigned char *p;
	if (n > r->end)
		return msgpack_wrong(r, "too large");
	if (!msgpack_take(r, n, &p))
		return false;
	struct slice s = slice_of(p, n);
	if (!utf8_valid(s))
		return msgpack_wrong(r, "invalid UTF-8");
	buf_json_str(r->out, s);
	return true;
}

/* The shortest text that reads as the same number, where printf finds one. */
static void put_double(struct buf *out, double v)
{
	char text[32];
	if (!isfinite(v)) {
		buf_str(out, "null"); /* as JSON.stringify does */
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	buf_str(out, text);
}

static bool put_float(struct reader *r, unsigned bytes)
{
	uint64_t bits;
	if (!msgpack_number(r, bytes, &bits))
		return false;
	double d;
	if (bytes == 4) {
		float f;
		uint32_t half = (uint32_t)bits;
		memcpy(&f, &half, sizeof(f));
		d = (double)f;
	} else {
		memcpy(&d, &bits, sizeof(d));
	}
	put_double(r->out, d == 0 ? 0 : d); /* -0 is 0 in JSON.stringify */
	return true;
}

#define DATE_MOST 8640000000000 /* the largest JavaScript date, in seconds from 1970 */

static bool put_date(struct reader *r, int64_t seconds, uint64_t nanoseconds)
{
	struct tm t;
	char text[48];
	time_t at = (time_t)seconds;
	if (nanoseconds > 999999999 || seconds > DATE_MOST || seconds < -DATE_MOST || !gmtime_r(&at, &t))
		return msgpack_wrong(r, "no date");
	int year = t.tm_year + 1900;
	snprintf(text, sizeof(text),
	         year < 0 || year > 9999 ? "\"%+07d-%02d-%02dT%02d:%02d:%02d.%03uZ\""
	                                 : "\"%04d-%02d-%02dT%02d:%02d:%02d.%03uZ\"",
	         year, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, (unsigned)(nanoseconds / 1000000));
	buf_str(r->out, text);
	return true;
}

static bool extension(struct reader *r, uint64_t n)
{
	uint64_t type, a, b;
	if (!msgpack_number(r, 1, &type))
		return false;
	if (type != 0xff)
		return msgpack_wrong(r, "an extension type");
	if (n == 4)
		return msgpack_number(r, 4, &a) && put_date(r, (int64_t)a, 0);
	if (n == 8)
		return msgpack_number(r, 8, &a) && put_date(r, (int64_t)(a & 0x3ffffffff), a >> 34);
	if (n == 12)
		return msgpack_number(r, 4, &a) && msgpack_number(r, 8, &b) && put_date(r, (int64_t)b, a);
	return msgpack_wrong(r, "no date");
}

static bool key(struct reader *r)
{
	uint64_t head, n;
	if (!msgpack_number(r, 1, &head))
		return false;
	if ((head & 0xe0) == 0xa0)
		n = head & 0x1f;
	else if (head < 0xd9 || head > 0xdb)
		return msgpack_wrong(r, "a key that is no string");
	else if (!msgpack_number(r, 1u << (head - 0xd9), &n))
		return false;
	if (!put_string(r, n))
		return false;
	buf_char(r->out, ':');
	return true;
}

static bool container(struct reader *r, uint64_t n, bool map)
{
	if (n > r->n) /* an element has at least a byte */
		return msgpack_wrong(r, "cut short");
	if (++r->depth > JSON_MAX_DEPTH)
		return msgpack_wrong(r, "nested too deep");
	buf_char(r->out, map ? '{' : '[');
	for (uint64_t i = 0; i < n; i++) {
		if (i)
			buf_char(r->out, ',');
		if ((map && !key(r)) || !value(r))
			return false;
	}
	buf_char(r->out, map ? '}' : ']');
	r->depth--;
	return true;
}

/* Types 0xc0 to 0xdf, where the whole byte is the type. */
static bool tagged(struct reader *r, unsigned head)
{
	uint64_t n;
	switch (head) {
	case 0xc0:
		buf_str(r->out, "null");
		return true;
	case 0xc2:
	case 0xc3:
		buf_str(r->out, head == 0xc3 ? "true" : "false");
		return true;
	case 0xc4 ... 0xc6:
		return msgpack_wrong(r, "binary");
	case 0xc7 ... 0xc9:
		return msgpack_number(r, 1u << (head - 0xc7), &n) && extension(r, n);
	case 0xca:
	case 0xcb:
		return put_float(r, head == 0xca ? 4 : 8);
	case 0xcc ... 0xcf:
		if (!msgpack_number(r, 1u << (head - 0xcc), &n))
			return false;
		buf_u64(r->out, n);
		return true;
	case 0xd0 ... 0xd3:
		if (!msgpack_number(r, 1u << (head - 0xd0), &n))
			return false;
		buf_printf(r->out, "%lld", (long long)sign_extend(n, 1u << (head - 0xd0)));
		return true;
	case 0xd4 ... 0xd8:
		return extension(r, 1u << (head - 0xd4));
	case 0xd9 ... 0xdb:
		return msgpack_number(r, 1u << (head - 0xd9), &n) && put_string(r, n);
	case 0xdc:
	case 0xdd:
		return msgpack_number(r, head == 0xdc ? 2 : 4, &n) && container(r, n, false);
	case 0xde:
	case 0xdf:
		return msgpack_number(r, head == 0xde ? 2 : 4, &n) && container(r, n, true);
	default:
		return msgpack_wrong(r, "no MessagePack");
	}
}

static bool value(struct reader *r)
{
	uint64_t head;
	if (r->out->n > r->end)
		return msgpack_wrong(r, "too large");
	if (!msgpack_number(r, 1, &head))
		return false;
	if (head < 0x80)
		buf_u64(r->out, head);
	else if (head < 0x90)
		return container(r, head & 0x0f, true);
	else if (head < 0xa0)
		return container(r, head & 0x0f, false);
	else if (head < 0xc0)
		return put_string(r, head & 0x1f);
	else if (head < 0xe0)
		return tagged(r, (unsigned)head);
	else
		buf_printf(r->out, "%d", (int)head - 256);
	return true;
}

const char *msgpack_to_json(struct buf *out, struct slice in, size_t max_out)
{
	struct reader r = {.p = (const unsigned char *)in.p, .n = in.n, .out = out, .end = out->n + max_out};
	if (!value(&r))
		return r.why;
	if (r.n)
		return "more than one value";
	return out->n > r.end ? "too large" : NULL;
}
