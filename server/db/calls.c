#include "db/calls.h"

#include "base/list.h"
#include "base/mem.h"
#include "db/repertoire.h"
#include "db/result.h"

#define CALL_LINKS 3
#define READS_MOST \
	128 /* that wait: a second's work. A client that is told to come back costs less than one that waits */
#define READ_LEAST_MS 1000 /* for a read that was sent late: its link is not to be lost for the sake of the queue */
#define READ_QUICK_PART 80 /* of the time of an event: reads that take longer have one link */

/* The last class that a link takes. The first link is there for whoever waits to be connected, and for the lease. */
static const enum db_class link_takes[CALL_LINKS] = {DB_OPENING, DB_TELLING, DB_READING};
#define READ_SECOND 1 /* the link that takes reads too, as long as they are quick and nothing else waits */

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
	struct list
		link; /* of its class's queue while QUEUED, of calls.refused while REFUSED; a slot's `out` while SENT */
	enum call_state state;
	enum db_class class;
	uint64_t expires; /* loop_now; where it has not been sent by then, it fails */
	uint64_t sent;    /* loop_now; the last time */
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
	struct known *known; /* its statement; NULL: of no session of our own */
	struct repertoire repertoire;
};

struct calls {
	struct db_common *common;
	struct call_slot slots[CALL_LINKS];
	struct list queues[DB_CLASSES]; /* oldest first; a call that was put back is the oldest */
	struct list refused;            /* to be completed from the loop */
	size_t queued, reads;           /* over all queues; of them the reads */
	bool quick;                     /* the last read was */
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

static void calls_count(struct calls *cs, const struct db_call *call, int by)
{
	cs->queued += (size_t)by;
	cs->reads += call->class == DB_READING ? (size_t)by : 0;
}

static void calls_enqueue(struct calls *cs, struct db_call *call)
{
	call_enter(call, CALL_QUEUED);
	list_add_tail(&cs->queues[call->class], &call->link);
	calls_count(cs, call, 1);
}

static void calls_put_back(struct calls *cs, struct db_call *call)
{
	call_enter(call, CALL_QUEUED);
	list_add_head(&cs->queues[call->class], &call->link);
	calls_count(cs, call, 1);
}

/* The first of a queue that is not empty, out of it; the caller says what becomes of it. */
static struct db_call *calls_first(struct calls *cs, enum db_class class)
{
	struct db_call *call = list_first(&cs->queues[class], struct db_call, link);
	list_del(&call->link);
	calls_count(cs, call, -1);
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

static bool call_is_answered(const PGresult *res)
{
	return db_rows_ok(res) || PQresultStatus(res) == PGRES_COMMAND_OK;
}

static void call_complete_answered(struct calls *cs, struct db_call *call, const PGresult *res)
{
	if (call_is_answered(res)) {
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
	if (strcmp(r.sqlstate, "RT429") == 0)
		r.retry_after_ms = db_retry_after_ms(res);
	call_complete(cs, call, &r);
	if (strcmp(r.sqlstate, DB_UNREGISTERED) == 0)
		cs->common->on_unregistered(cs->common);
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

/* The call that expires first; NULL: none is queued. */
static struct db_call *calls_oldest(struct calls *cs)
{
	struct db_call *oldest = NULL;
	for (size_t i = 0; i < DB_CLASSES; i++) {
		struct db_call *call = list_first(&cs->queues[i], struct db_call, link);
		if (call && (!oldest || call->expires < oldest->expires))
			oldest = call;
	}
	return oldest;
}

static void calls_arm_expiry(struct calls *cs)
{
	struct db_call *oldest = calls_oldest(cs);
	if (oldest)
		timer_set(cs->common->loop, &cs->expiry, oldest->expires);
	else
		timer_stop(cs->common->loop, &cs->expiry);
}

static void calls_expire(struct timer *t)
{
	struct calls *cs = container_of(t, struct calls, expiry);
	struct db_call *oldest;
	while ((oldest = calls_oldest(cs)) && oldest->expires <= loop_now(cs->common->loop))
		call_complete_bare(cs, calls_first(cs, oldest->class), DB_FAILED,
		                   "the database did not take it in time");
	calls_arm_expiry(cs);
}

static void calls_go(struct calls *cs);

static bool call_is_quick(const struct calls *cs, const struct db_call *call)
{
	return loop_now(cs->common->loop) - call->sent < cs->common->cfg.item_timeout_ms / READ_QUICK_PART;
}

static void calls_answered(struct calls *cs, struct call_slot *s, struct db_call *call, const PGresult *res)
{
	link_settled(s->link);
	if (s->known && known_is_void(s->known, res)) {
		calls_put_back(cs, call);
		return;
	}
	if (s->known && call_is_answered(res)) /* before the completion, which may ask for more on this link */
		repertoire_answered(s->known, cs->common->cfg.item_timeout_ms);
	call_complete_answered(cs, call, res);
}

static void calls_on_answer(void *arg, enum link_fate fate, const PGresult *res)
{
	struct call_slot *s = arg;
	struct calls *cs = s->owner;
	struct db_call *call = s->out;
	s->out = NULL;
	if (call->class == DB_READING)
		cs->quick = fate == LINK_ANSWERED && call_is_quick(cs, call);
	if (fate == LINK_ANSWERED) {
		calls_answered(cs, s, call, res);
	} else if (fate == LINK_LOST) {
		call_complete_bare(cs, call, DB_UNCERTAIN, "the connection died before the answer");
	} else if (cs->common->freeing || call->expires <= loop_now(cs->common->loop)) {
		call_complete_bare(cs, call, DB_FAILED, "the connection died before it was sent");
	} else {
		calls_put_back(cs, call);
	}
	calls_go(cs);
}

/* A client that waits is not left waiting; a lease and what nobody waits for may take their time. */
static uint64_t call_timeout(const struct calls *cs, const struct db_call *call)
{
	const struct db_config *cfg = &cs->common->cfg;
	uint64_t now = loop_now(cs->common->loop), left = call->expires > now ? call->expires - now : 0;
	if (call->class == DB_OPENING)
		return cfg->item_timeout_ms;
	if (call->class == DB_READING)
		return left > READ_LEAST_MS ? left : READ_LEAST_MS;
	return cfg->call_timeout_ms;
}

static bool call_put(struct call_slot *s, const struct db_call *call, uint64_t timeout_ms)
{
	if (s->known)
		return known_send(s->known, (int)call->n, call->values, timeout_ms, calls_on_answer, s);
	return link_send(s->link, call->sql, (int)call->n, call->values, timeout_ms, calls_on_answer, s);
}

static void call_send(struct calls *cs, struct call_slot *s, enum db_class class)
{
	struct db_call *call = s->out = calls_first(cs, class);
	call_enter(call, CALL_SENT);
	call->sent = loop_now(cs->common->loop);
	s->known = common_has_sessions(cs->common) ? repertoire_find(&s->repertoire, call->sql) : NULL;
	if (call_put(s, call, call_timeout(cs, call)))
		return;
	s->out = NULL;
	calls_put_back(cs, call);
}

/* A second read may go beside one that is out: by what is known of reads, nothing urgent will wait for it. */
static bool calls_read_beside(const struct calls *cs)
{
	unsigned out = 0;
	for (size_t i = 0; i < CALL_LINKS; i++) {
		const struct db_call *call = cs->slots[i].out;
		if (!call || call->class != DB_READING)
			continue;
		if (!call_is_quick(cs, call))
			return false;
		out++;
	}
	return out > 0 && cs->quick;
}

/* Where no link of a class is up, any one will do: a database that grants few connections is slow, not deaf. */
static bool calls_slot_takes(const struct calls *cs, const struct call_slot *s, enum db_class class)
{
	if (class <= link_takes[s - cs->slots])
		return true;
	if (class == DB_READING && s - cs->slots == READ_SECOND && calls_read_beside(cs))
		return true;
	for (size_t i = 0; i < CALL_LINKS; i++)
		if (class <= link_takes[i] && link_up(cs->slots[i].link))
			return false;
	return true;
}

/* A call that waits has a link asked whose proof is old; one link for each. */
static void calls_slot_want(struct calls *cs, struct call_slot *s)
{
	size_t proving = 0;
	for (size_t i = 0; i < CALL_LINKS; i++)
		proving += link_proving(cs->slots[i].link);
	for (enum db_class class = 0; class < DB_CLASSES && cs->queued > proving; class ++)
		if (!list_empty(&cs->queues[class]) && calls_slot_takes(cs, s, class) && link_want(s->link))
			return;
}

static void calls_slot_go(struct calls *cs, struct call_slot *s)
{
	for (enum db_class class = 0; class < DB_CLASSES && link_idle(s->link); class ++)
		if (!list_empty(&cs->queues[class]) && calls_slot_takes(cs, s, class))
			call_send(cs, s, class);
}

/* Sends what there are idle links for. */
static void calls_go(struct calls *cs)
{
	if (cs->common->freeing)
		return;
	for (size_t i = 0; i < CALL_LINKS; i++)
		calls_slot_go(cs, &cs->slots[i]);
	for (size_t i = 0; i < CALL_LINKS && cs->queued; i++)
		calls_slot_want(cs, &cs->slots[i]);
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

static const char *calls_refusal(const struct calls *cs, enum db_class class, const struct slice *params, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (db_has_nul(params[i]))
			return "a parameter holds a NUL";
	if (cs->common->freeing)
		return "stopping";
	if (class == DB_READING && cs->reads >= READS_MOST)
		return "too many reads wait";
	return cs->queued >= cs->common->cfg.queue_max_items ? "the queue is full" : NULL;
}

void calls_add(struct calls *cs, enum db_class class, const char *sql, const struct slice *params, size_t n,
               db_done *done, void *arg)
{
	assert(n <= DB_MAX_PARAMS);
	struct db_call *call = db_call_new(sql, params, n);
	const char *refusal = calls_refusal(cs, class, params, n);
	call->class = class;
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
	repertoire_down(&s->repertoire);
	calls_go(s->owner); /* any other link will do now for a call that waited for this one */
	s->owner->common->on_change(s->owner->common);
}

static void calls_on_idle(void *ctx)
{
	calls_go(((struct call_slot *)ctx)->owner);
}

static const struct link_events calls_link_events = {
	.on_up = calls_on_up, .on_down = calls_on_down, .on_idle = calls_on_idle};

/* ---- life ---- */

struct calls *calls_new(struct db_common *common)
{
	struct calls *cs = NEW(struct calls);
	cs->common = common;
	cs->expiry.fire = calls_expire;
	deferred_init(&cs->refuse, calls_on_refuse);
	for (size_t i = 0; i < DB_CLASSES; i++)
		list_init(&cs->queues[i]);
	list_init(&cs->refused);
	for (size_t i = 0; i < CALL_LINKS; i++) {
		struct call_slot *s = &cs->slots[i];
		*s = (struct call_slot){.owner = cs, .link = common_link(common, false, "call", &calls_link_events, s)};
		repertoire_init(&s->repertoire, s->link, calls_on_idle, s);
	}
	return cs;
}

void calls_start(struct calls *cs)
{
	for (size_t i = 0; i < CALL_LINKS; i++)
		link_start(cs->slots[i].link);
}

void calls_check(struct calls *cs)
{
	for (size_t i = 0; i < CALL_LINKS; i++)
		link_check(cs->slots[i].link);
}

bool calls_ready(const struct calls *cs)
{
	for (size_t i = 0; i < CALL_LINKS; i++)
		if (link_up(cs->slots[i].link))
			return true;
	return false;
}

uint64_t calls_wait_since(const struct calls *cs)
{
	uint64_t oldest = 0;
	for (size_t i = 0; i < CALL_LINKS; i++) {
		uint64_t since = link_waits_since(cs->slots[i].link);
		bool serves = cs->slots[i].out && cs->slots[i].out->class <= DB_OPENING;
		if (serves && since && (!oldest || since < oldest))
			oldest = since;
	}
	return oldest;
}

bool calls_close(struct calls *cs)
{
	bool some = false;
	for (size_t i = 0; i < CALL_LINKS; i++) {
		some |= cs->slots[i].out != NULL;
		link_free(&cs->slots[i].link);
	}
	some |= cs->queued > 0 || !list_empty(&cs->refused);
	for (enum db_class class = 0; class < DB_CLASSES; class ++)
		while (!list_empty(&cs->queues[class]))
			call_complete_bare(cs, calls_first(cs, class), DB_FAILED, "stopping");
	calls_run_refused(cs); /* those included that completions have asked for meanwhile */
	return some;
}

void calls_free(struct calls **csp)
{
	struct calls *cs = *csp;
	deferred_cancel(&cs->refuse);
	timer_stop(cs->common->loop, &cs->expiry);
	for (size_t i = 0; i < CALL_LINKS; i++)
		repertoire_fini(&cs->slots[i].repertoire);
	free(cs);
	*csp = NULL;
}
