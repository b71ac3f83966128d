/*
 * What services write (deed.c), from several sessions: alone, in bursts of one statement, and in transactions that end
 * late or are rolled back while others commit.
 */
#include "verify/run.h"

#include "db/result.h"
#include <stdio.h>

#define STATEMENT_MS 15000
#define HOLD_MS 250 /* at most: an edge waits as long for a chat's lock */

static void writer_answered(void *arg, enum link_fate fate, const PGresult *res);

static void writer_decide(struct writer *w, enum fate fate)
{
	for (uint32_t i = 0; i < w->n; i++)
		judge_decide(w->v, w->first + i, fate);
	for (uint32_t i = 0; i < w->n && fate == FATE_KEPT; i++)
		judge_compared(w->v, PROMISE_TAKEN, w->v->said[w->first + i].kind);
	w->v->counts.undone += fate == FATE_UNDONE ? w->n : 0;
	w->stage = WRITER_REST;
}

static void writer_send(struct writer *w, const char *sql, enum writer_stage stage)
{
	w->stage = stage;
	if (stage == WRITER_END)
		for (uint32_t i = 0; i < w->n; i++)
			w->v->said[w->first + i].asked_us = loop_clock_us();
	if (!link_send(w->link, sql, 0, NULL, STATEMENT_MS, writer_answered, w))
		writer_decide(w, FATE_UNDONE);
}

/* The statement of this stage that has parameters. */
static void writer_write(struct writer *w, enum writer_stage stage)
{
	struct deed d;
	bool prepare = stage == WRITER_PREPARE;
	deed_of(w->v, w->first, w->n, &d);
	if (prepare)
		d.values[1] = d.author;
	w->stage = stage;
	if (!link_send(w->link, prepare ? d.prepare : d.write, d.nvalues, d.values, STATEMENT_MS, writer_answered, w))
		writer_decide(w, FATE_UNDONE);
	deed_fini(&d);
}

static void writer_on_hold(struct timer *t)
{
	struct writer *w = container_of(t, struct writer, hold);
	if (w->stage == WRITER_HOLD)
		writer_send(w, w->undo ? "rollback" : "commit", WRITER_END);
}

/* What is wrong with a statement of ours is wrong with the installation, unless it passes. */
static void writer_judge_error(struct writer *w, const PGresult *res)
{
	if (stage_passes(res))
		return;
	const char *why = PQresultErrorMessage(res);
	judge_fail(w->v, PROMISE_TAKEN, NULL, NO_SAYING, "%s by SQL was refused: %.*s",
	           kind_label(w->v->said[w->first].kind), (int)strcspn(why, "\n"), why);
}

static bool writer_commits(const struct writer *w)
{
	return w->stage == WRITER_ALONE || (w->stage == WRITER_END && !w->undo);
}

static void writer_start(struct writer *w)
{
	if (w->late)
		writer_send(w, "begin", WRITER_BEGIN);
	else
		writer_write(w, WRITER_ALONE);
}

static void writer_lost(struct writer *w, enum link_fate fate)
{
	timer_stop(w->v->loop, &w->hold);
	writer_decide(w, fate == LINK_LOST && writer_commits(w) ? FATE_UNSURE : FATE_UNDONE);
}

static void writer_failed(struct writer *w, const PGresult *res)
{
	bool open = w->stage == WRITER_WRITE, unknown = writer_commits(w) && db_outcome_unknown(res);
	writer_judge_error(w, res);
	w->undo = true;
	if (open)
		writer_send(w, "rollback", WRITER_END);
	else
		writer_decide(w, unknown ? FATE_UNSURE : FATE_UNDONE);
}

static void writer_answered(void *arg, enum link_fate fate, const PGresult *res)
{
	struct writer *w = arg;
	if (fate != LINK_ANSWERED) {
		writer_lost(w, fate);
		return;
	}
	ExecStatusType status = PQresultStatus(res);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
		writer_failed(w, res);
	} else if (w->stage == WRITER_PREPARE) {
		writer_start(w);
	} else if (w->stage == WRITER_BEGIN) {
		writer_write(w, WRITER_WRITE);
	} else if (w->stage == WRITER_WRITE) {
		w->stage = WRITER_HOLD;
		timer_set(w->v->loop, &w->hold, now_ms(w->v) + chance(HOLD_MS));
	} else {
		writer_decide(w, writer_commits(w) ? FATE_KEPT : FATE_UNDONE);
	}
}

/* ---- the next ones ---- */

static uint32_t writer_begin(struct writer *w, bool messages)
{
	struct verify *v = w->v;
	if (messages)
		deed_messages(v, &w->first, &w->n);
	else
		deed_else(v, &w->first, &w->n);
	if (!w->n)
		return 0;
	w->late = chance(3) == 0;
	w->undo = w->late && chance(3) == 0;
	v->counts.late += w->late;
	if (v->said[w->first].kind == KIND_LIKED)
		writer_write(w, WRITER_PREPARE);
	else
		writer_start(w);
	return w->n;
}

unsigned writers_write(struct verify *v, bool messages)
{
	unsigned from = chance(WRITERS);
	for (unsigned i = 0; i < WRITERS; i++) {
		struct writer *w = &v->writers[(from + i) % WRITERS];
		if (w->stage == WRITER_REST && link_idle(w->link))
			return writer_begin(w, messages);
	}
	return 0;
}

/* ---- life ---- */

static void writer_on_up(void *ctx)
{
	struct writer *w = ctx;
	link_settled(w->link);
}

/* With no statement out the transaction has ended with its session. */
static void writer_on_down(void *ctx, bool was_up, const char *why)
{
	struct writer *w = ctx;
	(void)was_up, (void)why;
	if (w->stage == WRITER_HOLD)
		writer_lost(w, LINK_UNSENT);
}

void writers_begin(struct verify *v)
{
	static const struct link_events events = {.on_up = writer_on_up, .on_down = writer_on_down};
	const struct link_config cfg = {.url = v->o->database_url, .application_name = "bellwire verify writer"};
	for (unsigned i = 0; i < WRITERS; i++) {
		struct writer *w = &v->writers[i];
		*w = (struct writer){.v = v, .hold = {.fire = writer_on_hold}};
		w->link = link_new(v->loop, &cfg, &events, w);
		link_start(w->link);
	}
}

void writers_end(struct verify *v)
{
	for (unsigned i = 0; i < WRITERS; i++) {
		timer_stop(v->loop, &v->writers[i].hold);
		link_free(&v->writers[i].link);
	}
}
