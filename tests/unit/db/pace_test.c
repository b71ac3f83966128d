#include "db/pace.h"

#include "test.h"

struct world {
	struct loop *loop;
	struct db_config cfg;
	struct db_stats stats;
	struct pace pace;
};

static struct pace *begin(struct world *w)
{
	*w = (struct world){.loop = loop_new(), .cfg = {.poll_ms = 3, .fallback_poll_ms = 1000}};
	w->pace = (struct pace){.loop = w->loop, .cfg = &w->cfg, .stats = &w->stats};
	pace_begin(&w->pace);
	return &w->pace;
}

static void end(struct world *w)
{
	loop_free(&w->loop);
}

static uint64_t pause_of(const struct pace *p)
{
	return pace_next(p) - loop_now(p->loop);
}

/* A fetch that brought so many transactions, which took so long each, certain_us of it for certain. */
static void fetched(struct world *w, uint64_t n, uint64_t each_us, uint64_t certain_us, uint64_t xmin)
{
	pace_fetched(&w->pace,
	             &(struct pace_seen){
			     .transactions = n, .lag_us = n * each_us, .certain_us = n * certain_us, .xmin = xmin});
}

static void pass(struct world *w, uint64_t ms)
{
	w->pace.window_at -= ms;
	w->pace.armed_at -= ms;
}

TEST(busy_polls_as_often_as_a_fetch_is_quick)
{
	static const struct {
		const char *name;
		uint64_t took_us, poll_ms, pause;
	} rows[] = {{"none yet", 0, 3, 1},        {"quick", 100, 3, 1},
	            {"249 us", 249, 3, 1},        {"250 us", 250, 3, 2},
	            {"370 us", 370, 3, 2},        {"375 us", 375, 3, 3},
	            {"slow", 5000, 3, 3},         {"at most 1", 5000, 1, 1},
	            {"at most 50", 5000, 50, 40}, {"slower than that", 90000, 50, 50}};
	struct world w;
	struct pace *p = begin(&w);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].name);
		w.cfg.poll_ms = rows[i].poll_ms;
		pace_asked(p);
		p->took_us = rows[i].took_us;
		CHECK_INT(pause_of(p), rows[i].pause);
	}
	p->asked_at = loop_now(w.loop) - 1000; /* the answer was slower than the pause */
	CHECK_INT(pause_of(p), 1);
	p->took_us = 200; /* or a millisecond began between the two */
	p->asked_at = loop_now(w.loop) - 1;
	CHECK_INT(pause_of(p), 0);
	end(&w);
}

