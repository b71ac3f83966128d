/* Cheap Socket.IO clients over raw websockets, thousands in one epoll loop. Only what a load needs: one namespace, text
 * frames, no reconnection. Bytes of a frame are valid during the callback. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conn_state { CONN_NONE, CONN_CONNECTING, CONN_HANDSHAKE, CONN_OPENING, CONN_READY, CONN_DEAD };

struct conn {
	int fd;
	enum conn_state state;
	uint8_t *held; /* begin of a frame whose rest has not come; NULL mostly */
	uint32_t held_n;
	uint32_t n; /* number of the client */
};

struct conn_pool;

struct conn_calls {
	void (*ready)(struct conn *c, void *ctx);
	void (*dead)(struct conn *c, const char *why, void *ctx);
	/* a frame of Socket.IO, from its type digit: 2[...] and 3<id>[...] */
	void (*packet)(struct conn *c, const char *text, size_t len, void *ctx);
};

struct conn_pool *conn_pool_new(int epoll, int port, const struct conn_calls *calls, void *ctx);
void conn_pool_free(struct conn_pool *p);

/* Only begins; the callbacks tell how it went. epoll's data.ptr is the conn. */
bool conn_open(struct conn_pool *p, struct conn *c);
void conn_turn(struct conn_pool *p, struct conn *c, const char *token); /* epoll has something for it */
void conn_shut(struct conn *c);

/* A text frame. Dies when the socket is full: a load that outruns its server measures nothing. */
void conn_send(struct conn *c, const char *text, size_t len);
