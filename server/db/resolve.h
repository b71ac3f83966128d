/*
 * Where a connection string leads, as a list of places (target.h). Names are resolved on a thread of their own, since
 * getaddrinfo blocks and libpq would call it on the loop; unix sockets and numeric addresses need no thread.
 */
#ifndef DB_RESOLVE_H
#define DB_RESOLVE_H

#include "db/target.h"
#include "net/loop.h"

struct resolve;
/* Called from the loop; the list is the callee's from then on. */
typedef void resolved(void *arg, struct targets *t);

/* The caller's until done is called or resolve_cancel is. */
struct resolve *resolve_start(struct loop *l, const char *url, resolved *done, void *arg);
void resolve_cancel(struct resolve **r); /* done is not called any more; NULL is fine */

#endif
