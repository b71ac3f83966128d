#include "people/rate.h"

#include "test.h"

static unsigned passed(struct rates **rates, const struct rate_limit *l, uint64_t now, unsigned n)
{
	unsigned yes = 0;
	uint64_t retry;
	while (n--)
		yes += rate_allows(rates, l, now, &retry);
	return yes;
}

TEST(a_burst_then_the_rate)
{
	struct rates *rates = NULL;
	struct rate_limit l = {.per_s = 10, .burst = 60, .rate_class = 3};
	CHECK_INT(passed(&rates, &l, 5000, 100), 60);
	CHECK_INT(passed(&rates, &l, 5099, 10), 0);
	CHECK_INT(passed(&rates, &l, 5100, 10), 1);
	CHECK_INT(passed(&rates, &l, 6100, 100), 10);
	CHECK_INT(passed(&rates, &l, 500000, 100), 60);
	free(rates);
}

TEST(retry_after_is_when_the_next_one_passes)
{
	struct rates *rates = NULL;
	struct rate_limit l = {.per_s = 0.3, .burst = 1, .rate_class = 1};
	uint64_t retry = 0;
	CHECK(rate_allows(&rates, &l, 1000, &retry));
	CHECK(!rate_allows(&rates, &l, 1500, &retry));
	CHECK(retry >= 2833 && retry <= 2835);
	CHECK(!rate_allows(&rates, &l, 1500 + retry - 2, &retry));
	CHECK(rate_allows(&rates, &l, 1500 + 2834, &retry));
	free(rates);
}

TEST(classes_have_buckets_of_their_own)
{
	struct rates *rates = NULL;
	for (uint8_t i = 0; i < RATE_CLASSES; i++) {
		struct rate_limit l = {.per_s = 0.001, .burst = 2u + i, .rate_class = i};
		CHECK_INT(passed(&rates, &l, 7, 200), 2 + i);
	}
	free(rates);
}

TEST(no_limit_costs_nothing)
{
	struct rates *rates = NULL;
	struct rate_limit l = {.per_s = 0, .burst = 1, .rate_class = 9};
	CHECK_INT(passed(&rates, &l, 1, 100000), 100000);
	CHECK(!rates);
}

TEST(a_changed_limit_holds_at_once)
{
	struct rates *rates = NULL;
	struct rate_limit wide = {.per_s = 100, .burst = 100, .rate_class = 1},
			  tight = {.per_s = 0.1, .burst = 2, .rate_class = 1};
	CHECK_INT(passed(&rates, &wide, 1, 10), 10);
	CHECK_INT(passed(&rates, &tight, 2, 10), 2);
	CHECK_INT(passed(&rates, &wide, 1002, 200), 100);
	free(rates);
}

TEST(full_when_the_slowest_bucket_is)
{
	struct rates *rates = NULL;
	struct rate_limit fast = {.per_s = 10, .burst = 10, .rate_class = 1},
			  slow = {.per_s = 0.5, .burst = 4, .rate_class = 2};
	passed(&rates, &slow, 1000, 3);
	CHECK_INT(rates->full_ms, 7000);
	passed(&rates, &fast, 1500, 1);
	CHECK_INT(rates->full_ms, 7000);
	passed(&rates, &slow, 1500, 1);
	CHECK_INT(rates->full_ms, 9000);
	free(rates);
}
