#include "net/loop.h"

#include "base/mem.h"
#define UNIT_TOGETHER 1
#include "test.h"
#include <ev.h>

/* The events, in order: one letter each. */
static char trace[256];
static size_t traced;

static void note(char c)
{
	CHECK(traced + 1 < sizeof trace);
	trace[traced++] = c;
	trace[traced] = '\0';
}

struct alarm {
	struct timer timer;
	struct loop *loop;
	char name;
	struct alarm *stops, *sets; /* when it fires, it stops or sets these */
	uint64_t set_at, fired_at;
	bool ends;
};

static void fired(struct timer *t)
{
	struct alarm *a = container_of(t, struct alarm, timer);
	CHECK(!timer_is_set(t));
	CHECK(loop_now(a->loop) >= t->at);
	a->fired_at = loop_now(a->loop);
	note(a->name);
	if (a->stops)
		timer_stop(a->loop, &a->stops->timer);
	if (a->sets)
		timer_set(a->loop, &a->sets->timer, a->set_at);
	if (a->ends)
		loop_stop(a->loop);
}

static struct alarm alarm_of(struct loop *l, char name)
{
	return (struct alarm){.timer.fire = fired, .loop = l, .name = name};
}

TEST(timers_fire_by_deadline)
{
	struct loop *l = loop_new();
	uint64_t now = loop_now(l);
	struct alarm a = alarm_of(l, 'a'), b = alarm_of(l, 'b'), c = alarm_of(l, 'c'), past = alarm_of(l, 'p');
	c.ends = true;
	timer_set(l, &c.timer, now + 30);
	timer_set(l, &a.timer, now + 10);
	timer_set(l, &b.timer, now + 20);
	timer_set(l, &past.timer, now > 5 ? now - 5 : 0);
	CHECK(timer_is_set(&a.timer));
	loop_run(l);
	CHECK_STR(trace, "pabc");
	CHECK(a.fired_at >= now + 10 && a.fired_at < now + 20 + 100);
	CHECK(c.fired_at >= now + 30);
	loop_free(&l);
	CHECK(!l);
}

TEST(timers_move_and_stop)
{
	struct loop *l = loop_new();
	uint64_t now = loop_now(l);
	struct alarm a = alarm_of(l, 'a'), b = alarm_of(l, 'b'), c = alarm_of(l, 'c'), end = alarm_of(l, '.');
	end.ends = true;
	timer_stop(l, &a.timer); /* it was never set */
	timer_set(l, &a.timer, now + 1);
	timer_set(l, &b.timer, now + 2);
	timer_set(l, &c.timer, now + 1000);
	timer_set(l, &end.timer, now + 20);
	timer_set(l, &a.timer, now + 10); /* later */
	timer_set(l, &c.timer, now + 5);  /* earlier */
	timer_stop(l, &b.timer);
	timer_stop(l, &b.timer);
	CHECK(!timer_is_set(&b.timer));
	loop_run(l);
	CHECK_STR(trace, "ca.");
	loop_free(&l);
}

TEST(timers_set_and_stop_others_when_firing)
{
	struct loop *l = loop_new();
	uint64_t now = loop_now(l);
	struct alarm a = alarm_of(l, 'a'), b = alarm_of(l, 'b'), c = alarm_of(l, 'c'), end = alarm_of(l, '.');
	a.stops = &b; /* due in the same turn */
	a.sets = &c;
	a.set_at = now;
	end.ends = true;
	timer_set(l, &a.timer, now);
	timer_set(l, &b.timer, now + 1);
	timer_set(l, &end.timer, now + 10);
	usleep(5000);
	loop_run(l);
	CHECK_STR(trace, "ac.");
	struct alarm again = alarm_of(l, 'r');
	again.sets = &again;
	again.set_at = loop_now(l) + 100000;
	traced = 0;
	timer_set(l, &again.timer, loop_now(l));
	timer_set(l, &end.timer, loop_now(l) + 5);
	loop_run(l);
	CHECK_STR(trace, "r.");
	CHECK(timer_is_set(&again.timer));
	loop_free(&l);
}

static uint64_t last_at;
static unsigned fired_count;
static void fired_in_order(struct timer *t)
{
	CHECK(t->at >= last_at);
	last_at = t->at;
	fired_count++;
}

TEST(heap_keeps_order_under_random_changes)
{
	enum { N = 2000 };
	struct loop *l = loop_new();
	struct timer *timers = mem_zalloc(N * sizeof *timers);
	uint64_t random = 88172645463325252u, now = loop_now(l);
	unsigned set = 0;
	for (unsigned i = 0; i < 20 * N; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		struct timer *t = &timers[random % N];
		t->fire = fired_in_order;
		if (random >> 40 & 3)
			timer_set(l, t, now - (random >> 20) % 1000);
		else
			timer_stop(l, t);
	}
	for (unsigned i = 0; i < N; i++)
		set += timer_is_set(&timers[i]);
	CHECK(set > N / 2 && set < N);
	ev_run(loop_ev(l), EVRUN_NOWAIT);
	CHECK_INT(fired_count, set);
	for (unsigned i = 0; i < N; i++)
		CHECK(!timer_is_set(&timers[i]));
	free(timers);
	loop_free(&l);
}

