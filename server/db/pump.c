#include "db/pump.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/pace.h"
#include "db/waiters.h"
#include <inttypes.h>
#include <stdio.h>

/* The pump's session. One statement is out at a time; pump_step says which comes next, pace.h when. */
#define CUT_MOST_MS 60000 /* a cut fetch older than this may have lost rows to rotation unseen */
#define ERRORS_MOST 5

enum pump_step { STEP_OPEN, STEP_PREPARE, STEP_LISTEN, STEP_LISTEN_MORE, STEP_RUN };

struct ear {
	const char *channel; /* NULL: nobody listens */
	void (*fn)(void *ctx, struct slice payload);
	void *ctx;
};

struct pump {
	struct db *db;
	struct link *link;
	struct db_pump_events ev;
	void *ctx;
	struct pace pace;
	enum pump_step step;
	bool ready; /* positioned on this connection */
	bool ever_ready;
	bool delivering; /* the cursor is about to move: nothing may be sent */
	bool poll_now;
	struct cursor cursor;
	PGresult *page; /* being delivered, PAGE_ROWS a turn, so that sockets are written between */
	struct header head;
	struct ear ear;
	uint64_t fetch_rows; /* of the fetch that is out */
	unsigned errors;     /* fetches in a row that Postgres refused */
	struct timer timer;  /* next poll */
	struct waiters waiters;
};

static void pump_step(struct pump *p);

static void schedule(struct pump *p)
{
	uint64_t at = pace_next(&p->pace);
	if (at)
		timer_set(p->db->loop, &p->timer, at);
	else
		timer_stop(p->db->loop, &p->timer);
}

/* ---- answers ---- */

/* What an operator has forgotten, as a rule. */
static const char *advice(const PGresult *res)
{
	const char *state = db_sqlstate(res);
	if (strcmp(state, "3F000") == 0 || strcmp(state, "42883") == 0) /* no such schema, no such function */
		return "; run bellwire migrate";
	return strcmp(state, "42501") == 0 ? "; is this the login of an edge (bellwire_edge)?" : "";
}

static bool answered(struct pump *p, const char *what, enum link_fate fate, const PGresult *res, int rows, int cols)
{
	if (fate != LINK_ANSWERED)
		return false; /* on_down follows */
	if (db_rows_ok(res) ? PQntuples(res) == rows && PQnfields(res) == cols
	                    : PQresultStatus(res) == PGRES_COMMAND_OK && rows == 0)
		return true;
	const char *why = db_rows_ok(res) ? "returned another number of rows or columns" : PQresultErrorMessage(res);
	char *text = mem_printf("%s: %.*s%s", what, (int)strcspn(why, "\n"), why, db_rows_ok(res) ? "" : advice(res));
	link_drop(p->link, text);
	free(text);
	return false;
}

static void on_opened(void *arg, enum link_fate fate, const PGresult *res)
{
	struct pump *p = arg;
	if (!answered(p, "rt.pump_open", fate, res, 1, 4))
		return;
	struct slice epoch = db_cell(res, 0, 0);
	struct cursor *c = &p->cursor;
	/* a page of a fetch from before a crash would bring rows that the next fetch brings again */
	if (c->upto && !slice_eq(epoch, slice_str(c->upto_epoch)))
		cursor_void(c, "the database restarted during a long fetch");
	else if (c->upto && loop_now(p->db->loop) - c->cut_at > CUT_MOST_MS)
		cursor_void(c, "a long fetch was cut for too long");
	p->step = STEP_PREPARE;
	pump_step(p);
}

static void on_prepared(void *arg, enum link_fate fate, const PGresult *res)
{
	struct pump *p = arg;
	if (!answered(p, "prepare", fate, res, 0, 0))
		return;
	p->step = STEP_LISTEN;
	pump_step(p);
}

static void on_listening(void *arg, enum link_fate fate, const PGresult *res)
{
	struct pump *p = arg;
	if (!answered(p, "listen", fate, res, 0, 0))
		return;
	p->step = p->step == STEP_LISTEN && p->ear.channel ? STEP_LISTEN_MORE : STEP_RUN;
	p->poll_now = true;
	pump_step(p);
}

static void on_armed(void *arg, enum link_fate fate, const PGresult *res)
{
	struct pump *p = arg;
	if (!answered(p, "rt.bell_arm", fate, res, 1, 2))
		return;
	if (slice_eq(db_cell(res, 0, 0), SLICE("t"))) {
		uint64_t xid;
		if (!db_cell_u64(res, 0, 1, &xid)) {
			link_drop(p->link, "rt.bell_arm returned no xid");
			return;
		}
		pace_armed(&p->pace, xid);
		p->poll_now = true;
	} /* else a writer was asking at this moment: after the next window */
	pump_step(p);
}

