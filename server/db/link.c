#include "db/link.h"

#include "base/mem.h"
#include "base/text.h"
#include "db/resolve.h"
#include <ev.h>

#define CONNECT_MS 10000
#define BACKOFF_LEAST_MS 100
#define BACKOFF_MOST_MS 5000

enum link_state { LINK_OFF, LINK_WAITING, LINK_RESOLVING, LINK_CONNECTING, LINK_IDLE, LINK_BUSY };

struct link {
	struct loop *loop;
	const struct link_events *ev;
	void *ctx;
	char *url, *name;
	enum link_state state;
	struct resolve *resolve;
	PGconn *pg;
	ev_io io;
	struct timer timer;    /* backoff, connecting, or the statement's deadline */
	unsigned failures;     /* connections in a row that proved nothing */
	struct deferred dying; /* found dead where nobody may be called */
	bool unflushed;        /* the statement's last bytes have not left libpq yet */
	link_answer *answer;
	void *arg;
	PGresult *result; /* so far */
	PGresult *given;  /* during the answer */
};

/* ---- ending a connection ---- */

static void unwatch(struct link *k)
{
	ev_io_stop(loop_ev(k->loop), &k->io);
}

static void retry_later(struct link *k)
{
	uint64_t most = BACKOFF_LEAST_MS, random;
	for (unsigned i = 0; i < k->failures && most < BACKOFF_MOST_MS; i++)
		most *= 2;
	if (most > BACKOFF_MOST_MS)
		most = BACKOFF_MOST_MS;
	k->failures++;
	random_bytes(&random, sizeof random);
	k->state = LINK_WAITING;
	timer_set(k->loop, &k->timer, loop_now(k->loop) + most / 2 + random % (most / 2 + 1));
}

static void disconnect(struct link *k)
{
	unwatch(k);
	timer_stop(k->loop, &k->timer);
	deferred_cancel(&k->dying);
	resolve_cancel(&k->resolve);
	PQfinish(k->pg);
	k->pg = NULL;
	PQclear(k->result);
	k->result = NULL;
}

/*
 * The last byte of a statement is its Sync, and only Sync commits: while libpq still holds bytes, the server cannot have
 * executed anything for good.
 */
static void answer_lost(struct link *k)
{
	link_answer *answer = k->answer;
	k->answer = NULL;
	if (answer)
		answer(k->arg, k->unflushed ? LINK_UNSENT : LINK_LOST, NULL);
}

void link_drop(struct link *k, const char *why)
{
	if (k->state == LINK_OFF || k->state == LINK_WAITING)
		return;
	bool was_up = link_up(k);
	char *kept = mem_strndup(why, strcspn(why, "\n")); /* may be libpq's, which ends with the connection */
	disconnect(k);
	retry_later(k);
	answer_lost(k);
	k->ev->on_down(k->ctx, was_up, kept);
	free(kept);
}

static void run_dying(struct deferred *d)
{
	struct link *k = container_of(d, struct link, dying);
	link_drop(k, k->pg ? PQerrorMessage(k->pg) : "");
}

/* ---- statements ---- */

static void watch(struct link *k, int events)
{
	if (ev_is_active(&k->io) && k->io.fd == PQsocket(k->pg) && (k->io.events & (EV_READ | EV_WRITE)) == events)
		return;
	unwatch(k);
	ev_io_set(&k->io, PQsocket(k->pg), events);
	ev_io_start(loop_ev(k->loop), &k->io);
}

static void flush(struct link *k)
{
	int more = PQflush(k->pg);
	if (more < 0) {
		loop_defer(k->loop, LOOP_WORK, &k->dying);
		return;
	}
	k->unflushed = more > 0;
	watch(k, more > 0 ? EV_READ | EV_WRITE : EV_READ);
}

/* One of sql and prepared. */
static bool send(struct link *k, const char *sql, const char *prepared, int n, const char *const *values,
                 uint64_t timeout_ms, link_answer *answer, void *arg)
{
	if (k->state != LINK_IDLE)
		return false;
	if (PQstatus(k->pg) != CONNECTION_OK) {
		loop_defer(k->loop, LOOP_WORK, &k->dying);
		return false;
	}
	k->state = LINK_BUSY;
	k->answer = answer;
	k->arg = arg;
	k->unflushed = false;
	timer_set(k->loop, &k->timer, loop_now(k->loop) + timeout_ms);
	if (prepared ? PQsendQueryPrepared(k->pg, prepared, n, values, NULL, NULL, 0)
	             : PQsendQueryParams(k->pg, sql, n, NULL, values, NULL, NULL, 0))
		flush(k);
	else /* libpq may have written some of it: lost, not unsent */
		loop_defer(k->loop, LOOP_WORK, &k->dying);
	return true;
}

bool link_send(struct link *k, const char *sql, int n, const char *const *values, uint64_t timeout_ms,
               link_answer *answer, void *arg)
{
	return send(k, sql, NULL, n, values, timeout_ms, answer, arg);
}

bool link_execute(struct link *k, const char *name, int n, const char *const *values, uint64_t timeout_ms,
                  link_answer *answer, void *arg)
{
	return send(k, NULL, name, n, values, timeout_ms, answer, arg);
}

static bool is_error(const PGresult *r)
{
	ExecStatusType s = PQresultStatus(r);
	return s != PGRES_TUPLES_OK && s != PGRES_COMMAND_OK && s != PGRES_EMPTY_QUERY;
}

/* An error after the rows is the commit's: it replaces them. */
static void keep_result(struct link *k, PGresult *r)
{
	if (k->result && is_error(k->result)) {
		PQclear(r);
		return;
	}
	PQclear(k->result);
	k->result = r;
}

