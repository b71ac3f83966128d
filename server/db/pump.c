#include "db/pump_internal.h"

#include "base/mem.h"
#include "db/result.h"
#include <inttypes.h>
#include <stdio.h>

#define ERRORS_MOST 5 /* fetches in a row that Postgres refused: after these the link is dropped */

void pump_schedule(struct pump *p)
{
	uint64_t at = pace_next(&p->pace);
	timer_set(p->common->loop, &p->timer, p->soon_at && p->soon_at < at ? p->soon_at : at);
}

void pump_poll_now(struct pump *p)
{
	p->poll_now = true;
	pump_next(p);
}

/* ---- answers of fetches ---- */

static void pump_on_fetch_refused(struct pump *p, const PGresult *res)
{
	const char *why = PQresultErrorMessage(res);
	if (p->fetch.upto && strcmp(db_sqlstate(res), "40001") == 0) {
		fetch_void(&p->fetch, "a slot of the outbox was emptied during a long fetch");
		pump_poll_now(p);
		return;
	}
	common_problem(p->common, "pump", why);
	if (++p->errors >= ERRORS_MOST)
		link_drop(p->link, why);
	else
		timer_set(p->common->loop, &p->timer, loop_now(p->common->loop) + ((uint64_t)10 << p->errors));
}

static void pump_became_ready(struct pump *p)
{
	bool first = !p->ever_ready;
	p->ready = p->ever_ready = true;
	if (p->fetch.ev.on_ready)
		p->fetch.ev.on_ready(p->fetch.ctx, p->fetch.snapshot, first);
	p->common->on_change(p->common);
}

bool pump_has_nobody(const struct pump *p)
{
	const struct fetch *f = &p->fetch;
	return f->ev.nobody && f->ev.nobody(f->ctx);
}

void pump_look_around(struct pump *p)
{
	p->pace.nobody = pump_has_nobody(p);
	p->pace.alone = p->common->alone;
}

/* What this edge writes while no other one is there it reads anyway, and rings nobody for. */
static void pump_tell_pace(struct pump *p)
{
	const struct fetch *f = &p->fetch;
	struct pace_seen seen = {.xmin = f->xmin};
	if (!p->for_own || !p->common->alone) {
		seen.transactions = f->transactions;
		seen.lag_us = f->lag_us;
		seen.certain_us = f->certain_us;
	}
	pump_look_around(p);
	pace_fetched(&p->pace, &seen);
}

static void pump_fetch_done(struct pump *p)
{
	p->errors = 0;
	p->delivered = p->fetches;
	p->poll.fetched = true;
	link_settled(p->link);
	pump_tell_pace(p);
	if (!p->ready) {
		/* Who has asked while this fetch was out waits for the next one after all. */
		p->poll_now |= waiters_regain(&p->waiters);
		pump_became_ready(p);
	}
	waiters_delivered(&p->waiters);
	pump_schedule(p);
}

static void pump_drop_page(struct pump *p)
{
	PQclear(p->page);
	p->page = NULL;
}

static void pump_wrong_answer(struct pump *p, bool page, const char *wrong)
{
	char *text = mem_printf("%s: %s", page ? "rt.fetch_page" : poll_statements[p->kind].function, wrong);
	link_drop(p->link, text);
	free(text);
}

static const char *pump_take_piece(struct pump *p, bool cut)
{
	if (!p->fresh)
		return fetch_take_rest(&p->fetch, p->page);
	p->fresh = false;
	uint64_t now = loop_now(p->common->loop);
	if (cut)
		return fetch_take_page(&p->fetch, p->page);
	if (p->kind == POLL_LOOK)
		return fetch_take_look(&p->fetch, p->page, now);
	if (p->kind == POLL_IDS)
		return fetch_take_ids(&p->fetch, p->page, now);
	if (p->kind == POLL_FEW)
		return fetch_take_few(&p->fetch, p->page, now);
	return p->kind == POLL_FETCH ? fetch_take(&p->fetch, p->page, now) : fetch_take_poll(&p->fetch, p->page, now);
}

