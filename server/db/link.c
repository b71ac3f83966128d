/*
 * The link while it is connected: statements and their fates, the guard, the end. link_connect.c connects it.
 */
#include "db/link_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define LINK_GUARD_TIMEOUT_MS 4000
#define GUARD_AGAIN_MS 20 /* until what it asks with is known */
#define BACKOFF_LEAST_MS 100
#define BACKOFF_MOST_MS 1000 /* clients wait: they are to be served within two seconds of the server's return */

static const uint8_t link_moves[] = {
	[LINK_OFF] = 1u << LINK_RESOLVING | 1u << LINK_OFF,
	[LINK_WAITING] = 1u << LINK_RESOLVING | 1u << LINK_OFF,
	[LINK_RESOLVING] = 1u << LINK_CONNECTING | 1u << LINK_WAITING | 1u << LINK_OFF,
	[LINK_CONNECTING] = 1u << LINK_CONNECTING | 1u << LINK_IDLE | 1u << LINK_WAITING | 1u << LINK_OFF,
	[LINK_IDLE] = 1u << LINK_BUSY | 1u << LINK_CONNECTING | 1u << LINK_WAITING | 1u << LINK_OFF,
	[LINK_BUSY] = 1u << LINK_IDLE | 1u << LINK_WAITING | 1u << LINK_OFF,
};
static const char *const link_words[] = {"off", "waiting", "resolving", "connecting", "idle", "busy"};
static const char *const link_fates[] = {"answered", "unsent", "lost"};

void link_enter(struct link *k, enum link_state to)
{
	assert(link_moves[k->state] & 1u << to);
	log_trace(LOG_NOBODY, "link", LS("name", k->name), LS("from", link_words[k->state]), LS("to", link_words[to]));
	k->state = to;
}

/* The one place where a statement meets its fate, once. */
static void link_tell(struct link *k, enum link_fate fate, const PGresult *res)
{
	link_answer *answer = k->answer;
	k->answer = NULL;
	if (!answer)
		return;
	log_trace(LOG_NOBODY, "statement", LS("name", k->name), LS("fate", link_fates[fate]));
	answer(k->arg, fate, res);
}

/* ---- its descriptor, and its end ---- */

void link_unwatch(struct link *k)
{
	ev_io_stop(loop_ev(k->loop), &k->io);
}

void link_watch(struct link *k, int events)
{
	if (ev_is_active(&k->io) && k->io.fd == PQsocket(k->pg) && (k->io.events & (EV_READ | EV_WRITE)) == events)
		return;
	link_unwatch(k);
	ev_io_set(&k->io, PQsocket(k->pg), events);
	ev_io_start(loop_ev(k->loop), &k->io);
}

static void link_retry_later(struct link *k)
{
	uint64_t most = BACKOFF_LEAST_MS, random;
	for (unsigned i = 0; i < k->failures && most < BACKOFF_MOST_MS; i++)
		most *= 2;
	if (most > BACKOFF_MOST_MS)
		most = BACKOFF_MOST_MS;
	k->failures++;
	random_bytes(&random, sizeof random);
	link_enter(k, LINK_WAITING);
	timer_set(k->loop, &k->timer, loop_now(k->loop) + most / 2 + random % (most / 2 + 1));
}

static void link_disconnect(struct link *k)
{
	link_unwatch(k);
	timer_stop(k->loop, &k->timer);
	deferred_cancel(&k->dying);
	resolve_cancel(&k->resolve);
	PQfinish(k->pg);
	k->pg = NULL;
	PQclear(k->result);
	k->result = NULL;
	free(k->condemned);
	k->condemned = NULL;
	k->admitted = k->lapsed = k->wanted = false;
}

/*
 * The last byte of a statement is its Sync, and only Sync commits: while libpq still holds bytes, the server cannot
 * have executed anything for good.
 */
static void link_answer_lost(struct link *k)
{
	link_tell(k, k->unflushed ? LINK_UNSENT : LINK_LOST, NULL);
}

