/*
 * The server's side of HTTP/1.x on one connection: requests are parsed from bytes and answered in order (H3-H5). Heads,
 * bodies, keep-alive, chunks and Expect are handled here; paths and payloads are not known.
 *
 * An exchange is one request and its answer:
 *
 *   on_head -> respond now, or return to receive the body
 *   on_body -> respond now, or keep it and respond later (a parked request)
 *   on_abort, once, instead of the answer, when the peer leaves first (FIN, RST, half-close: P5, P6)
 *
 * A request without a body gets on_body with an empty one, right behind on_head. The exchange belongs to http. A
 * handler may use the pointer until it has responded, dropped or detached it, or on_abort returns.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/buf.h"
#include "net/conn.h"

struct http_exchange;

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OPTIONS, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OTHER };

struct http_head {
	enum http_method method;
	struct slice target; /* as it was sent */
	struct slice path;   /* its part before '?' */
	struct slice query;  /* its part behind '?' */
	bool http10;
	bool upgrade;           /* there is an Upgrade header, and Connection lists it */
	bool upgrade_websocket; /* ... and its value is websocket, in any case */
	uint64_t content_length;
	bool has_body; /* content-length > 0 or chunked */
	bool chunked;
};

struct http_events {
	void (*on_head)(struct http_exchange *x, void *ctx);
	void (*on_body)(struct http_exchange *x, void *ctx, struct slice body); /* body ends with the call */
	void (*on_abort)(struct http_exchange *x, void *ctx);
	void (*on_moving)(struct http_exchange *x, void *ctx); /* a part of its body arrived. May be NULL */
	bool (*keeps)(void *ctx); /* asked at each answer: the connection stays open behind it. NULL: it does */
};

struct http_config {
	size_t max_head;             /* 16 KiB: 431 (H5) */
	size_t max_body;             /* unless http_set_max_body; beyond it 413 (P9) */
	uint64_t head_timeout_ms;    /* 408 and close */
	uint64_t request_timeout_ms; /* of a whole body ... */
	uint64_t body_step_ms; /* ... of which body_step bytes, or the rest, have to come in each such time; 0: none */
	size_t body_step;
	uint64_t idle_timeout_ms; /* of a connection that was kept alive */
};

/* Becomes the owner of a fresh connection. cfg and ev outlive it. */
void http_serve(struct conn *c, const struct http_config *cfg, const struct http_events *ev, void *ctx);

const struct http_head *http_head(const struct http_exchange *x);

/* The first header of that name (in lower case), trimmed; or the i-th from the last one back. False: there is none. */
bool http_header(const struct http_exchange *x, const char *name, struct slice *value);
bool http_header_back(const struct http_exchange *x, const char *name, unsigned i, struct slice *value);

/* Appends the decoded value of a pair of the query; of several pairs the last one counts (H2). False: there is none. */
bool http_query(const struct http_exchange *x, const char *name, struct buf *value);

struct conn *http_conn(const struct http_exchange *x);
void http_set_user(struct http_exchange *x, void *user); /* a pointer of the handler's */
void *http_user(const struct http_exchange *x);
void http_set_max_body(struct http_exchange *x, size_t n); /* in on_head */
/* fn is called when the body is over the limit. Without it the answer is 413 and the connection closes. */
void http_set_on_too_large(struct http_exchange *x, void (*fn)(struct http_exchange *x, void *ctx));
/* From here on this exchange has events of its own: a router hands it to a handler. */
void http_set_events(struct http_exchange *x, const struct http_events *ev, void *ctx);

struct http_reply {
	int status;
	const char *content_type; /* NULL: none */
	struct slice headers;     /* more header lines, each with its CRLF */
	struct slice body;        /* copied */
	bool close;               /* Connection: close, and a FIN behind the answer */
};

/* Once for an exchange, which is gone afterwards. HEAD gets the head alone. When the body was not read to its end, the
 * connection closes. */
void http_respond(struct http_exchange *x, const struct http_reply *r);

/* The same, with a body of shared parts that are not copied. */
struct http_part {
	struct blob *blob; /* a reference is taken */
	size_t off, n;
};
void http_respond_parts(struct http_exchange *x, const struct http_reply *r, const struct http_part *parts, size_t n);

/*
 * Watches whether the answer that is given next arrives. Embedded by its owner. lost is called once when the connection
 * ends before that is known. doubtful: all of it was given to the kernel, and may have been read or be on its way yet.
 * A reset, a FIN and a missing acknowledgement are no proof of the contrary: a proxy that has passed an answer on ends
 * its connection by a reset, and a slow line takes longer than we wait. Else a part was never sent. HTTP clients repeat
 * a GET by themselves on another connection then, and nobody above them hears of it. A later request on the connection,
 * or http_unwatch, ends the watching.
 */
struct http_watch {
	struct http *h; /* NULL: nothing is watched */
	void (*lost)(struct http_watch *w, bool doubtful);
};
void http_watch_answer(struct http_exchange *x, struct http_watch *w);
void http_unwatch(struct http_watch *w); /* may be repeated */

/* Kills the connection without an answer (P4: the first of two POSTs). on_abort is not called. */
void http_drop(struct http_exchange *x, enum close_reason why);

/* Leaves HTTP: writes `head`, from the status line to the empty line, in one piece, frees the exchange, and gives the
 * connection to the caller, who calls conn_set_events at once. Bytes behind the head of the request are shown to that
 * new owner (W5). */
struct conn *http_detach(struct http_exchange *x, struct slice head);

#endif
