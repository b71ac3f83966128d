/*
 * Where a connection string leads, as lists for PQconnectStartParams. Names are resolved on a thread of their own,
 * since getaddrinfo blocks and libpq would call it on the loop; unix sockets and numeric addresses need no thread.
 */
#ifndef DB_RESOLVE_H
#define DB_RESOLVE_H

#include "net/loop.h"

struct target {
	char *host, *hostaddr, *port; /* comma-separated, of equal length; all NULL: the URL says enough */
	char *error;                  /* NULL when resolved */
};

struct resolve;
typedef void resolved(void *arg,
                      struct target *t); /* called from the loop; the strings are the callee's from then on */

/* The caller's until done is called or resolve_cancel is. */
struct resolve *resolve_start(struct loop *l, const char *url, resolved *done, void *arg);
void resolve_cancel(struct resolve **r); /* done is not called any more; NULL is fine */
void target_fini(struct target *t);

#endif