void link_drop(struct link *k, const char *why)
{
	if (k->state == LINK_OFF || k->state == LINK_WAITING)
		return;
	bool was_up = link_up(k);
	char *kept = mem_strndup(why, strcspn(why, "\n")); /* it may be libpq's, and end with the connection */
	link_disconnect(k);
	link_retry_later(k);
	link_answer_lost(k);
	k->ev->on_down(k->ctx, was_up, kept);
	free(kept);
}

static void link_run_dying(struct deferred *d)
{
	struct link *k = container_of(d, struct link, dying);
	if (k->condemned && !k->admitted) {
		char *why = k->condemned;
		k->condemned = NULL;
		link_connect_next(k, why); /* another place may be the one that is meant */
		free(why);
		return;
	}
	link_drop(k, k->condemned ? k->condemned : k->pg ? PQerrorMessage(k->pg) : "");
}

void link_condemn(struct link *k, const char *why)
{
	if ((k->state != LINK_IDLE && k->state != LINK_BUSY) || k->condemned)
		return;
	k->condemned = mem_strndup(why, strlen(why));
	loop_defer(k->loop, LOOP_WORK, &k->dying);
}

/* ---- statements ---- */

static void link_flush(struct link *k)
{
	int more = PQflush(k->pg);
	if (more < 0) {
		loop_defer(k->loop, LOOP_WORK, &k->dying);
		return;
	}
	k->unflushed = more > 0;
	link_watch(k, more > 0 ? EV_READ | EV_WRITE : EV_READ);
}

enum { LINK_TEXT, LINK_BINARY }; /* libpq's word for the form of results */

/* Puts a statement on the link; one of sql and prepared is NULL. */
static bool link_put(struct link *k, const char *sql, const char *prepared, int n, const char *const *values, int form,
                     uint64_t timeout_ms, link_answer *answer, void *arg)
{
	if (k->state != LINK_IDLE || k->condemned)
		return false;
	if (PQstatus(k->pg) != CONNECTION_OK) {
		loop_defer(k->loop, LOOP_WORK, &k->dying);
		return false;
	}
	link_enter(k, LINK_BUSY);
	k->answer = answer;
	k->arg = arg;
	k->unflushed = false;
	k->sent_at = loop_now(k->loop);
	timer_set(k->loop, &k->timer, k->sent_at + timeout_ms);
	if (prepared ? PQsendQueryPrepared(k->pg, prepared, n, values, NULL, NULL, form)
	             : PQsendQueryParams(k->pg, sql, n, NULL, values, NULL, NULL, form))
		link_flush(k);
	else /* Libpq may have written some of it: so it is lost, not unsent. */
		loop_defer(k->loop, LOOP_WORK, &k->dying);
	return true;
}

bool link_send(struct link *k, const char *sql, int n, const char *const *values, uint64_t timeout_ms,
               link_answer *answer, void *arg)
{
	return link_put(k, sql, NULL, n, values, LINK_TEXT, timeout_ms, answer, arg);
}

bool link_execute(struct link *k, const char *name, int n, const char *const *values, uint64_t timeout_ms,
                  link_answer *answer, void *arg)
{
	return link_put(k, NULL, name, n, values, LINK_TEXT, timeout_ms, answer, arg);
}

bool link_execute_binary(struct link *k, const char *name, int n, const char *const *values, uint64_t timeout_ms,
                         link_answer *answer, void *arg)
{
	return link_put(k, NULL, name, n, values, LINK_BINARY, timeout_ms, answer, arg);
}

static bool link_is_error(const PGresult *r)
{
	ExecStatusType s = PQresultStatus(r);
	return s != PGRES_TUPLES_OK && s != PGRES_COMMAND_OK && s != PGRES_EMPTY_QUERY;
}

/* An error after the rows is the commit's, so it replaces them. */
static void link_keep_result(struct link *k, PGresult *r)
{
	if (k->result && link_is_error(k->result)) {
		PQclear(r);
		return;
	}
	PQclear(k->result);
	k->result = r;
}

