/*
 * A TCP connection: bytes in, shared bytes out, over a transport (plain or TLS). Knows nothing of HTTP or WebSocket.
 *
 * Owner: the http or ws object that set its events. The connection dies by conn_kill; the loop's sweep calls on_dead
 * once and frees it. The pointer may be used until on_dead returns.
 *
 * Reading: the loop's scratch buffer is filled and shown to on_data. Bytes that on_data does not take are kept in a
 * buffer, which exists only while it holds some.
 *
 *   in:  0 ........ consumed ........ filled
 *        on_data took it | shown again together with what comes next
 *
 * Writing: conn_send queues a reference and marks the connection. Once a turn the loop writes every marked connection,
 * as a rule by one call; one whose bytes did not all fit waits for writability. Sending to a connection whose queue is
 * full writes first; the rest of the queue then says whether the peer is slow (net/holder.h): CLOSE_SLOW. A burst is no
 * slowness, and neither is the size of what is sent.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "base/blob.h"
#include "base/close.h"
#include "base/log.h"
#include "net/loop.h"
#include "net/rank.h"

struct conn;

struct conn_events {
	/* n > 0 bytes at p; returns how many it took. It may kill the connection, or hand it over by
	 * conn_set_events. */
	size_t (*on_data)(struct conn *c, void *owner, const char *p, size_t n);
	/* The peer sends no more; the connection can still write. With TLS this is close_notify; a FIN without it
	 * breaks off. */
	void (*on_eof)(struct conn *c, void *owner);
	/* The peer broke off, perhaps behind conn_finish; on_dead follows. Called at once, so that its requests are over before the next connection
	 * is read (P5). May be NULL. */
	void (*on_broken)(struct conn *c, void *owner);
	/* Everything that was queued is written; called after conn_want_drained only. May be NULL. */
	void (*on_drained)(struct conn *c, void *owner);
	/* The connection was killed, by whomever. Called once, from the sweep; c is freed afterwards. May be NULL. */
	void (*on_dead)(struct conn *c, void *owner, enum close_reason why);
};

/* Limits of all connections of a worker together, and their counters, which the metrics read. Owned by the worker; it
 * outlives them. */
struct conn_budget {
	struct loop *loop; /* set by the first connection, as are the lists */
	/* Every connection from conn_new to the sweep; the one that was touched last is the last. */
	struct list all;
	struct rank backlogs;   /* holders whose peers have left something over (net/holder.h) */
	struct rank inputs;     /* connections that keep some of their input */
	size_t max_queue_bytes; /* of one connection, unsent: over it the peer must read, or it is slow */
	size_t max_queue_items; /* of one connection, likewise */
	size_t max_total_bytes; /* memory of all queues: shared blobs once, and the places in queues */
	/* Received bytes that wait for the rest of their message, of all connections. A limit of its own: input must
	 * not stop output. */
	size_t max_input_bytes;
	size_t total_bytes, input_bytes; /* now */
	size_t charged;                  /* to the total since everything was written for lack of room */
	uint64_t handshake_turn;         /* loop_now_us of the last turn with TLS handshakes */
	unsigned handshake_steps;        /* of it */
	uint64_t open;                   /* connections, now */
	uint64_t bytes_in, bytes_out, writes, killed[CLOSE_REASON_MAX];
	uint64_t lost[CLOSE_REASON_MAX]; /* sends that were never written, by the reason of their connection's end */
};

/* Makes room for n more bytes in the total: writes what nobody has tried to write yet, then ends holders whose peers do
 * not read (CLOSE_LIMIT), the one that holds most alone first. False: there is no room. */
bool conn_budget_room(struct conn_budget *b, size_t n);

struct tls_context; /* net/tls.h */

/* Takes fd over, which is non-blocking. tls may be NULL. peer is the address as text; it is copied. */
struct conn *conn_new(struct loop *l, struct conn_budget *b, int fd, struct tls_context *tls, const char *peer);

/* Sets the owner. Bytes that the former owner did not take are shown to the new one in this turn, before any others. */
void conn_set_events(struct conn *c, const struct conn_events *ev, void *owner);

bool conn_send(struct conn *c, struct blob *b); /* takes a reference of its own; false: it has ended, or ends by this */
bool conn_send_part(struct conn *c, struct blob *b, size_t off, size_t n); /* the same for a part of b */
void conn_send_copy(struct conn *c, struct slice s);                       /* for small things */
size_t conn_queued(const struct conn *c);                                  /* bytes that the kernel has not taken yet */
/* The peer's kernel has acknowledged all that was sent; of a connection that broke by a reset: may have received it. */
bool conn_arrived(const struct conn *c);
/* The kernel has taken all that was sent: it may arrive yet, even if the connection has ended. */
bool conn_given(const struct conn *c);
void conn_count_lost(struct conn *c);    /* from here on each send that is never written counts in the budget's lost */
bool conn_blocked(const struct conn *c); /* the kernel did not take everything last time */
void conn_want_drained(struct conn *c);  /* asks for one on_drained; it comes next turn when nothing is queued */
void conn_reshow(struct conn *c);        /* kept bytes are shown again, in this turn but not inside this call */

/* The owner keeps n bytes of input for later, and gives them back. Over the worker's limit the connection that keeps
 * most is killed. */
void conn_keep(struct conn *c, size_t n);
void conn_unkeep(struct conn *c, size_t n);

/* Writes what is queued, sends FIN (and close_notify), then waits a moment for the peer's FIN and dies (W9). May be
 * repeated. */
void conn_finish(struct conn *c, enum close_reason why);
void conn_kill(struct conn *c, enum close_reason why); /* at once; the sweep frees it. May be repeated */

/* Ends the connection that was not touched for longest, among those that have nothing to write. False: there is
 * none. */
bool conn_budget_end_oldest(struct conn_budget *b);
void conn_touch(struct conn *c); /* it was of use just now */

/* For tearing down. The connections are freed by the next loop_settle. */
void conn_budget_kill_all(struct conn_budget *b, enum close_reason why);

bool conn_is_dead(const struct conn *c);
const char *conn_peer(const struct conn *c);
int conn_fd(const struct conn *c);                 /* for trace lines of other objects that name it */
struct log_ident conn_ident(const struct conn *c); /* conn=<descriptor> peer=<address> */
struct loop *conn_loop(const struct conn *c);

#endif