/* The next piece of an answer, unless sockets are still to be written what came before it. */
static void pump_take(struct pump *p)
{
	struct loop *l = p->common->loop;
	struct fetch *f = &p->fetch;
	bool cut = f->upto != NULL, waits = loop_is_behind(l);
	p->delivering = true; /* requests of callbacks begin after it */
	const char *wrong = waits ? NULL : pump_take_piece(p, cut);
	bool rest = waits || (!wrong && f->row < f->behind);
	if (!rest)
		pump_drop_page(p);
	if (!rest && !wrong && f->done)
		pump_fetch_done(p);
	p->delivering = false;
	if (rest) /* in the next turn: sockets are written in between */
		timer_set(l, &p->timer, loop_now(l) + 1);
	else if (wrong)
		pump_wrong_answer(p, cut, wrong);
	else
		pump_next(p);
}

static void pump_on_answer(struct pump *p, const PGresult *res)
{
	pace_answered(&p->pace);
	if (!db_rows_ok(res)) {
		pump_on_fetch_refused(p, res);
		return;
	}
	p->page = link_take(p->link);
	p->fresh = true;
	pump_take(p);
}

static void pump_on_page(void *arg, enum link_fate fate, const PGresult *res)
{
	if (fate == LINK_ANSWERED)
		pump_on_answer(arg, res);
}

static void pump_ask_rows(struct pump *p, enum poll_kind kind);

/* The same fetch goes on with another statement where the answer of this one will not do. */
static void pump_on_fetched(void *arg, enum link_fate fate, const PGresult *res)
{
	struct pump *p = arg;
	enum poll_kind next = p->kind;
	if (fate != LINK_ANSWERED)
		return;
	p->poll.nobody = pump_has_nobody(p);
	if (db_rows_ok(res)) {
		next = poll_judge(&p->poll, &p->fetch, p->kind, res);
	} else if (p->kind != POLL_FETCH && poll_is_refused(db_sqlstate(res))) {
		p->poll.knows[p->kind] = false;
		p->poll.lost[p->kind] = true;
		next = POLL_FETCH;
	}
	if (next == POLL_KINDS)
		pump_wrong_answer(p, false, "another shape");
	else if (next != p->kind)
		pump_ask_rows(p, next);
	else
		pump_on_answer(p, res);
}

static void pump_on_timer(struct timer *t)
{
	struct pump *p = container_of(t, struct pump, timer);
	if (p->page)
		pump_take(p);
	else
		pump_poll_now(p);
}

/* ---- statements ---- */

static void pump_ask_rows(struct pump *p, enum poll_kind kind)
{
	char low[24];
	const struct fetch *f = &p->fetch;
	p->kind = kind;
	snprintf(low, sizeof low, "%" PRIu64, f->low);
	/* Prepared, because parsing and planning would cost as much as a fetch that brings nothing. By its name and not
	 * by an EXECUTE, which would take its snapshot before the locks. */
	const struct poll_statement *s = &poll_statements[kind];
	const char *const values[] = {f->snapshot, kind == POLL_FETCH ? f->epoch : low};
	uint64_t timeout_ms = p->common->cfg.call_timeout_ms;
	if (kind == POLL_FEW || kind == POLL_IDS)
		link_execute_binary(p->link, s->name, s->parameters, values, timeout_ms, pump_on_fetched, p);
	else
		link_execute(p->link, s->name, s->parameters, values, timeout_ms, pump_on_fetched, p);
}