static void on_disarmed(void *arg, enum link_fate fate, const PGresult *res)
{
	struct pump *p = arg;
	if (answered(p, "rt.bell_disarm", fate, res, 1, 1)) {
		p->poll_now = true;
		pump_step(p);
	}
}

static void on_fetch_refused(struct pump *p, const PGresult *res)
{
	const char *why = PQresultErrorMessage(res);
	if (p->cursor.upto && strcmp(db_sqlstate(res), "40001") == 0) {
		cursor_void(&p->cursor, "a slot of the outbox was emptied during a long fetch");
		p->poll_now = true;
		pump_step(p);
		return;
	}
	db_problem(p->db, "pump", why);
	if (++p->errors >= ERRORS_MOST)
		link_drop(p->link, why);
	else
		timer_set(p->db->loop, &p->timer, loop_now(p->db->loop) + ((uint64_t)10 << p->errors));
}

static void fetch_done(struct pump *p, uint64_t xmin)
{
	p->errors = 0;
	link_settled(p->link);
	pace_fetched(&p->pace, p->fetch_rows, xmin);
	if (!p->ready) {
		bool first = !p->ever_ready;
		p->ready = p->ever_ready = true;
		if (p->ev.on_ready)
			p->ev.on_ready(p->ctx, p->cursor.snapshot, first);
		db_check_state(p->db);
	}
	waiters_delivered(&p->waiters);
	schedule(p);
}

static void drop_page(struct pump *p)
{
	PQclear(p->page);
	p->page = NULL;
}

/* A fetch's answer, or the next rows of a page. */
static void take(struct pump *p, const PGresult *res)
{
	struct header *h = &p->head;
	uint64_t before = p->db->stats.rows;
	bool page = p->page != NULL;
	p->delivering = true; /* what callbacks ask for comes after the cursor has moved */
	const char *wrong = (page ? fetch_take_page : fetch_take)(p->db, &p->cursor, &p->ev, p->ctx, res, h);
	p->fetch_rows += p->db->stats.rows - before;
	bool rest = page && !wrong && h->row < PQntuples(res);
	if (!rest)
		drop_page(p);
	if (!wrong && h->done)
		fetch_done(p, h->xmin);
	p->delivering = false;
	if (rest) {
		timer_set(p->db->loop, &p->timer, loop_now(p->db->loop) + 1);
		return;
	}
	if (wrong) {
		char *text = mem_printf("%s: %s", page ? "rt.fetch_page" : "rt.fetch", wrong);
		link_drop(p->link, text);
		free(text);
		return;
	}
	pump_step(p);
}

static void take_answer(struct pump *p, const PGresult *res)
{
	if (p->cursor.upto) {
		p->page = link_take(p->link);
		p->head.row = 0;
	}
	take(p, res);
}

static void on_fetched(void *arg, enum link_fate fate, const PGresult *res)
{
	struct pump *p = arg;
	if (fate != LINK_ANSWERED)
		return;
	pace_answered(&p->pace);
	if (db_rows_ok(res))
		take_answer(p, res);
	else
		on_fetch_refused(p, res);
}

static void on_timer(struct timer *t)
{
	struct pump *p = container_of(t, struct pump, timer);
	if (p->page) {
		take(p, p->page);
		return;
	}
	p->poll_now = true;
	pump_step(p);
}

/* ---- statements ---- */

static void ask(struct pump *p, const char *sql, int n, const char *const *values, link_answer *answer)
{
	link_send(p->link, sql, n, values, p->db->cfg.call_timeout_ms, answer,
	          p); /* false: the link is ending, on_down follows */
}

static void send_fetch(struct pump *p)
{
	p->poll_now = false;
	p->fetch_rows = 0;
	p->cursor.cut_at = loop_now(p->db->loop);
	pace_asked(&p->pace);
	timer_stop(p->db->loop, &p->timer);
	waiters_fetching(&p->waiters);
	/* prepared: parsing and planning would cost as much as a fetch that brings nothing */
	link_execute(p->link, "bellwire_fetch", 2, (const char *[]){p->cursor.snapshot, p->cursor.epoch},
	             p->db->cfg.call_timeout_ms, on_fetched, p);
}

static void send_listen(struct pump *p)
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
	ask(p, b.p, 0, NULL, on_listening);
	buf_fini(&b);
}

static void send_page(struct pump *p)
{
	char after[24], limit[24];
	const struct cursor *c = &p->cursor;
	snprintf(after, sizeof after, "%" PRIu64, c->after);
	snprintf(limit, sizeof limit, "%zu", c->limit);
	timer_stop(p->db->loop, &p->timer);
	ask(p, "select * from rt.fetch_page($1,$2,$3,$4,$5)", 5,
	    (const char *[]){c->snapshot, c->upto, after, limit, c->epoch}, on_fetched);
}

