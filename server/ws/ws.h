/*
 * A WebSocket on a connection (RFC 6455), server side: handshake, receiving with wslay's frame API, assembly, UTF-8 and close
 * codes ours (W1-W9). Frames out are built once (ws_frame_head) and shared; a ws holds no buffer while no frame is incomplete.
 */
#ifndef WS_WS_H
#define WS_WS_H

#include "http/http.h"

struct ws;

struct ws_events {
	/* a complete message; text is valid UTF-8; data borrowed for the call */
	void (*on_message)(struct ws *w, void *owner, bool binary, struct slice data);
	/* any byte arrived (life, B3); may be NULL */
	void (*on_activity)(struct ws *w, void *owner);
	/* over for its owner: called once, at the peer's end, a violation, or death; after it the owner must not use w, which
	 * closes down by itself */
	void (*on_close)(struct ws *w, void *owner, enum close_reason why);
};

struct ws_config {
	size_t max_message;       /* sum of fragments; one byte more is 1009 (W7) */
	unsigned max_fragments;   /* frames per message */
	uint64_t close_linger_ms; /* wait for the peer's Close (W9) */
};

/* 0 when the request is a good handshake, else the status to refuse with; *why is the body (W2). */
int ws_check(const struct http_exchange *x, const char **why) MUST_CHECK;

/* Answers 101 (with `headers`, complete lines, for CORS) and takes the connection over. ws_check must have said 0. Nothing is read before
 * the loop's next phase, so the caller may queue its first frames. */
struct ws *ws_accept(struct http_exchange *x, const struct ws_config *cfg, struct slice headers,
                     const struct ws_events *ev, void *owner);

void ws_set_owner(struct ws *w, const struct ws_events *ev, void *owner);
bool ws_send(struct ws *w, struct blob *frame); /* whole frame(s), built with ws_frame_head; shared. false: it ended */
void ws_close(struct ws *w, int code,
              enum close_reason why); /* flush, Close (code 0: empty body), wait, FIN; on_close follows */
void ws_finish(struct ws *w, enum close_reason why); /* flush, FIN, no Close (C7 drain) */
struct conn *ws_conn(const struct ws *w);

#define WS_HEAD_MAX 10
#define WS_TEXT 0x1
#define WS_BINARY 0x2
size_t ws_frame_head(char out[WS_HEAD_MAX], unsigned opcode,
                     uint64_t len); /* FIN set, unmasked; returns the head's size */

#endif
