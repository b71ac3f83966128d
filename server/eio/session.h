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

enum eio_state { EIO_OPEN, EIO_CLOSING, EIO_ENDED };

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

struct eio_session {
	struct map_node node;
	struct list link;
	struct list unclaimed;       /* of a handshake by polling, until its sid is used */
	struct eio_server *srv;
	void *user;
	struct ws *ws;               /* NULL: polling */
	struct probe *probe;
	struct http_exchange *poll;  /* the parked GET */
	struct http_exchange *push;  /* the POST whose body is arriving */
	struct packet **queue;       /* polling only: not yet handed out; exists while it holds something */
	uint32_t queued, queue_cap;
	size_t queue_bytes;
	struct timer timer;          /* next ping, pong deadline, linger or later close, as the flags say */
	struct deferred turn;        /* flush, then the farewell */
	uint64_t seen;               /* when bytes last arrived */
	uint64_t fence_wanted, fence_armed, fence_done; /* B: last value asked for, behind the ping that is out, confirmed */
	char *peer, *authorization;
	struct address *address;
	enum eio_state state : 8;
	enum close_reason why : 8;
	bool ping_out : 1, told : 1, b64 : 1, leaving : 1, fence_flushed : 1;
	char sid[EIO_SID_LEN];
};

struct eio_server {
	struct loop *loop;
	struct eio_config cfg;
	struct ws_config ws_cfg;
	const struct eio_events *ev;
	void *ctx;
	struct map sessions, addresses;
	struct list all, unclaimed;  /* the oldest first */
	struct packet *ping, *noop, *close, *probe_answer;
	struct blob *separator;
	struct eio_stats stats;
	bool refuse_new;
};

/* session.c */
struct eio_session *session_open(struct eio_server *srv, struct http_exchange *x, bool websocket, struct ws *(*accept)(struct eio_session *, struct http_exchange *));
bool session_overdue(struct eio_session *s);             /* B5: a passed deadline takes effect now; true when it ended the session */
void session_heard(struct eio_session *s);               /* bytes arrived */
void session_claimed(struct eio_session *s);             /* somebody has read the handshake: the sid was used */
bool session_room(struct eio_server *srv);               /* for one more, which may cost the oldest that nobody claimed */
void session_pong(struct eio_session *s);
void session_confirm(struct eio_session *s, uint64_t value);
void session_end(struct eio_session *s, enum close_reason why); /* C1: at once; the transport is the caller's or is dropped */
void session_mark(struct eio_session *s);
/* One Engine.IO packet of text (type and data) or one binary message, from either transport. False: malformed, or the wrong direction; *why is set. */
bool session_packet(struct eio_session *s, bool binary, struct slice p, enum close_reason *why);

/* polling.c */
void polling_handle(struct eio_session *s, struct http_exchange *x); /* in on_head, all checks passed */
void polling_flush(struct eio_session *s);                           /* answers a parked GET when there is something to say */
void polling_answer(struct eio_session *s, struct http_exchange *x, struct packet *only); /* one packet, or (NULL) what is queued */
void polling_release(struct eio_session *s, struct packet *only);    /* the parked GET, if any */
void polling_handshake(struct eio_session *s, struct http_exchange *x, struct packet *open);
void queue_push(struct eio_session *s, struct packet *p);
struct packet *queue_shift(struct eio_session *s);
void queue_clear(struct eio_session *s);

/* websocket.c */
struct ws *websocket_accept(struct eio_session *s, struct http_exchange *x);
void websocket_probe(struct eio_session *s, struct http_exchange *x);
bool websocket_send(struct eio_session *s, struct packet *p);
void probe_end(struct eio_session *s); /* closes the probing WebSocket, if any */

/* server.c */
void cors_headers(const struct eio_server *srv, const struct http_exchange *x, struct buf *out);
void refuse_plain(struct eio_server *srv, struct http_exchange *x, int code);

#endif
