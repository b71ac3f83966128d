/*
 * Why a connection, session or socket ended: one list gives the enum, the log word and the metric label (C6).
 */
#ifndef BASE_CLOSE_H
#define BASE_CLOSE_H

/* clang-format off: one row a line */
#define CLOSE_REASONS(X)                                                                       \
	X(PEER, peer, "peer closed the connection")                                            \
	X(TRANSPORT, transport, "aborted or overlapping request, reset, wrong direction ping") \
	X(PING, ping, "no pong within the ping timeout")                                       \
	X(PARSE, parse, "malformed packet")                                                    \
	X(PROTOCOL, protocol, "WebSocket framing violated")                                    \
	X(TOO_LARGE, too_large, "message over maxPayload")                                     \
	X(SLOW, slow, "output queue over its limit")                                           \
	X(CONNECT_TIMEOUT, connect_timeout, "no namespace joined in time")                     \
	X(HTTP_TIMEOUT, http_timeout, "request head or body not complete in time")             \
	X(HTTP_BAD, http_bad, "malformed HTTP")                                                \
	X(IDLE, idle, "kept-alive connection without a request")                               \
	X(CLIENT_LEFT, client_left, "client said goodbye: 41, or Engine.IO 1")                 \
	X(KICKED, kicked, "server disconnected the socket")                                    \
	X(UNAUTHORIZED, unauthorized, "token refused or expired")                              \
	X(TAKEN_OVER, taken_over, "another connection recovered its state")                    \
	X(UNAVAILABLE, unavailable, "database away for too long while connecting")             \
	X(LIMIT, limit, "a limit on connections, sessions or memory")                          \
	X(TLS, tls, "TLS failed")                                                              \
	X(SHUTDOWN, shutdown, "server is shutting down")                                       \
	X(DONE, done, "finished as intended")
/* clang-format on */

enum close_reason {
#define X(NAME, label, text) CLOSE_##NAME,
	CLOSE_REASONS(X)
#undef X
		CLOSE_REASON_MAX
};

const char *close_label(enum close_reason r); /* "slow" */
const char *close_text(enum close_reason r);  /* "output queue over its limit" */

#endif
