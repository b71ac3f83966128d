/*
 * The internal listener: /livez (the loop turns), /readyz (send me clients), /metrics.
 */
#ifndef APP_ADMIN_H
#define APP_ADMIN_H

#include "base/buf.h"
#include "net/listener.h"

struct admin {
	const char *(*missing)(void *ctx); /* why no clients should be sent; NULL: they should */
	void (*print_metrics)(void *ctx, struct buf *out);
	void *ctx;
	struct conn_budget budget; /* of its own: a full house of clients does not lock the operator out */
	struct listener *listener; /* owned; NULL: off */
};

/* address: NULL or empty is off. False: *error says why it cannot listen. */
bool admin_listen(struct admin *a, struct loop *l, const char *address, const char **error) MUST_CHECK;
void admin_stop(struct admin *a); /* its connections are killed, and gone after loop_settle */

#endif
