/*
 * The edge as a process: one worker, its signals, and an orderly end.
 *
 *   SIGTERM, SIGINT  drain: new sessions are refused, the present ones are sent away over BELLWIRE_DRAIN_MS, then the process ends.
 *                    A second signal ends it at once
 *   SIGHUP           log level, certificate and token keys are read again
 */
#include "app/app.h"
#include "app/config_check.h"
#include "app/notify.h"
#include "app/worker.h"
#include "base/mem.h"
#include "entry/closes.h"
#include "events/confirm.h"
#include "net/tls.h"
#include <ev.h>
#include <signal.h>

#define DRAIN_STEP_MS 100
#define CLOSE_STEP_MS 10
#define LAST_POLL_MS 3000  /* for the GET of a client that is between two of them */
#define LAST_WORDS_MS 3000 /* the longest wait at the end for rt.socket_close and rt.edge_close */

/* RUNNING -app_drain-> DRAINING -clients are gone-> CLOSING -rt.edge_close has answered-> LEAVING; app_enter is the one door. */
#define ENDINGS(X) X(RUNNING, running) X(DRAINING, draining) X(CLOSING, closing) X(LEAVING, leaving)
enum ending {
#define X(NAME, label) NAME,
	ENDINGS(X)
#undef X
};

struct app {
	struct worker w;
	const char *config_file; /* NULL: none */
	ev_signal term, interrupt, hup;
	struct timer step;
	struct notify_watchdog watchdog;
	enum ending ending;
	uint64_t drain_until, give_up_at; /* loop_now; 0: not yet */
	uint64_t linger_ms;               /* of polling sessions that were sent away: the end of the drain's time */
};

/* ---- the end ---- */

static void app_enter(struct app *a, enum ending to)
{
	static const char *const labels[] = {
#define X(NAME, label) #label,
		ENDINGS(X)
#undef X
	};
	assert(to == a->ending + 1);
	log_trace(a->w.ident, "edge", LS("from", labels[a->ending]), LS("to", labels[to]));
	a->ending = to;
}

/* After rt.edge_close, rt.sweep is called as long as it says that more is left and time remains. Other edges sweep the
 * rest. */
static void app_edge_closed(void *arg, const struct db_result *r)
{
	struct app *a = arg;
	struct slice said = r->outcome == DB_OK && r->nrows == 1 ? db_value(r, 0, 0) : SLICE("f");
	if (said.n == 0 || slice_eq(said, SLICE("t"))) {
		struct slice edge = slice_str(a->w.edge_id);
		db_call(a->w.db, DB_LEASE, "select rt.sweep($1::uuid)", &edge, 1, app_edge_closed, a);
		return;
	}
	app_enter(a, LEAVING);
	timer_set(a->w.loop, &a->step, loop_now(a->w.loop));
}

/* All clients have gone. The process ends after the database has been told of their ends, or when the time is over. */
static void app_close_step(struct app *a)
{
	struct worker *w = &a->w;
	bool away = db_state(w->db) != DB_UP;
	if (a->ending == LEAVING || away || loop_now(w->loop) >= a->give_up_at) {
		loop_stop(w->loop);
		return;
	}
	confirms_flush(&w->events);
	if (closes_idle(&w->entry) && confirms_idle(&w->events) && a->ending == DRAINING) {
		struct slice edge = slice_str(w->edge_id);
		app_enter(a, CLOSING);
		w->entry.over = true;
		db_call(w->db, DB_LEASE, "select rt.edge_close($1::uuid)", &edge, 1, app_edge_closed, a);
	}
	timer_set(w->loop, &a->step, loop_now(w->loop) + CLOSE_STEP_MS);
}

static void app_step(struct timer *t)
{
	struct app *a = container_of(t, struct app, step);
	struct worker *w = &a->w;
	uint64_t now = loop_now(w->loop);
	const struct sio_stats *s = sio_server_stats(w->sio);
	if (s->sessions == s->websockets || now >= a->drain_until)
		listener_stop(w->listener); /* not before: a poll may come over a new connection */
	/* Peers that do not take their last bytes in time are cut off. */
	if (s->sessions && now < a->drain_until + LAST_WORDS_MS) {
		uint64_t last = a->drain_until - a->linger_ms, left = last > now ? last - now : 0,
			 steps = left / DRAIN_STEP_MS + 1;
		sio_drain_some(w->sio, (size_t)((s->sessions + steps - 1) / steps), a->linger_ms);
		timer_set(w->loop, t, now + DRAIN_STEP_MS);
		return;
	}
	if (!a->give_up_at)
		a->give_up_at = now + LAST_WORDS_MS;
	app_close_step(a);
}

