/*
 * The struct of a connection, for conn.c, which runs it, conn_out.c, which writes, and conn_budget.c, which counts what
 * all of them hold. Private to net/.
 */
#ifndef NET_CONN_INTERNAL_H
#define NET_CONN_INTERNAL_H

#include "base/buf.h"
#include "net/conn.h"
#include "net/holder.h"
#include "net/outq.h"
#include <ev.h>

/*
 *   conn_new --> LIVE --conn_finish--> FLUSHING --conn_say_fin--> LINGERING
 *                  |                       |                          |
 *                  |                       |                          | the peer's FIN, or time: conn_kill
 *                  |-------conn_kill-------|--------------------------|---> DEAD --conn_sweep--> freed
 *
 *   LIVE       reads and writes
 *   FLUSHING   writes the queue; input is thrown away
 *   LINGERING  our FIN is out; input is thrown away, so that no reset destroys our last bytes (W9)
 *   DEAD       has no watcher and no timer; the loop's sweep tells the owner and frees it
 */
#define CONN_STATES(X) X(LIVE, live) X(FLUSHING, flushing) X(LINGERING, lingering) X(DEAD, dead)

enum conn_state {
#define X(NAME, label) CONN_##NAME,
	CONN_STATES(X)
#undef X
};

/* Exists from conn_finish to the end. Owned by its connection. */
struct parting {
	struct conn *conn;
	struct timer timer;
	size_t ignored; /* bytes that arrived meanwhile */
	size_t left;    /* bytes that were underway at the last look */
	uint64_t until; /* loop_now; no longer than this, even if they move */
};

/* The input that a connection keeps, here and with its owner: its share of the budget's input_bytes. Exists while
 * that is something. Owned by its connection. */
struct kept {
	struct conn *conn;
	struct ranked rank; /* in the budget's rank of inputs */
};

/* There are many connections and most are idle, so what a connection needs only at times is behind a pointer. All of it
 * is its own. */
struct conn {
	struct holder holder; /* of what `out` queues; its backlog is what the kernel has left over */
	const struct conn_events *ev;
	void *owner;
	struct list link; /* in the budget's list of all, until the sweep */
	struct ev_io io;
	struct deferred turn; /* in LOOP_READ while ready, else in LOOP_FLUSH, dead in LOOP_SWEEP; or in none */
	struct tls *tls;
	struct buf *in;  /* received bytes that nobody took; NULL: none */
	struct outq out; /* parts that the kernel has not taken */
	struct parting *parting;
	struct kept *kept;
	uint8_t ready; /* events of libev that conn_serve has yet to see; not 0: it is in LOOP_READ */
	enum conn_state state : 8;
	enum close_reason why : 8;
	bool eof : 1;                                    /* the peer has said that it sends no more */
	bool showing : 1;                                /* inside on_data */
	bool reshow : 1;                                 /* kept bytes are to be shown again */
	bool want_drained : 1;                           /* one on_drained is asked for */
	bool blocked : 1;                                /* the kernel did not take everything: waits for EV_WRITE */
	bool read_wants_write : 1, write_wants_read : 1; /* TLS needs the other direction first */
	bool counts_lost : 1;                            /* conn_count_lost */
	bool broken : 1;                                 /* the peer broke off: what it had not read is lost */
	bool arrived : 1, given : 1;                     /* dead: what conn_arrived and conn_given say */
	bool marked : 1;                                 /* in LOOP_READ: goes to LOOP_FLUSH afterwards */
	bool waited : 1;                                 /* ... where it was before, and goes first */
	char peer[];
};

enum close_reason conn_fault(const struct conn *c); /* why it ends when it breaks */
void conn_watch(struct conn *c);                    /* libev reports what the connection can use now */
void conn_mark(struct conn *c);                     /* it is flushed in this turn */
bool conn_lose(struct conn *c, uint32_t parts);     /* they are never written; always false */
void conn_drain(struct conn *c); /* writes what is queued, without callbacks; it may be dead afterwards */
void conn_unkeep_all(struct conn *c);
void conn_budget_begin(struct conn_budget *b, struct loop *l); /* may be repeated */

#endif
