#include "db/snapshot.h"

#include "base/mem.h"
#include "base/number.h"
#include "base/varint.h"

/* Its text is xmin:xmax:xip,xip,... where xip, the transactions in flight, ascend and each is xmin <= xip < xmax. */
struct db_snapshot {
	uint64_t xmin, xmax;
	size_t n;
	uint64_t xip[];
};

static bool snapshot_sep(struct slice *at, char c)
{
	if (at->n == 0 || at->p[0] != c)
		return false;
	*at = slice_of(at->p + 1, at->n - 1);
	return true;
}

static bool snapshot_in_flight(struct db_snapshot *s, struct slice text)
{
	uint64_t last = 0, xid;
	while (text.n) {
		if ((s->n && !snapshot_sep(&text, ',')) || !u64_take(&text, &xid))
			return false;
		if (xid < s->xmin || xid >= s->xmax || xid <= last)
			return false;
		s->xip[s->n++] = last = xid;
	}
	return true;
}

/* *text moves to what is in flight. */
static bool snapshot_bounds(struct slice *text, uint64_t *xmin, uint64_t *xmax)
{
	return u64_take(text, xmin) && snapshot_sep(text, ':') && u64_take(text, xmax) && snapshot_sep(text, ':') &&
	       *xmin > 0 && *xmax >= *xmin;
}

bool db_snapshot_bounds(struct slice text, uint64_t *xmin, uint64_t *xmax)
{
	return snapshot_bounds(&text, xmin, xmax);
}

struct db_snapshot *db_snapshot_parse(struct slice text)
{
	uint64_t xmin, xmax;
	if (!snapshot_bounds(&text, &xmin, &xmax))
		return NULL;
	size_t most = text.n ? 1 : 0;
	for (size_t i = 0; i < text.n; i++)
		most += text.p[i] == ',';
	struct db_snapshot *s = mem_alloc(sizeof(*s) + most * sizeof(s->xip[0]));
	*s = (struct db_snapshot){.xmin = xmin, .xmax = xmax};
	if (!snapshot_in_flight(s, text))
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

static bool snapshot_has(const uint64_t xids[], size_t n, uint64_t xid)
{
	for (size_t i = 0; i < n; i++)
		if (xids[i] == xid)
			return true;
	return false;
}

bool db_snapshot_within(const struct db_snapshot *inner, const struct db_snapshot *outer, const uint64_t besides[],
                        size_t n)
{
	if (inner->xmax > outer->xmax && inner->xmax - outer->xmax > SNAPSHOT_APART)
		return false;
	for (size_t i = 0; i < outer->n; i++)
		if (db_snapshot_sees(inner, outer->xip[i]) && !snapshot_has(besides, n, outer->xip[i]))
			return false;
	for (uint64_t xid = outer->xmax; xid < inner->xmax; xid++)
		if (db_snapshot_sees(inner, xid) && !snapshot_has(besides, n, xid))
			return false;
	return true;
}

uint64_t db_snapshot_xmax(const struct db_snapshot *s)
{
	return s->xmax;
}

bool db_snapshot_add(struct buf *out, const char *text, uint64_t xid, unsigned n)
{
	struct slice rest = slice_str(text);
	uint64_t xmin, xmax, end;
	if (!snapshot_bounds(&rest, &xmin, &xmax) || xid < xmax || xid - xmax > SNAPSHOT_BETWEEN ||
	    __builtin_add_overflow(xid, n, &end))
		return false;
	buf_u64(out, rest.n ? xmin : xid > xmax ? xmax : end);
	buf_char(out, ':');
	buf_u64(out, end);
	buf_char(out, ':');
	buf_slice(out, rest);
	for (uint64_t between = xmax; between < xid; between++) {
		if (rest.n || between > xmax)
			buf_char(out, ',');
		buf_u64(out, between);
	}
	return true;
}

/* ---- few bytes ---- */

bool db_snapshot_pack(struct buf *out, const char *text)
{
	struct db_snapshot *s = db_snapshot_parse(slice_str(text ? text : ""));
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
