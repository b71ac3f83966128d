/*
 * The server's side of a WebSocket (RFC 6455, W1-W9). wslay reads heads of frames and unmasks; assembly, UTF-8 and
 * close codes are ours. Frames that go out are built once (ws_frame_head) and shared by all receivers. While no message
 * is incomplete, a ws holds no buffer.
 *
 * A ws owns its connection and dies with it. Its owner may use the pointer until on_close.
 */
#ifndef WS_WS_H
#define WS_WS_H

#include "http/http.h"

struct ws;
struct ws_reader; /* ws/frame_reader.h */

struct ws_events {
	/* A complete message; text is valid UTF-8. data ends with the call. */
	void (*on_message)(struct ws *w, void *owner, bool binary, struct slice data);
	/* Bytes arrived, which are a sign of life (B3). May be NULL. */
	void (*on_activity)(struct ws *w, void *owner);
	/* Over for its owner. Called once: at the peer's Close or FIN, at a violation, or at the connection's death.
	 * The owner must not use w afterwards, which closes down by itself. */
	void (*on_close)(struct ws *w, void *owner, enum close_reason why);
};

struct ws_config {
	size_t max_message;       /* of all fragments; one byte more is 1009 (W7) */
	unsigned max_fragments;   /* of one message */
	uint64_t close_linger_ms; /* how long the peer's Close is waited for (W9) */
	struct ws_reader *reader; /* borrowed */
};

/* 0: the request is a good handshake. Else the status to refuse it with, and *why is the body (W2). */
int ws_check(const struct http_exchange *x, const char **why) MUST_CHECK;

void ws_accept_value(struct buf *out, struct slice key); /* of Sec-WebSocket-Accept, for a key */

/* Answers 101, with `headers`, which are complete lines, and takes the connection over. ws_check has said 0. Nothing is
 * read before the next phase of the loop, so the caller may queue its first frames. ev NULL: see ws_set_owner. */
struct ws *ws_accept(struct http_exchange *x, const struct ws_config *cfg, struct slice headers,
                     const struct ws_events *ev, void *owner);

void ws_set_owner(struct ws *w, const struct ws_events *ev, void *owner); /* ev NULL: nobody hears of it any more */
bool ws_send(struct ws *w, struct blob *frame); /* whole frames, shared. False: it has ended, or ends by this */

/* Sends Close, with an empty body when code is 0, waits for the peer's, then FIN. on_close follows unless the owner is
 * taken away. */
void ws_close(struct ws *w, int code, enum close_reason why);
void ws_finish(struct ws *w, enum close_reason why); /* FIN without a Close (C7) */
struct conn *ws_conn(const struct ws *w);

#define WS_HEAD_MAX 10
#define WS_TEXT 0x1
#define WS_BINARY 0x2

/* The head of an unmasked frame that is a whole message. Its size. */
size_t ws_frame_head(char out[WS_HEAD_MAX], unsigned opcode, uint64_t len);

#endif
