/*
 * Engine.IO v4: sessions over long-polling and WebSocket, upgrade and heartbeat (rules H, E, P, U, B, C). What is in a
 * message is not known here.
 *
 *   on_open     once, at the handshake
 *   on_message  in the order in which messages were sent, over whatever transport
 *   on_close    once, from the loop and never from inside a call of this header; the pointer is invalid when it returns
 *
 * The server owns its sessions. session.h draws their states.
 */
#ifndef EIO_EIO_H
#define EIO_EIO_H

#include "base/close.h"
#include "base/log.h"
#include "eio/eio_limits.h"
#include "eio/packet.h"
#include "http/http.h"

struct eio_server;
struct eio_session;

struct eio_config {
	const char *path; /* "/socket.io/" */
	struct eio_limits limits;
	struct conn_budget *budget; /* of the connections; packets that wait for a GET count in it too. May be NULL */
	const struct address_list *trusted_proxies; /* proxies whose X-Forwarded-For is believed; may be NULL */
	const char *cors_origin;                    /* as http/cors.h takes it (H9) */
	const char *allowed_origins; /* a comma list; other pages' handshakes are refused. NULL: none is */
	bool polling, websocket;     /* transports that are on (H6) */
	const char *cookie;          /* name of the cookie with the sid; NULL: none (H12) */
	/* The application's gate for handshakes (H6 step 9). NULL admits; a text refuses with code 4. May be NULL. */
	const char *(*admit)(const struct http_exchange *x, void *ctx);
	void *ctx; /* of admit */
};

struct eio_events {
	/* authorization: that header of the handshake, p NULL when there was none. It ends with the call. */
	void (*on_open)(struct eio_session *s, struct slice authorization, void *ctx);
	/* Text comes without its '4'. data ends with the call. */
	void (*on_message)(struct eio_session *s, bool binary, struct slice data, void *ctx);
	void (*on_close)(struct eio_session *s, enum close_reason why, void *ctx);
	void (*on_fence)(struct eio_session *s, uint64_t value, void *ctx); /* see eio_fence; may be NULL */
};

struct eio_stats {
	uint64_t sessions, guests, opened, websockets, upgrades, refused[6];
	uint64_t closed[CLOSE_REASON_MAX];
	uint64_t packets_out;
	uint64_t lost[CLOSE_REASON_MAX]; /* packets that no GET fetched, by the reason of their session's end */
};

struct eio_server *eio_server_new(struct loop *l, const struct eio_config *cfg, const struct eio_events *ev, void *ctx);
void eio_server_free(struct eio_server **srv); /* ends its sessions; on_close of each comes before this returns */
const struct eio_stats *eio_server_stats(const struct eio_server *srv);

bool eio_wants(const struct eio_server *srv, struct slice path);  /* the path is the server's (H1) */
void eio_handle(struct eio_server *srv, struct http_exchange *x); /* from on_head of the application's router */
void eio_refuse_new(struct eio_server *srv);                      /* no new sessions: code 4, "Draining" */

/* eio_drop for n sessions; how many are left. Those that are closing wait linger_ms at most for their GETs. Guests that
 * poll and have no GET parked go at once, beyond n: nobody may ever fetch what they are sent. */
size_t eio_drain_some(struct eio_server *srv, size_t n, uint64_t linger_ms);

void eio_set_user(struct eio_session *s, void *user);
void *eio_user(const struct eio_session *s);
struct log_ident eio_ident(const struct eio_session *s);
const char *eio_peer(const struct eio_session *s); /* its client's address */

/* The client has shown who it is. Before that its session is a guest, and the oldest guest ends (CLOSE_LIMIT) when there
 * are too many of them, or no room for another session. May be repeated. */
void eio_settle(struct eio_session *s);

enum eio_transport { EIO_POLLING, EIO_WEBSOCKET };
enum eio_transport eio_transport(const struct eio_session *s); /* of one that has ended: what it was */

/* Bytes of packets, from its client and to it, without what a transport puts around them. */
struct eio_traffic {
	uint64_t in, out;
};
struct eio_traffic eio_traffic(const struct eio_session *s);
size_t eio_queued(const struct eio_session *s); /* bytes that no GET, or not the kernel, has taken yet */

/* A packet that is sent now goes out at once: the kernel took everything so far, or a GET is parked. */
bool eio_writable(const struct eio_session *s);

bool eio_send(struct eio_session *s, struct packet *p); /* false: it has ended, or ends by this: its queue is full */

/* Asks for on_fence(value) when the peer has everything that was sent before this call. The values of a session never
 * fall; one on_fence confirms all values up to its own. */
void eio_fence(struct eio_session *s, uint64_t value);

void eio_close(struct eio_session *s, enum close_reason why); /* sends what is queued, then Close or 1 (C2) */
void eio_drop(struct eio_session *s, enum close_reason why);  /* sends what is queued, then FIN without a Close (C7) */

/* eio_close in ms from now, unless the client closes before. There is no heartbeat meanwhile. */
void eio_close_later(struct eio_session *s, uint64_t ms, enum close_reason why);

#endif