TEST(a_busy_pump_wants_the_bell_where_few_write_and_commit_quickly)
{
	static const struct {
		const char *name;
		uint64_t transactions, certain_us, ms;
		bool nobody, arms;
	} rows[] = {
		{"silence", 0, 0, 30, false, true},
		{"100 a second", 3, 0, 30, false, true},
		{"233 a second", 7, 0, 30, false, true},
		{"266 a second", 8, 0, 30, false, false},
		{"266 a second, slow fetches", 16, 0, 60, false, false},
		{"233 a second, slow fetches", 14, 0, 60, false, true},
		{"the window is not over", 0, 0, 29, false, false},
		/* behind a standby: polls are 3 ms apart, a commit takes 4 */
		{"commits of 1 ms for certain", 3, 1000, 30, false, true},
		{"commits of 2 ms for certain", 3, 2000, 30, false, false},
		{"one commit of 3 ms", 1, 3000, 30, false, true},
		{"one commit of 4 ms", 1, 4000, 30, false, false},
		{"nobody is here: silence", 0, 0, 250, true, true},
		{"nobody is here: silence, shorter", 0, 0, 249, true, false},
		{"nobody is here: one", 1, 0, 250, true, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct world w;
		struct pace *p = begin(&w);
		CHECK_ROW(rows[i].name);
		p->nobody = rows[i].nobody;
		pass(&w, rows[i].ms);
		fetched(&w, rows[i].transactions, 5000, rows[i].certain_us, 10);
		CHECK_INT(p->want_arm, rows[i].arms);
		CHECK_INT(p->state, PACE_BUSY); /* until it has it */
		end(&w);
	}
}

TEST(each_window_is_counted_for_itself)
{
	struct world w;
	struct pace *p = begin(&w);
	fetched(&w, 5, 0, 0, 10);
	pass(&w, 30);
	fetched(&w, 5, 0, 0, 10);
	CHECK(!p->want_arm);
	pass(&w, 30);
	fetched(&w, 5, 0, 0, 10);
	CHECK(p->want_arm);
	end(&w);
}

TEST(drains_until_the_last_who_has_not_seen_the_bell_is_over)
{
	struct world w;
	struct pace *p = begin(&w);
	pace_armed(p, 100);
	CHECK_INT(p->state, PACE_DRAIN);
	CHECK_INT(pause_of(p), 3);
	pass(&w, 100);
	CHECK_INT(pause_of(p), 25);
	pass(&w, 10000);
	CHECK_INT(pause_of(p), 50);
	fetched(&w, 0, 0, 0, 100);
	CHECK_INT(p->state, PACE_DRAIN);
	fetched(&w, 3, 1000, 0, 100);
	CHECK_INT(p->state, PACE_DRAIN);
	fetched(&w, 0, 0, 0, 101);
	CHECK_INT(p->state, PACE_ASLEEP);
	CHECK_INT(pause_of(p), 1000);
	/* a session that asks for nothing would be ended */
	w.cfg.fallback_poll_ms = 0;
	CHECK_INT(pause_of(p), 15000);
	w.cfg.fallback_poll_ms = 60000;
	CHECK_INT(pause_of(p), 15000);
	end(&w);
}

TEST(a_pump_that_is_rung_polls_again_where_ringing_costs_too_much)
{
	static const struct {
		const char *name;
		int windows;
		uint64_t transactions, each_us; /* in each of them */
		bool nobody, wakes;
	} rows[] = {
		{"nothing", 3, 0, 0, false, false},
		{"100 a second", 3, 3, 1400, false, false},
		{"366 a second", 3, 11, 1000, false, false},
		{"400 a second", 1, 12, 1000, false, true},
		{"a line that is never empty", 32, 3, 10000, false, true},
		{"not quite", 40, 3, 9900, false, false},
		{"two in line", 16, 3, 20000, false, true},
		{"for a while: the machine stood still", 2, 10, 45000, false, false},
		{"many", 1, 10, 96000, false, true},
		{"less many", 1, 10, 95000, false, false},
		{"long transactions", 32, 1, 30000, false, true},
		{"shorter ones", 40, 1, 29000, false, false},
		{"nobody is here: one", 1, 1, 30000, true, false},
		{"nobody is here: two", 1, 2, 100, true, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct world w;
		struct pace *p = begin(&w);
		CHECK_ROW(rows[i].name);
		for (int asleep = 0; asleep < 2; asleep++) { /* also while an old transaction keeps it from sleeping */
			p->nobody = rows[i].nobody;
			pace_armed(p, 100);
			if (asleep)
				fetched(&w, 0, 0, 0, 101);
			CHECK_INT(p->state, asleep ? PACE_ASLEEP : PACE_DRAIN);
			for (int k = 0; k < rows[i].windows; k++) {
				CHECK(p->state != PACE_BUSY);
				pass(&w, k ? 30 : 0);
				for (uint64_t n = 0; n < rows[i].transactions; n++)
					fetched(&w, 1, rows[i].each_us, 0, 99);
			}
			CHECK_INT(p->state, rows[i].wakes ? PACE_BUSY : asleep ? PACE_ASLEEP : PACE_DRAIN);
			CHECK_INT(p->want_disarm, rows[i].wakes);
			p->want_disarm = false;
			pace_end(p);
			pace_begin(p);
		}
		end(&w);
	}
}

TEST(writers_stand_in_line_in_windows_that_follow_each_other)
{
	struct world w;
	struct pace *p = begin(&w);
	for (int i = 0; i < 3; i++) { /* polls bring rows late: that says nothing of bells */
		fetched(&w, 1, 480000, 0, 10);
		pass(&w, i < 1 ? 30 : 0);
	}
	pace_armed(p, 100);
	for (int i = 0; i < 20; i++) {
		fetched(&w, 1, i % 2 ? 1000 : 930000, 0, 101);
		CHECK_INT(p->state, PACE_ASLEEP);
		pass(&w, 30);
	}
	fetched(&w, 1, 930000, 0, 101);
	CHECK_INT(p->state, PACE_ASLEEP);
	fetched(&w, 1, 30000, 0, 101); /* in the same window */
	CHECK_INT(p->state, PACE_BUSY);
	end(&w);
}

TEST(more_may_ring_where_there_is_no_other_edge)
{
	static const struct {
		const char *name;
		uint64_t stays, certain_us, wakes, each_us, took_us;
		bool arms, polls;
	} rows[] = {
		{"2500 a second, 3966 a second", 75, 0, 119, 100, 0, true, false},
		{"more than that, 4000 a second", 76, 0, 120, 100, 0, false, true},
		{"commits behind a standby, a line", 3, 2000, 3, 10000, 0, false, true},
		{"and no line, but for the reading", 3, 1000, 3, 10000, 100, true, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct world w;
		struct pace *p = begin(&w);
		CHECK_ROW(rows[i].name);
		p->alone = true;
		p->took_us = rows[i].took_us;
		pass(&w, 30);
		fetched(&w, rows[i].stays, 5000, rows[i].certain_us, 10);
		CHECK_INT(p->want_arm, rows[i].arms);
		pace_armed(p, 100);
		for (int k = 0; k < 32 && p->state != PACE_BUSY; k++) {
			fetched(&w, rows[i].wakes, rows[i].each_us, 0, 101);
			pass(&w, 30);
		}
		CHECK_INT(p->state, rows[i].polls ? PACE_BUSY : PACE_ASLEEP);
		end(&w);
	}
}

TEST(rings_of_long_ago_do_not_wake)
{
	struct world w;
	struct pace *p = begin(&w);
	pace_armed(p, 100);
	for (int i = 0; i < 100; i++) {
		fetched(&w, 3, 1000, 0, 101);
		CHECK_INT(p->state, PACE_ASLEEP);
		pass(&w, 30);
	}
	end(&w);
}

TEST(who_is_rung_polls_at_once_and_where_nobody_waits_soon)
{
	struct world w;
	struct pace *p = begin(&w);
	pace_armed(p, 100);
	fetched(&w, 0, 0, 0, 101);
	pace_rung(p);
	CHECK_INT(pause_of(p), 0);
	p->nobody = true;
	pace_asked(p); /* it sees what it was rung for */
	CHECK_INT(pause_of(p), 1000);
	pace_rung(p); /* while it is out */
	CHECK_INT(pause_of(p), 100);
	p->asked_at -= 110;
	CHECK(pace_next(p) <= loop_now(w.loop));
	pace_end(p);
	pace_begin(p);
	pace_asked(p);
	CHECK_INT(pause_of(p), 100);
	p->nobody = false;
	CHECK_INT(pause_of(p), 1);
	end(&w);
}

TEST(the_bell_alone)
{
	struct world w;
	struct pace *p = begin(&w);
	w.cfg.bell = DB_BELL_OFF;
	pass(&w, 30);
	fetched(&w, 0, 0, 0, 10);
	CHECK(!p->want_arm);
	w.cfg.bell = DB_BELL_ALWAYS;
	pass(&w, 30);
	fetched(&w, 1000, 9000, 9000, 10);
	CHECK(p->want_arm);
	pace_armed(p, 5);
	fetched(&w, 1000, 9000, 9000, 10);
	CHECK_INT(p->state, PACE_ASLEEP);
	pace_end(p);
	CHECK_INT(p->state, PACE_AWAY);
	CHECK_INT(w.stats.pump_state, PACE_AWAY);
	end(&w);
}

/* Each counts when it comes, not with the poll that reads many of them later. */
TEST(rows_that_bells_have_carried_wake_it_as_others_do)
{
	static const struct {
		const char *name;
		int each_ms, n;
		uint64_t lag_us;
		bool alone, wakes;
	} rows[] = {
		{"1000 a second", 1, 96, 500, true, false},
		{"a writer at 4 ms a commit", 5, 320, 4000, true, false},
		{"two of them", 4, 160, 8000, true, true},
		{"old transactions, 31", 100, 31, 30000, true, false},
		{"32", 100, 32, 30000, true, true},
		{"beside others, 333 a second", 3, 24, 300, false, false},
		{"beside others, 500 a second", 2, 24, 300, false, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct world w;
		struct pace *p = begin(&w);
		CHECK_ROW(rows[i].name);
		p->alone = rows[i].alone;
		pace_armed(p, 10);
		fetched(&w, 0, 0, 0, 11);
		CHECK_INT(p->state, PACE_ASLEEP);
		for (int n = 0; n < rows[i].n && p->state == PACE_ASLEEP; n++) {
			pass(&w, (uint64_t)rows[i].each_ms);
			pace_carried(p, rows[i].lag_us);
		}
		CHECK_INT(p->state == PACE_BUSY, rows[i].wakes);
		CHECK_INT(p->want_disarm, rows[i].wakes);
		end(&w);
	}
}
