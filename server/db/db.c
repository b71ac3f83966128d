#include "db/db.h"

#include "base/mem.h"
#include "base/number.h"
#include "db/calls.h"
#include "db/common.h"
#include "db/lanes.h"
#include "db/pump.h"
#include "db/result.h"
#include <stdio.h>

#define STALLED_MS 3000 /* no statement that serves clients takes so long, but for those that wait in vain */

/*
 * The facade: it owns the parts and ties them together. The parts know only struct db_common.
 *
 *   lanes (client events) --on_written--> pump (the outbox) <--on_unregistered-- calls (everything else)
 *      any of them --on_change--> db_check: UP when all of them are
 */
struct db {
	struct db_common common;
	struct db_events ev;
	void *ctx;
	enum db_state state;
	struct calls *calls;
	struct lanes *lanes;
	struct pump *pump;
	bool pump_was_ready;
	struct link_guard guard;
	char astray[256];  /* what the guard has found */
	bool found_astray; /* since the last db_check: the other links may be there as well */
};

/* ---- state ---- */

/*
 *   CONNECTING -- db_check --> UP <-- db_check --> AWAY
 */
static const uint8_t db_moves[] = {
	[DB_CONNECTING] = 1u << DB_UP,
	[DB_UP] = 1u << DB_AWAY,
	[DB_AWAY] = 1u << DB_UP,
};
static const char *const db_words[] = {"connecting", "up", "away"};

static void db_enter(struct db *d, enum db_state to)
{
	assert(db_moves[d->state] & 1u << to);
	log_trace(LOG_NOBODY, "db", LS("from", db_words[d->state]), LS("to", db_words[to]));
	d->state = to;
	if (to == DB_UP)
		d->common.last_error[0] = d->common.told[0] = '\0';
	if (d->ev.on_state)
		d->ev.on_state(d->ctx, to);
}

/* ---- one database: calls go where the pump reads, or nowhere ---- */

static const char *db_guard_ask(void *ctx)
{
	return pump_mark(((struct db *)ctx)->pump);
}

static const char *db_guard_judge(void *ctx, const PGresult *res)
{
	struct db *d = ctx;
	struct slice here = pump_place(d->pump);
	d->found_astray = true;
	if (!db_rows_ok(res) || PQntuples(res) != 1 || PQnfields(res) != 2) {
		const char *why = db_rows_ok(res) ? "returned something else" : PQresultErrorMessage(res);
		snprintf(d->astray, sizeof d->astray, "rt.place: %.*s", (int)strcspn(why, "\n"), why);
		return d->astray;
	}
	struct slice there = db_cell(res, 0, 0);
	if (!slice_eq(there, here))
		snprintf(d->astray, sizeof d->astray, "calls reach another database (%.*s) than the pump (%.*s)",
		         (int)there.n, there.p, (int)here.n, here.p);
	else if (!slice_eq(db_cell(res, 0, 1), SLICE("t")))
		snprintf(d->astray, sizeof d->astray, "calls reach another history of the database than the pump");
	else
		d->found_astray = false;
	return d->found_astray ? d->astray : NULL;
}

/* By the clock it is for the sake of those who are here: of calls none goes by a link whose proof is old. */
static bool db_guard_lazy(void *ctx)
{
	return pump_has_nobody(((struct db *)ctx)->pump);
}

static void db_check(struct db_common *c)
{
	struct db *d = container_of(c, struct db, common);
	if (pump_ready(d->pump) != d->pump_was_ready || d->found_astray) {
		d->pump_was_ready = pump_ready(d->pump);
		d->found_astray = false;
		calls_check(d->calls);
		lanes_check(d->lanes);
	}
	enum db_state now = d->state == DB_CONNECTING ? DB_CONNECTING : DB_AWAY;
	if (calls_ready(d->calls) && lanes_ready(d->lanes) && pump_ready(d->pump))
		now = DB_UP;
	if (now != d->state)
		db_enter(d, now);
}

enum db_state db_state(const struct db *d)
{
	return d->state;
}

const char *db_last_error(const struct db *d)
{
	return d->common.last_error;
}

const char *db_stalled(const struct db *d)
{
	uint64_t since[] = {calls_wait_since(d->calls), lanes_wait_since(d->lanes), pump_waits_since(d->pump)};
	for (size_t i = 0; i < ARRAY_LEN(since); i++)
		if (since[i] && loop_now(d->common.loop) - since[i] > STALLED_MS)
			return "the database does not answer";
	return NULL;
}

const struct db_stats *db_stats(const struct db *d)
{
	return &d->common.stats;
}

/* ---- the parts ---- */

