/*
 * Sockets that ended, told to rt.socket_close in batches. Nothing is dropped while the database is away; the lease of a dead edge covers
 * the rest.
 */
#ifndef ENTRY_CLOSES_H
#define ENTRY_CLOSES_H

#include "entry/entry.h"

struct ended {
	struct slice socket_id, user;
	bool clean;   /* the client said goodbye */
	bool over;    /* nothing of it can be recovered */
	bool expired; /* because its token had */
};

void closes_start(struct entry *e);
void closes_stop(struct entry *e);
void closes_database_up(struct entry *e);

void closes_add(struct entry *e, const struct ended *ended); /* copied */
void closes_hold(struct entry *e, bool hold);                /* true: none is sent until false follows */
bool closes_idle(const struct entry *e);                     /* the database knows all of them */

/* A mark stands for the ends so far. It is past when the database knows them, or when nobody should wait for them any longer; e.on_past
 * tells that some are. */
uint64_t closes_mark(const struct entry *e);
bool closes_past(const struct entry *e, uint64_t mark);

#endif