static void pump_step(struct pump *p)
{
	if (!link_idle(p->link) || p->delivering || p->page || p->db->freeing)
		return;
	if (p->step == STEP_OPEN) {
		ask(p, "select * from rt.pump_open($1,$2)", 2, (const char *[]){p->db->cfg.edge_id, p->db->cfg.name},
		    on_opened);
	} else if (p->step == STEP_PREPARE) {
		ask(p, "prepare bellwire_fetch(text, text) as select * from rt.fetch($1, $2)", 0, NULL, on_prepared);
	} else if (p->step == STEP_LISTEN) {
		ask(p, "listen bellwire", 0, NULL, on_listening);
	} else if (p->step == STEP_LISTEN_MORE) {
		send_listen(p);
	} else if (p->cursor.upto) {
		send_page(p);
	} else if (p->pace.want_disarm) {
		p->pace.want_disarm = false;
		ask(p, "select rt.bell_disarm()", 0, NULL, on_disarmed);
	} else if (p->pace.want_arm) {
		p->pace.want_arm = false;
		ask(p, "select * from rt.bell_arm()", 0, NULL, on_armed);
	} else if (p->poll_now) {
		send_fetch(p);
	}
}

void db_pump_poke(struct db *d)
{
	struct pump *p = d->pump;
	p->poll_now = true;
	pump_step(p);
}

bool db_pump_position(const struct db *d, struct db_position *at)
{
	const struct pump *p = d->pump;
	const struct cursor *c = &p->cursor;
	*at = (struct db_position){.snapshot = c->snapshot, .epoch = c->epoch, .now_us = c->now_us, .live = p->ready};
	return c->snapshot && !c->upto;
}

void db_pump_after(struct db *d, void (*done)(void *arg), void *arg)
{
	struct pump *p = d->pump;
	waiters_add(&p->waiters, done, arg);
	if (p->ready && !d->freeing)
		db_pump_poke(d);
	else
		waiters_release(&p->waiters);
}

void db_listen(struct db *d, const char *channel, void (*fn)(void *ctx, struct slice payload), void *ctx)
{
	assert(strlen(channel) < 64); /* G1 */
	d->pump->ear = (struct ear){channel, fn, ctx};
}

void db_pump_set_events(struct db *d, const struct db_pump_events *ev, void *ctx)
{
	d->pump->ev = *ev;
	d->pump->ctx = ctx;
}

/* ---- link ---- */

static void on_up(void *ctx)
{
	struct pump *p = ctx;
	db_link_is_up(p->db, "pump");
	p->step = STEP_OPEN;
	p->errors = 0;
	pace_begin(&p->pace);
	pump_step(p);
}

static void on_down(void *ctx, bool was_up, const char *why)
{
	struct pump *p = ctx;
	timer_stop(p->db->loop, &p->timer);
	drop_page(p); /* what was delivered of it stands; the rest is fetched again */
	p->ready = false;
	pace_end(&p->pace);
	waiters_release(&p->waiters);
	db_link_is_down(p->db, "pump", was_up, why);
	db_check_state(p->db);
}

static void on_notify(void *ctx)
{
	struct pump *p = ctx;
	p->db->stats.bells++;
	if (p->step == STEP_RUN)
		db_pump_poke(p->db);
}

static bool on_message(void *ctx, const char *channel, const char *payload)
{
	const struct ear *e = &((struct pump *)ctx)->ear;
	if (!e->channel || strcmp(channel, e->channel) != 0)
		return false;
	e->fn(e->ctx, slice_str(payload));
	return true;
}

static const struct link_events pump_link_events = {
	.on_up = on_up, .on_down = on_down, .on_notify = on_notify, .on_message = on_message};

struct pump *pump_new(struct db *d)
{
	struct pump *p = NEW(struct pump);
	p->db = p->pace.db = d;
	p->timer.fire = on_timer;
	waiters_init(&p->waiters, d->loop);
	p->link = db_link(d, true, "pump", &pump_link_events, p);
	return p;
}

void pump_start(struct pump *p)
{
	link_start(p->link);
}

bool pump_ready(const struct pump *p)
{
	return p->ready;
}

bool pump_close(struct pump *p)
{
	link_free(&p->link);
	timer_stop(p->db->loop, &p->timer);
	drop_page(p);
	return waiters_flush(&p->waiters);
}

void pump_free(struct pump **pp)
{
	struct pump *p = *pp;
	waiters_fini(&p->waiters);
	cursor_fini(&p->cursor);
	free(p);
	*pp = NULL;
}
