/*
 * Socket.IO v5 on Engine.IO v4: namespaces, sockets, events, acks and binary (rules S, N, V). It can be used without
 * the product: an application gives a table of callbacks for each namespace. Rooms are not known here; hub/ has them.
 *
 *   on_connect     once: the client asks for a socket; sio_accept or sio_refuse answers, now or later
 *   on_event       for each event of an accepted socket
 *   on_disconnect  once behind on_connect, whatever happened; the pointer is invalid when it returns
 *
 * The session owns its sockets. Work that outlasts a call, as a call of the database does, keeps the id and not the
 * pointer, and asks sio_find. session.h draws the states of a socket.
 */
#ifndef SIO_SIO_H
#define SIO_SIO_H

#include "base/json.h"
#include "eio/eio.h"
#include "sio/sio_limits.h"

struct sio_server;
struct sio_socket;

#define SIO_ID_LEN 20
#define SIO_MAX_ARGS 16

struct sio_config {
	struct eio_config eio; /* with eio_default_limits, or others */
	struct sio_limits limits;
};

struct sio_event {
	struct slice name;               /* unescaped; a number keeps its digits */
	struct slice args[SIO_MAX_ARGS]; /* JSON values as they were sent; they end with the call */
	size_t nargs;                    /* an event with more than SIO_MAX_ARGS closes its session */
	struct slice source;             /* the whole JSON array, as it was sent */
	const struct slice *attachments;
	unsigned nattachments;
	unsigned flaws; /* bits of enum json_flaw, of all arguments; any of them is invalid data */
	bool wants_ack;
	uint64_t ack_id;
};

struct sio_namespace {
	const char *name; /* "/" */
	/* auth: the object of CONNECT's payload as it was sent, empty when there was none. flaws as in sio_event. */
	void (*on_connect)(struct sio_socket *s, struct slice auth, unsigned flaws, void *ctx);
	void (*on_event)(struct sio_socket *s, const struct sio_event *ev, void *ctx);
	void (*on_disconnect)(struct sio_socket *s, enum close_reason why, void *ctx);
	/* The client's library has everything that was sent before the sio_fence with this value. May be NULL. */
	void (*on_fence)(struct sio_socket *s, uint64_t value, void *ctx);
	void *ctx;       /* of on_connect and on_disconnect, */
	void *event_ctx; /* of on_event and on_fence */
};

struct sio_stats {
	uint64_t sessions, guests, sessions_opened, sockets; /* now, now (eio_settle), since the start, now */
	uint64_t websockets, upgrades, refused[6];           /* handshakes that were refused, by code (H6) */
	uint64_t session_closed[CLOSE_REASON_MAX];
	uint64_t events_in, packets_out;
	uint64_t lost[CLOSE_REASON_MAX]; /* packets that no GET fetched, by the reason of their session's end */
};

struct sio_server *sio_server_new(struct loop *l, const struct sio_config *cfg, const struct sio_namespace *nsps,
                                  size_t n);
void sio_server_free(struct sio_server **srv);
const struct sio_stats *sio_server_stats(struct sio_server *srv);

/* Is this request the server's (H1)? If so the application's router hands it over, in its on_head. */
bool sio_wants(const struct sio_server *srv, const struct http_exchange *x);
void sio_handle(struct sio_server *srv, struct http_exchange *x);

/* No new sessions (code 4, "Draining"); those that exist go on. */
void sio_refuse_new(struct sio_server *srv);
/* Ends up to n sessions (sio_drop_session), as eio_drain_some does. How many are left. */
size_t sio_drain_some(struct sio_server *srv, size_t n, uint64_t linger_ms);

/* ---- one socket ---- */
struct sio_socket *sio_find(const struct sio_server *srv, struct slice id); /* NULL: it is gone */
struct slice sio_id(const struct sio_socket *s);                            /* the public id (N2) */
void sio_set_user(struct sio_socket *s, void *user);                        /* a pointer of the application's */
void *sio_user(const struct sio_socket *s);
struct log_ident sio_ident(const struct sio_socket *s);
const char *sio_peer(const struct sio_socket *s); /* its client's address */

enum eio_transport sio_transport(const struct sio_socket *s); /* in on_disconnect: what it was */
struct eio_traffic sio_traffic(const struct sio_socket *s);   /* of its session, up to now */
size_t sio_queued(const struct sio_socket *s); /* bytes of its session that the client has not taken yet */

/* The Authorization header of the session's handshake, in on_connect: it is kept until the first CONNECT, and only if
 * it can be a bearer token. False: there is none. */
bool sio_authorization(const struct sio_socket *s, struct slice *value);

/* The client has shown who it is: its session is one of those that stay (eio_settle). sio_accept does not say so, as it
 * may come before a refusal. */
void sio_settle(struct sio_socket *s);

/* extra: further members of CONNECT's reply as JSON text, "pid":"...", or empty (N2). Ignored unless the socket is
 * connecting. */
void sio_accept(struct sio_socket *s, struct slice extra);
void sio_refuse(struct sio_socket *s, struct slice message, struct slice data); /* 4{...} (N4); the session goes on */

/* Sends a packet, which is shared, to a connected socket; the order of calls is the order on the wire (E7). False: it
 * cannot get there any more. sio_writable: it would go out at once (for volatile events). */
bool sio_send(struct sio_socket *s, struct packet *p);
bool sio_writable(const struct sio_socket *s);
void sio_send_binary(struct sio_socket *s, struct packet *header, struct packet *const *attachments, unsigned n);
void sio_ack(struct sio_socket *s, uint64_t ack_id, struct slice args); /* args: a JSON array; to a connected socket */

/* Asks for on_fence(value) when the peer has everything that was sent before this call. Values never fall; one on_fence
 * confirms all values up to its own. */
void sio_fence(struct sio_socket *s, uint64_t value);

/* Sends `1`. Packets that the client had sent before are ignored (S9). close: the session ends too, after a moment in
 * which the client may end it. */
void sio_disconnect(struct sio_socket *s, bool close, enum close_reason why);

/* Ends the whole session without 41 and without a Close frame: the client then comes back by itself (C7). */
void sio_drop_session(struct sio_socket *s, enum close_reason why);

/* ---- packets, shared by any number of sockets of one namespace ---- */

/* 2["name",data]; data is JSON or empty. Raw: 2 and the array, which has the name too. */
struct packet *sio_event_packet(const char *nsp, struct slice name, struct slice data);
struct packet *sio_raw_event_packet(const char *nsp, struct slice array);

#endif
