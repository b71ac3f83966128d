/* When reads that were refused come again. */
#include "app/again.h"

#include "test.h"

#define SECOND UINT64_C(1000000)
#define BEGAN (100 * SECOND)

/* So many were answered in the second before BEGAN. */
static struct again after_a_second(unsigned answered)
{
	struct again a = {0};
	again_answered(&a, BEGAN - SECOND);
	for (unsigned i = 1; i < answered; i++)
		again_answered(&a, BEGAN - SECOND / 2);
	return a;
}

/* How many of n that are refused at BEGAN come in each second, and how many in all. */
static void come(struct again *a, unsigned n, unsigned seconds[11])
{
	memset(seconds, 0, 11 * sizeof *seconds);
	for (unsigned i = 0; i < n; i++) {
		uint64_t ms = again_ms(a, BEGAN);
		CHECK(ms >= AGAIN_LEAST_MS && ms <= AGAIN_MOST_MS);
		seconds[ms / 1000]++;
	}
}

TEST(a_lone_one_comes_after_the_shortest_time)
{
	struct again a = {0};
	CHECK_INT(again_ms(&a, BEGAN), AGAIN_LEAST_MS);
	CHECK_INT(again_ms(&a, BEGAN + 20 * SECOND), AGAIN_LEAST_MS);
}

TEST(a_crowd_comes_one_by_one_somewhat_faster_than_it_was_answered)
{
	struct again a = after_a_second(400);
	unsigned in[11];
	come(&a, 1600, in);
	for (int i = 1; i <= 3; i++)
		CHECK_INT(in[i], 500);
	CHECK_INT(in[4], 100);
	CHECK_INT(in[5], 0);
}

TEST(a_crowd_that_is_too_large_is_spread_over_the_longest_time)
{
	struct again a = after_a_second(400);
	unsigned in[11];
	come(&a, 9000, in);
	for (int i = 1; i < 10; i++)
		CHECK(in[i] >= 990 && in[i] <= 1010);
}

TEST(those_refused_later_come_behind_those_refused_before)
{
	struct again a = after_a_second(400);
	unsigned in[11];
	come(&a, 1500, in);
	CHECK_INT(again_ms(&a, BEGAN + SECOND / 2), 3500);
}

TEST(where_nothing_is_answered_they_come_rarely)
{
	struct again a = after_a_second(400);
	for (unsigned i = 0; i < 125; i++)
		again_ms(&a, BEGAN + 5 * SECOND);
	CHECK(again_ms(&a, BEGAN + 5 * SECOND) >= 2900);
}

TEST(what_is_answered_now_counts_at_once)
{
	struct again a = {0};
	for (unsigned i = 0; i < 800; i++)
		again_answered(&a, BEGAN);
	unsigned in[11];
	come(&a, 1000, in);
	CHECK_INT(in[1], 1000);
}
