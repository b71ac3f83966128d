/*
 * HTTP/1.x server side of one connection: request after request, parsed from bytes, answered in order (H3-H5).
 * Knows heads, bodies, keep-alive, chunked, Expect; knows no path and no payload.
 *
 * An exchange is one request and its answer. Life of one:
 *
 *   on_head -> (respond now, or return to receive the body) -> on_body -> (respond now, or keep it parked)
 *           -> http_respond once -> gone
 *   on_abort instead, once, when the peer leaves before the answer (FIN, RST, half-close: P5, P6); then it is gone.
 *
 * GET and HEAD without a body get on_body right after on_head, with an empty body.
 * The exchange belongs to http; a handler keeps the pointer until it responded, detached or was told on_abort.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/buf.h"
#include "net/conn.h"

struct http_exchange;

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OPTIONS, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OTHER };

struct http_head {
	enum http_method method;
	struct slice target; /* raw, as sent */
	struct slice path;   /* raw, up to '?' */
	struct slice query;  /* raw, behind '?' */
	bool http10;
	bool upgrade;           /* Upgrade header present and Connection lists it */
	bool upgrade_websocket; /* ... and its value is websocket, any case */
	uint64_t content_length;
	bool has_body; /* content-length > 0 or chunked */
	bool chunked;
};

struct http_events {
	void (*on_head)(struct http_exchange *x, void *ctx);
	void (*on_body)(struct http_exchange *x, void *ctx, struct slice body); /* body borrowed for the call */
	void (*on_abort)(struct http_exchange *x, void *ctx);
};

struct http_config {
	size_t max_head; /* 16 KiB: 431 (H5) */
	size_t max_body; /* default for exchanges; 413 early from Content-Length, and by count when chunked (P9) */
	uint64_t head_timeout_ms; /* 408 and close */
	uint64_t request_timeout_ms;
	uint64_t idle_timeout_ms; /* kept-alive connection without a request */
};

/* Takes over a fresh connection. cfg and ev outlive it. */
void http_serve(struct conn *c, const struct http_config *cfg, const struct http_events *ev, void *ctx);

const struct http_head *http_head(const struct http_exchange *x);
bool http_header(const struct http_exchange *x, const char *name,
                 struct slice *value); /* first of that name, trimmed; name in lower case */
bool http_header_back(const struct http_exchange *x, const char *name, unsigned i,
                      struct slice *value); /* all of that name from the last one back, i from 0 */
bool http_query(const struct http_exchange *x, const char *name,
                struct buf *value); /* decoded; last duplicate wins (H2); appended to value */
struct conn *http_conn(const struct http_exchange *x);
void http_set_user(struct http_exchange *x, void *user); /* the handler's own pointer */
void *http_user(const struct http_exchange *x);
void http_set_max_body(struct http_exchange *x, size_t n); /* in on_head */
/* Called instead of answering 413 by itself, when the body is over the limit; may be NULL (then 413 and the connection closes). */
void http_set_on_too_large(struct http_exchange *x, void (*fn)(struct http_exchange *x, void *ctx));
/* Back to the events of this exchange only (a router hands an exchange to a sub-handler). */
void http_set_events(struct http_exchange *x, const struct http_events *ev, void *ctx);

struct http_reply {
	int status;
	const char *content_type; /* NULL: none */
	struct slice headers;     /* further complete header lines, each with CRLF */
	struct slice body;        /* copied */
	bool close;               /* Connection: close and FIN after it */
};

/* Once per exchange. HEAD gets the head alone. A body that was not read to its end makes the connection close. */
void http_respond(struct http_exchange *x, const struct http_reply *r);

/* The same with a body made of shared parts, sent without copying. */
struct http_part {
	struct blob *blob; /* a reference is taken */
	size_t off, n;
};
void http_respond_parts(struct http_exchange *x, const struct http_reply *r, const struct http_part *parts, size_t n);

/* Drops the connection without an answer (P4: the first of two POSTs). on_abort is not called. */
void http_drop(struct http_exchange *x, enum close_reason why);

/* Leaves HTTP: writes `head` (status line to blank line) in one piece, frees the exchange and gives the connection to the caller,
 * who calls conn_set_events at once. Bytes behind the request head are kept and shown to the new owner (W5). */
struct conn *http_detach(struct http_exchange *x, struct slice head);

#endif
