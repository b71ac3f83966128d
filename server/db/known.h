/*
 * A statement that is sent often on a link, and that a session of our own prepares: parsing and planning it costs as
 * much as an item of a batch. Behind a pooler each statement may meet another session, so there it is sent as it is.
 * Private to db/.
 */
#ifndef DB_KNOWN_H
#define DB_KNOWN_H

#include "db/link.h"

/* Embedded by whoever has the link; the pointers are borrowed and outlive it. */
struct known {
	struct link *link;
	const char *name, *sql;
	void (*ready)(void *arg); /* the link is idle again */
	void *arg;
	bool prepared; /* the present session knows it */
};

void known_prepare(struct known *k, uint64_t timeout_ms); /* the link is idle, with a session of its own */
void known_down(struct known *k);

/* As link_send. */
bool known_send(struct known *k, int n, const char *const *values, uint64_t timeout_ms, link_answer *answer, void *arg);

/*
 * Is this error the session's, which does not know the statement any more, or the planner's, for which a deploy has
 * changed its columns? Then nothing has run, and the statement goes as it is from now on.
 */
bool known_is_void(struct known *k, const PGresult *res) MUST_CHECK;

#endif
