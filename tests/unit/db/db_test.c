/* The whole of db/: how the parts work together, and the end. */
#include "db/db.h"

#include "parts.h"
#include "trace.h"

#define LINKS 6 /* three for calls, a lane and the reserved one, the pump's */

struct world {
	struct loop *loop;
	struct fake_pg pg;
	struct db *db;
	int states;
	enum db_state last;
	int done, waited, fetches, opens;
	bool hang, astray, nobody;
	int places, calls, items; /* asked of the server */
	enum db_outcome outcome;
	bool more;
	bool deaf_pump;
};

static void on_state(void *ctx, enum db_state s)
{
	struct world *w = ctx;
	w->states++;
	w->last = s;
}

static void on_called(void *arg, const struct db_result *r)
{
	struct world *w = arg;
	w->done++;
	w->outcome = r->outcome;
	if (w->more) {
		w->more = false;
		db_call(w->db, DB_TELLING, "select 1", NULL, 0, on_called, w);
	}
}

static void on_sent(void *arg, const struct db_item_result *r)
{
	struct world *w = arg;
	w->done++;
	w->outcome = r->outcome;
}

static void on_waited(void *arg)
{
	((struct world *)arg)->waited++;
}

static void play(struct fake_conn *c, const char *sql)
{
	struct world *w = c->pg->ctx;
	if (w->hang)
		return;
	if (starts_with(sql, "select * from rt.pump_open")) {
		w->opens++;
		fake_answer(c, (const char *[]){"e", "1", "7", "8"}, 4);
	} else if (starts_with(sql, "select * from rt.place(")) {
		w->places++;
		fake_answer(c, (const char *[]){w->astray ? "other" : "e", "t"}, 2);
	} else if (starts_with(sql, "prepare bellwire_") && !starts_with(sql + 17, "fetch")) {
		fake_error(c, "42883", "no such function"); /* an older database: it knows rt.fetch alone */
	} else if (starts_with(sql, "prepare") || starts_with(sql, "listen")) {
		fake_command(c);
	} else if (starts_with(sql, "bellwire_fetch")) {
		w->fetches++;
		fake_answer(c, (const char *[]){NULL, "9", "5", "9:9:", "e", NULL, "ok", NULL, NULL, NULL}, 10);
	} else if (starts_with(sql, "select * from rt.bell_arm")) {
		fake_answer(c, (const char *[]){"t", "8"}, 2);
	} else if (strcmp(sql, "rt.dispatch_lone") == 0) {
		w->items++;
		fake_answer(c, (const char *[]){"published\x1f\x1fok\x1f{}"}, 1);
	} else if (starts_with(sql, "swept")) {
		fake_error(c, "RT410", "edge is not registered");
	} else if (starts_with(sql, "select")) {
		w->calls++;
		fake_answer(c, (const char *[]){"1"}, 1);
	}
}

static void begin(struct world *w)
{
	*w = (struct world){.loop = loop_new()};
	fake_start(&w->pg, w->loop, play, w);
	struct db_config cfg = {.url = w->pg.url,
	                        .name = "unit",
	                        .lanes = 1,
	                        .batch_max = 4,
	                        .queue_max_items = 20,
	                        .item_timeout_ms = 5000,
	                        .call_timeout_ms = 5000,
	                        .poll_ms = 3};
	w->db = db_new(w->loop, &cfg, &(struct db_events){on_state}, w);
}

static void end(struct world *w)
{
	db_free(&w->db);
	CHECK(w->db == NULL);
	db_free(&w->db);
	fake_stop(&w->pg);
	loop_free(&w->loop);
}

static void begin_up(struct world *w)
{
	begin(w);
	CHECK_INT(db_state(w->db), DB_CONNECTING);
	db_start(w->db);
	WAIT_FOR(w->loop, w->last == DB_UP);
}

TEST(the_whole_is_up_when_calls_and_the_pump_are)
{
	struct world w;
	begin_up(&w);
	CHECK_INT(w.states, 1);
	CHECK_STR(db_last_error(w.db), "");
	fake_cut(fake_find(&w.pg, "pump"));
	WAIT_FOR(w.loop, w.last == DB_AWAY);
	CHECK(*db_last_error(w.db));
	WAIT_FOR(w.loop, w.last == DB_UP);
	CHECK_INT(w.states, 3);
	CHECK_STR(db_last_error(w.db), "");
	struct fake_conn *c;
	while ((c = fake_find(&w.pg, "call")))
		fake_cut(c);
	WAIT_FOR(w.loop, w.last == DB_AWAY);
	CHECK_INT(w.states, 4);
	end(&w);
	CHECK_INT(w.states, 4); /* the end is no news */
}

