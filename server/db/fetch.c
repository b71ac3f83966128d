#include "db/fetch.h"

#include "base/log.h"
#include "base/mem.h"
#include "db/binary.h"
#include "db/ids.h"
#include "db/lone_row.h"
#include "db/result.h"
#include "db/snapshot.h"
#include "net/loop.h"

/* ---- the cursor ---- */

static void fetch_replace(char **at, char *with)
{
	free(*at);
	*at = with;
}

static void fetch_forget_cut(struct fetch *f)
{
	fetch_replace(&f->upto, NULL);
	fetch_replace(&f->upto_epoch, NULL);
	f->after = 0;
}

void fetch_fini(struct fetch *f)
{
	fetch_forget_cut(f);
	fetch_replace(&f->snapshot, NULL);
	fetch_replace(&f->epoch, NULL);
}

void fetch_void(struct fetch *f, const char *why)
{
	fetch_fini(f);
	f->voided = why;
}

/* rows: so many came at most, of transactions that the cursor did not see. */
static void fetch_advance(struct fetch *f, uint64_t rows)
{
	if (f->epoch && strcmp(f->epoch, f->upto_epoch) != 0) {
		rows = UINT64_MAX;
		f->stats->epochs++;
		log_warn(LOG_NOBODY, "pump_epoch", LS("from", f->epoch), LS("to", f->upto_epoch));
	}
	fetch_replace(&f->snapshot, f->upto);
	fetch_replace(&f->epoch, f->upto_epoch);
	f->upto = f->upto_epoch = NULL;
	fetch_forget_cut(f);
	bool known = db_snapshot_bounds(slice_str(f->snapshot), &f->low, &f->high);
	assert(known); /* the header was read */
	if (rows > POLL_ROWS)
		f->light = f->high;
	if (rows > IDS_ROWS)
		f->light_ids = f->high;
}

/* ---- rows ---- */

static bool fetch_read_row(const PGresult *res, int row, struct db_event *e)
{
	uint64_t at;
	*e = (struct db_event){0};
	if (!db_cell_u64(res, row, COL_ID, &e->id) || !db_cell_u64(res, row, COL_XID, &e->xid) ||
	    !db_cell_u64(res, row, COL_AT, &at) || at > INT64_MAX)
		return false;
	e->at_us = (int64_t)at;
	e->ephemeral = slice_eq(db_cell(res, row, COL_EPHEMERAL), SLICE("t"));
	e->everyone = PQgetisnull(res, row, COL_ROOMS);
	e->rooms = db_cell(res, row, COL_ROOMS);
	e->except_rooms = db_cell(res, row, COL_EXCEPT);
	e->event = db_cell(res, row, COL_EVENT);
	e->control = db_cell(res, row, COL_CONTROL);
	e->data = db_cell(res, row, COL_DATA);
	e->confirm = db_cell(res, row, COL_CONFIRM);
	if (e->data.n == 0)
		e->data = SLICE("null");
	return (e->event.n == 0) != (e->control.n == 0);
}

/* Bytes of what is delivered of a row, and a little more. */
static size_t fetch_row_bytes(const struct fetch *f, const PGresult *res, int row)
{
	if (f->form == FETCH_TEXT)
		return (size_t)PQgetlength(res, row, COL_DATA);
	return (size_t)PQgetlength(res, f->order[row], f->form == FETCH_FEW ? FEW_COL_EVENT : IDS_COL_DATA);
}

static bool fetch_read(const struct fetch *f, const PGresult *res, int row, struct db_event *e, struct buf *names)
{
	if (f->form == FETCH_FEW)
		return binary_row(db_cell(res, f->order[row], FEW_COL_EVENT), e, names);
	return f->form == FETCH_IDS ? ids_row(res, f->order[row], e) : fetch_read_row(res, row, e);
}

