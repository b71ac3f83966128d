/*
 * Accepts TCP connections on one address and hands each to a callback as a struct conn.
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "net/conn.h"

struct listener;

struct listener_config {
	const char *address; /* "0.0.0.0:3000", "[::]:3000", "127.0.0.1:0" (the kernel chooses) */
	int backlog;
	unsigned accepts_per_turn; /* so that a storm does not starve those who are in */
	unsigned max_connections;  /* beyond: accepted and closed at once, counted */
	bool end_oldest;           /* ... or the one that has been idle longest is closed instead */
	int sndbuf;                /* SO_SNDBUF per connection, 0 leaves it */
	struct tls_context *tls;   /* NULL for plain */
};

/* NULL and *error (static text or strerror) when it cannot listen. */
struct listener *listener_new(struct loop *l, struct conn_budget *b, const struct listener_config *cfg,
                              void (*on_conn)(struct conn *c, void *ctx), void *ctx, const char **error);
unsigned listener_port(const struct listener *ls);
void listener_stop(struct listener *ls); /* closes the listening descriptor: new clients are refused by the kernel */
void listener_set_tls(struct listener *ls, struct tls_context *tls); /* new connections only (SIGHUP) */
void listener_free(struct listener **ls);

#endif
