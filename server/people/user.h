/*
 * Users with clients at this edge. A user without clients is kept as long as one of its rate buckets is not full:
 * reconnecting must refill nothing.
 */
#ifndef PEOPLE_USER_H
#define PEOPLE_USER_H

#include "people/people.h"
#include "people/rate.h"

struct user {
	struct map_node node; /* in people.users, which owns it */
	struct list clients;  /* of client.user_link, in order of arrival; each client is owned by its socket */
	struct rates *rates;  /* owned; NULL: the user did nothing that is limited */
	char *name;           /* owned; NULL: not known. events/names.c reads it */
	char id[UUID_LEN];
	uint16_t nclients;
	enum name_state { NAME_UNKNOWN, NAME_QUEUED, NAME_ASKED, NAME_KNOWN } name_state : 8; /* events/names.c */
	bool stale; /* in the queue of events/rooms.c: its rooms will be read again */
};

static inline struct slice user_id(const struct user *u)
{
	return slice_of(u->id, UUID_LEN);
}

struct user *user_find(const struct people *p, struct slice id);  /* NULL: not here */
struct user *user_get(struct people *p, const char id[UUID_LEN]); /* made when it is not here; user_leave undoes it */
void user_leave(struct people *p, struct user *u); /* a client has left: without clients it gets idle, or is freed */

/* rate_allows with the user's buckets, whether or not the user has clients here. */
bool user_allows(struct people *p, const char id[UUID_LEN], const struct rate_limit *l,
                 uint64_t *retry_after_ms) MUST_CHECK;

#endif
