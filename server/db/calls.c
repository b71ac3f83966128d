#include "db/calls.h"

#include "base/list.h"
#include "base/mem.h"
#include "db/result.h"

#define CALL_LINKS 3

/*
 *   NEW ----- calls_add --------> QUEUED, or REFUSED (a NUL, no room, the end)
 *   QUEUED -- calls_take -------> SENT        -- calls_expire, calls_close --> DONE
 *   SENT ---- calls_put_back ---> QUEUED      -- calls_on_answer ------------> DONE
 *   REFUSED - calls_run_refused -> DONE
 */
enum call_state { CALL_NEW, CALL_QUEUED, CALL_SENT, CALL_REFUSED, CALL_DONE };

static const uint8_t call_moves[] = {
	[CALL_NEW] = 1u << CALL_QUEUED | 1u << CALL_REFUSED,
	[CALL_QUEUED] = 1u << CALL_SENT | 1u << CALL_DONE,
	[CALL_SENT] = 1u << CALL_QUEUED | 1u << CALL_DONE,
	[CALL_REFUSED] = 1u << CALL_DONE,
	[CALL_DONE] = 0,
};
static const char *const call_words[] = {"new", "queued", "sent", "refused", "done"};

/* Freed when DONE, right after its completion has run. */
struct db_call {
	struct list link; /* of calls.queue while QUEUED, of calls.refused while REFUSED; a slot's `out` while SENT */
	enum call_state state;
	uint64_t expires; /* loop_now; where it has not been sent by then, it fails */
	db_done *done;
	void *arg;
	const char *refusal;
	const char *sql; /* this and the values point into text */
	size_t n;
	const char *values[DB_MAX_PARAMS];
	char text[];
};

struct call_slot {
	struct calls *owner;
	struct link *link;
	struct db_call *out; /* NULL: none */
};

struct calls {
	struct db_common *common;
	struct call_slot slots[CALL_LINKS];
	struct list queue;   /* oldest first, as all have the same patience; a call that was put back is the oldest */
	struct list refused; /* to be completed from the loop */
	size_t queued;
	struct timer expiry;
	struct deferred refuse;
};

/* ---- states ---- */

static void call_enter(struct db_call *call, enum call_state to)
{
	assert(call_moves[call->state] & 1u << to);
	log_trace(LOG_NOBODY, "call", LS("sql", call->sql), LS("from", call_words[call->state]),
	          LS("to", call_words[to]));
	call->state = to;
}

static void calls_enqueue(struct calls *cs, struct db_call *call)
{
	call_enter(call, CALL_QUEUED);
	list_add_tail(&cs->queue, &call->link);
	cs->queued++;
}

static void calls_put_back(struct calls *cs, struct db_call *call)
{
	call_enter(call, CALL_QUEUED);
	list_add_head(&cs->queue, &call->link);
	cs->queued++;
}

/* Out of the queue; the caller says what becomes of it. */
static struct db_call *calls_first(struct calls *cs)
{
	struct db_call *call = list_first(&cs->queue, struct db_call, link);
	list_del(&call->link);
	cs->queued--;
	return call;
}

static struct db_call *calls_take(struct calls *cs)
{
	struct db_call *call = calls_first(cs);
	call_enter(call, CALL_SENT);
	return call;
}

static void calls_refuse(struct calls *cs, struct db_call *call, const char *why)
{
	call_enter(call, CALL_REFUSED);
	call->refusal = why;
	list_add_tail(&cs->refused, &call->link);
	loop_defer(cs->common->loop, LOOP_WORK, &cs->refuse);
}

/* ---- completions ---- */

static void call_complete(struct calls *cs, struct db_call *call, const struct db_result *r)
{
	call_enter(call, CALL_DONE);
	cs->common->stats.calls[r->outcome]++;
	call->done(call->arg, r);
	free(call);
}

static void call_complete_bare(struct calls *cs, struct db_call *call, enum db_outcome outcome, const char *why)
{
	call_complete(cs, call, &(struct db_result){.outcome = outcome, .message = why});
}

static void call_complete_answered(struct calls *cs, struct db_call *call, const PGresult *res)
{
	if (db_rows_ok(res) || PQresultStatus(res) == PGRES_COMMAND_OK) {
		call_complete(cs, call,
		              &(struct db_result){
				      .outcome = DB_OK, .pg = res, .nrows = PQntuples(res), .ncols = PQnfields(res)});
		return;
	}
	if (db_outcome_unknown(res)) {
		call_complete_bare(cs, call, DB_UNCERTAIN, PQresultErrorMessage(res));
		return;
	}
	const char *message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	struct db_result r = {.outcome = DB_ERROR, .message = message ? message : PQresultErrorMessage(res)};
	memcpy(r.sqlstate, db_sqlstate(res), sizeof r.sqlstate);
	call_complete(cs, call, &r);
}

static void calls_run_refused(struct calls *cs)
{
	while (!list_empty(&cs->refused)) {
		struct db_call *call = list_first(&cs->refused, struct db_call, link);
		list_del(&call->link);
		call_complete_bare(cs, call, DB_FAILED, call->refusal);
	}
}

static void calls_on_refuse(struct deferred *d)
{
	calls_run_refused(container_of(d, struct calls, refuse));
}

/* ---- the queue ---- */

static void calls_arm_expiry(struct calls *cs)
{
	struct db_call *oldest = list_first(&cs->queue, struct db_call, link);
	if (oldest)
		timer_set(cs->common->loop, &cs->expiry, oldest->expires);
	else
		timer_stop(cs->common->loop, &cs->expiry);
}

