#include "db/poll.h"

#include "db/binary.h"
#include "db/ids.h"
#include "db/result.h"
#include "db/snapshot.h"

/*
 * A poll reads again what it had read of transactions from the cursor's xmin on, and throws it away. So many of these
 * are few rows, if each came in a fetch of few (fetch.light).
 */
#define SPAN_MOST 64
#define IDS_SPAN_MOST 1000 /* of rt.poll_ids, by fetch.light_ids: a row costs it a tenth */

/* How a session gets to know a statement, as SQL: so an error is an answer like any other. */
#define PREPARE_FETCH "prepare bellwire_fetch(text, text) as select * from rt.fetch($1, $2)"
#define PREPARE_KEPT "prepare bellwire_poll(pg_snapshot, xid8) as select * from rt.poll($1, $2)"
#define PREPARE_FEW "prepare bellwire_poll_few(pg_snapshot, xid8) as select * from rt.poll_few($1, $2)"
#define PREPARE_IDS "prepare bellwire_poll_ids(pg_snapshot, xid8) as select * from rt.poll_ids($1, $2)"
#define PREPARE_BOTH "prepare bellwire_poll_both(pg_snapshot, xid8) as select * from rt.poll_both($1, $2)"
#define PREPARE_LOOK                                              \
	"prepare bellwire_look as select pg_current_snapshot(), " \
	"(date_part('epoch', clock_timestamp()) * 1000000)::bigint"

const struct poll_statement poll_statements[POLL_KINDS] = {
	[POLL_LOOK] = {"bellwire_look", "a look", PREPARE_LOOK, 0},
	[POLL_IDS] = {"bellwire_poll_ids", "rt.poll_ids", PREPARE_IDS, 2},
	[POLL_FEW] = {"bellwire_poll_few", "rt.poll_few", PREPARE_FEW, 2},
	[POLL_KEPT] = {"bellwire_poll", "rt.poll", PREPARE_KEPT, 2},
	[POLL_BOTH] = {"bellwire_poll_both", "rt.poll_both", PREPARE_BOTH, 2},
	[POLL_FETCH] = {"bellwire_fetch", "rt.fetch", PREPARE_FETCH, 2},
};

enum poll_kind poll_choose(const struct poll *p, const struct fetch *f, bool news)
{
	bool ids = p->nobody && p->knows[POLL_IDS] && f->rows <= IDS_ROWS;
	uint64_t light = ids ? f->light_ids : f->light, span = ids ? IDS_SPAN_MOST : SPAN_MOST;
	if (!p->fetched || !f->snapshot || f->low < light || f->high - f->low > span)
		return POLL_FETCH;
	if (f->still && !news && p->knows[POLL_LOOK])
		return POLL_LOOK;
	if (ids)
		return POLL_IDS;
	if (!p->since || f->low < p->since)
		return p->knows[POLL_BOTH] ? POLL_BOTH : POLL_FETCH;
	enum poll_kind kind = p->knows[POLL_FEW] && f->rows <= FEW_ROWS ? POLL_FEW : POLL_KEPT;
	return p->knows[kind] ? kind : POLL_FETCH;
}

/* Has nobody written the twin since what was noted? */
static bool poll_note(struct poll *p, uint64_t written, uint64_t next)
{
	if (!p->counted || p->written != written) {
		p->counted = true;
		p->written = written;
		p->since = 0;
		return false;
	}
	if (!p->since)
		p->since = next;
	return true;
}

/* A restored row with a huge transaction id, which would come back for ever. rt.fetch leaves it out. */
static bool poll_has_strange_row(const PGresult *res, uint64_t high)
{
	uint64_t xid;
	for (int row = 0; row < PQntuples(res); row++)
		if (db_cell_u64(res, row, COL_XID, &xid) && xid >= high)
			return true;
	return false;
}

static enum poll_kind poll_judge_look(const struct poll *p, const struct fetch *f, const PGresult *res)
{
	uint64_t now_us;
	if (PQntuples(res) != 1 || PQnfields(res) != LOOK_COLS || !db_cell_u64(res, 0, LOOK_COL_AT, &now_us))
		return POLL_KINDS;
	if (slice_eq(db_cell(res, 0, LOOK_COL_SNAPSHOT), slice_str(f->snapshot)))
		return POLL_LOOK;
	return poll_choose(p, f, true);
}

