/* The rank beside a plain array, under random changes. */
#include "net/rank.h"

#include "test.h"

#define N 300

TEST(the_top_is_more_than_half_of_the_largest)
{
	static struct rank r;
	static struct ranked e[N];
	bool in[N] = {0};
	rank_init(&r);
	CHECK(!rank_top(&r));
	srandom(7);
	for (int round = 0; round < 100000; round++) {
		size_t i = (size_t)random() % N, size = (size_t)random() % 5 ? (size_t)random() % 100000 : 0;
		if (!in[i])
			rank_add(&r, &e[i], size);
		else if (random() % 3)
			rank_set(&r, &e[i], size);
		else
			rank_del(&e[i]);
		in[i] = !list_empty(&e[i].link);
		size_t most = 0;
		bool any = false;
		for (size_t k = 0; k < N; k++) {
			any |= in[k];
			most = in[k] && e[k].size > most ? e[k].size : most;
		}
		struct ranked *top = rank_top(&r);
		CHECK(any == (top != NULL));
		CHECK(!top || (in[top - e] && top->size <= most && 2 * top->size >= most));
	}
}

TEST(within_a_power_the_one_touched_last_is_last)
{
	struct rank r;
	struct ranked a, b;
	rank_init(&r);
	rank_add(&r, &a, 9);
	rank_add(&r, &b, 15);
	CHECK(rank_first(&r, 4) == &a && rank_top(&r) == &b);
	rank_set(&r, &a, 14);
	CHECK(rank_first(&r, 4) == &a); /* the same power: it keeps its place */
	rank_touch(&r, &a);
	CHECK(rank_first(&r, 4) == &b);
	rank_set(&r, &b, 16);
	CHECK(rank_first(&r, 4) == &a && rank_first(&r, 5) == &b && rank_top(&r) == &b);
}
