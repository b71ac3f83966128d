#include "db/pump.h"

#include "base/log.h"
#include "base/mem.h"

enum {
	COL_ID,
	COL_XID,
	COL_AT,
	COL_ROOMS,
	COL_EXCEPT,
	COL_EVENT,
	COL_CONTROL,
	COL_DATA,
	COL_CONFIRM,
	COL_EPHEMERAL,
	COLS
};

/* ---- the cursor ---- */

static void replace(char **at, char *with)
{
	free(*at);
	*at = with;
}

static void forget_cut(struct cursor *c)
{
	replace(&c->upto, NULL);
	replace(&c->upto_epoch, NULL);
	c->after = 0;
}

void cursor_fini(struct cursor *c)
{
	forget_cut(c);
	replace(&c->snapshot, NULL);
	replace(&c->epoch, NULL);
}

void cursor_void(struct cursor *c, const char *why)
{
	cursor_fini(c);
	c->voided = why;
}

static void count_epoch(struct db *d, const struct cursor *c)
{
	if (c->epoch && strcmp(c->epoch, c->upto_epoch) != 0) {
		d->stats.epochs++;
		log_warn(LOG_NOBODY, "pump_epoch", LS("from", c->epoch), LS("to", c->upto_epoch));
	}
}

static void advance(struct db *d, struct cursor *c)
{
	count_epoch(d, c);
	replace(&c->snapshot, c->upto);
	replace(&c->epoch, c->upto_epoch);
	c->upto = c->upto_epoch = NULL;
	forget_cut(c);
}

/* ---- rows ---- */

static bool read_row(const PGresult *res, int row, struct db_event *e)
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

static struct db_event *read_rows(const PGresult *res, int first, size_t n, const char **wrong)
{
	struct db_event *events = mem_alloc((n ? n : 1) * sizeof(*events));
	for (size_t i = 0; i < n; i++) {
		if (read_row(res, first + (int)i, &events[i]) && (i == 0 || events[i].id >= events[i - 1].id))
			continue;
		free(events);
		*wrong = "an event row that is none";
		return NULL;
	}
	return events;
}

static void count_rows(struct db *d, const struct cursor *c, const struct db_event *events, size_t n)
{
	int64_t oldest = c->now_us;
	for (size_t i = 0; i < n; i++)
		if (events[i].at_us < oldest)
			oldest = events[i].at_us;
	d->stats.rows += n;
	d->stats.pump_lag_us = (uint64_t)(c->now_us - oldest);
}

static size_t next_limit(const PGresult *res)
{
	size_t rows = (size_t)PQntuples(res), each = rows ? PQresultMemorySize(res) / rows + 1 : 1,
	       fit = PAGE_BYTES / each;
	return fit < PAGE_ROWS ? PAGE_ROWS : fit > PAGE_ROWS_MOST ? PAGE_ROWS_MOST : fit;
}

/* Rows from `first` on; what has fewer than PAGE_ROWS behind the header is the fetch's end. */
static const char *deliver(struct db *d, struct cursor *c, const struct db_pump_events *ev, void *ctx,
                           const PGresult *res, int first, bool whole, struct header *h)
{
	const char *wrong = NULL;
	size_t n = (size_t)(PQntuples(res) - first);
	h->done = whole && n < PAGE_ROWS;
	n = n < PAGE_ROWS ? n : PAGE_ROWS;
	struct db_event *events = read_rows(res, first, n, &wrong);
	if (!events)
		return wrong;
	count_rows(d, c, events, n);
	c->limit = next_limit(res);
	bool moves = c->after || n || strcmp(c->snapshot, c->upto) != 0;
	if (h->done)
		advance(d, c);
	else
		c->after = events[n - 1].id;
	if (moves && ev->on_batch)
		ev->on_batch(ctx,
		             &(struct db_batch){.events = events, .n = n, .snapshot = c->snapshot, .last = h->done});
	free(events);
	return NULL;
}

/* ---- the header ---- */

struct position {
	struct slice snapshot, epoch, control, why;
	uint64_t now_us;
};

static bool is_snapshot(struct slice text)
{
	char *copy = mem_strndup(text.p, text.n);
	struct db_snapshot *s = db_snapshot_parse(copy);
	bool good = s != NULL;
	db_snapshot_free(&s);
	free(copy);
	return good;
}

static bool read_header(const PGresult *res, struct position *at, struct header *h)
{
	if (PQntuples(res) < 1 || !PQgetisnull(res, 0, COL_ID))
		return false;
	at->snapshot = db_cell(res, 0, COL_ROOMS);
	at->epoch = db_cell(res, 0, COL_EXCEPT);
	at->control = db_cell(res, 0, COL_CONTROL);
	at->why = db_cell(res, 0, COL_DATA);
	return db_cell_u64(res, 0, COL_XID, &h->xmin) && db_cell_u64(res, 0, COL_AT, &at->now_us) &&
	       at->now_us <= INT64_MAX && is_snapshot(at->snapshot) && at->epoch.n > 0;
}

/* The position is taken without what lies between: there was none before, or it cannot be shown to be covered. */
static void take_position(struct db *d, struct cursor *c, const struct db_pump_events *ev, void *ctx, const char *gap)
{
	advance(d, c);
	c->voided = NULL;
	if (!gap)
		return;
	d->stats.gaps++;
	log_warn(LOG_NOBODY, "pump_gap", LS("why", gap));
	if (ev->on_gap)
		ev->on_gap(ctx, gap);
}

const char *fetch_take(struct db *d, struct cursor *c, const struct db_pump_events *ev, void *ctx, const PGresult *res,
                       struct header *h)
{
	struct position at;
	*h = (struct header){.done = true};
	if (PQnfields(res) != COLS)
		return "another number of columns";
	if (!read_header(res, &at, h))
		return "no header";
	bool gap = slice_eq(at.control, SLICE("gap"));
	if (!gap && !slice_eq(at.control, SLICE("ok")))
		return "an unknown control word";
	replace(&c->upto, mem_strndup(at.snapshot.p, at.snapshot.n));
	replace(&c->upto_epoch, mem_strndup(at.epoch.p, at.epoch.n));
	c->now_us = (int64_t)at.now_us;
	c->after = 0;
	c->limit = PAGE_ROWS;
	d->stats.fetches++;
	d->stats.fetched_ms = loop_now(d->loop);
	if (c->snapshot && !gap) {
		const char *wrong = deliver(d, c, ev, ctx, res, 1, true, h);
		if (wrong)
			forget_cut(c);
		return wrong;
	}
	char *why = gap ? mem_strndup(at.why.p, at.why.n) : NULL;
	take_position(d, c, ev, ctx, gap ? why : c->voided);
	free(why);
	return NULL;
}

const char *fetch_take_page(struct db *d, struct cursor *c, const struct db_pump_events *ev, void *ctx,
                            const PGresult *res, struct header *h)
{
	if (PQnfields(res) != COLS)
		return "another number of columns";
	int first = h->row, left = PQntuples(res) - first;
	h->row += left < PAGE_ROWS ? left : PAGE_ROWS;
	return deliver(d, c, ev, ctx, res, first, first == 0, h);
}