/* NULL: one of them is no event, or they are not in order. Names of rooms may be in `names`. */
static struct db_event *fetch_read_rows(const struct fetch *f, const PGresult *res, size_t n, struct buf *names)
{
	struct db_event *events = mem_alloc((n ? n : 1) * sizeof(*events));
	for (size_t i = 0; i < n; i++) {
		bool good = fetch_read(f, res, f->row + (int)i, &events[i], names);
		if (good && (i == 0 || events[i].id >= events[i - 1].id))
			continue;
		free(events);
		return NULL;
	}
	return events;
}

void fetch_own(struct fetch *f, uint64_t xid)
{
	f->own[f->owns++ % FETCH_OWN] = xid;
}

static bool fetch_is_own(const struct fetch *f, uint64_t xid)
{
	for (size_t i = 0; i < FETCH_OWN; i++)
		if (f->own[i] == xid)
			return true;
	return false;
}

static uint64_t fetch_since(int64_t at_us, int64_t then_us)
{
	return then_us > at_us ? (uint64_t)(then_us - at_us) : 0;
}

/* oldest: at_us of the oldest row of the piece so far. */
static void fetch_count(struct fetch *f, const struct db_event *events, size_t n, int64_t *oldest)
{
	for (size_t i = 0; i < n; i++) {
		if (events[i].at_us < *oldest)
			*oldest = events[i].at_us;
		if (events[i].xid == f->xid)
			continue;
		f->xid = events[i].xid;
		if (fetch_is_own(f, f->xid))
			continue;
		f->transactions++;
		f->lag_us += fetch_since(events[i].at_us, f->now_us);
		f->certain_us += fetch_since(events[i].at_us, f->before_us);
	}
	f->rows += n;
	f->stats->rows += n;
}

/* The number in "<place>/<number>.<random>". */
static bool fetch_is_epoch(const struct fetch *f, struct slice number)
{
	const char *at = strchr(f->epoch, '/');
	return at && number.n && strncmp(at + 1, number.p, number.n) == 0 && at[1 + number.n] == '.';
}

static void fetch_deliver_one(struct fetch *f, const struct db_event *e, bool more)
{
	if (f->ev.on_batch) {
		size_t taken = f->ev.on_batch(f->ctx, &(struct db_batch){.events = e, .n = 1});
		assert(taken == 1);
		(void)taken;
	}
	marks_rows(&f->marks, e, 1, more);
	f->stats->rows++;
}

enum carried_fate fetch_take_carried(struct fetch *f, struct slice text, int64_t *at_us)
{
	struct lone_row r;
	if (!f->snapshot || f->upto || !lone_row_read(text, &r) || !fetch_is_epoch(f, r.epoch))
		return CARRIED_LATER;
	enum carried_fate fate = carried_judge(&f->carried, f->snapshot, &r);
	if (fate != CARRIED_NOW)
		return fate;
	*at_us = r.event.at_us;
	carried_add(&f->carried, &r.event);
	fetch_deliver_one(f, &r.event, f->carried.n > 1);
	f->stats->carried_rows++;
	return fate;
}

bool fetch_take_lone(struct fetch *f, struct slice text)
{
	struct lone_row r;
	struct buf cursor = {0};
	if (!f->snapshot || f->upto || !lone_row_read(text, &r) || !slice_eq(r.snapshot, slice_str(f->snapshot)) ||
	    !fetch_is_epoch(f, r.epoch) || !db_snapshot_add(&cursor, f->snapshot, r.event.xid, r.transactions))
		return false;
	fetch_replace(&f->upto, buf_steal(&cursor, NULL));
	fetch_replace(&f->upto_epoch, mem_strndup(f->epoch, strlen(f->epoch)));
	fetch_deliver_one(f, &r.event, f->carried.n > 0);
	f->stats->lone_rows++;
	fetch_advance(f, 1);
	if (f->ev.on_cursor)
		f->ev.on_cursor(f->ctx);
	return true;
}

/* ---- answers and pieces ---- */

/* As many rows of this size as PAGE_BYTES hold. */
static size_t fetch_next_limit(const PGresult *res)
{
	size_t rows = (size_t)PQntuples(res), each = rows ? PQresultMemorySize(res) / rows + 1 : 1;
	size_t fit = PAGE_BYTES / each;
	return fit < PAGE_ROWS ? PAGE_ROWS : fit > PAGE_ROWS_MOST ? PAGE_ROWS_MOST : fit;
}

