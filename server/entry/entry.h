/*
 * HOW clients come and go, and how the database is told: the opening of sockets, their ends, and the edge's lease.
 *
 *   connect.h  CONNECT: the token                               open.h      rt.socket_open, `connected`
 *   leave.h    a socket ends
 *   closes.h   ends on their way to rt.socket_close             register.h  live sockets registered again after an outage
 *   refusals.h clients that are turned away again and again                      pending.h   sockets that wait for the keys
 *   maintain.h rt.maintain, rt.sweep, the version of the schema
 *
 * The database must learn of ends and openings in their order: a client that leaves and comes back is reconnecting, not
 * new. So an opening waits for its user's ends before it (closes_mark, closes_past), and ends wait while sockets are
 * being registered again (closes_hold).
 */
#ifndef ENTRY_ENTRY_H
#define ENTRY_ENTRY_H

#include "people/people.h"
#include "recovery/recovery.h"

/* The last results of rt.maintain and rt.monitor, for the metrics. */
struct entry_figures {
	uint64_t outbox_rows, edges, foreign_locks;
	double notify_usage, outbox_age;
};

struct entry {
	struct people *people; /* borrowed; so is every pointer before `refusals` */
	struct recovery *recovery;
	struct events *events;
	struct db *db;
	const char *edge_id;           /* a uuid, new with each start of the process */
	unsigned max_sockets_per_user; /* 0: no limit but the range of user.nclients */
	uint64_t lost_after_ms;        /* a lost connection is noticed within this time */
	int schema_needed;             /* the lowest version of the schema that this binary works with */
	int schema_version;            /* the database's; 0: not read yet */
	bool without_one;              /* the database has the functions of an earlier program: none for one socket */
	bool over;                     /* rt.edge_close has been called: nothing is renewed any more */
	struct entry_figures figures;
	void (*on_past)(struct entry *e); /* more marks are past (closes.h); open.c sets it */
	/* Each is made by the start function of its file, and freed by the stop function. */
	struct refusals *refusals;
	struct pendings *pendings;
	struct opens *opens;
	struct closes *closes;
	struct registers *registers;
	struct maintenance *maintenance;
};

#endif