struct job {
	struct deferred d;
	struct loop *loop;
	char name;
	struct job *then; /* deferred by this one */
	enum loop_phase then_phase;
	struct job *cancels;
	struct alarm *sets; /* for the next millisecond */
};

static void work(struct deferred *d)
{
	struct job *j = container_of(d, struct job, d);
	note(j->name);
	if (j->then)
		loop_defer(j->loop, j->then_phase, &j->then->d);
	j->then = NULL;
	if (j->cancels)
		deferred_cancel(&j->cancels->d);
	if (j->sets)
		timer_set(j->loop, &j->sets->timer, loop_now(j->loop) + 1);
}

static void job_init(struct job *j, struct loop *l, char name)
{
	*j = (struct job){.loop = l, .name = name};
	deferred_init(&j->d, work);
}

TEST(phases_run_in_order)
{
	struct loop *l = loop_new();
	struct job w, w2, f, s;
	job_init(&w, l, 'w');
	job_init(&w2, l, 'x');
	job_init(&f, l, 'f');
	job_init(&s, l, 's');
	loop_defer(l, LOOP_SWEEP, &s.d);
	loop_defer(l, LOOP_FLUSH, &f.d);
	loop_defer(l, LOOP_WORK, &w.d);
	loop_defer(l, LOOP_WORK, &w2.d);
	loop_defer(l, LOOP_WORK, &w.d); /* repeating is harmless */
	loop_settle(l);
	CHECK_STR(trace, "wxfs");
	loop_settle(l);
	CHECK_STR(trace, "wxfs");
	loop_free(&l);
}

TEST(work_caused_by_later_phases_runs_before_sleep)
{
	struct loop *l = loop_new();
	struct job w, w2, f, s;
	struct alarm end = alarm_of(l, '.'), first = alarm_of(l, 't');
	job_init(&w, l, 'w');
	job_init(&w2, l, 'x');
	job_init(&f, l, 'f');
	job_init(&s, l, 's');
	w.then = &f, w.then_phase = LOOP_FLUSH;
	f.then = &s, f.then_phase = LOOP_SWEEP;
	s.then = &w2, s.then_phase = LOOP_WORK;
	w2.then = &w, w2.then_phase = LOOP_WORK; /* into the running phase: it waits for the next round */
	loop_defer(l, LOOP_WORK, &w.d);
	timer_set(l, &first.timer, loop_now(l));
	end.ends = true;
	timer_set(l, &end.timer, loop_now(l) + 20);
	loop_run(l);
	CHECK_STR(trace, "twfsxw.");
	loop_free(&l);
}

/* Takes half of a phase's share. */
static void slow_work(struct deferred *d)
{
	usleep(LOOP_SHARE_US / 2);
	work(d);
}

/* Eight entries of half a share each: two in a turn, and the loop polls between. An entry that comes meanwhile goes behind, and
 * the next phase does not wait. */
TEST(a_long_flush_gives_way_and_goes_on_first_in_the_next_turn)
{
	struct loop *l = loop_new();
	struct job jobs[8], late, sweep;
	for (int i = 0; i < 8; i++) {
		job_init(&jobs[i], l, (char)('a' + i));
		jobs[i].d.run = slow_work;
		loop_defer(l, LOOP_FLUSH, &jobs[i].d);
	}
	job_init(&late, l, 'l');
	job_init(&sweep, l, 's');
	jobs[0].then = &sweep, jobs[0].then_phase = LOOP_SWEEP;
	jobs[1].then = &late, jobs[1].then_phase = LOOP_FLUSH;
	int turns = 0;
	do {
		ev_run(loop_ev(l), EVRUN_NOWAIT);
		note('|');
		CHECK(loop_is_behind(l) == !strchr(trace, 'l'));
	} while (++turns < 20 && loop_is_behind(l));
	CHECK(loop_longest_us(l) >= LOOP_SHARE_US);
	CHECK(turns >= 4 && turns <= 9);
	CHECK(strchr(trace, 's') < strchr(trace, 'd'));
	char order[20] = "";
	size_t n = 0;
	for (const char *p = trace; *p; p++)
		if (*p != '|' && *p != 's')
			order[n++] = *p;
	CHECK_STR(order, "abcdefghl");
	loop_free(&l);
}

/* As a watcher's callback reports it: the last one called back is the first. */
static void jobs_are_ready(struct job *jobs, struct loop *l, int n, char name)
{
	for (int i = n; i--;) {
		job_init(&jobs[i], l, (char)(name + i));
		jobs[i].d.run = slow_work;
		loop_ready(l, &jobs[i].d);
	}
}

