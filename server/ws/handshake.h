/*
 * The answer to the opening handshake (W1-W3). Private to ws/.
 */
#ifndef WS_HANDSHAKE_H
#define WS_HANDSHAKE_H

#include "ws/ws.h"

/* The head of the 101, with `headers`, which are complete lines. */
void ws_accept_head(struct buf *out, const struct http_exchange *x, struct slice headers);

#endif