static void pump_send_fetch(struct pump *p)
{
	p->poll.nobody = pump_has_nobody(p);
	enum poll_kind kind = poll_choose(&p->poll, &p->fetch, p->poked || p->pace.rung || p->soon_at);
	p->poll_now = false;
	p->for_own = p->poked && !p->pace.rung;
	p->poked = false;
	p->soon_at = 0;
	p->fetches++;
	p->fetch_at = loop_now(p->common->loop);
	pace_asked(&p->pace);
	timer_stop(p->common->loop, &p->timer);
	waiters_fetching(&p->waiters);
	pump_ask_rows(p, kind);
}

static void pump_send_page(struct pump *p)
{
	char after[24], limit[24];
	const struct fetch *f = &p->fetch;
	snprintf(after, sizeof after, "%" PRIu64, f->after);
	snprintf(limit, sizeof limit, "%zu", f->limit);
	timer_stop(p->common->loop, &p->timer);
	pump_ask(p, "select * from rt.fetch_page($1,$2,$3,$4,$5)", 5,
	         (const char *[]){f->snapshot, f->upto, after, limit, f->epoch}, pump_on_page);
}

static void pump_send_due(struct pump *p)
{
	if (p->fetch.upto) {
		pump_send_page(p);
	} else if (p->mark_now) {
		pump_send_mark(p);
	} else if (pump_has_to_learn(p)) {
		pump_send_forget(p);
	} else if (p->pace.want_disarm) {
		pump_send_disarm(p);
	} else if (p->pace.want_arm ? !p->hears : p->pace.want_deaf && p->hears) {
		pump_send_hear(p);
	} else if (p->pace.want_arm) {
		pump_send_arm(p);
	} else if (p->poll_now) {
		pump_send_fetch(p);
	}
}

void pump_next(struct pump *p)
{
	if (!link_idle(p->link) || p->delivering || p->page || p->common->freeing)
		return;
	if (p->step == PUMP_RUN)
		pump_send_due(p);
	else
		pump_send_first(p);
}

/* ---- what db.h offers ---- */

void pump_poke(struct pump *p)
{
	p->poked = true;
	pump_poll_now(p);
}

void pump_poke_then(struct pump *p, void (*done)(void *arg), void *arg)
{
	p->poked = true;
	pump_after(p, 0, done, arg);
}

void pump_read_by(struct pump *p, uint64_t at)
{
	if (!p->soon_at || p->soon_at > at)
		p->soon_at = at;
	/* What is out, or being delivered, is followed by pump_schedule. */
	if (timer_is_set(&p->timer) && p->timer.at > p->soon_at)
		timer_set(p->common->loop, &p->timer, p->soon_at);
}

void pump_poke_soon(struct pump *p, uint64_t ms, uint64_t xid, void (*done)(void *arg), void *arg)
{
	if (xid)
		fetch_own(&p->fetch, xid);
	waiters_add(&p->waiters, 0, done, arg);
	if (!p->ready || p->common->freeing) {
		waiters_release(&p->waiters);
		return;
	}
	pump_read_by(p, loop_now(p->common->loop) + ms);
}

void pump_attend(struct pump *p)
{
	/* One that sleeps is rung. What is out, or being delivered, is followed by pump_schedule. */
	if (p->ready && !p->page && timer_is_set(&p->timer) && (p->pace.state == PACE_BUSY || p->pace.rung))
		pump_poll_now(p);
}

bool pump_is_free(const struct pump *p)
{
	return p->step == PUMP_RUN && p->ready && link_idle(p->link) && !p->delivering && !p->page &&
	       !p->common->freeing && !loop_is_behind(p->common->loop);
}

bool pump_take_lone(struct pump *p, struct slice row)
{
	if (!pump_is_free(p))
		return false;
	p->delivering = true; /* requests of callbacks begin after it */
	bool taken = fetch_take_lone(&p->fetch, row);
	p->delivering = false;
	pump_next(p);
	return taken;
}

