/*
 * The structs of sessions, sockets and the server, and what the files of sio/ call of one another. Private to sio/.
 */
#ifndef SIO_SESSION_H
#define SIO_SESSION_H

#include "base/map.h"
#include "eio/eio.h"
#include "sio/parser.h"
#include "sio/sio.h"

/*
 * The state of a socket, with the function that performs each move; sio_socket_enter is the door.
 *
 *   sio_socket_new --> CONNECTING --sio_accept--> CONNECTED
 *                          |                          |
 *                          |--------------------------|--> CLOSED --say_goodbye--> on_disconnect, freed
 *
 *   to CLOSED: sio_socket_close (sio_refuse, sio_disconnect, the client's 1), or sio_socket_end (the session's end)
 */
#define SIO_STATES(X) X(CONNECTING, connecting) X(CONNECTED, connected) X(CLOSED, closed)

enum sio_state {
#define X(NAME, label) SIO_STATE_##NAME,
	SIO_STATES(X)
#undef X
};

/* A binary packet whose attachments are arriving (S7). Owned by its session; freed when it is whole, or with the
 * session. */
struct assembly {
	struct buf header; /* the text of the packet, copied */
	unsigned wanted, got;
	size_t bytes;             /* counted by sio_input_keep */
	struct buf attachments[]; /* `wanted` of them */
};

/* The state that a session needs until its first socket is accepted. Owned by the session. */
struct waiting {
	struct sio_session *session;
	struct timer timeout; /* N8: closes the session */
	char *authorization;  /* header of the handshake, counted as input; NULL: there is none */
};

/* The user pointer of its Engine.IO session, and freed in that one's on_close. */
struct sio_session {
	struct sio_server *srv;
	struct eio_session *eio;
	struct sio_socket *sockets; /* linked by sibling; as a rule there is one */
	struct assembly *assembly;  /* NULL: no binary packet is arriving */
	struct waiting *waiting;    /* NULL: a socket has been accepted */
	uint64_t late_until;        /* until then packets for namespaces in `late` are ignored (S9) */
	uint32_t late;              /* a bit for each namespace whose socket we have ended */
	uint16_t connects;          /* CONNECTs so far */
	uint16_t open;              /* sockets that have not ended: those of one turn stay in the list until its end */
};

/* on_disconnect is due, outside of the call that closed the socket. Owned by its socket. */
struct goodbye {
	struct sio_socket *socket;
	struct deferred say; /* in LOOP_WORK */
};

/* In the server's map and its session's list until on_disconnect, which is followed by its freeing. */
struct sio_socket {
	struct map_node node;
	struct sio_session *session;
	struct sio_socket *sibling;
	const struct sio_namespace *nsp;
	void *user;              /* the application's */
	struct goodbye *goodbye; /* NULL: it is not closed */
	enum sio_state state : 8;
	enum close_reason why : 8;
	char id[SIO_ID_LEN];
};

struct sio_server {
	struct loop *loop;
	struct sio_config cfg;
	struct eio_server *eio;
	const struct sio_namespace *nsps; /* the application's */
	size_t nnsps;
	struct map sockets; /* by id */
	size_t input;       /* bytes of what sessions keep for later, counted in the budget's input too */
	struct sio_stats stats;
};

/* ---- socket.c ---- */

struct sio_socket *sio_socket_new(struct sio_session *ses, const struct sio_namespace *nsp);

/* The session's socket of a namespace, also one that is closed and waits for its goodbye. NULL: none. */
struct sio_socket *sio_socket_in(const struct sio_session *ses, const struct sio_namespace *nsp);

void sio_socket_close(struct sio_socket *s, enum close_reason why); /* on_disconnect follows in this turn */
void sio_socket_end(struct sio_socket *s, enum close_reason why);   /* the session is over: on_disconnect now; freed */

/* ---- receive.c ---- */

void sio_receive(struct eio_session *e, bool binary, struct slice data, void *ctx); /* eio_events.on_message */
void assembly_free(struct sio_session *ses, struct assembly **a);

/*
 * Counts n bytes that are kept for later. A polling session has no connection that keeps them, so they are counted here,
 * in the budget's input. All sessions together may keep half of it: otherwise a crowd that completes nothing would use
 * the whole input up, and conn_keep would kill connections for it that did nothing. False: there is no room.
 */
bool sio_input_keep(struct sio_server *srv, size_t n) MUST_CHECK;
void sio_input_unkeep(struct sio_server *srv, size_t n);

/* ---- session.c ---- */

extern const struct eio_events sio_session_events;
void sio_session_send(struct sio_session *ses, struct buf *text); /* a packet with this text, which is freed */
void sio_session_accepted(struct sio_session *ses);               /* ends the waiting, if it has not ended */
void sio_session_connected(struct sio_session *ses);              /* its CONNECT was told to the application */

#endif
