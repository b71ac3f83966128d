#include "db/pump_internal.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/result.h"
#include <stdio.h>

#define CUT_MOST_MS 60000 /* a cut fetch older than this may have lost rows to rotation unseen */

static const uint8_t pump_moves[] = {
	[PUMP_AWAY] = 1u << PUMP_OPEN,
	[PUMP_OPEN] = 1u << PUMP_PREPARE | 1u << PUMP_AWAY,
	[PUMP_PREPARE] = 1u << PUMP_LISTEN | 1u << PUMP_AWAY,
	[PUMP_LISTEN] = 1u << PUMP_LISTEN_MORE | 1u << PUMP_CARRIER | 1u << PUMP_AWAY,
	[PUMP_LISTEN_MORE] = 1u << PUMP_CARRIER | 1u << PUMP_AWAY,
	[PUMP_CARRIER] = 1u << PUMP_RUN | 1u << PUMP_AWAY,
	[PUMP_RUN] = 1u << PUMP_AWAY,
};
static const char *const pump_words[] = {"away", "open", "prepare", "listen", "listen_more", "carrier", "run"};

void pump_enter(struct pump *p, enum pump_step to)
{
	assert(pump_moves[p->step] & 1u << to);
	log_trace(LOG_NOBODY, "pump", LS("from", pump_words[p->step]), LS("to", pump_words[to]));
	p->step = to;
}

void pump_ask(struct pump *p, const char *sql, int n, const char *const *values, link_answer *answer)
{
	/* false: the link is ending, on_down follows */
	link_send(p->link, sql, n, values, p->common->cfg.call_timeout_ms, answer, p);
}

/* ---- answers ---- */

/* A mistake of an operator, as a rule. */
static const char *pump_advice(const PGresult *res)
{
	const char *state = db_sqlstate(res);
	if (strcmp(state, "3F000") == 0 || strcmp(state, "42883") == 0) /* no such schema, no such function */
		return "; run bellwire migrate";
	return strcmp(state, "42501") == 0 ? "; is this the login of an edge (bellwire_edge)?" : "";
}

bool pump_answered(struct pump *p, const char *what, enum link_fate fate, const PGresult *res, int rows, int cols)
{
	if (fate != LINK_ANSWERED)
		return false; /* on_down follows */
	if (db_rows_ok(res) ? PQntuples(res) == rows && PQnfields(res) == cols
	                    : PQresultStatus(res) == PGRES_COMMAND_OK && rows == 0)
		return true;
	const char *why = db_rows_ok(res) ? "returned another number of rows or columns" : PQresultErrorMessage(res);
	char *text = mem_printf("%s: %.*s%s", what, (int)strcspn(why, "\n"), why,
	                        db_rows_ok(res) ? "" : pump_advice(res));
	link_drop(p->link, text);
	free(text);
	return false;
}

/* ---- first statements ---- */

static void pump_on_opened(void *arg, enum link_fate fate, const PGresult *res)
{
	struct pump *p = arg;
	if (!pump_answered(p, "rt.pump_open", fate, res, 1, 4))
		return;
	struct slice epoch = db_cell(res, 0, 0);
	struct fetch *f = &p->fetch;
	/* A page of a fetch from before a crash would bring rows that the next fetch brings again. */
	if (f->upto && !slice_eq(epoch, slice_str(f->upto_epoch)))
		fetch_void(f, "the database restarted during a long fetch");
	else if (f->upto && loop_now(p->common->loop) - p->fetch_at > CUT_MOST_MS)
		fetch_void(f, "a long fetch was cut for too long");
	p->poll = (struct poll){0};
	p->kind = 0;
	p->learn = POLL_FETCH;
	p->carrier[0] = '\0';
	pump_enter(p, PUMP_PREPARE);
	pump_next(p);
}

static void pump_on_prepared(void *arg, enum link_fate fate, const PGresult *res)
{
	struct pump *p = arg;
	if (fate != LINK_ANSWERED)
		return; /* on_down follows */
	p->poll.knows[p->kind] = PQresultStatus(res) == PGRES_COMMAND_OK;
	/* rt.fetch is the last one, and the one that must be there: an older database knows no other. */
	if (p->kind == POLL_FETCH && !pump_answered(p, "prepare", fate, res, 0, 0))
		return;
	if (p->kind == POLL_FETCH)
		pump_enter(p, PUMP_LISTEN);
	else
		p->kind++;
	pump_next(p);
}

static void pump_on_listening(void *arg, enum link_fate fate, const PGresult *res)
{
	struct pump *p = arg;
	if (!pump_answered(p, "listen", fate, res, 0, 0))
		return;
	p->hears = true;
	pump_enter(p, p->step == PUMP_LISTEN && p->ear.channel ? PUMP_LISTEN_MORE : PUMP_CARRIER);
	pump_next(p);
}

