/*
 * Rate limits: token buckets by rate class. Pure: the caller says what time it is.
 */
#ifndef PEOPLE_RATE_H
#define PEOPLE_RATE_H

#include "base/list.h"

#define RATE_CLASSES 64

/* Rate classes of the edge itself; routes name the others, and `other` is theirs as well. */
enum { RATE_REFRESH, RATE_READ, RATE_EXPIRED, RATE_OTHER, RATE_ROUTES };

struct rate_limit {
	double per_s; /* 0: none */
	uint32_t burst;
	uint8_t rate_class;
};

/* Of a user who has done something that is limited; others have none. */
struct rates {
	struct user *user; /* people/user.c sets it while the user is idle */
	struct list idle;  /* in people.idle, while the user has no clients and some bucket is not full yet */
	uint64_t full_ms;  /* when all buckets are full again */
	uint8_t n;
	struct bucket {
		double tokens;
		uint64_t at_ms; /* 0: never used, full */
	} buckets[];            /* by rate class, as far as one was used */
};

/* Takes a token of *rates, which is made or grown when the class is first used and may move: nobody may have it in a list. False: there
 * is none, and *retry_after_ms says when there will be. The owner frees *rates. */
bool rate_allows(struct rates **rates, const struct rate_limit *l, uint64_t now_ms,
                 uint64_t *retry_after_ms) MUST_CHECK;

#endif
