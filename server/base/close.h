/*
 * Why a connection, session or socket ended: one list gives the enum, the log word and the metric label (C6), and the table of
 * docs/errors.md.
 */
#ifndef BASE_CLOSE_H
#define BASE_CLOSE_H

#include "base/base.h"

/*
 * X(NAME, label, over, text). over: nothing of a socket that ended so can be recovered (R6), as either side said goodbye, or the peer is
 * not to be trusted.
 */
/* clang-format off: one row a line */
#define CLOSE_REASONS(X)                                                                          \
	X(PEER, peer, 0, "peer closed the connection, or said Engine.IO 1 without a 41 before")   \
	X(TRANSPORT, transport, 0, "aborted or overlapping request, reset, wrong direction ping") \
	X(PING, ping, 0, "no pong within the ping timeout")                                       \
	X(PARSE, parse, 1, "malformed packet")                                                    \
	X(PROTOCOL, protocol, 1, "WebSocket framing violated")                                    \
	X(TOO_LARGE, too_large, 1, "message over maxPayload")                                     \
	X(SLOW, slow, 0, "output queue over its limit")                                           \
	X(CONNECT_TIMEOUT, connect_timeout, 0, "no namespace joined in time")                     \
	X(HTTP_TIMEOUT, http_timeout, 0, "request head or body not complete in time")             \
	X(HTTP_BAD, http_bad, 0, "malformed HTTP")                                                \
	X(IDLE, idle, 0, "kept-alive connection without a request")                               \
	X(CLIENT_LEFT, client_left, 1, "client said goodbye: 41")                                 \
	X(KICKED, kicked, 1, "server disconnected the socket")                                    \
	X(UNAUTHORIZED, unauthorized, 1, "token refused or expired")                              \
	X(TAKEN_OVER, taken_over, 0, "another connection recovered its state")                    \
	X(UNAVAILABLE, unavailable, 0, "database away for too long while connecting")             \
	X(LIMIT, limit, 0, "a limit on connections, sessions or memory")                          \
	X(TLS, tls, 0, "TLS failed")                                                              \
	X(SHUTDOWN, shutdown, 0, "server is shutting down")                                       \
	X(DONE, done, 0, "finished as intended")
/* clang-format on */

enum close_reason {
#define X(NAME, label, over, text) CLOSE_##NAME,
	CLOSE_REASONS(X)
#undef X
		CLOSE_REASON_MAX
};

const char *close_label(enum close_reason r); /* "slow" */
bool close_is_over(enum close_reason r);

struct buf;
void close_markdown(struct buf *out); /* the table of docs/errors.md */

#endif
