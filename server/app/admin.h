/*
 * The internal listener: /livez (the loop turns), /readyz (clients may be sent here), /metrics, and the page.
 */
#ifndef APP_ADMIN_H
#define APP_ADMIN_H

#include "base/buf.h"
#include "net/listener.h"

struct http_exchange;

struct admin {
	const char *(*missing)(void *ctx); /* what keeps the edge from being ready; NULL: it is ready */
	void (*print_metrics)(void *ctx, struct buf *out);
	bool (*page)(void *ctx, struct http_exchange *x); /* answers, now or later; false: the path is not the page's */
	void *ctx;
	struct conn_budget budget; /* of its own, so that a full edge does not lock the operator out */
	struct listener *listener; /* owned; NULL: off */
};

/* address: NULL or empty: no listener. False: it cannot listen, and *error says why. */
bool admin_listen(struct admin *a, struct loop *l, const char *address, const char **error) MUST_CHECK;
void admin_stop(struct admin *a); /* kills its connections; loop_settle frees them */

#endif
