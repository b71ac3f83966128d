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

TEST(a_window_without_rows_wants_the_bell)
{
	struct world w;
	struct pace *p = begin(&w);
	pace_fetched(p, 0, 10);
	CHECK(!p->want_arm);
	pass(&w, 30);
	pace_fetched(p, 1, 10);
	CHECK(!p->want_arm);
	pass(&w, 30);
	pace_fetched(p, 0, 10);
	CHECK(p->want_arm);
	CHECK_INT(p->state, PACE_BUSY); /* until it has it */
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
	pace_fetched(p, 0, 100);
	CHECK_INT(p->state, PACE_DRAIN);
	pace_fetched(p, 0, 101);
	CHECK_INT(p->state, PACE_ASLEEP);
	CHECK_INT(pause_of(p), 1000);
	/* a session that asks for nothing would be ended */
	w.cfg.fallback_poll_ms = 0;
	CHECK_INT(pause_of(p), 15000);
	w.cfg.fallback_poll_ms = 60000;
	CHECK_INT(pause_of(p), 15000);
	end(&w);
}

TEST(two_rows_in_a_window_or_a_late_one_wake)
{
	struct world w;
	struct pace *p = begin(&w);
	pace_armed(p, 100);
	pace_fetched(p, 1, 101);
	CHECK_INT(p->state, PACE_ASLEEP);
	pass(&w, 30);
	pace_fetched(p, 1, 101);
	CHECK_INT(p->state, PACE_ASLEEP);
	CHECK(!p->want_disarm);
	pace_fetched(p, 1, 101);
	CHECK_INT(p->state, PACE_BUSY);
	CHECK(p->want_disarm);
	pace_armed(p, 100);
	w.stats.pump_lag_us = 30000;
	pace_fetched(p, 0, 99);
	CHECK_INT(p->state, PACE_DRAIN);
	pace_fetched(p, 1, 99);
	CHECK_INT(p->state, PACE_BUSY);
	end(&w);
}

TEST(the_bell_alone)
{
	struct world w;
	struct pace *p = begin(&w);
	w.cfg.bell = DB_BELL_OFF;
	pass(&w, 30);
	pace_fetched(p, 0, 10);
	CHECK(!p->want_arm);
	w.cfg.bell = DB_BELL_ALWAYS;
	pass(&w, 30);
	pace_fetched(p, 1000, 10);
	CHECK(p->want_arm);
	pace_armed(p, 5);
	pace_fetched(p, 1000, 10);
	CHECK_INT(p->state, PACE_ASLEEP);
	pace_end(p);
	CHECK_INT(p->state, PACE_AWAY);
	CHECK_INT(w.stats.pump_state, PACE_AWAY);
	end(&w);
}
