#include "db/waiters.h"

#include "fake_pg.h"

struct world {
	struct loop *loop;
	struct waiters w;
	int done;
	bool once_more;
};

static void begin(struct world *x)
{
	*x = (struct world){.loop = loop_new()};
	waiters_init(&x->w, x->loop);
}

static void end(struct world *x)
{
	waiters_fini(&x->w);
	loop_free(&x->loop);
}

static void done(void *arg)
{
	struct world *x = arg;
	x->done++;
	if (x->once_more) {
		x->once_more = false;
		waiters_add(&x->w, 0, done, x);
	}
}

TEST(a_fetch_that_is_out_already_does_not_count)
{
	struct world x;
	begin(&x);
	waiters_fetching(&x.w);
	waiters_add(&x.w, 0, done, &x);
	waiters_delivered(&x.w);
	CHECK_INT(x.done, 0);
	waiters_fetching(&x.w);
	waiters_delivered(&x.w);
	CHECK_INT(x.done, 1);
	waiters_fetching(&x.w);
	waiters_delivered(&x.w);
	CHECK_INT(x.done, 1);
	end(&x);
}

TEST(a_waiter_that_is_added_by_another_waits_for_the_next_fetch)
{
	struct world x;
	begin(&x);
	x.once_more = true;
	waiters_add(&x.w, 0, done, &x);
	waiters_fetching(&x.w);
	waiters_delivered(&x.w);
	CHECK_INT(x.done, 1);
	CHECK(waiters_flush(&x.w));
	CHECK_INT(x.done, 2);
	CHECK(!waiters_flush(&x.w));
	end(&x);
}

TEST(released_ones_are_called_from_the_loop)
{
	struct world x;
	begin(&x);
	waiters_add(&x.w, 0, done, &x);
	waiters_fetching(&x.w);
	waiters_add(&x.w, 0, done, &x);
	waiters_release(&x.w);
	waiters_release(&x.w);
	CHECK_INT(x.done, 0);
	loop_settle(x.loop);
	CHECK_INT(x.done, 2);
	end(&x);
}

TEST(who_wants_to_wait_so_long_waits_no_longer)
{
	struct world x;
	begin(&x);
	waiters_add(&x.w, 0, done, &x);
	waiters_add(&x.w, 30, done, &x);
	waiters_fetching(&x.w);
	waiters_add(&x.w, 10, done, &x);
	WAIT_FOR(x.loop, x.done >= 1);
	WAIT_FOR(x.loop, x.done >= 2);
	waiters_delivered(&x.w);
	CHECK_INT(x.done, 3);
	end(&x);
}

TEST(released_ones_wait_on_where_fetches_come_again_before_the_loop)
{
	struct world x;
	begin(&x);
	CHECK(!waiters_regain(&x.w));
	waiters_add(&x.w, 0, done, &x);
	waiters_add(&x.w, 10, done, &x);
	waiters_fetching(&x.w);
	waiters_release(&x.w);
	CHECK(waiters_regain(&x.w));
	waiters_delivered(&x.w);
	loop_settle(x.loop);
	CHECK_INT(x.done, 0);
	WAIT_FOR(x.loop, x.done == 1); /* its time is over */
	waiters_fetching(&x.w);
	waiters_delivered(&x.w);
	CHECK_INT(x.done, 2);
	end(&x);
}

TEST(one_that_is_released_waits_no_longer_than_it_wanted_either)
{
	struct world x;
	begin(&x);
	waiters_add(&x.w, 10, done, &x);
	waiters_release(&x.w);
	deferred_cancel(&x.w.release); /* the loop does not come to it */
	WAIT_FOR(x.loop, x.done == 1);
	end(&x);
}