void db_call(struct db *d, enum db_class class, const char *sql, const struct slice *params, size_t n, db_done *done,
             void *arg)
{
	calls_add(d->calls, class, sql, params, n, done, arg);
}

void db_item_send(struct db *d, const struct db_item *item)
{
	lanes_add(d->lanes, item);
}

void db_attend(struct db *d)
{
	pump_attend(d->pump);
}

void db_pump_set_events(struct db *d, const struct db_pump_events *ev, void *ctx)
{
	pump_set_events(d->pump, ev, ctx);
}

void db_listen(struct db *d, const char *channel, void (*fn)(void *ctx, struct slice payload), void *ctx)
{
	pump_listen(d->pump, channel, fn, ctx);
}

bool db_pump_position(const struct db *d, struct db_position *at)
{
	return pump_position(d->pump, at);
}

void db_pump_after(struct db *d, void (*done)(void *arg), void *arg)
{
	pump_after(d->pump, 0, done, arg);
}

void db_pump_within(struct db *d, uint64_t ms, void (*done)(void *arg), void *arg)
{
	pump_after(d->pump, ms, done, arg);
}

uint32_t db_pump_moment(const struct db *d)
{
	return pump_moment(d->pump);
}

bool db_pump_past(const struct db *d, uint32_t moment)
{
	return pump_past(d->pump, moment);
}

void db_set_alone(struct db *d, bool alone)
{
	d->common.alone = alone;
}

static void db_on_rung(void *arg, const struct db_result *r)
{
	struct db *d = arg;
	if (r->outcome == DB_ERROR)
		common_problem(&d->common, "rt.ring", r->message);
}

/* The pump has read past that commit: an edge that could sleep then is known. */
static void db_ring_others(void *arg)
{
	struct db *d = arg;
	if (!d->common.alone || !pump_ready(d->pump))
		db_call(d, DB_TELLING, "select rt.ring()", NULL, 0, db_on_rung, d);
}

bool db_alone(const struct db *d)
{
	return d->common.alone;
}

void db_wrote_unrung(struct db *d, uint64_t xid)
{
	pump_poke_soon(d->pump, DB_SOON_MS, xid, db_ring_others, d);
}

void db_answer_unrung(struct db *d, const struct db_result *r, int col)
{
	uint64_t xid = 0; /* the outcome may be unknown */
	if (r->outcome == DB_OK &&
	    (r->nrows == 0 || r->ncols <= col || db_is_null(r, 0, col) || !u64_parse(db_value(r, 0, col), &xid)))
		return;
	db_wrote_unrung(d, xid);
}

/*
 * Nobody is to be rung for a row that is taken at once, but for the edges that are known. Whoever could sleep before
 * that transaction had an id has registered before, in one that the cursor sees; whoever arms its bell later waits for
 * it, and reads it by itself.
 */
static void db_on_written(void *ctx, bool unrung, struct slice row)
{
	struct db *d = ctx;
	if (row.n && pump_take_lone(d->pump, row))
		return;
	if (unrung)
		pump_poke_then(d->pump, db_ring_others, d);
	else
		pump_poke(d->pump);
}

static void db_on_unregistered(struct db_common *c)
{
	pump_reopen(container_of(c, struct db, common)->pump);
}

/* ---- life ---- */

struct db *db_new(struct loop *l, const struct db_config *cfg, const struct db_events *ev, void *ctx)
{
	struct db *d = NEW(struct db);
	common_init(&d->common, l, cfg);
	d->common.on_change = db_check;
	d->common.on_unregistered = db_on_unregistered;
	if (ev)
		d->ev = *ev;
	d->ctx = ctx;
	d->guard = (struct link_guard){.sql = "select * from rt.place($1)",
	                               .ask = db_guard_ask,
	                               .judge = db_guard_judge,
	                               .lazy = db_guard_lazy,
	                               .ctx = d};
	d->common.guard = &d->guard;
	d->calls = calls_new(&d->common);
	d->lanes = lanes_new(&d->common, db_on_written, d);
	d->pump = pump_new(&d->common);
	return d;
}

void db_start(struct db *d)
{
	calls_start(d->calls);
	lanes_start(d->lanes);
	pump_start(d->pump);
}

void db_free(struct db **dp)
{
	struct db *d = *dp;
	if (!d)
		return;
	d->common.freeing = true;
	/* Completions run in here; their own calls are refused, and its completion is one more round. */
	while (lanes_close(d->lanes) | calls_close(d->calls) | pump_close(d->pump))
		;
	lanes_free(&d->lanes);
	calls_free(&d->calls);
	pump_free(&d->pump);
	*dp = NULL;
	common_fini(&d->common);
	free(d);
}
