/*
 * Accepts TCP connections on one address and hands each to a callback as a struct conn, which the callback owns.
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "net/conn.h"

struct listener;

struct listener_config {
	const char *address; /* "0.0.0.0:3000", "[::]:3000", "127.0.0.1:0" (the kernel chooses) */
	int backlog;
	unsigned accepts_per_turn; /* a storm of newcomers must not keep the loop from those who are in */
	unsigned max_connections;  /* beyond it newcomers are closed at once and counted; 0: no limit */
	bool end_oldest;           /* ... or conn_budget_end_oldest makes room for them */
	int sndbuf;                /* SO_SNDBUF of a connection; 0: the kernel's */
	struct tls_context *tls;   /* NULL: plain */
};

/* NULL when it cannot listen; *error is a static text or strerror's. */
struct listener *listener_new(struct loop *l, struct conn_budget *b, const struct listener_config *cfg,
                              void (*on_conn)(struct conn *c, void *ctx), void *ctx, const char **error);
unsigned listener_port(const struct listener *ls);
void listener_stop(struct listener *ls); /* from here on the kernel refuses new clients. May be repeated */
void listener_set_tls(struct listener *ls, struct tls_context *tls); /* for new connections (SIGHUP) */
void listener_free(struct listener **ls);

#endif
