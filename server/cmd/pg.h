/*
 * A synchronous connection for the commands that talk to Postgres once and end.
 */
#ifndef CMD_PG_H
#define CMD_PG_H

#include "base/buf.h"
#include <libpq-fe.h>

enum pg_outcome {
	PG_DONE,
	PG_BUSY,   /* somebody else's lock: worth another try */
	PG_DENIED, /* a right is missing; said which on stderr */
	PG_FAILED, /* said why on stderr */
};

/* A piece of SQL and where its first byte stands. */
struct pg_text {
	const char *file;
	const char *text; /* terminated */
	unsigned line;
};

/* NULL: said why on stderr. setting is the name under which the user knows the URL. */
PGconn *pg_open(const char *url, const char *setting);
enum pg_outcome pg_run(PGconn *pg, struct pg_text t);
/* One row of text, the caller clears it; NULL: said why. */
PGresult *pg_query(PGconn *pg, const char *sql);

#endif
