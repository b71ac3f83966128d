/*
 * The structs of sessions and of their server, and what the files of eio/ call of one another. Private to eio/.
 */
#ifndef EIO_SESSION_H
#define EIO_SESSION_H

#include "base/map.h"
#include "eio/eio.h"
#include "net/address.h"
#include "net/holder.h"
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

/* A network (address_network) with sessions. In the server's map from its first session to the end of its last. */
struct address {
	struct map_node node;
	unsigned sessions, nguests;
	struct list guests; /* the oldest first */
	char text[ADDRESS_TEXT_MOST + 1];
};

/* A WebSocket that wants to become the transport of a polling session (U1-U9). Owned by the polling struct; ended by
 * probe_end, probe_take_over or the WebSocket's own end. */
struct probe {
	struct eio_session *session;
	struct ws *ws;
	struct timer timeout;
	bool answered; /* 2probe came, 3probe is sent */
};

/* The state that a session needs while its transport is polling. Owned by the session; freed when it ends or a WebSocket has
 * taken it over, and no POST is on its way any more. */
struct polling {
	struct eio_session *session;
	struct probe *probe;        /* NULL: none */
	struct http_exchange *poll; /* the parked GET; NULL: none */
	struct http_exchange *push; /* the POST whose body is arriving; NULL: none */
	struct packet **queue;      /* packets that no GET has fetched; a reference to each */
	uint32_t queued, queue_cap;
	size_t queue_bytes;
	struct holder holder;     /* of the queue, which is a backlog: only a GET can take it */
	bool overflown;           /* polling_evict took its queue: the session ends by its timer */
	struct http_watch answer; /* the last one with packets, until the next GET */
	uint32_t answered;        /* packets in it */
	bool doubtful;            /* its connection was reset: a GET that is the same again says that it was not read */
	uint64_t asked;           /* the hash of that GET's query */
};

/* A session whose client has not shown who it is. Owned by its session, until eio_settle or its end. */
struct guest {
	struct eio_session *session;
	struct address *address; /* NULL: nobody counts those */
	struct list all, near;   /* in the server's list and in the address's */
};

/* Exists while a fence is to be confirmed. Owned by its session. */
struct fences {
	uint64_t wanted; /* the last value that was asked for */
	uint64_t armed;  /* the last value that the ping or answer on its way will confirm */
};

/* In the server's map until EIO_ENDED. Freed by session_farewell, in the sweep. */
struct eio_session {
	struct map_node node;
	struct eio_server *srv;
	void *user;              /* the application's */
	struct ws *ws;           /* NULL: polling */
	struct polling *polling; /* NULL: over a WebSocket */
	struct fences *fences;   /* NULL: nothing is to be confirmed */
	struct guest *guest;     /* NULL: its client is known */
	uint64_t confirmed;      /* the last value that on_fence had */
	struct timer timer;      /* next ping, deadline of a pong, linger, or later close (session_deadline) */
	struct deferred turn;    /* in LOOP_FLUSH when marked; at the end in LOOP_SWEEP */
	uint64_t seen;           /* loop_now of the last bytes */
	struct eio_traffic traffic;
	enum eio_state state : 8;
	enum close_reason why : 8;
	bool over_websocket : 1; /* its transport, or the last one that it had */
	bool ping_out : 1;       /* a ping is sent, its pong has not come */
	bool told : 1;           /* on_close was called */
	bool b64 : 1;            /* binary goes out as base64 on a WebSocket too (E6) */
	bool leaving : 1;        /* eio_close_later */
	bool fence_flushed : 1;  /* polling: the last answer emptied the queue, so the next GET confirms */
	char sid[EIO_SID_LEN];   /* secret: never logged whole (E3) */
	char peer[];
};

struct eio_server {
	struct loop *loop;
	struct eio_config cfg;
	struct ws_config ws_cfg;
	const struct eio_events *ev;
	void *ctx;
	struct map sessions, addresses;
	struct list guests; /* the oldest first */
	struct packet *ping, *noop, *close, *probe_answer;
	struct blob *separator;
	struct eio_stats stats;
	struct log_sample old_clients; /* lines about those of protocol 3 */
	bool refuse_new;
};

/* ---- session.c ---- */

/* accept makes the WebSocket of a session that begins with one. */
struct eio_session *session_open(struct eio_server *srv, struct http_exchange *x, bool websocket,
                                 struct ws *(*accept)(struct eio_session *, struct http_exchange *));

/* B5: a deadline that has passed takes effect now, before what came later does. True: the session has ended. */
bool session_overdue(struct eio_session *s);

void session_heard(struct eio_session *s); /* bytes arrived: a sign of life */

/* One packet of text (type and data) or one binary message. False: the session is to end, *why says as what. */
bool session_packet(struct eio_session *s, bool binary, struct slice p, enum close_reason *why);

void session_arm(struct eio_session *s); /* the ping or answer that goes out now will confirm all that is asked for */
void session_confirm(struct eio_session *s);           /* it has arrived: calls on_fence */
bool session_wants_fence(const struct eio_session *s); /* something is asked for that nothing on its way confirms */

void session_mark(struct eio_session *s);                       /* something is to be sent in this turn */
void session_end(struct eio_session *s, enum close_reason why); /* at once (C1); the caller has closed the WebSocket */

/* ---- guests.c ---- */

bool session_room(struct eio_server *srv); /* makes room for one more session; false: there is none */
bool address_full(const struct eio_server *srv, struct slice client); /* it has as many sessions as it may have */
void address_leave(struct eio_session *s);                            /* the session is freed */
void guest_enter(struct eio_session *s);                              /* it begins. An older guest may end by this */

/* ---- polling.c ---- */

void polling_start(struct eio_session *s);
void polling_end(struct eio_session *s); /* the session has ended, or a WebSocket has it */
void polling_handshake(struct eio_session *s, struct http_exchange *x, struct packet *open);
void polling_handle(struct eio_session *s, struct http_exchange *x); /* in on_head, when all checks have passed */
void polling_flush(struct eio_session *s);                           /* answers the parked GET if packets are queued */
void polling_release(struct eio_session *s, struct packet *only); /* answers it with one packet, or (NULL) the queue */
enum close_reason polling_send(struct eio_session *s, struct packet *p); /* CLOSE_DONE, or what the session ends as */
uint32_t polling_queued(const struct eio_session *s);
void queue_push(struct eio_session *s, struct packet *p);
struct packet *queue_shift(struct eio_session *s); /* its reference is the caller's */

/* ---- websocket.c ---- */

struct ws *websocket_accept(struct eio_session *s, struct http_exchange *x);
void websocket_probe(struct eio_session *s, struct http_exchange *x);
/* The session has a WebSocket already (W10, U6, U8): this one gets its 101 and a Close. Clients wait for a `close`, and
 * some do not report a refused upgrade. */
void websocket_turn_away(struct eio_server *srv, struct http_exchange *x);
bool websocket_send(struct eio_session *s, struct packet *p);
void probe_end(struct eio_session *s); /* closes the WebSocket of a probe, if there is one */

/* ---- server.c ---- */

void cors_headers(const struct eio_server *srv, const struct http_exchange *x, struct buf *out);
void refuse_plain(struct eio_server *srv, struct http_exchange *x, int code);

#endif
