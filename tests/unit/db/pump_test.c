/* The pump's session and its pace, driven by answers that the test gives. */
#include "db/pump_internal.h"

#include "fake_binary.h"
#include "parts.h"

#define COLS 10
#define PAGE 1000
#define CHANNEL "bellwire_0a"

/* The database: rows that the next fetch brings, and the header. */
struct world {
	struct parts parts;
	struct pump *pump;
	char said[1000]; /* each statement that came, but for marks and fetches without rows; one word each */
	char epoch[20];
	int next_xid; /* snapshots are N:N: */
	bool nobody;
	int rows, page_rows; /* of the next fetch, of each page after it */
	int rows_each;       /* of each fetch, once the next one was asked for */
	uint64_t next_id;
	bool gap, no_lock;
	const char *error; /* of the next fetch or page */
	bool shape;        /* the next fetch has another shape */
	bool hold_pages, hold_marks;
	/* The database knows rt.poll, rt.poll_both and rt.look. */
	bool plain;
	bool carries, strange; /* and rt.bell_hear */
	int written, dropped;  /* the header of a poll */
	const char *refused;   /* of the next poll */
	int looks, fews, polls, boths, ids, forgotten;
	bool comes;               /* somebody, while the next rt.poll_ids is out */
	uint64_t twin, twin_each; /* statements that have written it; before each rt.poll_ids so many more */
	int bare;
	bool ask_in_batch, cut_in_page;
	int fetches, pages, marks;
	char saw_epoch[20], saw_marks[100]; /* rt.pump_open's */
	char from[40], page_from[40], page_upto[40], page_after[24];
	/* heard */
	int ready, first, gaps, batches, events, waited, messages;
	int fetches_at_batch, fetches_at_waited;
	bool last;
	char why[100], message[20];
};

static struct world *world_of(struct fake_conn *c)
{
	return container_of(parts_of(c), struct world, parts);
}

static void say(struct world *w, const char *word)
{
	size_t n = strlen(w->said);
	snprintf(w->said + n, sizeof w->said - n, "%s%s", n ? " " : "", word);
}

/* ---- the database, played ---- */

static void put_header(struct fake_conn *c)
{
	struct world *w = world_of(c);
	char snapshot[40], xid[20];
	snprintf(xid, sizeof xid, "%d", w->next_xid);
	snprintf(snapshot, sizeof snapshot, "%d:%d:", w->next_xid, w->next_xid);
	const char *row[COLS] = {
		NULL, xid, "5000000", snapshot, w->epoch, NULL, w->gap ? "gap" : "ok", w->gap ? "lost" : NULL};
	fake_row(c, row, COLS);
	w->gap = false;
}

static void put_rows(struct fake_conn *c, int n)
{
	struct world *w = world_of(c);
	char id[24];
	/* a transaction each */
	const char *row[COLS] = {id, id, "5000000", "r", NULL, "e", NULL, "1", NULL, "f"};
	for (int i = 0; i < n; i++) {
		snprintf(id, sizeof id, "%llu", (unsigned long long)w->next_id++);
		fake_row(c, row, COLS);
	}
}

static bool failed(struct fake_conn *c)
{
	struct world *w = world_of(c);
	const char *sqlstate = w->error;
	w->error = NULL;
	if (sqlstate)
		fake_error(c, sqlstate, "the message");
	return sqlstate != NULL;
}

static void play_fetch(struct fake_conn *c)
{
	struct world *w = world_of(c);
	w->fetches++;
	snprintf(w->from, sizeof w->from, "%s", c->params[0] ? c->params[0] : "");
	if (w->rows)
		say(w, "fetch");
	if (failed(c))
		return;
	fake_columns(c, w->shape ? COLS - 1 : COLS);
	if (!w->shape) {
		put_header(c);
		put_rows(c, w->rows);
	}
	w->rows = w->rows_each;
	w->shape = false;
	fake_rows_end(c);
}

static void play_page(struct fake_conn *c)
{
	struct world *w = world_of(c);
	w->pages++;
	say(w, "page");
	snprintf(w->page_from, sizeof w->page_from, "%s", c->params[0]);
	snprintf(w->page_upto, sizeof w->page_upto, "%s", c->params[1]);
	snprintf(w->page_after, sizeof w->page_after, "%s", c->params[2]);
	if (w->hold_pages || failed(c))
		return;
	fake_columns(c, COLS);
	put_rows(c, w->page_rows);
	w->page_rows = 0;
	fake_rows_end(c);
}

static void play_look(struct fake_conn *c)
{
	struct world *w = world_of(c);
	char snapshot[40];
	snprintf(snapshot, sizeof snapshot, "%d:%d:", w->next_xid, w->next_xid);
	w->looks++;
	fake_answer(c, (const char *[]){snapshot, "5000000"}, 2);
}

#define POLL_COLS 15

static bool play_refusal(struct fake_conn *c)
{
	struct world *w = world_of(c);
	const char *sqlstate = w->refused;
	w->refused = NULL;
	if (sqlstate)
		fake_error(c, sqlstate, "the message");
	return sqlstate != NULL;
}

static void play_poll(struct fake_conn *c, bool both)
{
	struct world *w = world_of(c);
	char id[24], snapshot[40], written[20], dropped[40], next[20];
	*(both ? &w->boths : &w->polls) += 1;
	snprintf(w->from, sizeof w->from, "%s", c->params[0]);
	if (play_refusal(c))
		return;
	snprintf(snapshot, sizeof snapshot, "%d:%d:", w->next_xid, w->next_xid);
	snprintf(next, sizeof next, "%d", w->next_xid);
	snprintf(written, sizeof written, "%d", w->written);
	snprintf(dropped, sizeof dropped, "%d:%d:", w->dropped, w->dropped);
	const char *row[POLL_COLS] = {id,  "50", "5000000", "r",      NULL,      "e",     NULL,
	                              "1", NULL, "f",       snapshot, "5000000", written, w->dropped ? dropped : NULL,
	                              next};
	fake_columns(c, POLL_COLS);
	for (int i = 0; i < w->rows; i++) {
		snprintf(id, sizeof id, "%llu", (unsigned long long)w->next_id++);
		fake_row(c, row, POLL_COLS);
	}
	if (w->rows == 0) {
		memset(row, 0, 10 * sizeof row[0]);
		fake_row(c, row, POLL_COLS);
	}
	w->rows = 0;
	fake_rows_end(c);
}

static void put_few(struct fake_conn *c, uint64_t id)
{
	struct world *w = world_of(c);
	struct buf row = {0}, event = {0}, snapshot = {0};
	if (id)
		binary_put_event(&event, &(struct fake_event){id, 50, 5000000, "r", "", "e", NULL, "1", NULL});
	binary_put_snapshot(&snapshot, (uint64_t)w->next_xid, (uint64_t)w->next_xid, 0);
	fake_u16(&row, FEW_COLS);
	fake_u32(&row, id ? (uint32_t)event.n : UINT32_MAX);
	buf_slice(&row, buf_view(&event));
	fake_u32(&row, (uint32_t)snapshot.n);
	buf_slice(&row, buf_view(&snapshot));
	fake_u32(&row, 8), binary_put(&row, (uint64_t)(5000000 - FAKE_2000_US), 8);
	fake_u32(&row, 8), binary_put(&row, (uint64_t)w->written, 8);
	fake_message(c, 'D', &row);
	buf_fini(&event);
	buf_fini(&snapshot);
}