/*
 * What was dropped is in the count. So while that is the noted one nothing was, but for what the answers of BOTH told
 * that brought the cursor to the note (docs/decisions/0040-few.md).
 */
static enum poll_kind poll_judge_few(const struct poll *p, const PGresult *res)
{
	struct buf snapshot = {0};
	uint64_t low, high, written, xid, id;
	int n = PQntuples(res);
	bool good = n > 0 && PQnfields(res) == FEW_COLS && binary_u64(db_cell(res, 0, FEW_COL_WRITTEN), &written) &&
	            binary_snapshot(db_cell(res, 0, FEW_COL_SNAPSHOT), &snapshot) &&
	            db_snapshot_bounds(buf_view(&snapshot), &low, &high);
	buf_fini(&snapshot);
	if (!good)
		return POLL_KINDS;
	if (written != p->written)
		return p->knows[POLL_BOTH] ? POLL_BOTH : POLL_FETCH;
	if (n > FEW_ROWS)
		return p->knows[POLL_KEPT] ? POLL_KEPT : POLL_FETCH;
	for (int row = 0; row < n && !PQgetisnull(res, row, FEW_COL_EVENT); row++) {
		if (!binary_row_ids(db_cell(res, row, FEW_COL_EVENT), &xid, &id))
			return POLL_KINDS;
		if (xid >= high)
			return POLL_FETCH;
	}
	return POLL_FEW;
}

/* What brings the rows whole. */
static enum poll_kind poll_choose_whole(const struct poll *p, const struct fetch *f)
{
	struct poll whole = *p;
	whole.nobody = false;
	return poll_choose(&whole, f, true);
}

/*
 * Who has come while this was out may have read what is now before what the answer sees, so it is sent the events
 * behind the cursor whole. Who comes later reads what is now after it.
 */
static enum poll_kind poll_judge_ids(const struct poll *p, const struct fetch *f, const PGresult *res)
{
	struct ids_header h;
	struct db_event e;
	enum poll_kind kind = POLL_IDS;
	if (!ids_header(res, &h))
		return POLL_KINDS;
	if (!p->nobody)
		return poll_choose_whole(p, f);
	if (f->low < h.dropped || PQntuples(res) > IDS_ROWS + 1)
		return POLL_FETCH;
	for (int row = 1; row < PQntuples(res); row++) {
		if (!ids_row(res, row, &e))
			return POLL_KINDS;
		if (e.xid >= h.high)
			return POLL_FETCH;
		if (e.data.n >= IDS_DATA)
			kind = poll_choose_whole(p, f);
	}
	return kind;
}

enum poll_kind poll_judge(struct poll *p, const struct fetch *f, enum poll_kind kind, const PGresult *res)
{
	uint64_t low, high, written, next, dropped_low, dropped = 0;
	if (kind == POLL_FETCH)
		return kind;
	if (kind == POLL_LOOK)
		return poll_judge_look(p, f, res);
	if (kind == POLL_IDS)
		return poll_judge_ids(p, f, res);
	if (kind == POLL_FEW)
		return poll_judge_few(p, res);
	if (PQntuples(res) < 1 || PQnfields(res) != POLL_COLS ||
	    !db_snapshot_bounds(db_cell(res, 0, COL_SNAPSHOT), &low, &high) ||
	    !db_cell_u64(res, 0, COL_WRITTEN, &written) || !db_cell_u64(res, 0, COL_NEXT_XID, &next) || next < high)
		return POLL_KINDS;
	if (!PQgetisnull(res, 0, COL_DROPPED) &&
	    !db_snapshot_bounds(db_cell(res, 0, COL_DROPPED), &dropped_low, &dropped))
		return POLL_KINDS;
	bool idle = poll_note(p, written, next);
	if (f->low < dropped || poll_has_strange_row(res, high))
		return POLL_FETCH;
	if (kind == POLL_KEPT && !idle)
		return p->knows[POLL_BOTH] ? POLL_BOTH : POLL_FETCH;
	return kind;
}

bool poll_is_refused(const char *sqlstate)
{
	/* feature not supported (a cached plan's columns), no such statement, class 42: no such name, no right to it */
	return strcmp(sqlstate, "0A000") == 0 || strcmp(sqlstate, "26000") == 0 || strcmp(sqlstate, "3F000") == 0 ||
	       strncmp(sqlstate, "42", 2) == 0;
}
