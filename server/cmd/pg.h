/*
 * A synchronous connection for the commands that talk to Postgres once and end.
 */
#ifndef CMD_PG_H
#define CMD_PG_H

#include "base/buf.h"
#include <libpq-fe.h>

enum pg_outcome {
	PG_DONE,
	PG_BUSY,   /* another session holds a lock: try again */
	PG_DENIED, /* a right is missing; stderr says which */
	PG_FAILED, /* stderr says why */
};

/* A piece of SQL, with its file and the line of its first byte. */
struct pg_text {
	const char *file;
	const char *text; /* terminated */
	unsigned line;
};

/* setting: the name of the setting that has the URL, for messages. NULL: stderr says why, and what to do. */
PGconn *pg_open(const char *url, const char *setting);
enum pg_outcome pg_run(PGconn *pg, struct pg_text t);
/* A result with one row of text, which the caller clears. NULL: stderr says why. */
PGresult *pg_query(PGconn *pg, const char *sql);
/* The same with $1, $2, ...; NULL: null. */
PGresult *pg_query_with(PGconn *pg, const char *sql, const char *const *values, int n);

#endif
