#include "base/list.h"
#include "base/mem.h"
#include "db/db_internal.h"

/* SQL function calls: a queue in front of a few links, one statement out on each. */

#define CALL_LINKS 3

struct call {
	struct list link;
	uint64_t expires;
	db_done *done;
	void *arg;
	const char *refusal; /* completed without having been sent */
	const char *sql;
	size_t n;
	const char *values[DB_MAX_PARAMS];
	char text[];
};

struct slot {
	struct calls *owner;
	struct link *link;
	struct call *out;
};

struct calls {
	struct db *db;
	struct slot slots[CALL_LINKS];
	struct list queue;   /* oldest first: all have the same patience */
	struct list refused; /* to be completed from the loop */
	size_t queued;
	struct timer expiry;
	struct deferred refuse;
};

/* ---- completions ---- */

static void complete(struct calls *c, struct call *call, const struct db_result *r)
{
	c->db->stats.calls[r->outcome]++;
	call->done(call->arg, r);
	free(call);
}

static void complete_bare(struct calls *c, struct call *call, enum db_outcome outcome, const char *why)
{
	complete(c, call, &(struct db_result){.outcome = outcome, .message = why});
}

static void complete_answered(struct calls *c, struct call *call, const PGresult *res)
{
	struct db_result r = {.outcome = DB_OK, .pg = res, .nrows = PQntuples(res), .ncols = PQnfields(res)};
	if (!db_rows_ok(res) && PQresultStatus(res) != PGRES_COMMAND_OK) {
		if (db_outcome_unknown(res)) {
			complete_bare(c, call, DB_UNCERTAIN, PQresultErrorMessage(res));
			return;
		}
		const char *message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
		r = (struct db_result){.outcome = DB_ERROR, .message = message ? message : PQresultErrorMessage(res)};
		memcpy(r.sqlstate, db_sqlstate(res), sizeof r.sqlstate);
	}
	complete(c, call, &r);
}

static void refuse(struct calls *c, struct call *call, const char *why)
{
	call->refusal = why;
	list_add_tail(&c->refused, &call->link);
	loop_defer(c->db->loop, LOOP_WORK, &c->refuse);
}

static void run_refused(struct calls *c)
{
	while (!list_empty(&c->refused)) {
		struct call *call = list_first(&c->refused, struct call, link);
		list_del(&call->link);
		complete_bare(c, call, DB_FAILED, call->refusal);
	}
}

static void on_refuse(struct deferred *d)
{
	run_refused(container_of(d, struct calls, refuse));
}

/* ---- the queue ---- */

static void arm_expiry(struct calls *c)
{
	struct call *oldest = list_first(&c->queue, struct call, link);
	if (oldest)
		timer_set(c->db->loop, &c->expiry, oldest->expires);
	else
		timer_stop(c->db->loop, &c->expiry);
}

static struct call *take(struct calls *c)
{
	struct call *call = list_first(&c->queue, struct call, link);
	if (call) {
		list_del(&call->link);
		c->queued--;
	}
	return call;
}

static void put_back(struct calls *c, struct call *call)
{
	list_add_head(&c->queue, &call->link);
	c->queued++;
}

static void on_expiry(struct timer *t)
{
	struct calls *c = container_of(t, struct calls, expiry);
	while (!list_empty(&c->queue) && list_first(&c->queue, struct call, link)->expires <= loop_now(c->db->loop))
		complete_bare(c, take(c), DB_FAILED, "the database did not take it in time");
	arm_expiry(c);
}

static void go(struct calls *c);

static void on_answer(void *arg, enum link_fate fate, const PGresult *res)
{
	struct slot *s = arg;
	struct calls *c = s->owner;
	struct call *call = s->out;
	s->out = NULL;
	if (fate == LINK_ANSWERED) {
		link_settled(s->link);
		complete_answered(c, call, res);
	} else if (fate == LINK_LOST) {
		complete_bare(c, call, DB_UNCERTAIN, "the connection died before the answer");
	} else if (c->db->freeing || call->expires <= loop_now(c->db->loop)) {
		complete_bare(c, call, DB_FAILED, "the connection died before it was sent");
	} else {
		put_back(c, call);
	}
	go(c);
}

