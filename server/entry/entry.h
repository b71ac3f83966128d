/*
 * HOW clients come and go, as the database is told: what opens a socket, what follows its end, and what keeps the edge's rows alive.
 *
 *   open.h     CONNECT: token, rt.socket_open, `connected`      leave.h     a socket ends
 *   closes.h   ends on their way to rt.socket_close             register.h  live sockets entered again after an outage
 *   maintain.h rt.maintain, rt.sweep, the version of the schema
 *
 * The database must learn of ends and openings in their order: a client that leaves and comes back is reconnecting, not new. So an
 * opening waits for the ends before it (closes_mark, closes_past), and ends wait while sockets are being entered again (closes_hold).
 */
#ifndef ENTRY_ENTRY_H
#define ENTRY_ENTRY_H

#include "people/people.h"
#include "recovery/recovery.h"

/* What rt.maintain and rt.monitor have last said. */
struct entry_figures {
	uint64_t outbox_rows, edges, foreign_locks;
	double notify_usage, outbox_age;
};

struct entry {
	struct people *people; /* borrowed, as all that is not made by a file's start */
	struct recovery *recovery;
	struct db *db;
	const char *edge_id;           /* uuid of this edge's life */
	unsigned max_sockets_per_user; /* 0: no limit but that of the count */
	uint64_t lost_after_ms;        /* after so long a connection that is lost is known to be */
	int schema_needed;             /* what this binary works with */
	int schema_version;            /* of the database; 0: not read yet */
	struct entry_figures figures;
	void (*on_past)(struct entry *e); /* closes_past has moved on; open.c sets it */
	/* each made by its file's start and freed by its stop */
	struct opens *opens;
	struct closes *closes;
	struct registers *registers;
	struct maintenance *maintenance;
};

#endif