/* Without one the bells bring no rows, as those of an earlier version: polls do. */
static void pump_on_carrier(void *arg, enum link_fate fate, const PGresult *res)
{
	struct pump *p = arg;
	if (fate != LINK_ANSWERED)
		return; /* on_down follows */
	if (db_rows_ok(res) && PQntuples(res) == 1)
		pump_take_carrier(p, db_cell(res, 0, 0));
	pump_enter(p, PUMP_RUN);
	pump_poll_now(p);
}

static void pump_send_listen(struct pump *p)
{
	struct buf b = {0};
	buf_str(&b, "listen \"");
	for (const char *c = p->ear.channel; *c; c++) {
		if (*c == '"')
			buf_char(&b, '"');
		buf_char(&b, *c);
	}
	buf_str(&b, "\"");
	buf_char(&b, '\0');
	pump_ask(p, b.p, 0, NULL, pump_on_listening);
	buf_fini(&b);
}

static void pump_send_open(struct pump *p)
{
	static const char open[] = "select * from rt.pump_open($1,$2,$3,$4) "
				   "where set_config('bellwire.page_bytes', $5, false) is not null";
	struct buf marks = {0};
	char bytes[24];
	marks_array(&p->fetch.marks, &marks);
	buf_char(&marks, '\0');
	snprintf(bytes, sizeof bytes, "%u", PAGE_BYTES);
	pump_ask(p, open, 5,
	         (const char *[]){p->common->cfg.edge_id, p->common->cfg.name, p->fetch.epoch, marks.p, bytes},
	         pump_on_opened);
	buf_fini(&marks);
}

void pump_send_first(struct pump *p)
{
	if (p->step == PUMP_OPEN)
		pump_send_open(p);
	else if (p->step == PUMP_PREPARE)
		pump_ask(p, poll_statements[p->kind].prepare, 0, NULL, pump_on_prepared);
	else if (p->step == PUMP_LISTEN)
		pump_ask(p, "listen bellwire", 0, NULL, pump_on_listening);
	else if (p->step == PUMP_LISTEN_MORE)
		pump_send_listen(p);
	else if (p->step == PUMP_CARRIER)
		pump_ask(p, "select rt.bell_hear(true)", 0, NULL, pump_on_carrier);
}

/* ---- statements that were refused ---- */

/* A schema that was taken back and brought again, a right that was missing for a moment: a session may last for weeks,
 * and rt.fetch costs several times as much. */
bool pump_has_to_learn(struct pump *p)
{
	while (p->learn < POLL_FETCH && !p->poll.lost[p->learn])
		p->learn++;
	return p->learn < POLL_FETCH;
}

static void pump_on_learned(void *arg, enum link_fate fate, const PGresult *res)
{
	struct pump *p = arg;
	if (fate != LINK_ANSWERED)
		return; /* on_down follows */
	p->poll.knows[p->learn] = PQresultStatus(res) == PGRES_COMMAND_OK;
	p->poll.lost[p->learn] = !p->poll.knows[p->learn];
	p->learn++; /* what is refused still comes with the next mark */
	pump_next(p);
}

/* There may have been nothing to forget. */
static void pump_on_forgotten(void *arg, enum link_fate fate, const PGresult *res)
{
	struct pump *p = arg;
	(void)res;
	if (fate == LINK_ANSWERED)
		pump_ask(p, poll_statements[p->learn].prepare, 0, NULL, pump_on_learned);
}

void pump_send_forget(struct pump *p)
{
	char sql[80];
	snprintf(sql, sizeof sql, "deallocate %s", poll_statements[p->learn].name);
	pump_ask(p, sql, 0, NULL, pump_on_forgotten);
}

/* ---- marks ---- */

static void pump_on_marked(void *arg, enum link_fate fate, const PGresult *res)
{
	struct pump *p = arg;
	if (!pump_answered(p, "rt.mark", fate, res, 1, 1))
		return;
	if (marks_set(&p->fetch.marks, db_cell(res, 0, 0)))
		pump_next(p);
	else
		link_drop(p->link, "rt.mark returned no mark");
}

void pump_on_mark_timer(struct timer *t)
{
	struct pump *p = container_of(t, struct pump, mark_timer);
	p->mark_now = true;
	p->learn = 0;
	pump_next(p);
}

void pump_send_mark(struct pump *p)
{
	p->mark_now = false;
	timer_set(p->common->loop, &p->mark_timer, loop_now(p->common->loop) + MARKS_EVERY_MS);
	pump_ask(p, "select rt.mark()", 0, NULL, pump_on_marked);
}
