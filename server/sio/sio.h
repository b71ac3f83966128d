/*
 * Socket.IO v5 on Engine.IO v4: namespaces, sockets, events, acks, binary (wire-protocol.md S, N, V). Usable without the
 * product: the application gives a table of callbacks per namespace. Knows no rooms; fan-out is hub/.
 *
 * A socket's life, with the function that performs each move:
 *
 *   (CONNECT) -> CONNECTING --sio_accept--> CONNECTED --sio_disconnect / client 1 / session end--> CLOSED
 *                    |------sio_refuse / session end--------------------------------------------> CLOSED
 *
 * on_connect is called once; after it on_disconnect is called exactly once, whatever happened, and after that the pointer is
 * gone. Work that outlives a call (database) keeps the socket's id and looks it up (sio_find), never the pointer.
 */
#ifndef SIO_SIO_H
#define SIO_SIO_H

#include "base/json.h"
#include "eio/eio.h"

struct sio_server;
struct sio_socket;

#define SIO_ID_LEN 20
#define SIO_MAX_ARGS 16

/* Beyond those of the sessions. */
struct sio_limits {
	uint64_t connect_timeout_ms;       /* from the handshake to the first accepted socket: 45000 (N8) */
	unsigned max_attachments;          /* of one packet: 10 (S5) */
	unsigned max_sockets_per_session;  /* namespaces joined or asked for at once */
	unsigned max_connects_per_session; /* CONNECT attempts in a session's life */
};
extern const struct sio_limits sio_default_limits;

struct sio_config {
	struct eio_config eio; /* its limits begin as eio_default_limits */
	struct sio_limits limits;
};

struct sio_event {
	struct slice name;               /* unescaped; a number keeps its digits */
	struct slice args[SIO_MAX_ARGS]; /* source slices of the JSON values, borrowed for the call */
	size_t nargs;                    /* over SIO_MAX_ARGS the session was closed */
	struct slice source;             /* the whole JSON array as sent */
	const struct slice *attachments;
	unsigned nattachments;
	unsigned flaws; /* enum json_flaw bits over all arguments: the application answers INVALID_DATA */
	bool wants_ack;
	uint64_t ack_id;
};

struct sio_namespace {
	const char *name; /* "/" */
	/* auth: source of the CONNECT payload object, empty when none came; flaws as in sio_event. Answer now or later. */
	void (*on_connect)(struct sio_socket *s, struct slice auth, unsigned flaws, void *ctx);
	void (*on_event)(struct sio_socket *s, const struct sio_event *ev, void *ctx);
	void (*on_disconnect)(struct sio_socket *s, enum close_reason why, void *ctx);
	/* the peer has taken everything sent before the sio_fence with this value (design "Delivery fence"); may be NULL */
	void (*on_fence)(struct sio_socket *s, uint64_t value, void *ctx);
	void *ctx;
};

struct sio_stats {
	uint64_t sessions, sessions_opened, sockets; /* now, ever, now */
	uint64_t websockets, upgrades, refused[6];   /* handshakes refused by code (H6) */
	uint64_t session_closed[CLOSE_REASON_MAX];
	uint64_t events_in, packets_out;
	uint64_t lost[CLOSE_REASON_MAX]; /* packets that no poll fetched */
};

struct sio_server *sio_server_new(struct loop *l, const struct sio_config *cfg, const struct sio_namespace *nsps,
                                  size_t n);
void sio_server_free(struct sio_server **srv);
const struct sio_stats *sio_server_stats(struct sio_server *srv);

/* Whether a request is ours (H1), and handing it over from the application's router, in its on_head. */
bool sio_wants(const struct sio_server *srv, const struct http_exchange *x);
void sio_handle(struct sio_server *srv, struct http_exchange *x);

/* No new sessions (code 4 "draining"); existing ones go on. */
void sio_refuse_new(struct sio_server *srv);
/* Ends one batch of sessions for drain: flush, no 41, no Close, FIN; polling gets 1 (C7). Returns how many are left. */
size_t sio_drain_some(struct sio_server *srv, size_t n);

/* ---- one socket ---- */
struct sio_socket *sio_find(const struct sio_server *srv, struct slice id); /* NULL when gone */
struct slice sio_id(const struct sio_socket *s);                            /* public id (N2) */
void sio_set_user(struct sio_socket *s, void *user);                        /* the application's object */
void *sio_user(const struct sio_socket *s);
struct log_ident sio_ident(const struct sio_socket *s);
bool sio_authorization(const struct sio_socket *s,
                       struct slice *value); /* that header of the handshake, kept until sio_accept */

/* extra: further members of the CONNECT reply as JSON text `"pid":"..."`, or empty (N2 wants only sid with recovery off). */
void sio_accept(struct sio_socket *s, struct slice extra);
void sio_refuse(struct sio_socket *s, struct slice message, struct slice data); /* 4{...} (N4); the session stays */
bool sio_send(
	struct sio_socket *s,
	struct packet *p); /* shared; order of calls is order on the wire (E7). false: it cannot get there any more */
bool sio_writable(const struct sio_socket *s); /* what is sent now goes out at once; for volatile events */
void sio_send_binary(struct sio_socket *s, struct packet *header, struct packet *const *attachments, unsigned n);
void sio_ack(struct sio_socket *s, uint64_t ack_id,
             struct slice args); /* args: JSON array text; ignored when the socket is not connected */
/* on_fence(value) once what was sent so far is with the peer. Values never fall; one call confirms all values up to it. */
void sio_fence(struct sio_socket *s, uint64_t value);
/* Sends `1`; packets still in flight from the client are ignored (S9). close: end the session too, after the client had a moment to do so itself. */
void sio_disconnect(struct sio_socket *s, bool close, enum close_reason why);
/* Ends the whole session without 41 and without a Close frame (contract 2.5, C7): the client comes back by itself. */
void sio_drop_session(struct sio_socket *s, enum close_reason why);

/* ---- packets, shared by any number of sockets of one namespace ---- */
struct packet *sio_event_packet(const char *nsp, struct slice name,
                                struct slice data); /* 2["name",data]; data is JSON text or empty */
struct packet *sio_raw_event_packet(const char *nsp, struct slice array); /* 2<array> */

#endif
