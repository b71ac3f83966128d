/* The ring of what became of deliveries: what it holds, in its order, and that it never takes more than it may. */
#include "people/trace.h"

#include "test.h"

static unsigned events_in(const struct trace *t, uint64_t *first, uint64_t *last)
{
	struct trace_record r;
	unsigned n = 0;
	*first = *last = 0;
	for (uint64_t at = 0; trace_next(t, &at, &r);) {
		CHECK(r.kind == TRACE_EVENT);
		CHECK(r.at_ms == r.event + 1000 && r.fence == (uint32_t)(r.event * 3));
		for (uint32_t i = 0; i < r.n; i++)
			CHECK(trace_mark_outcome(r.marks[i]) == trace_mark_number(r.marks[i]) % TRACE_OUTCOME_MAX);
		if (!n)
			*first = r.event;
		CHECK(r.event >= *last);
		*last = r.event;
		n++;
	}
	return n;
}

static void note(struct trace *t, uint64_t id, uint32_t clients)
{
	trace_event(t, id, id * 3, id + 1000);
	for (uint32_t i = 1; i <= clients; i++)
		trace_client(t, i, (enum trace_outcome)(i % TRACE_OUTCOME_MAX));
	trace_event_over(t);
}

TEST(what_is_noted_is_read_in_its_order)
{
	struct trace *t = trace_new(16);
	struct trace_record r;
	struct trace_end end = {.number = 7, .came_ms = 5, .why = 3, .at_ms = 1u << 31};
	uint64_t at = 0;
	memset(end.id, 'i', sizeof end.id);
	memset(end.user, 'u', sizeof end.user);
	CHECK(trace_is_whole(t));
	note(t, 12, 2);
	trace_confirmed(t, 2, 36, 1ull << 40);
	trace_ended(t, &end);
	note(t, 13, 0); /* nobody met it: no record */
	CHECK(trace_next(t, &at, &r) && r.kind == TRACE_EVENT);
	CHECK(r.event == 12 && r.n == 2 && trace_mark_number(r.marks[0]) == 1 &&
	      trace_mark_outcome(r.marks[1]) == TRACE_HELD);
	CHECK(trace_next(t, &at, &r) && r.kind == TRACE_CONFIRMED);
	CHECK(r.number == 2 && r.fence == 36 && r.at_ms == 1ull << 40);
	CHECK(trace_next(t, &at, &r) && r.kind == TRACE_ENDED);
	CHECK(r.number == 7 && memcmp(&r.ended, &end, sizeof end) == 0);
	CHECK(!trace_next(t, &at, &r));
	trace_free(&t);
}

TEST(an_event_of_many_clients_has_several_records)
{
	struct trace *t = trace_new(16);
	struct trace_record r;
	uint32_t n = 0;
	note(t, 1, 1000);
	for (uint64_t at = 0; trace_next(t, &at, &r);)
		for (uint32_t i = 0; i < r.n; i++)
			CHECK_INT(trace_mark_number(r.marks[i]), ++n);
	CHECK_INT(n, 1000);
	trace_free(&t);
}

/* Records of all lengths, so that the end of the ring falls everywhere. */
TEST(the_oldest_make_room)
{
	struct trace *t = trace_new(1);
	uint64_t first, last;
	srand(3);
	for (uint64_t id = 1; id < 20000; id++) {
		note(t, id, 1 + (uint32_t)rand() % 70);
		CHECK(events_in(t, &first, &last) > 0);
		CHECK_INT(last, id);
		CHECK(id - first < 40);
	}
	CHECK(!trace_is_whole(t));
	trace_free(&t);
}

TEST(none_is_no_trace)
{
	struct trace *t = trace_new(0);
	struct trace_record r;
	uint64_t at = 0;
	CHECK(!t);
	note(t, 1, 3);
	trace_confirmed(t, 1, 1, 1);
	trace_ended(t, &(struct trace_end){0});
	CHECK(!trace_next(t, &at, &r) && !trace_is_whole(t));
	trace_free(&t);
}

TEST(fences_wrap)
{
	CHECK(trace_fence_upto(3, 3) && trace_fence_upto(3, 4) && !trace_fence_upto(4, 3));
	CHECK(trace_fence_upto(UINT32_MAX, 2) && !trace_fence_upto(2, UINT32_MAX));
}