static void play_few(struct fake_conn *c)
{
	struct world *w = world_of(c);
	w->fews++;
	snprintf(w->from, sizeof w->from, "%s", c->params[0]);
	if (play_refusal(c))
		return;
	fake_columns(c, FEW_COLS);
	if (w->rows > FEW_ROWS) /* what they are does not count */
		for (int i = 0; i <= FEW_ROWS; i++)
			put_few(c, w->next_id);
	else if (w->rows == 0)
		put_few(c, 0);
	else
		for (; w->rows; w->rows--)
			put_few(c, w->next_id++);
	fake_rows_end(c);
}

static void put_ids(struct fake_conn *c, const struct fake_ids *r)
{
	struct buf row = {0}, values[IDS_COLS] = {0};
	binary_put_ids(values, r);
	fake_u16(&row, IDS_COLS);
	for (int col = 0; col < IDS_COLS; col++) {
		fake_u32(&row, values[col].n ? (uint32_t)values[col].n : UINT32_MAX);
		buf_slice(&row, buf_view(&values[col]));
		buf_fini(&values[col]);
	}
	fake_message(c, 'D', &row);
}

static void play_ids(struct fake_conn *c)
{
	struct world *w = world_of(c);
	char snapshot[40];
	w->ids++;
	snprintf(w->from, sizeof w->from, "%s", c->params[0]);
	if (play_refusal(c))
		return;
	if (w->twin_each)
		w->next_xid++;
	w->twin += w->twin_each;
	snprintf(snapshot, sizeof snapshot, "%d:%d:", w->next_xid, w->next_xid);
	fake_columns(c, IDS_COLS);
	put_ids(c, &(struct fake_ids){w->twin, 0, 5000000, NULL, snapshot});
	if (w->comes)
		w->nobody = w->comes = false; /* the rows are there for who asks next */
	else
		for (; w->rows; w->rows--)
			put_ids(c, &(struct fake_ids){w->next_id++, 50, 5000000, NULL, NULL});
	fake_rows_end(c);
}

static void play(struct fake_conn *c, const char *sql)
{
	struct world *w = world_of(c);
	char xid[20];
	snprintf(xid, sizeof xid, "%d", w->next_xid);
	if (starts_with(sql, "select * from rt.pump_open")) {
		say(w, "open");
		snprintf(w->saw_epoch, sizeof w->saw_epoch, "%s", c->params[2] ? c->params[2] : "");
		snprintf(w->saw_marks, sizeof w->saw_marks, "%s", c->params[3]);
		if (!failed(c))
			fake_answer(c, (const char *[]){w->epoch, "1", "7", "8"}, 4);
	} else if (starts_with(sql, "select rt.mark()")) {
		w->marks++;
		if (!w->hold_marks)
			fake_answer(c, (const char *[]){"mark.1.ab"}, 1);
	} else if (starts_with(sql, "prepare bellwire_") && !starts_with(sql + 17, "fetch") && !w->plain) {
		fake_error(c, "42883", "no such function"); /* an older database */
	} else if (starts_with(sql, "prepare ")) {
		say(w, "prepare");
		fake_command(c);
	} else if (starts_with(sql, "deallocate ")) {
		w->forgotten++;
		if (w->plain)
			fake_command(c);
		else
			fake_error(c, "26000", "no such statement");
	} else if (starts_with(sql, "listen ") || starts_with(sql, "unlisten ")) {
		say(w, sql);
		fake_command(c);
	} else if (starts_with(sql, "select rt.bell_hear")) {
		if (w->carries)
			say(w, strstr(sql, "true") ? "hear" : "unhear");
		if (w->carries)
			fake_answer(c, (const char *[]){w->strange ? "x; listen y" : CHANNEL}, 1);
		else
			fake_error(c, "42883", "no such function");
	} else if (starts_with(sql, "select * from rt.bell_arm")) {
		say(w, "arm");
		fake_answer(c, (const char *[]){w->no_lock ? "f" : "t", xid}, 2);
	} else if (starts_with(sql, "select rt.bell_disarm")) {
		say(w, "disarm");
		fake_answer(c, (const char *[]){""}, 1);
	} else if (starts_with(sql, "bellwire_fetch")) {
		play_fetch(c);
	} else if (starts_with(sql, "bellwire_look")) {
		play_look(c);
	} else if (strcmp(sql, "bellwire_poll_ids") == 0) {
		play_ids(c);
	} else if (strcmp(sql, "bellwire_poll_few") == 0) {
		play_few(c);
	} else if (starts_with(sql, "bellwire_poll")) {
		play_poll(c, strcmp(sql, "bellwire_poll_both") == 0);
	} else {
		play_page(c);
	}
}

/* ---- events of the pump ---- */

static void on_waited(void *arg)
{
	struct world *w = arg;
	w->waited++;
	w->fetches_at_waited = w->fetches;
}

/* In the middle of a page: the rows behind it are fetched again. */
static void cut_in_page(struct world *w)
{
	w->cut_in_page = false;
	fake_cut(fake_find(&w->parts.pg, "pump"));
	w->next_id = 2 * PAGE + 1;
	w->page_rows = 5;
}

static size_t on_batch(void *ctx, const struct db_batch *b)
{
	struct world *w = ctx;
	struct db_position at;
	w->batches++;
	w->events += (int)b->n;
	for (size_t i = 0; i < b->n; i++)
		w->bare += b->events[i].bare;
	/* none while a fetch is half delivered; of a bell there is one row */
	CHECK_INT(pump_position(w->pump, &at), !w->pump->fetch.upto);
	if (w->ask_in_batch)
		pump_after(w->pump, 0, on_waited, w);
	if (w->cut_in_page && w->batches == 2)
		cut_in_page(w);
	w->ask_in_batch = false;
	w->fetches_at_batch = w->fetches;
	return b->n;
}

static void on_cursor(void *ctx)
{
	struct world *w = ctx;
	struct db_position at;
	w->last = true;
	CHECK(pump_position(w->pump, &at));
}

static void on_gap(void *ctx, const char *why)
{
	struct world *w = ctx;
	w->gaps++;
	snprintf(w->why, sizeof w->why, "%s", why);
}

static void on_ready(void *ctx, const char *snapshot, bool first)
{
	struct world *w = ctx;
	CHECK(snapshot);
	w->ready++;
	w->first += first;
}

static bool nobody(void *ctx)
{
	return ((struct world *)ctx)->nobody;
}

static void on_heard(void *ctx, struct slice payload)
{
	struct world *w = ctx;
	w->messages++;
	snprintf(w->message, sizeof w->message, "%.*s", (int)payload.n, payload.p);
}

/* ---- the world ---- */

