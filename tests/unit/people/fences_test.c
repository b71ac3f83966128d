#include "people/fences.h"

#include "people/delivery.h"
#include "test.h"

static bool add(struct fence_ring **r, uint64_t value)
{
	struct delivery *d = delivery_new(SLICE("1"), (int64_t)value);
	bool added = fences_add(r, value, d);
	delivery_unref(&d);
	return added;
}

/* The value of the oldest one up to there; 0: none. */
static uint64_t take(struct fence_ring **r, uint64_t upto)
{
	struct delivery *d = fences_take(r, upto);
	uint64_t value = d ? (uint64_t)d->at_us : 0;
	delivery_unref(&d);
	return value;
}

TEST(a_pong_takes_a_run_from_the_start)
{
	struct fence_ring *r = NULL;
	for (uint64_t v = 10; v <= 50; v += 10)
		CHECK(add(&r, v));
	CHECK_INT(take(&r, 9), 0);
	CHECK_INT(take(&r, 35), 10);
	CHECK_INT(take(&r, 35), 20);
	CHECK_INT(take(&r, 35), 30);
	CHECK_INT(take(&r, 35), 0);
	CHECK_INT(take(&r, UINT64_MAX), 40);
	CHECK_INT(take(&r, UINT64_MAX), 50);
	CHECK(!r);
	CHECK_INT(take(&r, UINT64_MAX), 0);
}

TEST(order_is_kept_while_the_ring_turns_and_grows)
{
	struct fence_ring *r = NULL;
	uint64_t in = 0, out = 0;
	for (int round = 1; round < 60; round++) {
		for (int i = 0; i < round % 13 + 2; i++)
			CHECK(add(&r, ++in));
		for (int i = 0; i < round % 11; i++)
			CHECK_INT(take(&r, in), ++out);
	}
	while (out < in)
		CHECK_INT(take(&r, in), ++out);
	CHECK(!r);
}

TEST(a_full_ring_takes_no_more_and_keeps_what_it_has)
{
	struct fence_ring *r = NULL;
	for (uint64_t v = 1; v <= FENCES_MAX; v++)
		CHECK(add(&r, v));
	CHECK(!add(&r, FENCES_MAX + 1));
	CHECK_INT(take(&r, FENCES_MAX), 1);
	CHECK(add(&r, FENCES_MAX + 2));
	fences_free(&r);
	CHECK(!r);
}