static bool link_is_copy(const PGresult *r)
{
	ExecStatusType s = PQresultStatus(r);
	return s == PGRES_COPY_IN || s == PGRES_COPY_OUT || s == PGRES_COPY_BOTH;
}

/* It was a primary when it was connected to. */
static bool link_only_reads(const PGresult *r)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	return state && strcmp(state, "25006") == 0;
}

/* ---- the guard ---- */

static bool link_guard_is_due(const struct link *k)
{
	return k->guard && k->guard_due <= loop_now(k->loop);
}

void link_admit(struct link *k)
{
	k->admitted = true;
	targets_worked(&k->targets);
	k->ev->on_up(k->ctx);
}

static void link_on_guard(void *arg, enum link_fate fate, const PGresult *res)
{
	struct link *k = arg;
	if (fate != LINK_ANSWERED)
		return; /* on_down follows */
	const char *wrong = k->guard->judge(k->guard->ctx, res);
	if (wrong) {
		link_condemn(k, wrong);
		return;
	}
	k->guard_due = loop_now(k->loop) + LINK_GUARD_MS;
	k->lapsed = k->wanted = false;
	if (!k->admitted) {
		link_admit(k);
	} else if (k->ev->on_idle) {
		k->ev->on_idle(k->ctx);
	}
}

/* Looks again later, without a question: somebody may be there by then. */
static bool link_guard_lapses(struct link *k)
{
	if (!k->admitted || k->wanted || !link_guard_is_due(k) || !k->guard->lazy || !k->guard->lazy(k->guard->ctx))
		return false;
	k->lapsed = true;
	timer_set(k->loop, &k->timer, loop_now(k->loop) + LINK_GUARD_MS);
	return true;
}

/* An idle link asks when it is time. */
static void link_guard_go(struct link *k)
{
	if (!k->guard || k->state != LINK_IDLE || k->condemned || link_guard_lapses(k))
		return;
	const char *value = link_guard_is_due(k) ? k->guard->ask(k->guard->ctx) : NULL;
	bool late = !value && link_guard_is_due(k);
	if (value) {
		link_put(k, k->guard->sql, NULL, 1, &value, LINK_TEXT, LINK_GUARD_TIMEOUT_MS, link_on_guard, k);
		return;
	}
	if (late)
		k->guard_due = loop_now(k->loop) + GUARD_AGAIN_MS;
	timer_set(k->loop, &k->timer, k->guard_due);
	if (late && k->admitted && !k->lapsed && k->ev->on_idle)
		k->ev->on_idle(k->ctx);
}

void link_check(struct link *k)
{
	if (!k->guard)
		return;
	k->guard_due = 0;
	k->wanted = true;
	link_guard_go(k);
}

bool link_lapsed(const struct link *k)
{
	return link_up(k) && k->state == LINK_IDLE && !k->condemned && k->lapsed && !k->wanted;
}

bool link_want(struct link *k)
{
	if (!link_lapsed(k))
		return false;
	k->wanted = true;
	link_guard_go(k);
	return true;
}

bool link_proving(const struct link *k)
{
	return link_up(k) && k->lapsed && k->wanted;
}

static void link_finish(struct link *k)
{
	if (link_only_reads(k->result))
		link_condemn(k, PQresultErrorMessage(k->result));
	k->given = k->result;
	k->result = NULL;
	link_enter(k, LINK_IDLE);
	timer_stop(k->loop, &k->timer);
	link_tell(k, LINK_ANSWERED, k->given);
	PQclear(k->given);
	k->given = NULL;
	link_guard_go(k);
}

/* Takes what has arrived of the answer. False: the connection ended meanwhile. */
static bool link_collect(struct link *k)
{
	while (k->state == LINK_BUSY && !PQisBusy(k->pg)) {
		PGresult *r = PQgetResult(k->pg);
		if (r) {
			bool copy = link_is_copy(r);
			link_keep_result(k, r);
			if (copy) {
				link_drop(k, "the server started a COPY");
				return false;
			}
			continue;
		}
		if (PQstatus(k->pg) != CONNECTION_OK || !k->result) {
			link_drop(k, k->result ? PQresultErrorMessage(k->result) : PQerrorMessage(k->pg));
			return false;
		}
		link_finish(k); /* when this returns, the next statement may be out */
		if (!k->pg)
			return false;
	}
	return true;
}