static void begin(struct world *w)
{
	static const struct db_pump_events events = {on_batch, on_cursor, on_gap, on_ready, nobody};
	*w = (struct world){.next_xid = 100, .next_id = 1, .epoch = "e1"};
	parts_begin(&w->parts, play);
	w->pump = pump_new(&w->parts.common);
	pump_set_events(w->pump, &events, w);
}

/* It would sleep after a window of the pace, which on a busy machine is any two turns. */
static void polls_on(struct world *w)
{
	w->parts.common.cfg.bell = DB_BELL_OFF;
}

static void begin_ready(struct world *w)
{
	begin(w);
	pump_start(w->pump);
	WAIT_FOR(w->parts.loop, w->ready == 1);
}

static void end(struct world *w)
{
	w->parts.common.freeing = true;
	while (pump_close(w->pump))
		;
	pump_free(&w->pump);
	parts_end(&w->parts);
}

static enum pace_state pace_of(const struct world *w)
{
	return (enum pace_state)w->parts.common.stats.pump_state;
}

static struct fake_conn *conn(struct world *w)
{
	return fake_find(&w->parts.pg, "pump");
}

/* On a busy machine the pump may have armed the bell, and slept, before this, unless it polls on. */
static void fall_asleep(struct world *w)
{
	w->parts.common.cfg.bell = DB_BELL_AUTO;
	WAIT_FOR(w->parts.loop, pace_of(w) == PACE_DRAIN || pace_of(w) == PACE_ASLEEP);
	if (pace_of(w) == PACE_DRAIN)
		w->next_xid++; /* every transaction that ran when the bell was armed is over */
	WAIT_FOR(w->parts.loop, pace_of(w) == PACE_ASLEEP);
}

/* The cursor is the present snapshot. */
static bool is_at(struct world *w)
{
	struct db_position at;
	char snapshot[40];
	snprintf(snapshot, sizeof snapshot, "%d:%d:", w->next_xid, w->next_xid);
	return pump_position(w->pump, &at) && strcmp(at.snapshot, snapshot) == 0;
}

static void wait_for_fetch(struct world *w)
{
	int before = w->fetches;
	WAIT_FOR(w->parts.loop, w->fetches > before + 1);
}

/* ---- opening ---- */

TEST(a_session_opens_in_order)
{
	struct world w;
	struct db_position at;
	begin(&w);
	pump_listen(w.pump, "odd\"name", on_heard, &w);
	CHECK(!pump_position(w.pump, &at));
	pump_start(w.pump);
	WAIT_FOR(w.parts.loop, w.ready == 1);
	CHECK_STR(w.said, "open prepare listen bellwire listen \"odd\"\"name\"");
	CHECK_INT(w.first, 1);
	CHECK(pump_ready(w.pump));
	CHECK_INT(w.parts.changes, 1);
	CHECK_INT(w.gaps, 0);
	CHECK(pump_position(w.pump, &at));
	CHECK_STR(at.snapshot, "100:100:");
	CHECK_STR(at.epoch, "e1");
	CHECK_INT(at.now_us, 5000000);
	CHECK(at.live);
	CHECK_INT(pace_of(&w), PACE_BUSY);
	fake_notify(conn(&w), "odd\"name", "hi");
	WAIT_FOR(w.parts.loop, w.messages == 1);
	CHECK_STR(w.message, "hi");
	CHECK_INT(w.parts.common.stats.bells, 0); /* that was no bell */
	end(&w);
}

TEST(a_session_that_cannot_open_says_what_to_do)
{
	static const struct {
		const char *sqlstate, *advice;
	} rows[] = {{"3F000", "pump: rt.pump_open: ERROR:  the message; run bellwire migrate"},
	            {"42883", "pump: rt.pump_open: ERROR:  the message; run bellwire migrate"},
	            {"42501", "pump: rt.pump_open: ERROR:  the message; is this the login of an edge (bellwire_edge)?"},
	            {"25006", "pump: rt.pump_open: ERROR:  the message"}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].sqlstate);
		struct world w;
		begin(&w);
		w.error = rows[i].sqlstate;
		pump_start(w.pump);
		WAIT_FOR(w.parts.loop, w.parts.common.stats.lost == 1);
		CHECK_STR(w.parts.common.last_error, rows[i].advice);
		WAIT_FOR(w.parts.loop, w.ready == 1); /* it tries again */
		end(&w);
	}
}

TEST(a_session_leaves_a_mark_and_the_next_one_tells_what_was_seen_last)
{
	struct world w;
	struct db_position at;
	begin_ready(&w);
	CHECK_STR(w.saw_epoch, "");
	CHECK_STR(w.saw_marks, "{}");
	CHECK_INT(w.marks, 1);
	CHECK(pump_position(w.pump, &at));
	CHECK_STR(at.mark, "mark.1.ab");
	w.rows = 2;
	pump_poke(w.pump);
	WAIT_FOR(w.parts.loop, w.events == 2);
	CHECK(pump_position(w.pump, &at));
	CHECK_STR(at.mark, "row.2.2.5000000");
	fake_cut(conn(&w));
	WAIT_FOR(w.parts.loop, w.ready == 2);
	CHECK_STR(w.saw_epoch, "e1");
	CHECK_STR(w.saw_marks, "{\"row.1.1.5000000\",\"row.2.2.5000000\"}");
	CHECK_INT(w.marks, 2);
	end(&w);
}

/* ---- the bell ---- */

TEST(an_idle_pump_falls_asleep_and_many_rows_wake_it)
{
	struct world w;
	begin_ready(&w);
	fall_asleep(&w);
	CHECK_STR(w.said, "open prepare listen bellwire arm");
	int before = w.fetches;
	for (int i = 0; i < 20; i++)
		fake_turn(w.parts.loop);
	CHECK_INT(w.fetches, before); /* asleep, and no fallback poll is set here */

	polls_on(&w);
	w.rows = 12;
	fake_notify(conn(&w), "bellwire", "");
	WAIT_FOR(w.parts.loop, w.events == 12);
	CHECK_INT(w.parts.common.stats.bells, 1);
	CHECK_INT(pace_of(&w), PACE_BUSY);
	wait_for_fetch(&w);
	CHECK_STR(w.said, "open prepare listen bellwire arm fetch disarm");
	end(&w);
}

TEST(a_bell_lock_that_is_asked_for_at_this_moment_is_tried_again)
{
	struct world w;
	begin_ready(&w);
	w.no_lock = true;
	WAIT_FOR(w.parts.loop, strstr(w.said, "arm arm"));
	CHECK_INT(pace_of(&w), PACE_BUSY);
	w.no_lock = false;
	fall_asleep(&w);
	end(&w);
}

TEST(a_poke_polls_a_sleeping_pump)
{
	struct world w;
	begin_ready(&w);
	fall_asleep(&w);
	w.rows = 1;
	pump_poke(w.pump);
	WAIT_FOR(w.parts.loop, w.events == 1);
	end(&w);
}

