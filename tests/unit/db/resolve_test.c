/* The one thread of the program: run under TSan too (make SAN=thread unit-db). */
#include "db/resolve.h"
#include "test.h"

struct asked {
	struct loop *l;
	int wanted, done;
	struct target last;
};

static void answered(void *arg, struct target *t)
{
	struct asked *a = arg;
	target_fini(&a->last);
	a->last = *t;
	if (++a->done == a->wanted)
		loop_stop(a->l);
}

static void give_up(struct timer *t)
{
	(void)t;
	UNIT_FAIL("no answer");
}

static void run(struct asked *a)
{
	struct timer limit = {.fire = give_up};
	timer_set(a->l, &limit, loop_now(a->l) + 20000);
	loop_run(a->l);
	timer_stop(a->l, &limit);
}

TEST(a_name_becomes_addresses)
{
	struct asked a = {.l = loop_new(), .wanted = 1};
	CHECK(resolve_start(a.l, "postgresql://u@localhost:5433/db", answered, &a) != NULL);
	CHECK_INT(a.done, 0);
	run(&a);
	CHECK(a.last.error == NULL);
	CHECK(a.last.hostaddr != NULL && strlen(a.last.hostaddr) > 2);
	CHECK(strstr(a.last.port, "5433") != NULL);
	target_fini(&a.last);
	loop_free(&a.l);
}

TEST(an_address_needs_no_thread)
{
	struct asked a = {.l = loop_new(), .wanted = 1};
	resolve_start(a.l, "postgresql://u@127.0.0.1:5433/db", answered, &a);
	CHECK_INT(a.done, 0);
	run(&a);
	CHECK(a.last.error == NULL);
	target_fini(&a.last);
	loop_free(&a.l);
}

TEST(a_name_that_is_none_is_an_error)
{
	struct asked a = {.l = loop_new(), .wanted = 1};
	resolve_start(a.l, "postgresql://u@no-such-host.invalid/db", answered, &a);
	run(&a);
	CHECK(a.last.error != NULL);
	target_fini(&a.last);
	loop_free(&a.l);
}

TEST(many_at_once_and_some_cancelled)
{
	struct asked a = {.l = loop_new(), .wanted = 8};
	for (int i = 0; i < 16; i++) {
		struct resolve *r = resolve_start(a.l, "postgresql://u@localhost/db", answered, &a);
		if (i % 2)
			resolve_cancel(&r);
	}
	run(&a);
	CHECK_INT(a.done, 8);
	target_fini(&a.last);
	loop_free(&a.l);
}
