/* The one thread of the program: run under TSan too (make SAN=thread unit-db). */
#include "db/resolve.h"
#include "test.h"

struct asked {
	struct loop *l;
	int wanted, done;
	struct targets last;
};

static void answered(void *arg, struct targets *t)
{
	struct asked *a = arg;
	targets_fini(&a->last);
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
	const struct target *one = targets_first(&a.last);
	CHECK_STR(one->host, "localhost");
	CHECK(one->hostaddr != NULL && strlen(one->hostaddr) > 2);
	CHECK_STR(one->port, "5433");
	targets_fini(&a.last);
	loop_free(&a.l);
}

TEST(an_address_needs_no_thread)
{
	struct asked a = {.l = loop_new(), .wanted = 1};
	resolve_start(a.l, "postgresql://u@127.0.0.1:5433/db", answered, &a);
	CHECK_INT(a.done, 0);
	run(&a);
	CHECK(a.last.error == NULL);
	targets_fini(&a.last);
	loop_free(&a.l);
}

TEST(a_name_that_is_none_is_an_error)
{
	struct asked a = {.l = loop_new(), .wanted = 1};
	resolve_start(a.l, "postgresql://u@no-such-host.invalid/db", answered, &a);
	run(&a);
	CHECK(a.last.error != NULL);
	targets_fini(&a.last);
	loop_free(&a.l);
}

/* One place for each, with what libpq would take for it; lists that do not fit are libpq's to refuse. */
TEST(a_list_becomes_places)
{
	static const struct {
		const char *url, *places;
	} rows[] = {
		{"host=/a", "/a - -;"},
		{"dbname=d", "- - -;"},
		{"host=1.2.3.4,::1 port=1,2", "1.2.3.4 - 1;::1 - 2;"},
		{"host=/a,/b port=1", "/a - 1;/b - 1;"},
		{"host=one,two hostaddr=1.2.3.4,5.6.7.8", "one 1.2.3.4 -;two 5.6.7.8 -;"},
		{"hostaddr=1.2.3.4,5.6.7.8", "- 1.2.3.4 -;- 5.6.7.8 -;"},
		{"host=/a,/b,/c port=1,2", "- - -;"},
		{"host=/a,/b hostaddr=1.2.3.4", "- - -;"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].url);
		struct asked a = {.l = loop_new(), .wanted = 1};
		char text[200] = "";
		resolve_start(a.l, rows[i].url, answered, &a);
		run(&a);
		for (const struct target *t = targets_first(&a.last); t; t = targets_next(&a.last))
			snprintf(text + strlen(text), sizeof text - strlen(text), "%s %s %s;", t->host ? t->host : "-",
			         t->hostaddr ? t->hostaddr : "-", t->port ? t->port : "-");
		CHECK_STR(text, rows[i].places);
		targets_fini(&a.last);
		loop_free(&a.l);
	}
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
	targets_fini(&a.last);
	loop_free(&a.l);
}
