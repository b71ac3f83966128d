/*
 * Token buckets. A bucket is made when its class is first used, so a user who does nothing has none.
 */
#include "people/rate.h"
#include "base/mem.h"
#include <math.h>
#include <string.h>

static struct bucket *bucket_of(struct rates **rates, uint8_t rate_class)
{
	struct rates *r = *rates;
	unsigned had = r ? r->n : 0, n = rate_class + 1u;
	if (had < n) {
		r = *rates = mem_realloc(r, sizeof(*r) + n * sizeof(r->buckets[0]));
		memset(r->buckets + had, 0, (n - had) * sizeof(r->buckets[0]));
		r->user = NULL;
		r->full_ms = had ? r->full_ms : 0;
		r->n = (uint8_t)n;
		list_init(&r->idle);
	}
	return &r->buckets[rate_class];
}

bool rate_allows(struct rates **rates, const struct rate_limit *l, uint64_t now_ms, uint64_t *retry_after_ms)
{
	if (l->per_s <= 0)
		return true;
	struct bucket *b = bucket_of(rates, l->rate_class);
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
	if (full_ms > (*rates)->full_ms)
		(*rates)->full_ms = full_ms;
	return allowed;
}