TEST(calls_that_reach_another_database_than_the_pump_are_not_made)
{
	struct world w;
	begin(&w);
	w.astray = true;
	db_start(w.db);
	WAIT_FOR(w.loop, strstr(db_last_error(w.db), "another database (other) than the pump (e)"));
	CHECK_INT(db_state(w.db), DB_CONNECTING);
	w.astray = false;
	WAIT_FOR(w.loop, w.last == DB_UP);
	w.astray = true; /* whatever was admitted is asked again */
	WAIT_FOR(w.loop, w.last == DB_AWAY);
	CHECK(strstr(db_last_error(w.db), "another database"));
	w.astray = false;
	WAIT_FOR(w.loop, w.last == DB_UP);
	end(&w);
}

static bool has_nobody(void *ctx)
{
	return ((struct world *)ctx)->nobody;
}

static void begin_with_nobody(struct world *w)
{
	static const struct db_pump_events events = {.nobody = has_nobody};
	begin(w);
	db_pump_set_events(w->db, &events, w);
	w->nobody = true;
	db_start(w->db);
	WAIT_FOR(w->loop, w->last == DB_UP && db_stats(w->db)->links_up == LINKS);
}

static void pass(struct world *w, uint64_t ms)
{
	uint64_t until = loop_now(w->loop) + ms;
	WAIT_FOR(w->loop, loop_now(w->loop) >= until);
}

static void send_one(struct world *w)
{
	db_item_send(w->db, &(struct db_item){.event = SLICE("e"),
	                                      .socket_id = SLICE("s"),
	                                      .payload = SLICE("{}"),
	                                      .done = on_sent,
	                                      .arg = w});
}

TEST(with_nobody_here_a_link_is_asked_before_its_next_call_and_not_by_the_clock)
{
	struct world w;
	begin_with_nobody(&w);
	int places = w.places;
	pass(&w, 2300);
	CHECK_INT(w.places, places);
	db_call(w.db, DB_LEASE, "select 1", NULL, 0, on_called, &w);
	WAIT_FOR(w.loop, w.done == 1);
	CHECK_INT(w.places, places + 1);
	db_call(w.db, DB_LEASE, "select 1", NULL, 0, on_called, &w); /* it has just been asked */
	WAIT_FOR(w.loop, w.done == 2);
	CHECK_INT(w.places, places + 1);
	send_one(&w);
	WAIT_FOR(w.loop, w.done == 3);
	CHECK_INT(w.outcome, DB_OK);
	CHECK_INT(w.places, places + 2);
	for (int i = 0; i < 3; i++)
		db_call(w.db, DB_TELLING, "select 1", NULL, 0, on_called, &w);
	WAIT_FOR(w.loop, w.done == 6);
	CHECK_INT(w.places, places + 4);
	w.nobody = false;
	pass(&w, 2300);
	CHECK(w.places >= places + 4 + 2 * (LINKS - 1));
	end(&w);
}

TEST(with_nobody_here_no_call_goes_astray_and_what_one_link_finds_the_others_ask_for)
{
	struct world w;
	begin_with_nobody(&w);
	w.astray = true;
	pass(&w, 1300);
	CHECK_INT(w.states, 1);
	int calls = w.calls, items = w.items;
	db_call(w.db, DB_TELLING, "select 1", NULL, 0, on_called, &w);
	send_one(&w);
	WAIT_FOR(w.loop, w.last == DB_AWAY && db_stats(w.db)->links_up == 1); /* that of the pump */
	CHECK(strstr(db_last_error(w.db), "another database"));
	CHECK_INT(w.calls, calls);
	CHECK_INT(w.items, items);
	w.astray = false;
	WAIT_FOR(w.loop, w.last == DB_UP && w.done == 2);
	CHECK_INT(w.outcome, DB_OK);
	end(&w);
}