static bool is_copy(const PGresult *r)
{
	ExecStatusType s = PQresultStatus(r);
	return s == PGRES_COPY_IN || s == PGRES_COPY_OUT || s == PGRES_COPY_BOTH;
}

static void finish(struct link *k)
{
	link_answer *answer = k->answer;
	k->given = k->result;
	k->result = NULL;
	k->answer = NULL;
	k->state = LINK_IDLE;
	timer_stop(k->loop, &k->timer);
	answer(k->arg, LINK_ANSWERED, k->given);
	PQclear(k->given);
	k->given = NULL;
}

/* False when the connection ended meanwhile. */
static bool collect(struct link *k)
{
	while (k->state == LINK_BUSY && !PQisBusy(k->pg)) {
		PGresult *r = PQgetResult(k->pg);
		if (r) {
			bool copy = is_copy(r);
			keep_result(k, r);
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
		finish(k); /* the next statement may be out when this returns */
		if (!k->pg)
			return false;
	}
	return true;
}

static void take_notifies(struct link *k)
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

static void on_ready(struct link *k, int revents)
{
	if ((revents & EV_READ) && !PQconsumeInput(k->pg)) {
		/* what came before the end still counts, "terminating connection" as the reason included */
		if (collect(k))
			link_drop(k, PQerrorMessage(k->pg));
		return;
	}
	if (k->unflushed)
		flush(k);
	if (!collect(k) || !k->pg)
		return;
	if (PQstatus(k->pg) != CONNECTION_OK)
		link_drop(k, PQerrorMessage(k->pg));
	else
		take_notifies(k);
}

/* ---- connecting ---- */

static void became_up(struct link *k)
{
	PQsetnonblocking(k->pg, 1);
	k->state = LINK_IDLE;
	timer_stop(k->loop, &k->timer);
	watch(k, EV_READ);
	k->ev->on_up(k->ctx);
}

static void connect_step(struct link *k, PostgresPollingStatusType s)
{
	if (s == PGRES_POLLING_OK)
		became_up(k);
	else if (s == PGRES_POLLING_FAILED)
		link_drop(k, PQerrorMessage(k->pg));
	else
		watch(k, s == PGRES_POLLING_READING ? EV_READ : EV_WRITE);
}

static void on_io(struct ev_loop *ev, ev_io *w, int revents)
{
	(void)ev;
	struct link *k = w->data;
	if (k->state != LINK_CONNECTING) {
		on_ready(k, revents);
		return;
	}
	unwatch(k); /* libpq may close the descriptor and open another under its number */
	connect_step(k, PQconnectPoll(k->pg));
}

static void ignore_notice(void *arg, const PGresult *r)
{
	(void)arg, (void)r;
}

static void on_resolved(void *arg, struct target *t)
{
	struct link *k = arg;
	k->resolve = NULL;
	if (t->error) {
		link_drop(k, t->error);
		target_fini(t);
		return;
	}
	/* The URL's own settings replace those before it; those after it replace the URL's. */
	const char *keys[] = {"application_name",
	                      "gssencmode",
	                      "keepalives_idle",
	                      "keepalives_interval",
	                      "keepalives_count",
	                      "dbname",
	                      "client_encoding",
	                      "host",
	                      "hostaddr",
	                      "port",
	                      NULL};
	const char *values[] = {k->name, "disable", "15",        "5",     "3", k->url,
	                        "UTF8",  t->host,   t->hostaddr, t->port, NULL};
	k->state = LINK_CONNECTING;
	k->pg = PQconnectStartParams(keys, values, 1);
	target_fini(t);
	if (!k->pg || PQstatus(k->pg) == CONNECTION_BAD) {
		link_drop(k, k->pg ? PQerrorMessage(k->pg) : "out of memory");
		return;
	}
	PQsetNoticeReceiver(k->pg, ignore_notice, NULL);
	connect_step(k, PGRES_POLLING_WRITING);
}

static void begin(struct link *k)
{
	k->state = LINK_RESOLVING;
	timer_set(k->loop, &k->timer, loop_now(k->loop) + CONNECT_MS);
	k->resolve = resolve_start(k->loop, k->url, on_resolved, k);
}

static void on_timer(struct timer *t)
{
	struct link *k = container_of(t, struct link, timer);
	if (k->state == LINK_WAITING)
		begin(k);
	else
		link_drop(k, k->state == LINK_BUSY ? "no answer in time" : "no connection in time");
}

/* ---- life ---- */

struct link *link_new(struct loop *l, const struct link_config *cfg, const struct link_events *ev, void *ctx)
{
	struct link *k = NEW(struct link);
	*k = (struct link){.loop = l, .ev = ev, .ctx = ctx, .timer = {.fire = on_timer}};
	k->url = mem_strndup(cfg->url, strlen(cfg->url));
	k->name = mem_strndup(cfg->application_name, strlen(cfg->application_name));
	deferred_init(&k->dying, run_dying);
	ev_io_init(&k->io, on_io, -1, 0);
	k->io.data = k;
	return k;
}

void link_start(struct link *k)
{
	if (k->state == LINK_OFF)
		begin(k);
}

bool link_up(const struct link *k)
{
	return k && (k->state == LINK_IDLE || k->state == LINK_BUSY);
}

bool link_idle(const struct link *k)
{
	return k && k->state == LINK_IDLE;
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
	disconnect(k);
	k->state = LINK_OFF;
	answer_lost(k); /* *kp is still there: the answer may look at it */
	*kp = NULL;
	free(k->url);
	free(k->name);
	free(k);
}