/* Each is read anyway: they are no reason to poll, unless others must be rung for them. */
TEST(what_this_edge_writes_alone_keeps_nobody_awake)
{
	struct world w;
	begin_ready(&w);
	w.parts.common.alone = true;
	fall_asleep(&w);
	w.rows = 20;
	pump_poke_then(w.pump, on_waited, &w);
	WAIT_FOR(w.parts.loop, w.waited == 1);
	CHECK_INT(w.events, 20);
	CHECK_INT(pace_of(&w), PACE_ASLEEP);
	w.parts.common.alone = false;
	w.rows = 20;
	pump_poke(w.pump);
	WAIT_FOR(w.parts.loop, w.events == 40);
	CHECK_INT(pace_of(&w), PACE_BUSY);
	end(&w);
}

TEST(what_this_edge_has_written_unrung_is_read_in_time_or_with_an_earlier_fetch)
{
	struct world w;
	begin_ready(&w);
	fall_asleep(&w);
	uint64_t at = loop_now(w.parts.loop);
	w.rows = 1;
	pump_poke_soon(w.pump, 30, 0, on_waited, &w);
	pump_poke_soon(w.pump, 5000, 0, on_waited, &w); /* the earlier one counts */
	WAIT_FOR(w.parts.loop, w.waited == 2);          /* no fallback poll is set here */
	CHECK_INT(w.events, 1);
	CHECK(loop_now(w.parts.loop) - at >= 30);
	pump_poke_soon(w.pump, 60000, 0, on_waited, &w);
	fake_notify(conn(&w), "bellwire", "");
	WAIT_FOR(w.parts.loop, w.waited == 3);
	CHECK_INT(w.pump->soon_at, 0);
	pump_poke(w.pump); /* a fetch that is out may not see it */
	pump_poke_soon(w.pump, 30, 0, on_waited, &w);
	CHECK(!timer_is_set(&w.pump->timer));
	WAIT_FOR(w.parts.loop, w.waited == 4);
	fake_cut(conn(&w));
	WAIT_FOR(w.parts.loop, !pump_ready(w.pump));
	pump_poke_soon(w.pump, 30, 0, on_waited, &w);
	loop_settle(w.parts.loop);
	CHECK_INT(w.waited, 5);
	end(&w);
}

TEST(what_this_edge_has_written_unrung_keeps_nobody_awake)
{
	static const struct {
		int others;
		enum pace_state state;
	} rows[] = {{11, PACE_ASLEEP}, {12, PACE_BUSY}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct world w;
		begin_ready(&w);
		fall_asleep(&w);
		w.rows = FETCH_OWN + rows[i].others;
		for (uint64_t n = 0; n < FETCH_OWN; n++)
			pump_poke_soon(w.pump, 1, w.next_id + n, on_waited, &w);
		WAIT_FOR(w.parts.loop, w.waited == FETCH_OWN);
		CHECK_INT(w.events, FETCH_OWN + rows[i].others);
		CHECK_INT(pace_of(&w), rows[i].state);
		end(&w);
	}
}

TEST(where_nobody_waits_many_rings_are_one_fetch_and_none_is_lost)
{
	struct world w;
	begin_ready(&w);
	w.nobody = true;
	fall_asleep(&w);
	int before = w.fetches;
	w.rows = 1;
	for (int i = 0; i < 10; i++) {
		fake_notify(conn(&w), "bellwire", "");
		loop_settle(w.parts.loop);
	}
	WAIT_FOR(w.parts.loop, w.events == 1); /* no fallback poll is set here */
	CHECK(w.fetches <= before + 2);
	w.nobody = false;
	w.rows = 1;
	fake_notify(conn(&w), "bellwire", "");
	WAIT_FOR(w.parts.loop, w.events == 2);
	end(&w);
}

TEST(where_nobody_waits_a_pump_that_polls_hears_no_bell_and_listens_before_it_sleeps)
{
	struct world w;
	begin(&w);
	polls_on(&w); /* as there may be no row in the first window */
	w.nobody = true;
	w.rows = w.rows_each = 1;
	pump_start(w.pump);
	WAIT_FOR(w.parts.loop, w.ready == 1);
	WAIT_FOR(w.parts.loop, !w.pump->hears && w.events > 0);
	w.parts.common.cfg.bell = DB_BELL_AUTO;
	int fetches = w.fetches;
	WAIT_FOR(w.parts.loop, w.fetches >= fetches + 8); /* three windows, at least */
	CHECK_INT(pace_of(&w), PACE_BUSY);
	CHECK(strstr(w.said, "fetch unlisten bellwire"));
	CHECK(!strstr(w.said, "arm"));
	w.rows = w.rows_each = 0;
	w.said[0] = '\0';
	fall_asleep(&w);
	const char *listen = strstr(w.said, "listen bellwire"), *arm = strstr(w.said, "arm");
	CHECK(listen && arm && listen < arm);
	CHECK(!strstr(w.said, "unlisten"));
	CHECK(w.pump->hears);
	w.rows = 1;
	fake_notify(conn(&w), "bellwire", "");
	int events = w.events;
	WAIT_FOR(w.parts.loop, w.events > events);
	end(&w);
}

TEST(where_somebody_waits_a_pump_that_polls_hears_the_bell_all_the_same)
{
	struct world w;
	begin(&w);
	polls_on(&w);     /* as there may be no row in the first window */
	w.rows_each = 60; /* enough of them in a window that stands still for 0.2 s */
	pump_start(w.pump);
	WAIT_FOR(w.parts.loop, w.events > 0);
	w.parts.common.cfg.bell = DB_BELL_AUTO;
	int fetches = w.fetches;
	WAIT_FOR(w.parts.loop, w.fetches > fetches + 100);
	CHECK_INT(pace_of(&w), PACE_BUSY);
	CHECK(w.pump->hears);
	CHECK(!strstr(w.said, "unlisten"));
	end(&w);
}

TEST(where_nobody_waits_a_ring_beside_a_mark_is_followed_by_a_fetch)
{
	struct world w;
	begin_ready(&w);
	w.nobody = true;
	fall_asleep(&w);
	w.hold_marks = true;
	w.pump->mark_timer.fire(&w.pump->mark_timer);
	WAIT_FOR(w.parts.loop, w.marks == 2);
	w.rows = 1;
	uint64_t rung = loop_now(w.parts.loop);
	fake_notify(conn(&w), "bellwire", "");
	WAIT_FOR(w.parts.loop, w.parts.common.stats.bells == 1);
	fake_answer(conn(&w), (const char *[]){"mark.1.ab"}, 1);
	WAIT_FOR(w.parts.loop, w.events == 1);
	CHECK(loop_now(w.parts.loop) - rung < 10000); /* the poll of a pump that nobody rings comes after 15 s */
	end(&w);
}

#define LONE(snapshot, xid)                         \
	SLICE(snapshot "\x1e" xid "\x1e" xid "\x1e" \
	               "31\x1e"                     \
	               "7\x1e"                      \
	               "5250000\x1e"                \
	               "room\x1e"                   \
	               "event\x1e{\"a\":1}")