TEST(a_batch_that_published_makes_a_sleeping_pump_poll)
{
	struct world w;
	begin_up(&w);
	WAIT_FOR(w.loop, db_stats(w.db)->pump_state == 3);
	int before = w.fetches;
	db_item_send(w.db, &(struct db_item){.event = SLICE("e"),
	                                     .socket_id = SLICE("s"),
	                                     .payload = SLICE("{}"),
	                                     .done = on_sent,
	                                     .arg = &w});
	WAIT_FOR(w.loop, w.done == 1 && w.fetches > before);
	CHECK_INT(w.outcome, DB_OK);
	db_pump_after(w.db, on_waited, &w);
	WAIT_FOR(w.loop, w.waited == 1);
	w.hang = true;
	db_pump_within(w.db, 50, on_waited, &w);
	WAIT_FOR(w.loop, w.waited == 2);
	end(&w);
}

TEST(the_end_completes_everything_and_takes_nothing_new)
{
	struct world w;
	begin_up(&w);
	db_call(w.db, DB_TELLING, "hold", NULL, 0, on_called, &w);
	db_item_send(w.db, &(struct db_item){.payload = SLICE("{}"), .done = on_sent, .arg = &w});
	db_pump_after(w.db, on_waited, &w);
	w.more = true;
	end(&w);
	CHECK_INT(w.done, 3);
	CHECK_INT(w.waited, 1);
	CHECK_INT(w.outcome, DB_FAILED);
}

TEST(an_edge_that_was_swept_registers_again)
{
	struct world w;
	begin_up(&w);
	CHECK_INT(w.opens, 1);
	db_call(w.db, DB_LEASE, "swept", NULL, 0, on_called, &w);
	WAIT_FOR(w.loop, w.last == DB_AWAY);
	WAIT_FOR(w.loop, w.last == DB_UP);
	CHECK_INT(w.opens, 2);
	CHECK_INT(w.done, 1);
	end(&w);
}

TEST(a_database_that_does_not_answer_is_told_while_the_links_are_up)
{
	struct world w;
	begin_up(&w);
	CHECK(!db_stalled(w.db));
	w.hang = true;
	db_item_send(w.db, &(struct db_item){.payload = SLICE("{}"), .done = on_sent, .arg = &w});
	WAIT_FOR(w.loop, db_stalled(w.db));
	CHECK_INT(db_state(w.db), DB_UP);
	CHECK_INT(w.done, 0);
	w.hang = false; /* the links are given up and connected anew */
	WAIT_FOR(w.loop, w.done == 1);
	WAIT_FOR(w.loop, !db_stalled(w.db));
	end(&w);
}

/* Everything that is written to stderr while the whole of db/ comes up, sends one item and one call, and ends. */
static char *trace_of_a_life(void)
{
	struct world w;
	struct trace t = trace_begin();
	begin_up(&w);
	db_item_send(w.db, &(struct db_item){.event = SLICE("e"),
	                                     .socket_id = SLICE("s1"),
	                                     .payload = SLICE("{}"),
	                                     .done = on_sent,
	                                     .arg = &w});
	db_call(w.db, DB_TELLING, "select 7", NULL, 0, on_called, &w);
	WAIT_FOR(w.loop, w.done == 2);
	WAIT_FOR(w.loop, db_stats(w.db)->pump_state == 3);
	end(&w);
	return trace_end(&t);
}

TEST(every_move_of_a_state_is_a_trace_line)
{
	static const char *const lines[] = {
		"trace link name=\"unit pump\" from=off to=resolving\n",
		"trace link name=\"unit pump\" from=connecting to=idle\n",
		"trace pump from=away to=open\n",
		"trace pump from=listen to=carrier\n",
		"trace pump from=carrier to=run\n",
		"trace db from=connecting to=up\n",
		"trace item socket=s1 lane=0 from=new to=queued\n",
		"trace item socket=s1 lane=0 from=queued to=sent\n",
		"trace statement name=\"unit dispatch\" fate=answered\n",
		"trace item socket=s1 lane=0 from=sent to=gone\n",
		"trace call sql=\"select 7\" from=new to=queued\n",
		"trace call sql=\"select 7\" from=sent to=done\n",
		"trace pace from=busy to=drain\n",
		"trace pace from=drain to=asleep\n",
		"trace link name=\"unit call\" from=idle to=off\n",
	};
	char *text = trace_of_a_life();
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		if (!strstr(text, lines[i]))
			UNIT_FAIL("no line %sin:\n%s", lines[i], text);
	free(text);
}