/* The rows from `first` on: Postgres stops at `asked` of them, and at the one that reaches PAGE_BYTES of data. */
static void fetch_weigh(struct fetch *f, const PGresult *res, int first, size_t asked)
{
	size_t bytes = 0;
	for (int row = first; row < PQntuples(res); row++)
		bytes += fetch_row_bytes(f, res, row);
	f->row = first;
	f->behind = PQntuples(res);
	f->ends = (size_t)(PQntuples(res) - first) < asked && bytes < PAGE_BYTES;
	f->limit = fetch_next_limit(res);
}

static size_t piece_size(const struct fetch *f, const PGresult *res, size_t *bytes)
{
	size_t n = 0;
	*bytes = 0;
	while (n < PAGE_ROWS && *bytes < PIECE_BYTES && f->row + (int)n < f->behind)
		*bytes += fetch_row_bytes(f, res, f->row + (int)n++);
	return n;
}

/* The first of them that a bell has brought already, or n. */
static size_t piece_run(const struct fetch *f, const struct db_event *events, size_t n)
{
	size_t run = f->carried.n ? 0 : n;
	while (run < n && !carried_has(&f->carried, &events[run]))
		run++;
	return run;
}

/* Without those that a bell has brought: they were counted when they came. */
static size_t piece_deliver(struct fetch *f, const struct db_event *events, size_t n)
{
	int64_t oldest = f->now_us;
	uint64_t end_us = loop_clock_us() + LOOP_SHARE_US;
	size_t done = 0, run;
	do {
		size_t taken = run = piece_run(f, events + done, n - done);
		if (run && f->ev.on_batch)
			taken = f->ev.on_batch(f->ctx, &(struct db_batch){.events = events + done, .n = run});
		fetch_count(f, events + done, taken, &oldest);
		done += taken;
		if (taken < run)
			break;
		for (; done < n && carried_has(&f->carried, &events[done]); done++)
			f->rows++;
	} while (done < n && loop_clock_us() < end_us);
	f->stats->pump_lag_us = (uint64_t)(f->now_us - oldest);
	return done;
}

static void fetch_end(struct fetch *f)
{
	bool moves = f->after || strcmp(f->snapshot, f->upto) != 0;
	f->done = true;
	f->still = !moves;
	f->carried.n = 0; /* they came while no fetch was out, so this one has read them */
	fetch_advance(f, f->rows);
	if (moves && f->ev.on_cursor)
		f->ev.on_cursor(f->ctx);
}

const char *fetch_take_rest(struct fetch *f, const PGresult *res)
{
	struct buf names = {0};
	size_t bytes, n = piece_size(f, res, &bytes);
	if (f->form == FETCH_FEW)
		buf_room(&names, bytes);
	struct db_event *events = fetch_read_rows(f, res, n, &names);
	if (events) {
		n = piece_deliver(f, events, n);
		if (n)
			f->after = events[n - 1].id;
		marks_rows(&f->marks, events, n, f->rows > n);
	}
	buf_fini(&names);
	if (!events)
		return "an event row that is none";
	free(events);
	f->row += (int)n;
	if (f->ends && f->row == f->behind)
		fetch_end(f);
	return NULL;
}

/* ---- the header ---- */

struct fetch_header {
	struct slice snapshot, epoch, control, why;
	uint64_t xmin, now_us;
};

static bool fetch_is_snapshot(struct slice text)
{
	struct db_snapshot *s = db_snapshot_parse(text);
	bool good = s != NULL;
	db_snapshot_free(&s);
	return good;
}

static bool fetch_read_header(const PGresult *res, struct fetch_header *h)
{
	if (PQntuples(res) < 1 || !PQgetisnull(res, 0, COL_ID))
		return false;
	h->snapshot = db_cell(res, 0, COL_ROOMS);
	h->epoch = db_cell(res, 0, COL_EXCEPT);
	h->control = db_cell(res, 0, COL_CONTROL);
	h->why = db_cell(res, 0, COL_DATA);
	return db_cell_u64(res, 0, COL_XID, &h->xmin) && db_cell_u64(res, 0, COL_AT, &h->now_us) &&
	       h->now_us <= INT64_MAX && fetch_is_snapshot(h->snapshot) && h->epoch.n > 0;
}

