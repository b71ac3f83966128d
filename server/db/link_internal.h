/*
 * The struct of a link, for link.c, which runs it, and link_connect.c, which connects it. Private to these two.
 */
#ifndef DB_LINK_INTERNAL_H
#define DB_LINK_INTERNAL_H

#include "db/link.h"
#include "db/resolve.h"
#include <ev.h>

/*
 *   OFF --------- link_start --------> RESOLVING
 *   RESOLVING --- link_connect ------> CONNECTING
 *   CONNECTING -- link_connect ------> CONNECTING    the next place
 *   CONNECTING -- link_connected ----> IDLE
 *   IDLE -------- link_connect ------> CONNECTING    the guard does not admit this place: the next one
 *   IDLE -------- link_put ----------> BUSY
 *   BUSY -------- link_finish -------> IDLE
 *   RESOLVING to BUSY -- link_drop --> WAITING       for the backoff
 *   WAITING ----- link_on_timer -----> RESOLVING
 *   any --------- link_free ---------> OFF
 */
enum link_state { LINK_OFF, LINK_WAITING, LINK_RESOLVING, LINK_CONNECTING, LINK_IDLE, LINK_BUSY };

struct link {
	struct loop *loop;
	const struct link_events *ev;
	void *ctx;
	char *url, *name;
	enum link_state state;
	struct resolve *resolve; /* while RESOLVING */
	struct targets targets;  /* of the last resolving */
	char *refusals;          /* why the places so far could not be connected to; NULL: none yet */
	PGconn *pg;              /* from CONNECTING on */
	ev_io io;
	struct timer timer; /* backoff, connecting, the statement's deadline, or the guard's next question */
	const struct link_guard *guard;
	bool admitted;         /* by the guard, on this connection */
	bool lapsed;           /* the guard was due while it was lazy: no statement goes before it has been asked */
	bool wanted;           /* the guard is to be asked, lazy or not */
	uint64_t guard_due;    /* loop_now */
	unsigned failures;     /* connections in a row that proved nothing */
	struct deferred dying; /* the connection was found dead, or condemned, where nobody may be called */
	char *condemned;       /* why; NULL: it is not */
	uint64_t sent_at;      /* while BUSY; loop_now */
	bool unflushed;        /* the statement's last bytes have not left libpq yet */
	link_answer *answer;   /* of the statement that is out, while BUSY */
	void *arg;
	PGresult *result; /* so far; ours */
	PGresult *given;  /* during the answer; ours, unless link_take took it */
};

/* link.c */
void link_enter(struct link *k, enum link_state to);
void link_watch(struct link *k, int events); /* of libpq's socket, which may be another one than before */
void link_unwatch(struct link *k);
void link_admit(struct link *k); /* statements may go */

/* link_connect.c */
void link_begin(struct link *k); /* OFF or WAITING: resolves the names, then connects to the first place that answers */
void link_connect_step(struct link *k);                  /* CONNECTING: the socket is ready */
void link_connect_next(struct link *k, const char *why); /* the present place will not do; the next one is tried */

#endif
