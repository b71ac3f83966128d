#include "base/mem.h"
#include "base/varint.h"
#include "db/db.h"

/* pg_snapshot as text: xmin:xmax:xip,xip,... with xip ascending, each xmin <= xip < xmax. */
struct db_snapshot {
	uint64_t xmin, xmax;
	size_t n;
	uint64_t xip[];
};

static bool read_xid(const char **at, uint64_t *out)
{
	const char *p = *at;
	uint64_t v = 0;
	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return false;
	*at = p;
	*out = v;
	return true;
}

static bool read_sep(const char **at, char c)
{
	if (**at != c)
		return false;
	++*at;
	return true;
}

static bool read_xip(struct db_snapshot *s, const char *p)
{
	uint64_t last = 0;
	while (*p) {
		uint64_t xid;
		if ((s->n && !read_sep(&p, ',')) || !read_xid(&p, &xid))
			return false;
		if (xid < s->xmin || xid >= s->xmax || xid <= last)
			return false;
		s->xip[s->n++] = last = xid;
	}
	return true;
}

struct db_snapshot *db_snapshot_parse(const char *text)
{
	uint64_t xmin, xmax;
	if (!text || !read_xid(&text, &xmin) || !read_sep(&text, ':') || !read_xid(&text, &xmax) ||
	    !read_sep(&text, ':'))
		return NULL;
	if (xmin == 0 || xmax < xmin)
		return NULL;
	size_t most = *text ? 1 : 0;
	for (const char *p = text; *p; p++)
		most += *p == ',';
	struct db_snapshot *s = mem_alloc(sizeof(*s) + most * sizeof(s->xip[0]));
	*s = (struct db_snapshot){.xmin = xmin, .xmax = xmax};
	if (!read_xip(s, text))
		db_snapshot_free(&s);
	return s;
}

void db_snapshot_free(struct db_snapshot **s)
{
	free(*s);
	*s = NULL;
}

bool db_snapshot_sees(const struct db_snapshot *s, uint64_t xid)
{
	if (xid < s->xmin || xid >= s->xmax)
		return xid < s->xmin;
	size_t lo = 0, hi = s->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (s->xip[mid] == xid)
			return false;
		if (s->xip[mid] < xid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return true;
}

/* ---- few bytes ---- */

bool db_snapshot_pack(struct buf *out, const char *text)
{
	struct db_snapshot *s = db_snapshot_parse(text);
	if (!s)
		return false;
	varint_put(out, s->xmin);
	varint_put(out, s->xmax - s->xmin);
	varint_put(out, s->n);
	uint64_t before = s->xmin;
	for (size_t i = 0; i < s->n; i++) {
		varint_put(out, s->xip[i] - before);
		before = s->xip[i];
	}
	db_snapshot_free(&s);
	return true;
}

bool db_snapshot_unpack(struct slice *in, struct buf *text, size_t max)
{
	uint64_t xmin, width, n, xmax;
	if (!varint_take(in, &xmin) || xmin == 0 || !varint_take(in, &width) ||
	    __builtin_add_overflow(xmin, width, &xmax) || !varint_take(in, &n) || n > max)
		return false;
	buf_u64(text, xmin);
	buf_char(text, ':');
	buf_u64(text, xmax);
	buf_char(text, ':');
	for (uint64_t i = 0, at = xmin, step; i < n; i++) {
		if (!varint_take(in, &step) || (i && step == 0) || step >= xmax - at)
			return false;
		at += step;
		if (i)
			buf_char(text, ',');
		buf_u64(text, at);
	}
	return true;
}
