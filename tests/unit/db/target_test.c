#include "db/target.h"

#include "test.h"

static void add(struct targets *t, const char *host)
{
	targets_add(t, slice_str(host), SLICE(""), SLICE("5432"));
}

TEST(the_walk_begins_where_it_ended_well)
{
	struct targets t = {0}, again = {0};
	CHECK(targets_first(&t) == NULL);
	add(&t, "a"), add(&t, "b"), add(&t, "c");
	CHECK_STR(targets_first(&t)->host, "a");
	CHECK_STR(targets_next(&t)->host, "b");
	targets_worked(&t);
	CHECK_STR(targets_first(&t)->host, "b");
	CHECK_STR(targets_next(&t)->host, "c");
	CHECK_STR(targets_next(&t)->host, "a");
	CHECK(targets_next(&t) == NULL);
	add(&again, "c"), add(&again, "b"); /* the name has other addresses by now */
	targets_renew(&t, &again);
	CHECK_INT(again.n, 0);
	CHECK_STR(targets_first(&t)->host, "b");
	CHECK_STR(targets_next(&t)->host, "c");
	add(&again, "d");
	targets_renew(&t, &again);
	CHECK_STR(targets_first(&t)->host, "d");
	targets_fini(&t);
}
