#include "people/counts.h"

#include "base/text.h"
#include "test.h"

TEST(a_value_on_a_bound_counts_in_its_bucket)
{
	struct histogram h = {0};
	histogram_add(&h, histogram_bounds[3], 2);
	histogram_add(&h, histogram_bounds[3] * 1.001, 1);
	histogram_add(&h, -5, 1); /* clocks of two machines */
	histogram_add(&h, 1e9, 4);
	CHECK_INT(h.buckets[3], 2);
	CHECK_INT(h.buckets[4], 1);
	CHECK_INT(h.buckets[0], 1);
	CHECK_INT(h.buckets[HISTOGRAM_BOUNDS], 4);
	CHECK_INT(h.count, 8);
}

TEST(events_without_a_name_of_their_own_are_other)
{
	struct counts c;
	struct loop *l = loop_new();
	counts_init(&c, l);
	uint32_t had = c.nevents, booked = counts_event(&c, SLICE("booking:moved"));
	CHECK_INT(booked, had);
	CHECK_INT(counts_event(&c, SLICE("booking:moved")), booked);
	counts_of_event(&c, SLICE("booking:moved"), STATUS_OK, 3);
	counts_of_event(&c, SLICE("never:heard"), STATUS_DROPPED, 2);
	CHECK_INT(c.events[booked].n[STATUS_OK], 3);
	CHECK_INT(c.events[EVENT_OTHER].n[STATUS_DROPPED], 2);
	char name[16];
	for (int i = 0; i < 1000; i++)
		counts_event(&c, slice_of(name, (size_t)snprintf(name, sizeof(name), "e:%d", i)));
	CHECK_INT(c.nevents, 512);
	CHECK_INT(counts_event(&c, SLICE("one:more")), EVENT_OTHER);
	counts_fini(&c);
	loop_free(&l);
}

TEST(codes_without_a_metric_are_not_counted)
{
	struct counts c;
	struct loop *l = loop_new();
	counts_init(&c, l);
	counts_error(&c, SLICE("FORBIDDEN"));
	counts_error(&c, SLICE("NOT_FOUND"));
	counts_error(&c, SLICE("nonsense"));
	CHECK_INT(c.errors[ERROR_FORBIDDEN], 1);
	for (int i = 0; i < ERROR_COUNTED; i++)
		CHECK_INT(c.errors[i], i == ERROR_FORBIDDEN);
	counts_fini(&c);
	loop_free(&l);
}

TEST(latency_is_taken_once_the_turn_has_written)
{
	struct counts c;
	struct loop *l = loop_new();
	counts_init(&c, l);
	counts_written(&c, (int64_t)clock_wall_us() - 30000000, 5);
	CHECK_INT(c.latency.count, 0);
	loop_settle(l);
	CHECK_INT(c.latency.count, 5);
	CHECK_INT(c.latency.buckets[HISTOGRAM_BOUNDS], 5);
	counts_fini(&c);
	loop_free(&l);
}

TEST(reasons_are_found_by_their_labels)
{
	for (int i = 0; i < CONNECT_REASON_MAX; i++)
		CHECK_INT(connect_reason_find(connect_reason_label((enum connect_reason)i)), i);
	CHECK_INT(connect_reason_find(SLICE("nonsense")), CONNECT_ESTABLISHED);
}
