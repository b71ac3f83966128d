/*
 * Rate limits: token buckets per user, rate class and edge (contract 5). A bucket is made when its class is first used, so an
 * idle user has none. Who leaves keeps them until all are full again: reconnecting refills nothing.
 */
#include "app/worker.h"
#include "base/mem.h"
#include <math.h>

struct bucket {
	double tokens;
	uint64_t at_ms; /* 0: never used, full */
};

static struct bucket *bucket_of(struct user *u, uint8_t rate_class)
{
	if (rate_class >= u->nbuckets) {
		unsigned n = rate_class + 1u;
		u->buckets = mem_realloc(u->buckets, n * sizeof(*u->buckets));
		memset(u->buckets + u->nbuckets, 0, (n - u->nbuckets) * sizeof(*u->buckets));
		u->nbuckets = (uint8_t)n;
	}
	return &u->buckets[rate_class];
}

bool rate_allows(struct user *u, const struct rate_limit *l, uint64_t now_ms, uint64_t *retry_after_ms)
{
	if (l->per_s <= 0)
		return true;
	struct bucket *b = bucket_of(u, l->rate_class);
	double tokens = b->at_ms ? b->tokens + (double)(now_ms - b->at_ms) * l->per_s / 1000 : l->burst;
	if (tokens > l->burst)
		tokens = l->burst;
	bool allowed = tokens >= 1;
	if (allowed)
		tokens -= 1;
	else
		*retry_after_ms = (uint64_t)ceil((1 - tokens) * 1000 / l->per_s);
	*b = (struct bucket){tokens, now_ms};
	uint64_t full_ms = now_ms + (uint64_t)ceil((l->burst - tokens) * 1000 / l->per_s);
	if (full_ms > u->full_ms)
		u->full_ms = full_ms;
	return allowed;
}

void rate_free(struct user *u)
{
	free(u->buckets);
	u->buckets = NULL;
	u->nbuckets = 0;
}
