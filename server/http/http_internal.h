/*
 * A connection's requests and the one that is being answered: the struct of http.c, which reads and answers, and
 * request.c, which handlers look with, share. Private to http/.
 */
#ifndef HTTP_HTTP_INTERNAL_H
#define HTTP_HTTP_INTERNAL_H

#include "http/http.h"
#include "http/parse.h"

/*
 * The state of a connection's requests, with the function that performs each move:
 *
 *   http_serve --> IDLE --http_take_head: bytes--> HEAD --http_take_head: parsed, a body follows--> BODY
 *                   ^                               |                                                |
 *                   |                               | parsed, no body        http_take_body: whole   |
 *                   |                               v                                                |
 *                   |--http_respond, kept alive-- BUSY <---------------------------------------------|
 *
 *   from anywhere --> OVER: the last answer is out, or there will be none; the connection flushes and ends
 *
 * http_detach and http_drop leave from BODY or BUSY and free the object. An exchange exists in BODY and BUSY.
 */
#define HTTP_STATES(X) X(IDLE, idle) X(HEAD, head) X(BODY, body) X(BUSY, busy) X(OVER, over)

enum http_state {
#define X(NAME, label) HTTP_IN_##NAME,
	HTTP_STATES(X)
#undef X
};

/* The events of its connection (conn_set_events) are its own. Freed when the connection dies, or by http_detach. */
struct http {
	struct conn *conn;
	const struct http_config *cfg;
	const struct http_events *ev;
	void *ctx;
	struct http_exchange *x;
	struct http_watch *watch; /* of the last answer; NULL: nobody asks */
	struct timer timer;
	size_t scanned;
	bool *gone; /* while a handler runs: set to true when it frees this object (http_detach) */
	enum http_state state;
};

/* Belongs to its http, one at a time. Freed by the answer, http_drop, http_detach, or behind on_abort. */
struct http_exchange {
	struct http *h;
	const struct http_events *ev;
	void *ctx, *user;
	void (*on_too_large)(struct http_exchange *x, void *ctx);
	size_t max_body;
	uint64_t body_left; /* bytes of Content-Length yet to come */
	struct http_chunked chunked;
	struct buf body;
	struct http_head head;
	uint64_t body_until; /* loop_now: the whole body is to be here */
	size_t step_left;    /* bytes of the present step of it that are to come */
	size_t kept;         /* bytes of head and body, counted by conn_keep */
	bool keep_alive;
	char *text; /* the head; slices of `head` and `headers` point into it */
	unsigned nheaders;
	struct http_header headers[];
};

#endif