static void go(struct calls *c)
{
	if (c->db->freeing)
		return;
	for (size_t i = 0; i < CALL_LINKS && !list_empty(&c->queue); i++) {
		struct slot *s = &c->slots[i];
		if (!link_idle(s->link))
			continue;
		struct call *call = take(c);
		s->out = call;
		if (!link_send(s->link, call->sql, (int)call->n, call->values, c->db->cfg.call_timeout_ms, on_answer,
		               s)) {
			s->out = NULL;
			put_back(c, call);
		}
	}
	arm_expiry(c);
}

static struct call *call_new(const char *sql, const struct slice *params, size_t n)
{
	size_t sql_n = strlen(sql) + 1, all = sql_n;
	for (size_t i = 0; i < n; i++)
		all += params[i].n + 1;
	struct call *call = mem_alloc(sizeof(*call) + all);
	*call = (struct call){.n = n};
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

void db_call(struct db *d, const char *sql, const struct slice *params, size_t n, db_done *done, void *arg)
{
	assert(n <= DB_MAX_PARAMS);
	struct calls *c = d->calls;
	struct call *call = call_new(sql, params, n);
	call->done = done;
	call->arg = arg;
	call->expires = loop_now(d->loop) + d->cfg.item_timeout_ms;
	bool nul = false;
	for (size_t i = 0; i < n; i++)
		nul |= db_has_nul(params[i]);
	if (nul) {
		refuse(c, call, "a parameter holds a NUL");
	} else if (d->stopping || c->queued >= d->cfg.queue_max_items) {
		refuse(c, call, d->stopping ? "stopping" : "the queue is full");
	} else {
		list_add_tail(&c->queue, &call->link);
		c->queued++;
		go(c);
	}
}

/* ---- links ---- */

static void on_up(void *ctx)
{
	struct slot *s = ctx;
	db_link_is_up(s->owner->db, "call");
	go(s->owner);
	db_check_state(s->owner->db);
}

static void on_down(void *ctx, bool was_up, const char *why)
{
	struct slot *s = ctx;
	db_link_is_down(s->owner->db, "call", was_up, why);
	db_check_state(s->owner->db);
}

static const struct link_events call_link_events = {.on_up = on_up, .on_down = on_down};

struct calls *calls_new(struct db *d)
{
	struct calls *c = NEW(struct calls);
	c->db = d;
	c->expiry.fire = on_expiry;
	deferred_init(&c->refuse, on_refuse);
	list_init(&c->queue);
	list_init(&c->refused);
	for (size_t i = 0; i < CALL_LINKS; i++)
		c->slots[i] = (struct slot){.owner = c,
		                            .link = db_link(d, false, "call", &call_link_events, &c->slots[i])};
	return c;
}

void calls_start(struct calls *c)
{
	for (size_t i = 0; i < CALL_LINKS; i++)
		link_start(c->slots[i].link);
}

bool calls_ready(const struct calls *c)
{
	for (size_t i = 0; i < CALL_LINKS; i++)
		if (link_up(c->slots[i].link))
			return true;
	return false;
}

bool calls_close(struct calls *c)
{
	bool some = false;
	for (size_t i = 0; i < CALL_LINKS; i++) {
		some |= c->slots[i].out != NULL;
		link_free(&c->slots[i].link);
	}
	some |= !list_empty(&c->queue) || !list_empty(&c->refused);
	while (!list_empty(&c->queue))
		complete_bare(c, take(c), DB_FAILED, "stopping");
	run_refused(c); /* what completions asked for meanwhile included */
	return some;
}

void calls_free(struct calls **cp)
{
	struct calls *c = *cp;
	deferred_cancel(&c->refuse);
	timer_stop(c->db->loop, &c->expiry);
	free(c);
	*cp = NULL;
}
