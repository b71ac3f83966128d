/*
 * The statements that one link sends again and again: a session of our own has each of them prepared (db/known.h) once
 * it has answered it twice. The prepared statement has the name of the function that it calls, and a number where it is
 * not the first that calls it. There are some twenty of them, and few sessions meet them all. Private to db/.
 */
#ifndef DB_REPERTOIRE_H
#define DB_REPERTOIRE_H

#include "db/known.h"

#define REPERTOIRE_MOST 24 /* one more statement is sent as it is, each time */

/* Embedded by whoever has the link. */
struct repertoire {
	struct link *link;
	void (*ready)(void *arg); /* the link is idle again, after a statement was prepared */
	void *arg;
	struct piece {
		struct known known;
		unsigned answers; /* of the present session */
		char name[64];
	} pieces[REPERTOIRE_MOST];
	size_t n;
};

void repertoire_init(struct repertoire *r, struct link *link, void (*ready)(void *arg), void *arg);

/* For known_send; NULL: it calls no function of rt, or there is no place for it. It lives as long as r. */
struct known *repertoire_find(struct repertoire *r, const char *sql);

/* The session has answered it, and the link is idle: prepares the statement where it is time. */
void repertoire_answered(struct known *k, uint64_t timeout_ms);

void repertoire_down(struct repertoire *r); /* the session is gone */
void repertoire_fini(struct repertoire *r);

#endif
