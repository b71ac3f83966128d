/*
 * What the files of eio/ share about a session. Private to eio/.
 */
#ifndef EIO_SESSION_H
#define EIO_SESSION_H

#include "base/map.h"
#include "eio/eio.h"
#include "net/address.h"
#include "ws/ws.h"

#define EIO_SID_LEN 20

/*
 * The state of a session, with the function that performs each move; session_enter is the door.
 *
 *   session_open --> OPEN --eio_close: polling, packets are queued--> CLOSING --poll_take: all fetched--> ENDED
 *                     |                                                  |                                  ^
 *                     |                                                  |--session_deadline: linger over---|
 *                     |--session_end: whatever else ends it ------------------------------------------------|
 *
 *   OPEN     takes and sends packets; map, timer and transport know it
 *   CLOSING  its 1 is queued; GETs fetch what is left; the application has been told
 *   ENDED    out of the map; session_farewell, in the sweep, tells the application if it was not, and frees it
 */
#define EIO_STATES(X) X(OPEN, open) X(CLOSING, closing) X(ENDED, ended)

enum eio_state {
#define X(NAME, label) EIO_##NAME,
	EIO_STATES(X)
#undef X
};

struct address {
	struct map_node node;
	unsigned sessions;
	char text[ADDRESS_TEXT_MOST + 1];
};

/* A WebSocket that wants to become the session's transport (U1-U9). */
struct probe {
	struct eio_session *session;
	struct ws *ws;
	struct timer timeout;
	bool answered; /* 2probe came, 3probe went */
};

/* Of a session whose transport is polling, until a WebSocket has taken it over. */
struct polling {
	struct eio_session *session;
	struct list unclaimed; /* of a handshake, until its sid is used */
	struct probe *probe;
	struct http_exchange *poll; /* the parked GET */
	struct http_exchange *push; /* the POST whose body is arriving; it may outlast the upgrade */
	struct packet **queue;      /* not yet handed out; exists while it holds something */
	uint32_t queued, queue_cap;
	size_t queue_bytes;
	bool overflown; /* its queue was the largest when there was no room: it ends as soon as it may */
};

/* While something is to be confirmed: the last value asked for, and the last one behind the ping or answer that is out. */
struct fences {
	uint64_t wanted, armed;
};

struct eio_session {
	struct map_node node;
	struct eio_server *srv;
	void *user;
	struct ws *ws;           /* NULL: polling */
	struct polling *polling; /* NULL: over a WebSocket */
	struct fences *fences;   /* NULL: nothing is to be confirmed */
	uint64_t confirmed;
	struct timer timer;   /* next ping, pong deadline, linger or later close, as the flags say */
	struct deferred turn; /* flush, then the farewell */
	uint64_t seen;        /* when bytes last arrived */
	enum eio_state state : 8;
	enum close_reason why : 8;
	bool ping_out : 1, told : 1, b64 : 1, leaving : 1, fence_flushed : 1;
	char sid[EIO_SID_LEN];
	char peer[];
};

struct eio_server {
	struct loop *loop;
	struct eio_config cfg;
	struct ws_config ws_cfg;
	const struct eio_events *ev;
	void *ctx;
	struct map sessions, addresses;
	struct list unclaimed;     /* the oldest first */
	struct conn_others others; /* their queues, to the connections' budget */
	struct packet *ping, *noop, *close, *probe_answer;
	struct blob *separator;
	struct eio_stats stats;
	bool refuse_new;
};

/* session.c */
struct eio_session *session_open(struct eio_server *srv, struct http_exchange *x, bool websocket,
                                 struct ws *(*accept)(struct eio_session *, struct http_exchange *));
bool session_overdue(
	struct eio_session *s);            /* B5: a passed deadline takes effect now; true when it ended the session */
void session_heard(struct eio_session *s); /* bytes arrived */
void session_claimed(struct eio_session *s);           /* somebody has read the handshake: the sid was used */
bool session_room(struct eio_server *srv);             /* for one more, which may cost the oldest that nobody claimed */
void session_confirm(struct eio_session *s);           /* what is behind the ping or answer that has arrived */
bool session_wants_fence(const struct eio_session *s); /* more than that is to be confirmed */
void session_arm(struct eio_session *s); /* the ping or answer that goes out now is behind all that is asked for */
void session_end(struct eio_session *s,
                 enum close_reason why); /* C1: at once; the transport is the caller's or is dropped */
void session_mark(struct eio_session *s);
/* One Engine.IO packet of text (type and data) or one binary message, from either transport. False: malformed, or the wrong direction; *why is set. */
bool session_packet(struct eio_session *s, bool binary, struct slice p, enum close_reason *why);

/* polling.c */
void polling_handle(struct eio_session *s, struct http_exchange *x); /* in on_head, all checks passed */
void polling_flush(struct eio_session *s); /* answers a parked GET when there is something to say */
void polling_release(struct eio_session *s, struct packet *only); /* the parked GET, if any */
void polling_handshake(struct eio_session *s, struct http_exchange *x, struct packet *open);
void polling_start(struct eio_session *s);
void polling_end(struct eio_session *s); /* the session is over, or a WebSocket has it */
void polling_share_budget(struct eio_server *srv);
uint32_t polling_queued(const struct eio_session *s);
enum close_reason polling_send(struct eio_session *s, struct packet *p); /* CLOSE_DONE, or what the session ends by */
void queue_push(struct eio_session *s, struct packet *p);
struct packet *queue_shift(struct eio_session *s);

/* websocket.c */
struct ws *websocket_accept(struct eio_session *s, struct http_exchange *x);
void websocket_probe(struct eio_session *s, struct http_exchange *x);
bool websocket_send(struct eio_session *s, struct packet *p);
void probe_end(struct eio_session *s); /* closes the probing WebSocket, if any */

/* server.c */
void cors_headers(const struct eio_server *srv, const struct http_exchange *x, struct buf *out);
void refuse_plain(struct eio_server *srv, struct http_exchange *x, int code);

#endif
