/*
 * What the files of sio/ share about a session and its sockets. Private to sio/.
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
 *                          |--------------------------|--> CLOSED --on_goodbye: the same turn--> on_disconnect, freed
 *
 *   to CLOSED: sio_refuse, sio_disconnect and the client's 1 (all by sio_socket_close), the end of the session (sio_socket_end, which
 *   says goodbye at once)
 */
#define SIO_STATES(X) X(CONNECTING, connecting) X(CONNECTED, connected) X(CLOSED, closed)

enum sio_state {
#define X(NAME, label) SIO_STATE_##NAME,
	SIO_STATES(X)
#undef X
};

/* A binary packet whose attachments are arriving (S7). */
struct assembly {
	struct buf header; /* the text, which outlives its message */
	unsigned wanted, got;
	size_t bytes;
	struct buf attachments[]; /* wanted of them */
};

/* Until the first socket of a session is accepted. */
struct waiting {
	struct sio_session *session;
	struct timer timeout; /* N8 */
	char *authorization;  /* header of the handshake; NULL: none */
};

struct sio_session {
	struct sio_server *srv;
	struct eio_session *eio;
	struct sio_socket *sockets; /* linked by sibling; one as a rule */
	struct assembly *assembly;
	struct waiting *waiting; /* NULL: a socket has been accepted */
	uint64_t late_until;     /* packets for late namespaces are ignored until then (S9) */
	uint32_t late;           /* those we ended, one bit each */
	uint16_t connects, count;
};

/* on_disconnect, outside of whoever ended the socket. */
struct goodbye {
	struct sio_socket *socket;
	struct deferred say;
};

struct sio_socket {
	struct map_node node;
	struct sio_session *session;
	struct sio_socket *sibling;
	const struct sio_namespace *nsp;
	void *user;
	struct goodbye *goodbye; /* once it is closed */
	enum sio_state state : 8;
	enum close_reason why : 8;
	char id[SIO_ID_LEN];
};

struct sio_server {
	struct loop *loop;
	struct sio_config cfg;
	struct eio_server *eio;
	const struct sio_namespace *nsps;
	size_t nnsps;
	struct map sockets;
	size_t assembled; /* bytes that assemblies hold */
	struct sio_stats stats;
};

/* socket.c */
struct sio_socket *sio_socket_new(struct sio_session *ses, const struct sio_namespace *nsp);
struct sio_socket *sio_socket_in(const struct sio_session *ses,
                                 const struct sio_namespace *nsp); /* NULL: none, not even one that is closing */
void sio_socket_close(struct sio_socket *s,
                      enum close_reason why); /* on_disconnect follows, not from inside this call */
void sio_socket_end(struct sio_socket *s,
                    enum close_reason why); /* its session is over: on_disconnect now, if it did not come yet */

/* receive.c: messages of a session, in order; eio_events.on_message */
void sio_receive(struct eio_session *e, bool binary, struct slice data, void *ctx);
void assembly_free(struct sio_session *ses, struct assembly **a);

/* session.c */
extern const struct eio_events sio_session_events;
void sio_session_send(struct sio_session *ses, struct buf *text); /* frees the text */
void sio_session_accepted(struct sio_session *ses);

#endif