/* Takes the position and skips what lies before it. A gap, unless nothing had been read before. */
static void fetch_take_position(struct fetch *f, const char *gap)
{
	f->done = true;
	f->still = false;
	f->carried.n = 0;
	fetch_advance(f, UINT64_MAX);
	if (!gap)
		return;
	f->stats->gaps++;
	log_warn(LOG_NOBODY, "pump_gap", LS("why", gap));
	if (f->ev.on_gap)
		f->ev.on_gap(f->ctx, gap);
}

static void fetch_begin(struct fetch *f, const struct fetch_header *h, uint64_t now_ms)
{
	fetch_replace(&f->upto, mem_strndup(h->snapshot.p, h->snapshot.n));
	fetch_replace(&f->upto_epoch, mem_strndup(h->epoch.p, h->epoch.n));
	f->xmin = h->xmin;
	f->before_us = f->now_us ? f->now_us : (int64_t)h->now_us;
	f->now_us = (int64_t)h->now_us;
	f->after = 0;
	f->rows = f->transactions = f->lag_us = f->certain_us = f->xid = 0;
	f->done = false;
	f->form = FETCH_TEXT;
	f->stats->fetches++;
	f->stats->fetched_ms = now_ms;
}

/* What is wrong with an answer of which nothing was taken: no page follows it. */
static const char *fetch_began(struct fetch *f, const char *wrong)
{
	if (wrong)
		fetch_forget_cut(f);
	return wrong;
}

const char *fetch_take(struct fetch *f, const PGresult *res, uint64_t now_ms)
{
	struct fetch_header h;
	if (PQnfields(res) != COLS)
		return "another number of columns";
	if (!fetch_read_header(res, &h))
		return "no header";
	bool gap = slice_eq(h.control, SLICE("gap"));
	if (!gap && !slice_eq(h.control, SLICE("ok")))
		return "an unknown control word";
	fetch_begin(f, &h, now_ms);
	if (f->snapshot && !gap) {
		fetch_weigh(f, res, 1, PAGE_ROWS);
		return fetch_began(f, fetch_take_rest(f, res));
	}
	f->row = f->behind = PQntuples(res);
	char *why = gap ? mem_strndup(h.why.p, h.why.n) : NULL;
	fetch_take_position(f, gap ? why : f->voided);
	free(why);
	return NULL;
}

/* Up to the first row whose data is too long. */
static void fetch_weigh_poll(struct fetch *f, const PGresult *res)
{
	int n = PQgetisnull(res, 0, COL_ID) ? 0 : PQntuples(res), row = 0;
	while (row < n && PQgetlength(res, row, COL_DATA) < POLL_DATA)
		row++;
	f->row = 0;
	f->behind = row;
	f->ends = row == n && n < POLL_ROWS;
	f->limit = fetch_next_limit(res);
}

const char *fetch_take_poll(struct fetch *f, const PGresult *res, uint64_t now_ms)
{
	struct fetch_header h = {.snapshot = db_cell(res, 0, COL_SNAPSHOT), .epoch = slice_str(f->epoch)};
	uint64_t high;
	if (!db_snapshot_bounds(h.snapshot, &h.xmin, &high) || !fetch_is_snapshot(h.snapshot) ||
	    !db_cell_u64(res, 0, COL_NOW, &h.now_us) || h.now_us > INT64_MAX)
		return "no header";
	fetch_begin(f, &h, now_ms);
	fetch_weigh_poll(f, res);
	return fetch_began(f, fetch_take_rest(f, res));
}

static bool fetch_read_id(const struct fetch *f, const PGresult *res, int row, uint64_t *id)
{
	uint64_t xid;
	return f->form == FETCH_FEW ? binary_row_ids(db_cell(res, row, FEW_COL_EVENT), &xid, id)
	                            : binary_u64(db_cell(res, row, IDS_COL_ID), id);
}

