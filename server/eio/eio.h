/*
 * Engine.IO v4: sessions over long-polling and WebSocket, upgrade, heartbeat (wire-protocol.md H, E, P, U, B, C). Knows messages,
 * not what is in them.
 *
 * A session's life, with the function that performs each move:
 *
 *   (handshake) -> OPEN --eio_close, polling--> CLOSING --the client fetched the rest, or linger--> ENDED
 *                    |------- anything else that ends it -------------------------------------------> ENDED
 *
 * on_close is called once, from the loop and never from inside a call of this header; the pointer is gone after it.
 */
#ifndef EIO_EIO_H
#define EIO_EIO_H

#include "base/close.h"
#include "base/log.h"
#include "eio/packet.h"
#include "http/http.h"

struct eio_server;
struct eio_session;

struct eio_limits {
	uint64_t ping_interval_ms, ping_timeout_ms; /* 25000, 20000 (E2) */
	uint64_t upgrade_timeout_ms;                /* 10000 (U8) */
	uint64_t linger_ms;                         /* of a polling session that is closing: 30000 (C5) */
	size_t max_payload;                         /* of one message, for both transports: 1000000 (P9, W7) */
	unsigned max_poll_packets;                  /* in the answer to one GET: 16 (P13) */
	size_t max_queue_bytes; /* of a polling session, then CLOSE_SLOW (X6); the budget has that of a connection */
	unsigned max_queue_packets; /* likewise */
	unsigned max_sessions; /* 0: no limit. Not the number of connections: a polling session needs none in between */
	unsigned max_sessions_per_address; /* 0: no limit */
};
extern const struct eio_limits eio_default_limits;

struct eio_config {
	const char *path; /* "/socket.io/" */
	struct eio_limits limits;
	struct conn_budget
		*budget; /* packets that wait for a GET count as queued bytes of connections do; may be NULL */
	const struct address_list *trusted_proxies; /* whose X-Forwarded-For is believed; may be NULL */
	const char *cors_origin;                    /* NULL: off; "*"; else a comma list (H9) */
	bool polling, websocket;                    /* transports (H6) */
	const char *cookie;                         /* NULL: off (H12) */
	const char *(*admit)(const struct http_exchange *x, void *ctx); /* H6 step 9; NULL admits; may be NULL */
	void *ctx;                                                      /* of admit */
};

struct eio_events {
	void (*on_open)(struct eio_session *s, struct slice authorization,
	                void *ctx); /* that header of the handshake, borrowed; p NULL: absent */
	void (*on_message)(struct eio_session *s, bool binary, struct slice data,
	                   void *ctx); /* text: without its '4' */
	void (*on_close)(struct eio_session *s, enum close_reason why, void *ctx);
	void (*on_fence)(struct eio_session *s, uint64_t value, void *ctx); /* may be NULL */
};

struct eio_stats {
	uint64_t sessions, opened, websockets, upgrades, refused[6];
	uint64_t closed[CLOSE_REASON_MAX];
	uint64_t packets_out;
	uint64_t lost[CLOSE_REASON_MAX]; /* polling: packets that no GET fetched, by what ended their session */
};

struct eio_server *eio_server_new(struct loop *l, const struct eio_config *cfg, const struct eio_events *ev, void *ctx);
void eio_server_free(struct eio_server **srv); /* ends its sessions; on_close is called for each before this returns */
const struct eio_stats *eio_server_stats(const struct eio_server *srv);

bool eio_wants(const struct eio_server *srv, struct slice path);  /* H1 */
void eio_handle(struct eio_server *srv, struct http_exchange *x); /* in on_head */
void eio_refuse_new(struct eio_server *srv);
size_t eio_drain_some(struct eio_server *srv, size_t n); /* ends n sessions as C7 asks; how many are left */

void eio_set_user(struct eio_session *s, void *user);
void *eio_user(const struct eio_session *s);
struct log_ident eio_ident(const struct eio_session *s);
bool eio_writable(
	const struct eio_session
		*s); /* what is sent now goes out at once: nothing waits for the kernel; polling: a GET is parked */

bool eio_send(struct eio_session *s,
              struct packet *p); /* false: the session has ended, or ends by this: its queue is full */
/* on_fence(value) once everything sent so far is with the peer. Values of a session never fall; one call may confirm several. */
void eio_fence(struct eio_session *s, uint64_t value);
void eio_close(struct eio_session *s, enum close_reason why); /* graceful: what is queued first (C2) */
void eio_drop(struct eio_session *s, enum close_reason why);  /* flush, FIN, no Close frame (C7) */
void eio_close_later(struct eio_session *s, uint64_t ms,
                     enum close_reason why); /* the client may close by itself before; no heartbeat meanwhile */

#endif
