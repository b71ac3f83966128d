#include "db/pump_internal.h"

#include "db/result.h"
#include <stdio.h>

#define CARRIED "carried" /* what a bell says whose row is on the channel of rt.bell_hear */

/* ---- armed, or not ---- */

/* A name that needs no quotes. */
void pump_take_carrier(struct pump *p, struct slice name)
{
	bool good = name.n < sizeof p->carrier;
	for (size_t i = 0; good && i < name.n; i++)
		good = (name.p[i] >= 'a' && name.p[i] <= 'z') || (name.p[i] >= '0' && name.p[i] <= '9') ||
		       name.p[i] == '_';
	snprintf(p->carrier, sizeof p->carrier, "%.*s", good ? (int)name.n : 0, name.p);
}

static void pump_on_heard(void *arg, enum link_fate fate, const PGresult *res)
{
	struct pump *p = arg;
	int rows = p->carrier[0] ? 1 : 0;
	if (!pump_answered(p, p->hears ? "unlisten" : "listen", fate, res, rows, rows))
		return;
	if (rows) /* it may be another one by now */
		pump_take_carrier(p, db_cell(res, 0, 0));
	p->hears = !p->hears;
	pump_next(p);
}

/* Before the bell is armed, since who sees it armed rings; and no more while it is not, for some time. */
void pump_send_hear(struct pump *p)
{
	const char *sql = p->hears ? "unlisten bellwire" : "listen bellwire";
	if (p->carrier[0])
		sql = p->hears ? "select rt.bell_hear(false)" : "select rt.bell_hear(true)";
	pump_ask(p, sql, 0, NULL, pump_on_heard);
}

static void pump_on_armed(void *arg, enum link_fate fate, const PGresult *res)
{
	struct pump *p = arg;
	if (!pump_answered(p, "rt.bell_arm", fate, res, 1, 2))
		return;
	if (!slice_eq(db_cell(res, 0, 0), SLICE("t"))) {
		pump_next(p); /* a writer was asking at this moment: again after the next window */
		return;
	}
	uint64_t xid;
	if (!db_cell_u64(res, 0, 1, &xid)) {
		link_drop(p->link, "rt.bell_arm returned no xid");
		return;
	}
	pace_armed(&p->pace, xid);
	pump_poll_now(p);
}

void pump_send_arm(struct pump *p)
{
	p->pace.want_arm = false;
	pump_ask(p, "select * from rt.bell_arm()", 0, NULL, pump_on_armed);
}

static void pump_on_disarmed(void *arg, enum link_fate fate, const PGresult *res)
{
	struct pump *p = arg;
	if (pump_answered(p, "rt.bell_disarm", fate, res, 1, 1))
		pump_poll_now(p);
}

void pump_send_disarm(struct pump *p)
{
	p->pace.want_disarm = false;
	pump_ask(p, "select rt.bell_disarm()", 0, NULL, pump_on_disarmed);
}

/* ---- heard ---- */

void pump_on_notify(void *ctx)
{
	struct pump *p = ctx;
	p->common->stats.bells++;
	/* A BUSY pump polls by itself. */
	if (p->step != PUMP_RUN || p->pace.state == PACE_BUSY)
		return;
	pace_rung(&p->pace);
	pump_look_around(p);
	if (!p->pace.nobody)
		pump_poll_now(p);
	else if (p->delivered == p->fetches) /* else the fetch that is not done is followed by pump_schedule */
		pump_schedule(p);
}

/*
 * While the pump sleeps each row rings, but for those of calls of edges, and bells come in the order of commits. So
 * what is still to be read rang nobody, or its bell has brought no row and is followed by a poll. Of the first of these
 * the row's snapshot tells (carried_judge).
 */
static bool pump_take_carried(struct pump *p, struct slice row)
{
	const struct loop *l = p->common->loop;
	const struct fetch *f = &p->fetch;
	uint64_t now_us = loop_clock_us(), then_us = p->pace.asked_us + p->pace.took_us;
	int64_t at_us = 0, clock_us = f->now_us + (int64_t)(now_us > then_us ? now_us - then_us : 0);
	/* Behind a poll that was refused nobody knows what is read. One that comes when its turn is used up waits for
	 * sockets to be written. */
	if (p->pace.state != PACE_ASLEEP || p->pace.rung || p->errors || pump_has_nobody(p) || !pump_is_free(p) ||
	    now_us - loop_now_us(l) > LOOP_SHARE_US)
		return false;
	p->delivering = true; /* requests of callbacks begin after it */
	enum carried_fate fate = fetch_take_carried(&p->fetch, row, &at_us);
	p->delivering = false;
	if (fate == CARRIED_LATER)
		return false;
	p->common->stats.bells++;
	if (fate == CARRIED_NOW) {
		pace_carried(&p->pace, clock_us > at_us ? (uint64_t)(clock_us - at_us) : 0);
		if (f->carried.n >= (p->common->alone ? CARRIED_MOST : CARRIED_MOST / 3))
			p->poll_now = true;
		else
			pump_read_by(p, loop_now(l) + CARRIED_MS);
	}
	pump_next(p);
	return true;
}

/* `bellwire` tells of a row that was on our channel just before, or on one that we do not hear: a bell as any. */
static bool pump_is_told(struct pump *p, const char *payload)
{
	bool told = p->told && strcmp(payload, CARRIED) == 0;
	p->told = false;
	return told;
}

/*
 * In their order. One that carries nothing, or a row that must wait, is for a poll, which follows when all of them have
 * been looked at; no row behind it is taken before that. True: it needs no poll.
 */
static bool pump_hears(struct pump *p, const char *channel, const char *payload)
{
	bool done;
	if (p->carrier[0] && strcmp(channel, p->carrier) == 0) {
		done = pump_take_carried(p, slice_str(payload));
		p->told = true;
	} else {
		done = pump_is_told(p, payload);
	}
	if (!done && p->step == PUMP_RUN && p->pace.state != PACE_BUSY)
		pace_rung(&p->pace);
	return done;
}

bool pump_on_message(void *ctx, const char *channel, const char *payload)
{
	struct pump *p = ctx;
	const struct pump_ear *e = &p->ear;
	if (!e->channel || strcmp(channel, e->channel) != 0)
		return pump_hears(p, channel, payload);
	e->fn(e->ctx, slice_str(payload));
	return true;
}