/* n rows from `first` on, by insertion: most answers have a row or two, and those of one slot come nearly in order.
 * False: one of them is no row. */
static bool fetch_order(struct fetch *f, const PGresult *res, int first, int n)
{
	uint64_t ids[IDS_ROWS], id;
	for (int row = 0, at; row < n; row++) {
		if (!fetch_read_id(f, res, first + row, &id))
			return false;
		for (at = row; at > 0 && ids[at - 1] > id; at--) {
			ids[at] = ids[at - 1];
			f->order[at] = f->order[at - 1];
		}
		ids[at] = id;
		f->order[at] = (uint16_t)(first + row);
	}
	return true;
}

static const char *fetch_take_unordered(struct fetch *f, const PGresult *res, int first, int n, int most)
{
	f->row = 0;
	f->behind = n;
	f->ends = true;
	f->limit = PAGE_ROWS; /* of the page that follows if the session ends before all is delivered */
	bool good = n <= most && fetch_order(f, res, first, n);
	return fetch_began(f, good ? fetch_take_rest(f, res) : "rows that are none");
}

const char *fetch_take_few(struct fetch *f, const PGresult *res, uint64_t now_ms)
{
	struct buf text = {0};
	struct fetch_header h = {.epoch = slice_str(f->epoch)};
	uint64_t high;
	int64_t now_us;
	bool good = binary_snapshot(db_cell(res, 0, FEW_COL_SNAPSHOT), &text) && fetch_is_snapshot(buf_view(&text)) &&
	            db_snapshot_bounds(buf_view(&text), &h.xmin, &high) &&
	            binary_time(db_cell(res, 0, FEW_COL_AT), &now_us);
	if (good) {
		h.snapshot = buf_view(&text);
		h.now_us = (uint64_t)now_us;
		fetch_begin(f, &h, now_ms);
	}
	buf_fini(&text);
	if (!good)
		return "no header";
	f->form = FETCH_FEW;
	int n = PQgetisnull(res, 0, FEW_COL_EVENT) ? 0 : PQntuples(res);
	return fetch_take_unordered(f, res, 0, n, FEW_ROWS);
}

/* Writers of the twin ring as others do, so the pace has to know of them: each statement since the last answer counts as a
 * transaction. */
static void fetch_count_twin(struct fetch *f, uint64_t written)
{
	if (written != f->written)
		f->transactions += written > f->written ? written - f->written : 1;
	f->written = written;
}

const char *fetch_take_ids(struct fetch *f, const PGresult *res, uint64_t now_ms)
{
	struct ids_header ids;
	if (!ids_header(res, &ids) || !fetch_is_snapshot(ids.snapshot))
		return "no header";
	fetch_begin(f,
	            &(struct fetch_header){.snapshot = ids.snapshot,
	                                   .epoch = slice_str(f->epoch),
	                                   .xmin = ids.low,
	                                   .now_us = (uint64_t)ids.now_us},
	            now_ms);
	fetch_count_twin(f, ids.written);
	f->form = FETCH_IDS;
	return fetch_take_unordered(f, res, 1, PQntuples(res) - 1, IDS_ROWS);
}

const char *fetch_take_look(struct fetch *f, const PGresult *res, uint64_t now_ms)
{
	struct fetch_header h = {
		.snapshot = db_cell(res, 0, LOOK_COL_SNAPSHOT), .epoch = slice_str(f->epoch), .xmin = f->low};
	if (!db_cell_u64(res, 0, LOOK_COL_AT, &h.now_us) || h.now_us > INT64_MAX)
		return "no clock";
	fetch_begin(f, &h, now_ms);
	f->row = f->behind = PQntuples(res);
	fetch_end(f);
	return NULL;
}

const char *fetch_take_page(struct fetch *f, const PGresult *res)
{
	if (PQnfields(res) != COLS)
		return "another number of columns";
	f->form = FETCH_TEXT; /* whatever the answer was that this goes on from */
	fetch_weigh(f, res, 0, f->limit);
	return fetch_take_rest(f, res);
}