TEST(a_row_that_comes_with_its_ack_needs_no_fetch)
{
	struct world w;
	struct db_position at;
	begin(&w);
	strcpy(w.epoch, "1.2.3/7.abc");
	CHECK(!pump_take_lone(w.pump, LONE("101:101:", "101"))); /* it is away */
	pump_start(w.pump);
	WAIT_FOR(w.parts.loop, w.ready == 1);
	fall_asleep(&w);
	WAIT_FOR(w.parts.loop, is_at(&w));
	int fetches = w.fetches, waited = w.waited;
	CHECK(!pump_take_lone(w.pump, LONE("100:100:", "101")));
	CHECK(pump_take_lone(w.pump, LONE("101:101:", "101")));
	CHECK_INT(w.events, 1);
	CHECK(pump_position(w.pump, &at));
	CHECK_STR(at.snapshot, "102:102:");
	CHECK_STR(at.mark, "row.31.101.5250000");
	loop_settle(w.parts.loop);
	CHECK_INT(w.fetches, fetches);
	CHECK_INT(pace_of(&w), PACE_ASLEEP);
	pump_poke_then(w.pump, on_waited, &w); /* a fetch is out, and may bring it */
	CHECK(!pump_take_lone(w.pump, LONE("102:102:", "102")));
	CHECK_INT(w.events, 1);
	WAIT_FOR(w.parts.loop, w.waited == waited + 1);
	fake_cut(conn(&w));
	WAIT_FOR(w.parts.loop, !pump_ready(w.pump));
	CHECK(!pump_take_lone(w.pump, LONE("102:102:", "102")));
	CHECK_INT(w.events, 1);
	end(&w);
}

/* A fetch that finds a new snapshot. */
static void poll_once(struct world *w)
{
	w->next_xid++;
	pump_poke(w->pump);
	WAIT_FOR(w->parts.loop, is_at(w));
}

/* Asleep, at 101:101: or later, and alone unless said otherwise. */
static void begin_carried(struct world *w)
{
	begin(w);
	strcpy(w->epoch, "1.2.3/7.abc");
	w->carries = true;
	w->parts.common.alone = true;
	pump_start(w->pump);
	WAIT_FOR(w->parts.loop, w->ready == 1);
	fall_asleep(w);
	WAIT_FOR(w->parts.loop, is_at(w));
}

static void ring(struct world *w, struct slice row)
{
	char text[200];
	snprintf(text, sizeof text, "%.*s", (int)row.n, row.p);
	fake_notify(conn(w), CHANNEL, text);
	fake_notify(conn(w), "bellwire", "carried");
}

TEST(a_bell_that_carries_a_row_brings_it_and_a_poll_reads_it_later)
{
	struct world w;
	begin_carried(&w);
	int fetches = w.fetches;
	ring(&w, LONE("101:101:", "101"));
	WAIT_FOR(w.parts.loop, w.events == 1);
	CHECK_INT(w.fetches, fetches);
	struct db_position at;
	CHECK(pump_position(w.pump, &at)); /* behind the row already: it is named */
	CHECK_STR(at.snapshot, "101:101:");
	CHECK_INT(at.nahead, 1);
	CHECK_INT(at.ahead[0].xid, 101);
	uint64_t came = loop_now(w.parts.loop);
	w.next_xid = 102;
	w.rows = 2;
	WAIT_FOR(w.parts.loop, w.fetches == fetches + 1);
	CHECK(loop_now(w.parts.loop) - came >= CARRIED_MS - 1);
	WAIT_FOR(w.parts.loop, w.events == 3);
	WAIT_FOR(w.parts.loop, is_at(&w));
	CHECK(pump_position(w.pump, &at));
	CHECK_INT(at.nahead, 0);
	CHECK_INT(w.parts.common.stats.carried_rows, 1);
	CHECK_INT(w.parts.common.stats.bells, 1);
	CHECK_INT(pace_of(&w), PACE_ASLEEP);
	end(&w);
}

TEST(a_bell_that_carries_a_row_which_must_wait_is_followed_by_a_poll)
{
	struct world w;
	begin_carried(&w);
	int fetches = w.fetches;
	ring(&w, LONE("102:102:", "102")); /* 101 has committed, and rang nobody */
	WAIT_FOR(w.parts.loop, w.fetches == fetches + 1);
	CHECK_INT(w.events, 0);
	end(&w);
}

/* And all that came at once are for one poll. */
TEST(a_bell_that_carries_nothing_comes_before_the_rows_behind_it)
{
	struct world w;
	begin_carried(&w);
	int fetches = w.fetches;
	fake_notify(conn(&w), "bellwire", "");
	ring(&w, LONE("101:101:", "101"));
	fake_notify(conn(&w), "bellwire", "");
	WAIT_FOR(w.parts.loop, w.fetches == fetches + 1);
	loop_settle(w.parts.loop);
	CHECK_INT(w.fetches, fetches + 1);
	CHECK_INT(w.events, 0);
	CHECK_INT(w.parts.common.stats.bells, 1);
	end(&w);
}

TEST(behind_a_poll_that_was_refused_no_row_is_taken)
{
	struct world w;
	begin_carried(&w);
	w.error = "57014";
	fake_notify(conn(&w), "bellwire", "");
	WAIT_FOR(w.parts.loop, !w.error);
	WAIT_FOR(w.parts.loop, w.pump->errors == 1);
	int fetches = w.fetches;
	ring(&w, LONE("101:101:", "101"));
	WAIT_FOR(w.parts.loop, w.fetches == fetches + 1);
	CHECK_INT(w.events, 0);
	WAIT_FOR(w.parts.loop, w.pump->errors == 0);
	ring(&w, LONE("101:101:", "101"));
	WAIT_FOR(w.parts.loop, w.events == 1);
	end(&w);
}

TEST(a_channel_that_is_another_one_by_now_leaves_bells)
{
	struct world w;
	begin_carried(&w);
	CHECK(!pump_on_message(w.pump, "bellwire", "carried")); /* the row was on one that we do not hear */
	pump_on_notify(w.pump);
	WAIT_FOR(w.parts.loop, w.pump->delivered == w.pump->fetches);
	end(&w);
}

TEST(each_row_is_told_of_once)
{
	struct world w;
	begin_carried(&w);
	CHECK(pump_on_message(w.pump, CHANNEL, LONE("101:101:", "101").p));
	CHECK(pump_on_message(w.pump, "bellwire", "carried"));
	CHECK(!pump_on_message(w.pump, "bellwire", "carried"));
	end(&w);
}

TEST(rows_are_taken_from_bells_in_sleep_alone)
{
	struct world w;
	begin(&w);
	strcpy(w.epoch, "1.2.3/7.abc");
	w.carries = true;
	pump_start(w.pump);
	WAIT_FOR(w.parts.loop, pace_of(&w) == PACE_DRAIN && w.ready == 1 && is_at(&w) && pump_is_free(w.pump));
	CHECK(!pump_on_message(w.pump, CHANNEL, LONE("100:100:", "101").p));
	CHECK_INT(w.events, 0);
	end(&w);
}

TEST(no_row_is_taken_beside_a_fetch_or_when_the_turn_is_used_up)
{
	struct world w;
	begin_carried(&w);
	pump_poke(w.pump);
	CHECK(!pump_on_message(w.pump, CHANNEL, LONE("101:101:", "101").p));
	pump_on_notify(w.pump);
	WAIT_FOR(w.parts.loop, w.pump->delivered == w.pump->fetches && pump_is_free(w.pump));
	usleep(LOOP_SHARE_US + 1000);
	CHECK(!pump_on_message(w.pump, CHANNEL, LONE("101:101:", "101").p));
	CHECK_INT(w.events, 0);
	end(&w);
}