static void link_take_notifies(struct link *k)
{
	PGnotify *n;
	bool some = false;
	while ((n = PQnotifies(k->pg))) {
		if (!k->ev->on_message || !k->ev->on_message(k->ctx, n->relname, n->extra))
			some = true;
		PQfreemem(n);
	}
	if (some && k->ev->on_notify)
		k->ev->on_notify(k->ctx);
}

static void link_on_ready(struct link *k, int revents)
{
	if ((revents & EV_READ) && !PQconsumeInput(k->pg)) {
		/* An answer that came before the end still counts: "terminating connection" as the reason, too. */
		if (link_collect(k))
			link_drop(k, PQerrorMessage(k->pg));
		return;
	}
	if (k->unflushed)
		link_flush(k);
	/* Again: libpq that had no memory for a notification reads on when it is asked for notifications. Then it has
	 * the answer behind it, and no more bytes come. */
	do {
		if (!link_collect(k) || !k->pg)
			return;
		if (PQstatus(k->pg) != CONNECTION_OK) {
			link_drop(k, PQerrorMessage(k->pg));
			return;
		}
		link_take_notifies(k);
	} while (k->state == LINK_BUSY && !PQisBusy(k->pg));
}

/* ---- the loop calls ---- */

static void link_on_io(struct ev_loop *ev, ev_io *w, int revents)
{
	(void)ev;
	struct link *k = w->data;
	if (k->state == LINK_CONNECTING)
		link_connect_step(k);
	else
		link_on_ready(k, revents);
}

static void link_on_timer(struct timer *t)
{
	struct link *k = container_of(t, struct link, timer);
	if (k->state == LINK_WAITING)
		link_begin(k);
	else if (k->state == LINK_CONNECTING)
		link_connect_next(k, "no connection in time");
	else if (k->state == LINK_IDLE)
		link_guard_go(k);
	else
		link_drop(k, k->state == LINK_BUSY ? "no answer in time" : "no address in time");
}

/* ---- life ---- */

struct link *link_new(struct loop *l, const struct link_config *cfg, const struct link_events *ev, void *ctx)
{
	struct link *k = NEW(struct link);
	*k = (struct link){.loop = l, .ev = ev, .ctx = ctx, .guard = cfg->guard, .timer = {.fire = link_on_timer}};
	k->url = mem_strndup(cfg->url, strlen(cfg->url));
	k->name = mem_strndup(cfg->application_name, strlen(cfg->application_name));
	deferred_init(&k->dying, link_run_dying);
	ev_io_init(&k->io, link_on_io, -1, 0);
	k->io.data = k;
	return k;
}

void link_start(struct link *k)
{
	if (k->state == LINK_OFF)
		link_begin(k);
}

bool link_up(const struct link *k)
{
	return k && k->admitted && (k->state == LINK_IDLE || k->state == LINK_BUSY);
}

bool link_idle(const struct link *k)
{
	return k && k->admitted && k->state == LINK_IDLE && !k->condemned && !k->lapsed && !link_guard_is_due(k);
}

uint64_t link_waits_since(const struct link *k)
{
	return k && k->state == LINK_BUSY ? k->sent_at : 0;
}

PGresult *link_take(struct link *k)
{
	PGresult *r = k->given;
	k->given = NULL;
	return r;
}

void link_settled(struct link *k)
{
	k->failures = 0;
}

void link_free(struct link **kp)
{
	struct link *k = *kp;
	if (!k)
		return;
	link_disconnect(k);
	link_enter(k, LINK_OFF);
	link_answer_lost(k); /* *kp is still there: the answer may look at it */
	*kp = NULL;
	targets_fini(&k->targets);
	free(k->refusals);
	free(k->url);
	free(k->name);
	free(k);
}
