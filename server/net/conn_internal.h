/*
 * A connection's insides, for conn.c, which runs it, and conn_budget.c, which counts what all of them hold. Private to net/.
 */
#ifndef NET_CONN_INTERNAL_H
#define NET_CONN_INTERNAL_H

#include "base/buf.h"
#include "net/conn.h"
#include "net/outq.h"
#include <ev.h>

/*
 *   conn_new --> LIVE --conn_finish--> FLUSHING --conn_say_fin--> LINGERING
 *                  |                       |                          |
 *                  |                       |                          | the peer's FIN, or time: conn_kill
 *                  |-------conn_kill-------|--------------------------|---> DEAD --conn_sweep--> freed
 *
 *   LIVE       reads and writes
 *   FLUSHING   writes what is queued; what arrives is thrown away
 *   LINGERING  our FIN is out; what arrives is thrown away, so that no reset destroys our last bytes (W9)
 *   DEAD       has no watcher and no timer; the loop's sweep tells the owner and frees it
 */
#define CONN_STATES(X) X(LIVE, live) X(FLUSHING, flushing) X(LINGERING, lingering) X(DEAD, dead)

enum conn_state {
#define X(NAME, label) CONN_##NAME,
	CONN_STATES(X)
#undef X
};

/* From conn_finish to the end. */
struct parting {
	struct conn *conn;
	struct timer timer;
};

/* Most connections are idle: what exists only in between is behind a pointer. */
struct conn {
	struct conn_budget *budget;
	const struct conn_events *ev;
	void *owner;
	struct list link; /* in the budget's list */
	struct ev_io io;
	struct deferred
		turn; /* this connection's place in the read list, else in the flush list, after death in the sweep list */
	struct tls *tls;
	struct buf *in;  /* received, not consumed; NULL: nothing */
	struct outq out; /* sent, not yet taken by the kernel */
	struct parting *parting;
	uint32_t kept; /* of the input, here and by whoever reads: a share of the budget's */
	uint8_t ready; /* what libev reported and its turn to be read has not served; not 0: it stands in the read list */
	enum conn_state state : 8;
	enum close_reason why : 8;
	bool eof : 1, showing : 1, reshow : 1, want_drained : 1, blocked : 1;
	bool read_wants_write : 1, write_wants_read : 1;
	bool counts_lost : 1;
	bool marked : 1; /* it is to be flushed once it has been read */
	char peer[];
};

#endif