TEST(the_pace_knows_of_a_row_when_it_comes)
{
	struct world w;
	begin_carried(&w);
	uint64_t before = w.pump->pace.window.transactions;
	CHECK(pump_on_message(w.pump, CHANNEL, LONE("101:101:", "101").p));
	CHECK(w.pump->pace.window.transactions == before + 1 || w.pump->pace.window.transactions == 1);
	end(&w);
}

TEST(where_nobody_waits_no_row_is_taken)
{
	struct world w;
	begin_carried(&w);
	w.nobody = true;
	int bells = (int)w.parts.common.stats.bells;
	ring(&w, LONE("101:101:", "101"));
	WAIT_FOR(w.parts.loop, w.parts.common.stats.bells == (uint64_t)bells + 1);
	CHECK_INT(w.events, 0);
	end(&w);
}

TEST(a_pump_with_many_carried_rows_polls_at_once)
{
	static const struct {
		const char *name;
		bool alone;
		int most;
	} rows[] = {{"alone", true, 24}, {"beside others", false, 8}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].name);
		struct world w;
		begin_carried(&w);
		w.parts.common.alone = rows[i].alone;
		w.parts.common.cfg.bell = DB_BELL_ALWAYS; /* whatever the pace thinks of so many */
		uint32_t fetches = w.pump->fetches;
		for (int n = 1; n <= rows[i].most; n++) {
			char row[200];
			CHECK_INT(w.pump->fetches, fetches);
			snprintf(row, sizeof row,
			         "101:101:\x1e%d\x1e%d\x1e%d\x1e"
			         "7\x1e"
			         "5250000\x1eroom\x1e"
			         "event\x1e{}",
			         100 + n, 100 + n, 30 + n);
			CHECK(pump_on_message(w.pump, CHANNEL, row));
		}
		CHECK_INT(w.events, rows[i].most);
		CHECK_INT(w.pump->fetches, fetches + 1);
		end(&w);
	}
}

TEST(a_poll_follows_a_carried_row_soon)
{
	struct world w;
	begin_carried(&w);
	w.parts.common.cfg.fallback_poll_ms = 0;
	poll_once(&w); /* from here on one that nobody rings polls each 15 s */
	int fetches = w.fetches;
	ring(&w, LONE("102:102:", "102"));
	WAIT_FOR(w.parts.loop, w.events == 1);
	uint64_t came = loop_now(w.parts.loop);
	WAIT_FOR(w.parts.loop, w.fetches == fetches + 1);
	CHECK(loop_now(w.parts.loop) - came >= CARRIED_MS - 1);
	CHECK(loop_now(w.parts.loop) - came < 10000);
	end(&w);
}

TEST(a_pump_that_need_not_hear_is_deaf_on_both_channels)
{
	struct world w;
	begin(&w);
	polls_on(&w);
	w.carries = w.nobody = true;
	pump_start(w.pump);
	WAIT_FOR(w.parts.loop, strstr(w.said, "unhear"));
	CHECK(!strstr(w.said, "unlisten"));
	fall_asleep(&w); /* heard before it is armed */
	CHECK(strstr(w.said, "unhear hear arm"));
	end(&w);
}

TEST(a_channel_whose_name_is_none_carries_nothing)
{
	struct world w;
	begin(&w);
	w.carries = w.strange = true;
	pump_start(w.pump);
	WAIT_FOR(w.parts.loop, w.ready == 1);
	CHECK_STR(w.pump->carrier, "");
	end(&w);
}

TEST(waiters_are_called_after_a_fetch_that_began_later)
{
	struct world w;
	begin_ready(&w);
	fall_asleep(&w);
	pump_after(w.pump, 0, on_waited, &w);
	int before = w.fetches;
	CHECK_INT(w.waited, 0);
	pump_after(w.pump, 0, on_waited, &w); /* one fetch is out already: this one waits for the next */
	WAIT_FOR(w.parts.loop, w.waited == 1);
	WAIT_FOR(w.parts.loop, w.waited == 2);
	CHECK_INT(w.fetches, before + 2);
	fake_cut(conn(&w));
	WAIT_FOR(w.parts.loop, !pump_ready(w.pump));
	pump_after(w.pump, 0, on_waited, &w); /* away: nothing comes */
	CHECK_INT(w.waited, 2);
	loop_settle(w.parts.loop);
	CHECK_INT(w.waited, 3);
	end(&w);
}

TEST(a_waiter_of_a_batch_waits_for_the_fetch_after_it)
{
	struct world w;
	begin_ready(&w);
	w.ask_in_batch = true;
	w.rows = 1;
	WAIT_FOR(w.parts.loop, w.waited == 1);
	CHECK_INT(w.fetches_at_waited, w.fetches_at_batch + 1);
	end(&w);
}

/* It was released, since the pump was away, and is called in the turn in which the pump comes. */
TEST(a_waiter_of_the_first_batch_of_a_session_waits_too)
{
	struct world w;
	begin_ready(&w);
	fake_cut(conn(&w));
	WAIT_FOR(w.parts.loop, !pump_ready(w.pump));
	w.ask_in_batch = true;
	w.rows = 1;
	WAIT_FOR(w.parts.loop, w.waited == 1);
	CHECK(pump_ready(w.pump));
	CHECK_INT(w.fetches_at_waited, w.fetches_at_batch + 1);
	end(&w);
}

/* ---- long fetches ---- */

TEST(a_long_fetch_comes_in_pages_and_turns)
{
	struct world w;
	struct db_position at;
	begin_ready(&w);
	w.next_xid = 200;
	w.rows = PAGE;
	w.page_rows = 2 * PAGE + 7;
	pump_after(w.pump, 0, on_waited, &w);
	WAIT_FOR(w.parts.loop, w.last);
	CHECK_INT(w.events, 3 * PAGE + 7);
	CHECK_INT(w.batches, 4);
	CHECK_INT(w.pages, 1); /* fewer rows than were asked for: no other is behind it */
	CHECK_STR(w.page_upto, "200:200:");
	CHECK_STR(w.page_from, "100:100:");
	CHECK_STR(w.page_after, "1000");
	WAIT_FOR(w.parts.loop, w.waited == 1);
	CHECK(pump_position(w.pump, &at));
	CHECK_STR(at.snapshot, "200:200:");
	end(&w);
}

TEST(a_cut_fetch_goes_on_after_a_lost_connection)
{
	struct world w;
	begin_ready(&w);
	w.next_xid = 200;
	w.rows = PAGE;
	w.hold_pages = true;
	WAIT_FOR(w.parts.loop, w.pages == 1);
	w.next_xid = 300;
	w.hold_pages = false;
	w.page_rows = 5;
	fake_cut(conn(&w));
	WAIT_FOR(w.parts.loop, w.ready == 2);
	CHECK_INT(w.first, 1);
	CHECK_INT(w.gaps, 0);
	CHECK_INT(w.events, PAGE + 5);
	CHECK_STR(w.page_upto, "200:200:"); /* the same fetch, not a new one */
	wait_for_fetch(&w);
	CHECK_STR(w.from, "300:300:");
	end(&w);
}

