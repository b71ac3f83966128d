/*
 * One connection to Postgres on the loop: connecting, reconnecting with jittered backoff, one statement out at a time.
 * Each place that the connection string may lead to has its own time to answer; the one that worked last is tried
 * first. A server that only reads is no server: it is not connected to, and left as soon as it refuses to write.
 *
 * The fate of a statement (docs/architecture.md "What is claimed, and when"):
 *   LINK_ANSWERED  the result is final: the server is ready for the next statement, so the transaction is over
 *   LINK_UNSENT    the server cannot have executed it
 *   LINK_LOST      it may have been executed
 */
#ifndef DB_LINK_H
#define DB_LINK_H

#include "base/slice.h"
#include "net/loop.h"
#include <libpq-fe.h>

struct link;

enum link_fate { LINK_ANSWERED, LINK_UNSENT, LINK_LOST };

/*
 * Called once for each link_send or link_execute that was true, never from inside it. The result is NULL unless
 * ANSWERED; it ends with the call.
 */
typedef void link_answer(void *arg, enum link_fate fate, const PGresult *res);

struct link_events {
	void (*on_up)(void *ctx);

	/* It went down, or, with was_up false, an attempt to connect failed. It tries again by itself. */
	void (*on_down)(void *ctx, bool was_up, const char *why);

	void (*on_idle)(void *ctx);   /* the guard has been asked once more: statements go again. May be NULL */
	void (*on_notify)(void *ctx); /* something was notified; several notifications may have become one call */

	/* Each notification; true: no on_notify for it. May be NULL. */
	bool (*on_message)(void *ctx, const char *channel, const char *payload);
};

/*
 * Whether a server is the one that is meant: asked on each connection before it is up, and every LINK_GUARD_MS while it
 * is. A pooler may lead to another server at any time, and one that was the primary may live on. While it is lazy,
 * nothing is asked by the clock: the proof of a link lapses, and link_want asks before the next statement.
 */
struct link_guard {
	const char *sql;               /* with one parameter */
	const char *(*ask)(void *ctx); /* its value; NULL: not known yet, so nobody is admitted */
	const char *(*judge)(void *ctx, const PGresult *res); /* NULL: it is; else what is wrong, borrowed */
	bool (*lazy)(void *ctx);                              /* NULL: it never is */
	void *ctx;
};
#define LINK_GUARD_MS 1000

struct link_config {
	const char *url;
	const char *application_name;
	const struct link_guard *guard; /* borrowed; NULL: none */
};

struct link *link_new(struct loop *l, const struct link_config *cfg, const struct link_events *ev, void *ctx);
void link_start(struct link *k); /* harmless when repeated */
bool link_up(const struct link *k);
bool link_idle(const struct link *k);   /* up with nothing out, and with a proof that is not old */
bool link_lapsed(const struct link *k); /* it would be idle, but its proof is old, and nobody asks by the clock */
bool link_want(struct link *k);         /* a statement waits: a lapsed link asks its guard, and on_idle follows */
bool link_proving(
	const struct link *k); /* its guard is asked, or will be as soon as it can, for a statement that waits */

/*
 * Sends a statement whose parameters are texts, NULL for null. False: the link is not idle, or has just died; then
 * nothing was sent, and answer is not called. Without an answer in timeout_ms the statement is LOST and the
 * connection dropped.
 */
bool link_send(struct link *k, const char *sql, int n, const char *const *values, uint64_t timeout_ms,
               link_answer *answer, void *arg);
/* The same for a statement that this session has prepared (`prepare name as ...`). */
bool link_execute(struct link *k, const char *name, int n, const char *const *values, uint64_t timeout_ms,
                  link_answer *answer, void *arg);
/* The same, and the values of its rows come in their binary form (db/binary.h). */
bool link_execute_binary(struct link *k, const char *name, int n, const char *const *values, uint64_t timeout_ms,
                         link_answer *answer, void *arg);
void link_check(struct link *k);                 /* asks the guard now, or after the statement that is out */
void link_drop(struct link *k, const char *why); /* ends the connection, answers what is out, reconnects */

/* Takes no more statements; is dropped from the loop. For an answer that shows that the server will not do. */
void link_condemn(struct link *k, const char *why);

uint64_t link_waits_since(const struct link *k); /* loop_now of when the statement was sent that is out; 0: none is */
PGresult *link_take(struct link *k);             /* from inside an answer: the result becomes the caller's */
void link_settled(struct link *k);               /* the connection proved good: backoff starts anew */
void link_free(struct link **k);                 /* answers what is out first */

#endif
