/*
 * Rate limits: token buckets by rate class. The caller says what time it is.
 */
#ifndef PEOPLE_RATE_H
#define PEOPLE_RATE_H

#include "base/list.h"

#define RATE_CLASSES 64

/* Rate classes of the edge itself; routes name the others, and may name `other` too. */
enum { RATE_REFRESH, RATE_READ, RATE_EXPIRED, RATE_OTHER, RATE_ROUTES };

struct rate_limit {
	double per_s; /* 0: no limit */
	uint32_t burst;
	uint8_t rate_class;
};

/* The buckets of a user who has done something that is limited; other users have no such struct. Owned by
 * user.rates. */
struct rates {
	struct user *user; /* set by people/user.c while the user is idle */
	struct list idle;  /* in people.idle while the user has no clients and some bucket is not full */
	uint64_t full_ms;  /* when all buckets are full again */
	uint8_t n;
	struct bucket {
		double tokens;
		uint64_t at_ms; /* 0: never used, full */
	} buckets[];            /* by rate class, up to the highest one that was used */
};

/* Takes a token of *rates. The struct is made or grown when the class is first used. Growing moves it, so it must be in
 * no list. False: no token is left, and *retry_after_ms says when there will be one. The owner frees *rates. */
bool rate_allows(struct rates **rates, const struct rate_limit *l, uint64_t now_ms,
                 uint64_t *retry_after_ms) MUST_CHECK;

#endif
