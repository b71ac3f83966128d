/*
 * A user as far as it is here. One with clients exists; one without is kept while a rate limit remembers it, so that reconnecting
 * refills nothing.
 */
#ifndef PEOPLE_USER_H
#define PEOPLE_USER_H

#include "people/people.h"
#include "people/rate.h"

struct user {
	struct map_node node; /* in people.users */
	struct list clients;  /* of client.user_link: each owned by its socket, in order of arrival */
	struct rates *rates;  /* owned; NULL: nothing limited was done */
	char id[UUID_LEN];
	uint16_t nclients;
	bool stale; /* stands in the queue for its rooms to be read again */
};

static inline struct slice user_id(const struct user *u)
{
	return slice_of(u->id, UUID_LEN);
}

struct user *user_find(const struct people *p, struct slice id);  /* NULL: it is not here */
struct user *user_get(struct people *p, const char id[UUID_LEN]); /* made when it is not here; user_leave undoes it */
void user_leave(struct people *p, struct user *u); /* a client has left it: without clients it is idle, or gone */

/* A token of the user's bucket, whether or not it has clients here. */
bool user_allows(struct people *p, const char id[UUID_LEN], const struct rate_limit *l,
                 uint64_t *retry_after_ms) MUST_CHECK;

#endif
