/*
 * A TCP connection: bytes in, shared bytes out, over a transport (plain or TLS). Knows nothing of HTTP or WebSocket.
 *
 * Owner: whoever holds it as http or ws; it dies by conn_kill and is freed by the loop's sweep after on_dead was called once.
 * Reading: the loop's scratch buffer is filled and shown to on_data; what on_data leaves is kept in a buffer that exists
 * only while it holds something.
 *
 *   in:  0 ........ consumed ........ filled
 *        on_data took it | shown again together with what comes next
 *
 * Writing: conn_send queues a reference and marks the connection; the loop writes every marked one once per turn (writev);
 * only what did not fit asks for writability. Who sends to a connection whose queue is full kills it with CLOSE_SLOW; the size of what
 * is sent does not matter, a large answer is nobody's slowness.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "base/blob.h"
#include "base/close.h"
#include "base/log.h"
#include "net/loop.h"

struct conn;

struct conn_events {
	/* n > 0 bytes at p; returns how many were consumed. May kill or hand the connection over (conn_set_events). */
	size_t (*on_data)(struct conn *c, void *owner, const char *p, size_t n);
	/* the peer will send no more (FIN; with TLS close_notify, a FIN without it is broken off). The connection can still write. */
	void (*on_eof)(struct conn *c, void *owner);
	/* the peer broke off: its requests are over before the next connection is read (P5); on_dead follows. May be NULL */
	void (*on_broken)(struct conn *c, void *owner);
	/* everything queued has been written; only after conn_want_drained */
	void (*on_drained)(struct conn *c, void *owner);
	/* killed, by whoever; called once, from the sweep; afterwards c is gone */
	void (*on_dead)(struct conn *c, void *owner, enum close_reason why);
};

/* Limits and counters shared by all connections of a worker; the counters are read by the metrics. */
struct conn_budget {
	struct loop *loop;          /* of the connections; set up by the first, as is the list of all */
	struct list all;            /* touched last stands last */
	struct conn_others *others; /* who holds queued bytes besides connections; may be NULL */
	size_t max_queue_bytes;     /* per connection: as many unsent bytes make its queue full */
	size_t max_queue_items;     /* per connection */
	size_t max_total_bytes; /* per worker: queued bytes over all connections, and over sessions that have none at the moment */
	size_t max_input_bytes; /* per worker: received bytes that wait for the rest of their message; apart, so that input cannot stop output */
	size_t total_bytes, input_bytes;
	uint64_t open; /* connections now */
	uint64_t bytes_in, bytes_out, writes, killed[CLOSE_REASON_MAX];
	uint64_t lost[CLOSE_REASON_MAX]; /* sends never written, by what ended their connection (conn_count_lost) */
};

/* Embedded by whoever keeps bytes in the budget's total that are no connection's. */
struct conn_others {
	size_t (*most)(struct conn_others *o);   /* what the one of them holds that holds most */
	void (*end_most)(struct conn_others *o); /* ends that one; its bytes are given back before this returns */
};
/* Room for n more bytes in the total: who holds most is ended, as often as it takes (CLOSE_LIMIT). False: nobody is left to be ended. */
bool conn_budget_room(struct conn_budget *b, size_t n);

struct tls_context; /* net/tls.h */

/* fd is non-blocking and owned from here on; tls may be NULL. peer is the textual address, copied. */
struct conn *conn_new(struct loop *l, struct conn_budget *b, int fd, struct tls_context *tls, const char *peer);
void conn_set_events(struct conn *c, const struct conn_events *ev, void *owner);
/* For hand-over: bytes left unread by the last on_data are shown to the new owner before anything else, in this turn. */

bool conn_send(struct conn *c, struct blob *b); /* takes a reference of its own; false: it ended, or ends by this */
bool conn_send_part(struct conn *c, struct blob *b, size_t off, size_t n); /* a part of it */
void conn_send_copy(struct conn *c, struct slice s);                       /* small things; neighbours may be joined */
size_t conn_queued(const struct conn *c);                                  /* bytes not yet taken by the kernel */
void conn_count_lost(struct conn *c);    /* every send is a message: those never written are counted */
bool conn_blocked(const struct conn *c); /* the kernel did not take everything last time */
void conn_want_drained(struct conn *c);  /* on_drained when the queue is empty, at the latest next turn */
void conn_reshow(struct conn *c);        /* shows kept bytes again, in this turn, not from inside this call */
/* How much of its input whoever reads this connection keeps for later. Over the worker's limit the connection that keeps most is killed. */
void conn_keep(struct conn *c, size_t n);
void conn_unkeep(struct conn *c, size_t n);

void conn_finish(
	struct conn *c,
	enum close_reason why); /* flush, FIN (and close_notify), read and discard for a moment (W9), then dead */
void conn_kill(struct conn *c, enum close_reason why); /* now; repeated calls are harmless; freed by the sweep */

/* The one that was not touched for longest makes room, of those that have nothing to write; false: there is none. */
bool conn_budget_end_oldest(struct conn_budget *b);
void conn_touch(struct conn *c); /* it was of use just now */
void conn_budget_kill_all(struct conn_budget *b,
                          enum close_reason why); /* for tearing down; loop_settle then frees them */

bool conn_is_dead(const struct conn *c);
const char *conn_peer(const struct conn *c);
int conn_fd(const struct conn *c);                 /* for the trace, where another object's line names its connection */
struct log_ident conn_ident(const struct conn *c); /* conn=<descriptor> peer=<address> */
struct loop *conn_loop(const struct conn *c);

#endif