TEST(a_page_that_is_half_delivered_is_not_delivered_twice)
{
	struct world w;
	begin_ready(&w);
	w.rows = PAGE;
	w.page_rows = 3 * PAGE;
	w.cut_in_page = true;
	WAIT_FOR(w.parts.loop, w.last);
	CHECK_INT(w.events, 2 * PAGE + 5);
	CHECK_STR(w.page_after, "2000");
	CHECK_INT(w.gaps, 0);
	end(&w);
}

TEST(a_cut_fetch_is_void_in_another_epoch)
{
	struct world w;
	begin_ready(&w);
	w.rows = PAGE;
	w.hold_pages = true;
	WAIT_FOR(w.parts.loop, w.pages == 1);
	snprintf(w.epoch, sizeof w.epoch, "e2");
	fake_cut(conn(&w));
	WAIT_FOR(w.parts.loop, w.gaps == 1);
	CHECK_STR(w.why, "the database restarted during a long fetch");
	CHECK_INT(w.pages, 1);
	end(&w);
}

TEST(a_slot_that_was_emptied_during_a_long_fetch_is_a_gap)
{
	struct world w;
	begin_ready(&w);
	w.rows = PAGE;
	w.hold_pages = true;
	WAIT_FOR(w.parts.loop, w.pages == 1);
	fake_error(conn(&w), "40001", "a slot was emptied");
	WAIT_FOR(w.parts.loop, w.gaps == 1);
	CHECK_STR(w.why, "a slot of the outbox was emptied during a long fetch");
	CHECK_INT(w.parts.common.stats.lost, 0);
	end(&w);
}

/* ---- plain polls ---- */

/* Polls on, until fall_asleep. */
static void begin_plain(struct world *w)
{
	begin(w);
	polls_on(w);
	w->plain = true;
	w->written = 1;
	pump_start(w->pump);
	WAIT_FOR(w->parts.loop, w->ready == 1);
}

static void poll_until_idle(struct world *w)
{
	for (int fews = w->fews; w->fews < fews + 2;)
		poll_once(w);
}

TEST(a_plain_poll_brings_rows_and_leaves_the_twin_away_while_nobody_writes_it)
{
	struct world w;
	begin_plain(&w);
	CHECK_STR(w.said, "open prepare prepare prepare prepare prepare prepare listen bellwire");
	CHECK_INT(w.fetches, 1); /* rt.fetch gives the first position */
	poll_until_idle(&w);
	CHECK_INT(w.boths, 2); /* the count is noted, then the transaction from which on it stands */
	CHECK_INT(w.fetches, 1);
	w.rows = 3;
	poll_once(&w);
	WAIT_FOR(w.parts.loop, w.events == 3);
	CHECK_INT(w.boths, 2);
	w.written++;
	w.next_xid++;
	w.rows = 1; /* thrown away: the twin may have more */
	w.events = 0;
	pump_poke(w.pump);
	WAIT_FOR(w.parts.loop, w.boths == 3);
	CHECK_INT(w.events, 0);
	CHECK_INT(w.fetches, 1);
	CHECK_INT(w.gaps, 0);
	end(&w);
}

TEST(a_look_is_enough_while_nothing_is_new)
{
	struct world w;
	begin_plain(&w);
	poll_until_idle(&w);
	WAIT_FOR(w.parts.loop, w.looks > 1); /* by the timer, after a poll that saw that the snapshot stands */
	int fews = w.fews, looks = w.looks;
	WAIT_FOR(w.parts.loop, w.looks > looks + 2);
	CHECK_INT(w.fews, fews);
	w.rows = 2;
	w.next_xid++;
	WAIT_FOR(w.parts.loop, w.events == 2);
	CHECK(w.fews > fews);
	pump_after(w.pump, 0, on_waited, &w);
	WAIT_FOR(w.parts.loop, w.waited == 1);
	fall_asleep(&w);
	pump_after(w.pump, 0, on_waited, &w); /* finds nothing */
	WAIT_FOR(w.parts.loop, w.waited == 2);
	looks = w.looks;
	poll_once(&w); /* something was written: no look before it */
	CHECK_INT(w.looks, looks);
	CHECK_INT(w.fetches, 1);
	end(&w);
}

TEST(a_full_poll_goes_on_with_pages)
{
	struct world w;
	begin_plain(&w);
	poll_until_idle(&w);
	w.rows = 64;
	w.page_rows = 5;
	poll_once(&w);
	WAIT_FOR(w.parts.loop, w.events == 69);
	CHECK_INT(w.pages, 1);
	CHECK_STR(w.page_after, "64");
	int polls = w.polls, fetches = w.fetches;
	poll_once(&w);
	WAIT_FOR(w.parts.loop, w.polls > polls); /* nothing of before is in flight */
	CHECK_INT(w.fetches, fetches);
	end(&w);
}

TEST(where_nobody_is_here_a_poll_brings_ids)
{
	struct world w;
	begin_plain(&w);
	poll_until_idle(&w);
	w.nobody = true;
	w.rows = 300;
	int others = w.fews + w.polls + w.boths + w.fetches;
	poll_once(&w);
	WAIT_FOR(w.parts.loop, w.bare == 300);
	CHECK_INT(w.pages, 0);
	poll_once(&w); /* 300 may be read again, where they are ids */
	CHECK(w.ids >= 2);
	CHECK_INT(w.fews + w.polls + w.boths + w.fetches, others);
	w.nobody = false;
	w.rows = 2;
	poll_once(&w);
	WAIT_FOR(w.parts.loop, w.events == 302);
	CHECK_INT(w.bare, 300); /* somebody is here: they come whole */
	end(&w);
}

TEST(ids_that_somebody_has_come_before_are_thrown_away)
{
	struct world w;
	begin_plain(&w);
	poll_until_idle(&w);
	w.nobody = w.comes = true;
	w.rows = 2;
	char at[40];
	snprintf(at, sizeof at, "%d:%d:", w.next_xid, w.next_xid);
	int fews = w.fews;
	w.next_xid++;
	pump_after(w.pump, 0, on_waited, &w);
	WAIT_FOR(w.parts.loop, w.waited == 1);
	CHECK(!w.nobody);
	CHECK_INT(w.ids, 1);
	CHECK_INT(w.fews, fews + 1);
	CHECK_INT(w.events, 2); /* from where the cursor was, and whole */
	CHECK_INT(w.bare, 0);
	CHECK_STR(w.from, at);
	end(&w);
}

/* Its writers ring, so an edge that reads none of it must not let itself be rung for each of them. */
TEST(while_the_twin_is_written_an_edge_with_nobody_polls)
{
	struct world w;
	begin_plain(&w);
	poll_until_idle(&w);
	w.nobody = true;
	w.twin_each = 3;
	int ids = w.ids;
	WAIT_FOR(w.parts.loop, w.ids > ids);
	w.parts.common.cfg.bell = DB_BELL_AUTO;
	WAIT_FOR(w.parts.loop, w.ids >= ids + 8); /* three windows of the pace, at least */
	CHECK(pace_of(&w) == PACE_BUSY);
	CHECK(!strstr(w.said, "arm"));
	w.twin_each = 0;
	fall_asleep(&w);
	end(&w);
}