/* Two of them in a turn. Whatever else is to be done is done between, and what later polls report goes behind. */
TEST(many_reads_give_way_and_go_on_in_the_order_of_their_polls)
{
	struct loop *l = loop_new();
	struct job first[4], second[4], write;
	job_init(&write, l, '.');
	jobs_are_ready(first, l, 4, 'a');
	first[0].then = &write, first[0].then_phase = LOOP_FLUSH;
	ev_run(loop_ev(l), EVRUN_NOWAIT);
	CHECK_INT(trace[traced - 1], '.');
	jobs_are_ready(second, l, 4, 'e');
	loop_ready(l, &first[3].d); /* reported again: it keeps its place */
	for (int turns = 0; !strchr(trace, 'h'); turns++) {
		CHECK(turns < 20);
		ev_run(loop_ev(l), EVRUN_NOWAIT);
	}
	char order[20] = "";
	size_t n = 0;
	for (const char *p = trace; *p; p++)
		if (*p != '.')
			order[n++] = *p;
	CHECK_STR(order, "abcdefgh");
	CHECK(strchr(trace, '.') < strchr(trace, 'd'));
	loop_free(&l);
}

/* A deadline behind the poll that has reported them waits for all of them, and not for those of later polls. */
TEST(what_has_arrived_is_read_before_a_later_deadline)
{
	struct loop *l = loop_new();
	struct job first[8], second[4];
	struct alarm before = alarm_of(l, '1'), behind = alarm_of(l, '2');
	ev_run(loop_ev(l), EVRUN_NOWAIT);
	jobs_are_ready(first, l, 8, 'a');
	timer_set(l, &before.timer, loop_now(l));
	first[0].sets = &behind;
	ev_run(loop_ev(l), EVRUN_NOWAIT);
	CHECK(strchr(trace, '1') && !strchr(trace, '2') && !strchr(trace, 'h'));
	CHECK(loop_due(l) < behind.timer.at);
	jobs_are_ready(second, l, 4, 'i');
	for (int turns = 0; !strchr(trace, 'l'); turns++) {
		CHECK(turns < 20);
		ev_run(loop_ev(l), EVRUN_NOWAIT);
	}
	CHECK(strchr(trace, 'h') < strchr(trace, '2'));
	CHECK(strchr(trace, '2') < strchr(trace, 'l'));
	ev_run(loop_ev(l), EVRUN_NOWAIT);
	CHECK_INT(loop_due(l), loop_now(l));
	loop_free(&l);
}

TEST(a_loop_that_is_behind_does_not_sleep)
{
	struct loop *l = loop_new();
	struct job a, b, c;
	struct job *all[] = {&a, &b, &c};
	for (int i = 0; i < 3; i++) {
		job_init(all[i], l, (char)('a' + i));
		all[i]->d.run = slow_work;
		loop_defer(l, LOOP_WORK, &all[i]->d);
	}
	struct alarm end = alarm_of(l, '.');
	end.ends = true;
	timer_set(l, &end.timer, loop_now(l) + 60000);
	ev_run(loop_ev(l), EVRUN_ONCE); /* sleeps until something happens */
	ev_run(loop_ev(l), EVRUN_NOWAIT);
	CHECK(strchr(trace, 'c'));
	timer_stop(l, &end.timer);
	loop_free(&l);
}

TEST(cancelled_work_does_not_run)
{
	struct loop *l = loop_new();
	struct job a, b, c;
	job_init(&a, l, 'a');
	job_init(&b, l, 'b');
	job_init(&c, l, 'c');
	deferred_cancel(&a.d); /* idle: harmless */
	loop_defer(l, LOOP_WORK, &a.d);
	loop_defer(l, LOOP_WORK, &b.d);
	loop_defer(l, LOOP_FLUSH, &c.d);
	a.cancels = &b; /* the batch has been taken off the list of the phase */
	deferred_cancel(&c.d);
	loop_settle(l);
	CHECK_STR(trace, "a");
	loop_defer(l, LOOP_WORK, &b.d); /* and can be deferred again */
	loop_settle(l);
	CHECK_STR(trace, "ab");
	loop_free(&l);
}

TEST(freeing_runs_what_is_left)
{
	struct loop *l = loop_new();
	struct job s;
	job_init(&s, l, 's');
	loop_defer(l, LOOP_SWEEP, &s.d);
	loop_free(&l);
	CHECK_STR(trace, "s");
	loop_free(&l); /* NULL is fine */
}

TEST(clock_stands_still_within_a_turn)
{
	struct loop *l = loop_new();
	uint64_t now = loop_now_us(l);
	usleep(3000);
	CHECK(loop_now_us(l) == now);
	CHECK_INT(loop_now(l), now / 1000);
	ev_run(loop_ev(l), EVRUN_NOWAIT);
	CHECK(loop_now_us(l) >= now + 3000);
	memset(loop_scratch(l), 1, LOOP_SCRATCH);
	loop_free(&l);
}