static void calls_expire(struct timer *t)
{
	struct calls *cs = container_of(t, struct calls, expiry);
	uint64_t now = loop_now(cs->common->loop);
	while (!list_empty(&cs->queue) && list_first(&cs->queue, struct db_call, link)->expires <= now)
		call_complete_bare(cs, calls_first(cs), DB_FAILED, "the database did not take it in time");
	calls_arm_expiry(cs);
}

static void calls_go(struct calls *cs);

static void calls_on_answer(void *arg, enum link_fate fate, const PGresult *res)
{
	struct call_slot *s = arg;
	struct calls *cs = s->owner;
	struct db_call *call = s->out;
	s->out = NULL;
	if (fate == LINK_ANSWERED) {
		link_settled(s->link);
		call_complete_answered(cs, call, res);
	} else if (fate == LINK_LOST) {
		call_complete_bare(cs, call, DB_UNCERTAIN, "the connection died before the answer");
	} else if (cs->common->freeing || call->expires <= loop_now(cs->common->loop)) {
		call_complete_bare(cs, call, DB_FAILED, "the connection died before it was sent");
	} else {
		calls_put_back(cs, call);
	}
	calls_go(cs);
}

static void call_send(struct calls *cs, struct call_slot *s)
{
	struct db_call *call = s->out = calls_take(cs);
	if (link_send(s->link, call->sql, (int)call->n, call->values, cs->common->cfg.call_timeout_ms, calls_on_answer,
	              s))
		return;
	s->out = NULL;
	calls_put_back(cs, call);
}

/* Sends what there are idle links for. */
static void calls_go(struct calls *cs)
{
	if (cs->common->freeing)
		return;
	for (size_t i = 0; i < CALL_LINKS && !list_empty(&cs->queue); i++)
		if (link_idle(cs->slots[i].link))
			call_send(cs, &cs->slots[i]);
	calls_arm_expiry(cs);
}

static struct db_call *db_call_new(const char *sql, const struct slice *params, size_t n)
{
	size_t sql_n = strlen(sql) + 1, all = sql_n;
	for (size_t i = 0; i < n; i++)
		all += params[i].n + 1;
	struct db_call *call = mem_alloc(sizeof(*call) + all);
	*call = (struct db_call){.n = n};
	char *at = memcpy(call->text, sql, sql_n);
	call->sql = at;
	at += sql_n;
	for (size_t i = 0; i < n; i++) {
		if (!params[i].p)
			continue;
		call->values[i] = at;
		memcpy(at, params[i].p, params[i].n);
		at[params[i].n] = '\0';
		at += params[i].n + 1;
	}
	return call;
}

static const char *calls_refusal(const struct calls *cs, const struct slice *params, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (db_has_nul(params[i]))
			return "a parameter holds a NUL";
	if (cs->common->freeing)
		return "stopping";
	return cs->queued >= cs->common->cfg.queue_max_items ? "the queue is full" : NULL;
}

void calls_add(struct calls *cs, const char *sql, const struct slice *params, size_t n, db_done *done, void *arg)
{
	assert(n <= DB_MAX_PARAMS);
	struct db_call *call = db_call_new(sql, params, n);
	const char *refusal = calls_refusal(cs, params, n);
	call->done = done;
	call->arg = arg;
	call->expires = loop_now(cs->common->loop) + cs->common->cfg.item_timeout_ms;
	if (refusal) {
		calls_refuse(cs, call, refusal);
		return;
	}
	calls_enqueue(cs, call);
	calls_go(cs);
}

/* ---- links ---- */

static void calls_on_up(void *ctx)
{
	struct call_slot *s = ctx;
	common_link_is_up(s->owner->common, "call");
	calls_go(s->owner);
	s->owner->common->on_change(s->owner->common);
}

static void calls_on_down(void *ctx, bool was_up, const char *why)
{
	struct call_slot *s = ctx;
	common_link_is_down(s->owner->common, "call", was_up, why);
	s->owner->common->on_change(s->owner->common);
}

static const struct link_events calls_link_events = {.on_up = calls_on_up, .on_down = calls_on_down};

/* ---- life ---- */

struct calls *calls_new(struct db_common *common)
{
	struct calls *cs = NEW(struct calls);
	cs->common = common;
	cs->expiry.fire = calls_expire;
	deferred_init(&cs->refuse, calls_on_refuse);
	list_init(&cs->queue);
	list_init(&cs->refused);
	for (size_t i = 0; i < CALL_LINKS; i++) {
		struct call_slot *s = &cs->slots[i];
		*s = (struct call_slot){.owner = cs, .link = common_link(common, false, "call", &calls_link_events, s)};
	}
	return cs;
}

void calls_start(struct calls *cs)
{
	for (size_t i = 0; i < CALL_LINKS; i++)
		link_start(cs->slots[i].link);
}

bool calls_ready(const struct calls *cs)
{
	for (size_t i = 0; i < CALL_LINKS; i++)
		if (link_up(cs->slots[i].link))
			return true;
	return false;
}

bool calls_close(struct calls *cs)
{
	bool some = false;
	for (size_t i = 0; i < CALL_LINKS; i++) {
		some |= cs->slots[i].out != NULL;
		link_free(&cs->slots[i].link);
	}
	some |= !list_empty(&cs->queue) || !list_empty(&cs->refused);
	while (!list_empty(&cs->queue))
		call_complete_bare(cs, calls_first(cs), DB_FAILED, "stopping");
	calls_run_refused(cs); /* those included that completions have asked for meanwhile */
	return some;
}

void calls_free(struct calls **csp)
{
	struct calls *cs = *csp;
	deferred_cancel(&cs->refuse);
	timer_stop(cs->common->loop, &cs->expiry);
	free(cs);
	*csp = NULL;
}