static void app_drain(struct ev_loop *ev, ev_signal *sig, int revents)
{
	struct app *a = sig->data;
	struct worker *w = &a->w;
	(void)ev, (void)revents;
	if (a->ending != RUNNING) {
		log_warn(w->ident, "stopped at once");
		loop_stop(w->loop);
		return;
	}
	log_info(w->ident, "draining", LU("sessions", sio_server_stats(w->sio)->sessions), LU("ms", w->cfg->drain_ms));
	app_enter(a, DRAINING);
	notify_send("STOPPING=1");
	w->draining = true;
	sio_refuse_new(w->sio);
	a->drain_until = loop_now(w->loop) + w->cfg->drain_ms;
	a->linger_ms = w->cfg->drain_ms < 2 * LAST_POLL_MS ? w->cfg->drain_ms / 2 : LAST_POLL_MS;
	timer_set(w->loop, &a->step, loop_now(w->loop));
}

/* ---- settings that can change ---- */

static struct auth *app_make_auth(const struct config *c, char *error, size_t n)
{
	struct auth_config ac = config_auth(c);
	return auth_new(&ac, error, n);
}

static bool app_make_tls(const struct config *c, struct tls_context **tls, char *error, size_t n)
{
	*tls = NULL;
	if (!c->tls_cert_file)
		return true;
	*tls = tls_context_new(c->tls_cert_file, c->tls_key_file ? c->tls_key_file : c->tls_cert_file, error, n);
	return *tls != NULL;
}

static void app_reload(struct ev_loop *ev, ev_signal *sig, int revents)
{
	struct app *a = sig->data;
	struct worker *w = &a->w;
	struct config fresh = {0};
	struct tls_context *tls = NULL;
	struct auth *auth = NULL;
	char error[512] = "";
	(void)ev, (void)revents;
	/* All or nothing: with a wrong value in one setting, no setting changes. */
	if (!config_load(&fresh, a->config_file, error, sizeof(error)) ||
	    !(auth = app_make_auth(&fresh, error, sizeof(error))) ||
	    !app_make_tls(&fresh, &tls, error, sizeof(error))) {
		log_error(w->ident, "reload refused, nothing changed", LS("error", error));
		auth_free(&auth);
		config_free(&fresh);
		return;
	}
	auth_free(&w->auth);
	w->auth = auth;
	w->people.auth = auth;
	log_threshold = (enum log_level)fresh.log_level;
	log_format = (enum log_format)fresh.log_format;
	if (w->tls && tls) {
		listener_set_tls(w->listener, tls);
		tls_context_unref(&w->tls);
		w->tls = tls;
	} else if (tls) {
		tls_context_unref(&tls); /* a change from plain to TLS needs a restart */
	}
	config_free(&fresh);
	log_info(w->ident, "reloaded");
}

/* ---- life ---- */

static void app_put_edge(struct log_line *line, const void *of)
{
	const struct config *c = of;
	log_put(line, LS("edge", c->name ? c->name : "edge"));
}

static bool app_start(struct app *a, const struct config *c)
{
	struct worker *w = &a->w;
	char error[512] = "";
	w->cfg = c;
	w->ident = (struct log_ident){app_put_edge, c};
	log_threshold = (enum log_level)c->log_level;
	log_format = (enum log_format)c->log_format;
	if ((w->auth = app_make_auth(c, error, sizeof(error))) && app_make_tls(c, &w->tls, error, sizeof(error)))
		return worker_start(w);
	log_error(w->ident, "not started", LS("error", error));
	return false;
}

static void app_run(struct app *a)
{
	struct ev_loop *ev = loop_ev(a->w.loop);
	loop_watch_signal(a->w.loop, &a->term, SIGTERM, app_drain, a);
	loop_watch_signal(a->w.loop, &a->interrupt, SIGINT, app_drain, a);
	loop_watch_signal(a->w.loop, &a->hup, SIGHUP, app_reload, a);
	/* Listening is ready: clients are answered while Postgres is away as well. */
	notify_send("READY=1");
	notify_watchdog_start(&a->watchdog, a->w.loop);
	loop_run(a->w.loop);
	notify_watchdog_stop(&a->watchdog);
	ev_signal_stop(ev, &a->term);
	ev_signal_stop(ev, &a->interrupt);
	ev_signal_stop(ev, &a->hup);
	timer_stop(a->w.loop, &a->step);
	log_info(a->w.ident, "stopped");
}

int app_serve(const struct config *cfg, const char *config_file)
{
	struct app *a = NEW(struct app);
	a->config_file = config_file;
	a->step.fire = app_step;
	signal(SIGPIPE, SIG_IGN);
	bool started = app_start(a, cfg);
	if (started)
		app_run(a);
	worker_stop(&a->w);
	free(a);
	return started ? 0 : 1;
}
