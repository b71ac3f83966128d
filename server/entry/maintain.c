/*
 * The calls rt.maintain, rt.sweep, rt.monitor and rt.version. At most one of each is out at a time.
 */
#include "entry/maintain.h"
#include "base/mem.h"
#include "events/relay.h"
#include <inttypes.h>
#include <stdio.h>

/*
 * While nobody is here, so often at most: what is common work is left to edges with somebody, as rt.maintain sweeps a
 * portion at each call anyway, and the metrics of rt.monitor are the same at every edge.
 */
#define IDLE_SWEEP_MS 10000
#define IDLE_LOOK_MS 9000

struct maintenance {
	bool maintaining, looking, sweeping;    /* rt.maintain, rt.monitor, rt.sweep is out */
	uint64_t asked_at, looked_at, swept_at; /* loop_now: when each was called last */
	bool failing, blind;                    /* rt.maintain, rt.monitor fails, and the log says so already */
};

void maintenance_start(struct entry *e)
{
	e->maintenance = NEW(struct maintenance);
}

void maintenance_stop(struct entry *e)
{
	free(e->maintenance);
	e->maintenance = NULL;
}

/* Never called is due. */
static bool maintain_is_due(const struct entry *e, uint64_t at, uint64_t idle_ms)
{
	return !at || people_present(e->people) || loop_now(e->people->loop) - at >= idle_ms;
}

/* ---- rt.sweep ---- */

static void maintain_sweep(struct entry *e);

static void maintain_swept(void *arg, const struct db_result *r)
{
	struct entry *e = arg;
	e->maintenance->sweeping = false;
	if (r->outcome == DB_OK && r->nrows == 1 && r->ncols == 1 && slice_eq(db_value(r, 0, 0), SLICE("t")))
		maintain_sweep(e);
	else if (r->outcome == DB_ERROR)
		db_failed(e->people->ident, "sweep", r);
}

static void maintain_sweep(struct entry *e)
{
	struct slice edge = slice_str(e->edge_id);
	e->maintenance->sweeping = true;
	e->maintenance->swept_at = loop_now(e->people->loop);
	db_call(e->db, DB_TELLING, "select rt.sweep($1::uuid)", &edge, 1, maintain_swept, e);
}

/* ---- rt.maintain ---- */

/* Logs the first failure of a row of failures; the following ones would say the same. */
static void maintain_complain(struct entry *e, const char *what, const struct db_result *r, bool *told)
{
	if (r->outcome == DB_ERROR && !*told)
		db_failed(e->people->ident, what, r);
	*told = r->outcome == DB_ERROR;
}

static void maintain_done(void *arg, const struct db_result *r)
{
	struct entry *e = arg;
	struct maintenance *mt = e->maintenance;
	mt->maintaining = false;
	maintain_complain(e, "maintain", r, &mt->failing);
	if (r->outcome != DB_OK || r->nrows != 1 || r->ncols != 3)
		return;
	e->figures.outbox_rows = (uint64_t)db_number(r, 0, 0);
	e->figures.notify_usage = db_number(r, 0, 1);
	e->figures.edges = (uint64_t)db_number(r, 0, 2);
	relay_edges(e->recovery->events, e->figures.edges, mt->asked_at);
	if (!mt->sweeping && maintain_is_due(e, mt->swept_at, IDLE_SWEEP_MS))
		maintain_sweep(e); /* a call of its own, since a long sweep must not hold up the lease */
}

/* ---- rt.monitor ---- */

static void maintain_looked(void *arg, const struct db_result *r)
{
	struct entry *e = arg;
	e->maintenance->looking = false;
	maintain_complain(e, "monitor", r, &e->maintenance->blind);
	if (r->outcome != DB_OK)
		e->maintenance->looked_at = 0;
	if (r->outcome != DB_OK || r->nrows != 1 || r->ncols != 2)
		return;
	e->figures.foreign_locks = (uint64_t)db_number(r, 0, 0);
	e->figures.outbox_age = db_number(r, 0, 1);
}

/* rt.monitor is a call of its own: it only feeds the metrics, and must not hold up the lease. */
static void maintain_look(struct entry *e)
{
	struct maintenance *mt = e->maintenance;
	if (mt->looking || !maintain_is_due(e, mt->looked_at, IDLE_LOOK_MS))
		return;
	mt->looking = true;
	mt->looked_at = loop_now(e->people->loop);
	db_call(e->db, DB_TELLING, "select * from rt.monitor()", NULL, 0, maintain_looked, e);
}

/* ---- rt.version ---- */

static void maintain_version_read(void *arg, const struct db_result *r)
{
	struct entry *e = arg;
	if (r->outcome == DB_OK && r->nrows == 1 && r->ncols == 2)
		e->schema_version = (int)db_number(r, 0, 0);
	else
		log_warn(e->people->ident, "version of the schema not read",
		         LS("message", r->message ? r->message : ""));
}

static void maintain_read_version(struct entry *e)
{
	db_call(e->db, DB_TELLING, "select * from rt.version()", NULL, 0, maintain_version_read, e);
}

const char *maintenance_missing(const struct entry *e)
{
	if (!e->schema_version)
		return "starting";
	return e->schema_version < e->schema_needed ? "schema too old: run bellwire migrate" : NULL;
}

/* ---- when ---- */

void maintenance_database_up(struct entry *e)
{
	maintain_read_version(e);
}

void maintenance_tick(struct entry *e)
{
	char clock[24];
	if (db_state(e->db) != DB_UP || e->over)
		return;
	maintain_look(e);
	if (e->maintenance->maintaining)
		return;
	e->maintenance->maintaining = true;
	e->maintenance->asked_at = loop_now(e->people->loop);
	if (maintenance_missing(e))
		maintain_read_version(e); /* the database may have been migrated meanwhile */
	int n = snprintf(clock, sizeof clock, "%" PRIu64, loop_now(e->people->loop));
	struct slice params[] = {slice_str(e->edge_id), slice_of(clock, (size_t)n)};
	db_call(e->db, DB_LEASE, "select * from rt.maintain($1::uuid, $2::bigint)", params, 2, maintain_done, e);
}