bool pump_position(struct pump *p, struct db_position *at)
{
	struct fetch *f = &p->fetch;
	*at = (struct db_position){.snapshot = f->snapshot,
	                           .epoch = f->epoch,
	                           .ahead = f->carried.rows,
	                           .nahead = f->carried.n,
	                           .mark = marks_last(&f->marks),
	                           .now_us = f->now_us,
	                           .live = p->ready};
	return f->snapshot && !f->upto && at->mark;
}

const char *pump_mark(const struct pump *p)
{
	return p->ready && p->fetch.marks.left[0] ? p->fetch.marks.left : NULL;
}

struct slice pump_place(const struct pump *p)
{
	const char *epoch = p->fetch.epoch ? p->fetch.epoch : "";
	return slice_of(epoch, strcspn(epoch, "/"));
}

void pump_reopen(struct pump *p)
{
	if (p->ready)
		link_drop(p->link, "this edge is not registered any more");
}

uint64_t pump_waits_since(const struct pump *p)
{
	return link_waits_since(p->link);
}

void pump_after(struct pump *p, uint64_t ms, void (*done)(void *arg), void *arg)
{
	waiters_add(&p->waiters, ms, done, arg);
	if (p->ready && !p->common->freeing)
		pump_poll_now(p);
	else
		waiters_release(&p->waiters);
}

uint32_t pump_moment(const struct pump *p)
{
	return p->fetches ? p->fetches : 1;
}

bool pump_past(const struct pump *p, uint32_t moment)
{
	return (int32_t)(p->delivered - moment) > 0;
}

void pump_listen(struct pump *p, const char *channel, void (*fn)(void *ctx, struct slice payload), void *ctx)
{
	assert(strlen(channel) < 64); /* longer names are cut by Postgres */
	p->ear = (struct pump_ear){channel, fn, ctx};
}

void pump_set_events(struct pump *p, const struct db_pump_events *ev, void *ctx)
{
	p->fetch.ev = *ev;
	p->fetch.ctx = ctx;
}

/* ---- link ---- */

static void pump_on_up(void *ctx)
{
	struct pump *p = ctx;
	common_link_is_up(p->common, "pump");
	pump_enter(p, PUMP_OPEN);
	p->errors = 0;
	p->mark_now = true;
	pace_begin(&p->pace);
	pump_next(p);
}

static void pump_on_down(void *ctx, bool was_up, const char *why)
{
	struct pump *p = ctx;
	timer_stop(p->common->loop, &p->timer);
	timer_stop(p->common->loop, &p->mark_timer);
	pump_drop_page(p);        /* its delivered rows stand; the rest is fetched again */
	if (p->step != PUMP_AWAY) /* else a connection was not made */
		pump_enter(p, PUMP_AWAY);
	p->ready = p->hears = false;
	p->soon_at = 0; /* the next session begins with a fetch */
	pace_end(&p->pace);
	waiters_release(&p->waiters);
	common_link_is_down(p->common, "pump", was_up, why);
	p->common->on_change(p->common);
}

static const struct link_events pump_link_events = {
	.on_up = pump_on_up, .on_down = pump_on_down, .on_notify = pump_on_notify, .on_message = pump_on_message};

/* ---- life ---- */

struct pump *pump_new(struct db_common *common)
{
	struct pump *p = NEW(struct pump);
	p->common = common;
	p->pace = (struct pace){.loop = common->loop, .cfg = &common->cfg, .stats = &common->stats};
	p->fetch.stats = &common->stats;
	p->timer.fire = pump_on_timer;
	p->mark_timer.fire = pump_on_mark_timer;
	waiters_init(&p->waiters, common->loop);
	p->link = common_link(common, true, "pump", &pump_link_events, p);
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
	timer_stop(p->common->loop, &p->timer);
	timer_stop(p->common->loop, &p->mark_timer);
	pump_drop_page(p);
	return waiters_flush(&p->waiters);
}

void pump_free(struct pump **pp)
{
	struct pump *p = *pp;
	waiters_fini(&p->waiters);
	fetch_fini(&p->fetch);
	free(p);
	*pp = NULL;
}