TEST(who_comes_first_need_not_wait_for_a_slow_poll)
{
	struct world w;
	begin_plain(&w);
	poll_until_idle(&w);
	w.nobody = true;
	poll_once(&w);
	WAIT_FOR(w.parts.loop, timer_is_set(&w.pump->timer));
	w.next_xid++;
	w.rows = 1;
	w.nobody = false;
	uint64_t came = loop_now(w.parts.loop);
	timer_set(w.parts.loop, &w.pump->timer, came + 60000);
	pump_attend(w.pump);
	WAIT_FOR(w.parts.loop, w.events == 1);
	CHECK_INT(w.bare, 0);
	CHECK(loop_now(w.parts.loop) - came < 10000);
	fall_asleep(&w);
	int all = w.looks + w.ids + w.fews;
	pump_attend(w.pump); /* one that sleeps is rung */
	loop_settle(w.parts.loop);
	CHECK_INT(w.looks + w.ids + w.fews, all);
	end(&w);
}

TEST(a_database_that_has_no_ids_is_asked_for_rows)
{
	struct world w;
	begin_plain(&w);
	poll_until_idle(&w);
	w.nobody = true;
	w.refused = "42883";
	poll_once(&w);
	CHECK_INT(w.ids, 1);
	w.rows = 1;
	poll_once(&w);
	WAIT_FOR(w.parts.loop, w.events == 1);
	CHECK_INT(w.ids, 1);
	CHECK_INT(w.bare, 0);
	CHECK_INT(w.parts.common.stats.lost, 0);
	end(&w);
}

TEST(what_was_dropped_is_for_rt_fetch_to_tell)
{
	struct world w;
	begin_plain(&w);
	poll_until_idle(&w);
	w.dropped = w.next_xid; /* all that the cursor sees */
	w.written++;            /* it is counted, whatever is dropped */
	w.rows = 0;
	poll_once(&w);
	CHECK_INT(w.fetches, 1);
	w.dropped = w.next_xid + 5;
	w.written++;
	w.gap = true;
	poll_once(&w);
	WAIT_FOR(w.parts.loop, w.gaps == 1);
	CHECK_STR(w.why, "lost");
	end(&w);
}

TEST(a_poll_that_the_database_refuses_is_another_one_from_then_on)
{
	static const struct {
		const char *sqlstate;
		bool for_good;
	} rows[] = {{"42P01", true}, {"42501", true}, {"26000", true}, {"0A000", true}, {"53200", false}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].sqlstate);
		struct world w;
		begin_plain(&w);
		poll_until_idle(&w);
		w.refused = rows[i].sqlstate;
		poll_once(&w);
		int fews = w.fews, polls = w.polls;
		w.rows = 1;
		poll_once(&w);
		WAIT_FOR(w.parts.loop, w.events == 1);
		CHECK_INT(w.fews > fews, !rows[i].for_good);
		CHECK_INT(w.polls > polls, rows[i].for_good);
		CHECK_INT(w.fetches > 1, rows[i].for_good);
		CHECK_INT(w.parts.common.stats.lost, 0);
		end(&w);
	}
}

TEST(what_was_refused_is_prepared_anew_with_a_mark)
{
	struct world w;
	begin_plain(&w);
	poll_until_idle(&w);
	w.pump->mark_timer.fire(&w.pump->mark_timer);
	poll_once(&w);
	CHECK_INT(w.forgotten, 0); /* nothing was */
	w.refused = "42501";
	poll_once(&w);
	int fews = w.fews;
	w.plain = false; /* not yet */
	w.pump->mark_timer.fire(&w.pump->mark_timer);
	poll_once(&w);
	CHECK_INT(w.forgotten, 1);
	CHECK_INT(w.fews, fews);
	poll_once(&w);
	CHECK_INT(w.forgotten, 1); /* once for each mark */
	w.plain = true;
	w.pump->mark_timer.fire(&w.pump->mark_timer);
	w.rows = 1;
	poll_once(&w);
	CHECK_INT(w.forgotten, 2);
	CHECK_INT(w.fews, fews + 1);
	CHECK_INT(w.events, 1);
	w.pump->mark_timer.fire(&w.pump->mark_timer);
	poll_once(&w);
	CHECK_INT(w.forgotten, 2);
	CHECK_INT(w.parts.common.stats.lost, 0);
	end(&w);
}

TEST(after_an_outage_rt_fetch_looks_first)
{
	struct world w;
	begin_plain(&w);
	poll_until_idle(&w);
	fake_cut(conn(&w));
	w.next_xid++;
	WAIT_FOR(w.parts.loop, w.ready == 2);
	CHECK_INT(w.fetches, 2);
	int boths = w.boths;
	poll_until_idle(&w);
	CHECK_INT(w.boths, boths + 2); /* another server may count anew */
	end(&w);
}

/* ---- trouble ---- */

TEST(after_an_outage_it_reads_on_where_it_was)
{
	struct world w;
	begin_ready(&w);
	w.next_xid = 200;
	WAIT_FOR(w.parts.loop, strcmp(w.from, "200:200:") == 0);
	int changes = w.parts.changes;
	fake_cut(conn(&w));
	WAIT_FOR(w.parts.loop, !pump_ready(w.pump));
	CHECK_INT(pace_of(&w), PACE_AWAY);
	CHECK_INT(w.parts.changes, changes + 1);
	w.from[0] = '\0';
	WAIT_FOR(w.parts.loop, w.ready == 2);
	CHECK_STR(w.from, "200:200:");
	CHECK_INT(w.gaps, 0);
	end(&w);
}

TEST(a_gap_that_the_database_tells_is_told)
{
	struct world w;
	begin_ready(&w);
	w.gap = true;
	WAIT_FOR(w.parts.loop, w.gaps == 1);
	CHECK_STR(w.why, "lost");
	end(&w);
}

TEST(a_fetch_that_is_refused_is_repeated_and_then_the_link_is_dropped)
{
	struct world w;
	begin_ready(&w);
	for (int i = 0; i < 5; i++) {
		w.error = "53200";
		int before = w.fetches;
		WAIT_FOR(w.parts.loop, w.fetches > before);
	}
	WAIT_FOR(w.parts.loop, w.parts.common.stats.lost == 1);
	WAIT_FOR(w.parts.loop, w.ready == 2);
	CHECK_INT(w.gaps, 0);
	end(&w);
}

TEST(an_answer_of_another_shape_drops_the_link)
{
	struct world w;
	begin_ready(&w);
	w.shape = true;
	WAIT_FOR(w.parts.loop, w.parts.common.stats.lost == 1);
	CHECK_STR(w.parts.common.last_error, "pump: rt.fetch: another number of columns");
	WAIT_FOR(w.parts.loop, w.ready == 2);
	end(&w);
}
