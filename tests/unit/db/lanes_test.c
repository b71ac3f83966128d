#include "db/lanes.h"

#include "db/batch.h"
#include "parts.h"

#define ITEMS_MOST 64
#define COLS 7

struct world;

struct thing {
	struct world *w;
	int done;
	enum db_outcome outcome;
	char body[40], code[20], detail[60];
	bool moved;
	uint64_t retry_after_ms;
};

/* Items are played by the word in their payload, e.g. {"do":"fail"}. */
struct world {
	struct parts parts;
	struct lanes *lanes;
	int written, batches, alone, rings, finished, unrung;
	char row[20]; /* of the last answer that has published */
	size_t last_batch;
	struct thing things[ITEMS_MOST];
	int n;
	char order[200];
	const char *moved;
	const char *on_batch, *on_alone, *trailer; /* the outcome of all items; NULL: each has its own */
	struct fake_conn *held, *last;             /* of batches */
	int prepares, by_name;
	const char *forgot; /* SQLSTATE of what is executed by name */
	bool older;         /* a database without rt.dispatch_lone */
	int lone;           /* items that came by it */
	bool is_lone;       /* the present one does */
	const char *cells[COLS];
};

static struct world *world_of(struct fake_conn *c)
{
	return container_of(parts_of(c), struct world, parts);
}

static void on_done(void *arg, const struct db_item_result *r)
{
	struct thing *t = arg;
	t->done++;
	t->w->finished++;
	t->outcome = r->outcome;
	t->moved = r->moved;
	t->retry_after_ms = r->retry_after_ms;
	snprintf(t->body, sizeof t->body, "%.*s", (int)r->body.n, r->body.p);
	snprintf(t->code, sizeof t->code, "%.*s", (int)r->code.n, r->code.p);
	snprintf(t->detail, sizeof t->detail, "%.*s", (int)r->detail.n, r->detail.p);
}

static struct thing *send_keyed(struct world *w, const char *socket, const char *key, const char *word, bool repeatable)
{
	struct thing *t = &w->things[w->n++];
	char payload[60];
	CHECK(w->n <= ITEMS_MOST);
	t->w = w;
	snprintf(payload, sizeof payload, "{\"do\":\"%s\",\"n\":%d}", word, w->n - 1);
	lanes_add(w->lanes, &(struct db_item){.event = SLICE("test:event"),
	                                      .user_id = SLICE("u"),
	                                      .socket_id = slice_str(socket),
	                                      .payload = slice_str(payload),
	                                      .lock_key = slice_str(key),
	                                      .repeatable = repeatable,
	                                      .done = on_done,
	                                      .arg = t});
	return t;
}

static struct thing *send_to(struct world *w, const char *socket, const char *word, bool repeatable)
{
	return send_keyed(w, socket, "", word, repeatable);
}

/* ---- the database, played ---- */

static bool all_of_them(struct fake_conn *c, const char *word)
{
	if (!word)
		return false;
	if (strcmp(word, "hold") == 0)
		world_of(c)->held = c;
	else if (strcmp(word, "cut") == 0)
		fake_cut(c);
	else
		fake_error(c, word, "the whole batch");
	return true;
}

/* One of rt.dispatch_lone is kept for its text. */
static void answer_row(struct fake_conn *c, const char *const cells[COLS])
{
	if (world_of(c)->is_lone)
		memcpy(world_of(c)->cells, cells, sizeof world_of(c)->cells);
	else
		fake_row(c, cells, COLS);
}

static void answer_lone(struct fake_conn *c, const char *word)
{
	struct world *w = world_of(c);
	char text[200];
	int n = snprintf(text, sizeof text, "%s\x1f%s", word, w->moved ? w->moved : "");
	for (int i = 1; i < COLS; i++)
		n += snprintf(text + n, sizeof text - (size_t)n, "\x1f%s", w->cells[i] ? w->cells[i] : "");
	fake_row(c, (const char *[]){text}, 1);
}

static void answer_item(struct fake_conn *c, int ord, const char *item, bool deferring)
{
	char number[12];
	struct world *w = world_of(c);
	snprintf(number, sizeof number, "%d", ord);
	const char *n = strstr(item, "\\\"n\\\":") ? strstr(item, "\\\"n\\\":") + 6 : strstr(item, "\"n\":") + 4;
	snprintf(w->order + strlen(w->order), sizeof w->order - strlen(w->order), " %d", atoi(n));
	if (strstr(item, "conflict") && !strstr(w->order, "!")) {
		strcat(w->order, "!");
		answer_row(c, (const char *[]){number, "error", NULL, "INTERNAL", "m", "40001", "d"});
	} else if (strstr(item, "readonly")) {
		answer_row(c, (const char *[]){number, "error", NULL, "UNAVAILABLE", "m", "25006", "d"});
	} else if (strstr(item, "limit")) {
		answer_row(c, (const char *[]){number, "error", "2500", "RATE_LIMIT", "m", "RT429", "d"});
	} else if (strstr(item, "forbid")) {
		answer_row(c, (const char *[]){number, "error", NULL, "FORBIDDEN", "no", "RT403", "d"});
	} else if (strstr(item, "always") || (strstr(item, "defer") && deferring)) {
		answer_row(c, (const char *[]){number, "deferred", NULL, NULL, NULL, NULL, NULL});
	} else if (strstr(item, "wrote")) {
		answer_row(c, (const char *[]){number, "ok", "{}", NULL, NULL, NULL, "the row"});
	} else if (!strstr(item, "silence")) {
		answer_row(c, (const char *[]){number, "ok", "{}", NULL, NULL, NULL, NULL});
	}
}

static void finish_answer(struct fake_conn *c)
{
	const char *word = world_of(c)->trailer;
	if (world_of(c)->is_lone)
		answer_lone(c, word ? word : "quiet");
	else
		fake_row(c, (const char *[]){"0", word ? word : "quiet", world_of(c)->moved, NULL, NULL, NULL, NULL},
		         COLS);
	fake_rows_end(c);
}

static void play_batch(struct fake_conn *c, bool is_lone)
{
	struct world *w = world_of(c);
	w->batches++;
	w->last = c;
	w->lone += is_lone;
	w->is_lone = is_lone;
	memset(w->cells, 0, sizeof w->cells);
	w->last_batch = 0;
	for (const char *p = c->params[0]; (p = strstr(p, "test:event")); p++)
		w->last_batch++;
	if (all_of_them(c, w->on_batch))
		return;
	fake_columns(c, is_lone ? 1 : COLS);
	int ord = 1;
	for (char *p = strstr(c->params[0], "test:event"), *next; p; p = next) {
		if ((next = strstr(p + 1, "test:event")))
			next[-1] = '\0';
		answer_item(c, ord++, is_lone ? c->params[3] : p, true);
	}
	finish_answer(c);
}

static void play(struct fake_conn *c, const char *sql)
{
	struct world *w = world_of(c);
	if (starts_with(sql, "prepare ")) {
		w->prepares++;
		fake_command(c);
	} else if (starts_with(sql, "select rt.ring")) {
		w->rings++;
		fake_answer(c, (const char *[]){""}, 1);
	} else if (strstr(sql, "rt.dispatch_one")) {
		CHECK_STR(c->role, "unit reserved");
		w->alone++;
		w->is_lone = false;
		if (all_of_them(c, w->on_alone))
			return;
		fake_columns(c, COLS);
		answer_item(c, 1, c->params[0], false);
		finish_answer(c);
	} else {
		CHECK_STR(c->role, "unit dispatch");
		bool by_name = starts_with(sql, "rt.dispatch"), is_lone = strstr(sql, "rt.dispatch_lone");
		w->by_name += by_name;
		CHECK_INT(c->n, is_lone ? 4 : 1);
		if (w->forgot && by_name)
			fake_error(c, w->forgot, "prepared statement \"rt.dispatch\" does not exist");
		else if (w->older && is_lone)
			fake_error(c, "42883",
			           "function rt.dispatch_lone(unknown, unknown, unknown, unknown) does not exist");
		else
			play_batch(c, is_lone);
	}
}

static void on_written(void *ctx, bool unrung, struct slice row)
{
	((struct world *)ctx)->written++;
	struct world *w = ctx;
	w->unrung += unrung;
	snprintf(w->row, sizeof w->row, "%.*s", (int)row.n, row.p ? row.p : "");
	if (row.n)
		CHECK_INT(w->finished, w->n); /* the ack goes first */
}

/* ---- the world ---- */

static void begin_with(struct world *w, unsigned lanes)
{
	*w = (struct world){0};
	parts_begin(&w->parts, play);
	w->parts.common.cfg.lanes = lanes;
	w->lanes = lanes_new(&w->parts.common, on_written, w);
}

static void begin(struct world *w)
{
	begin_with(w, 1);
}

static void begin_up_with(struct world *w, unsigned lanes)
{
	begin_with(w, lanes);
	lanes_start(w->lanes);
	WAIT_FOR(w->parts.loop, w->parts.common.stats.links_up == lanes + 1);
	parts_settle(&w->parts);
	WAIT_FOR(w->parts.loop, w->prepares == 2 * (int)lanes + 1 && !lanes_wait_since(w->lanes)); /* all are free */
}

static void begin_up(struct world *w)
{
	begin(w);
	lanes_start(w->lanes);
	WAIT_FOR(w->parts.loop, w->parts.common.stats.links_up == 2);
}

static void end(struct world *w)
{
	w->parts.common.freeing = true;
	while (lanes_close(w->lanes))
		;
	lanes_free(&w->lanes);
	parts_end(&w->parts);
	for (int i = 0; i < w->n; i++)
		CHECK_INT(w->things[i].done, 1); /* exactly once, whatever happened */
}

static void wait_for_all(struct world *w)
{
	WAIT_FOR(w->parts.loop, w->finished == w->n);
}

static void wait_for_all_but_one(struct world *w)
{
	WAIT_FOR(w->parts.loop, w->finished == w->n - 1);
}

/* ---- tests ---- */

TEST(what_arrives_in_one_turn_is_one_batch)
{
	struct world w;
	begin_up(&w);
	for (int i = 0; i < 6; i++)
		send_to(&w, i % 2 ? "a" : "b", "ok", false);
	CHECK_INT(w.parts.common.stats.queue_items, 6);
	wait_for_all(&w);
	CHECK_INT(w.batches, 2); /* each of four items, as set */
	CHECK_INT(w.last_batch, 2);
	CHECK_STR(w.things[0].body, "{}");
	CHECK_INT(w.parts.common.stats.queue_items, 0);
	CHECK_INT(w.parts.common.stats.items, 6);
	CHECK_INT(w.written, 0);
	end(&w);
}

TEST(each_item_has_its_own_outcome)
{
	struct world w;
	begin_up(&w);
	send_to(&w, "a", "forbid", false);
	send_to(&w, "b", "ok", false);
	send_to(&w, "c", "silence", false);
	w.trailer = "published";
	wait_for_all(&w);
	CHECK_INT(w.things[0].outcome, DB_ERROR);
	CHECK_STR(w.things[0].code, "FORBIDDEN");
	CHECK_INT(w.things[1].outcome, DB_OK);
	CHECK_INT(w.things[2].outcome, DB_UNCERTAIN);
	CHECK_INT(w.written, 1);
	parts_settle(&w.parts);
	CHECK_INT(w.rings, 0); /* no edge sleeps */
	CHECK_INT(w.parts.common.stats.items_uncertain, 1);
	end(&w);
}

TEST(an_edge_that_sleeps_is_rung)
{
	struct world w;
	begin_up(&w);
	w.trailer = "asleep";
	send_to(&w, "a", "ok", false);
	WAIT_FOR(w.parts.loop, w.rings == 1);
	CHECK_INT(w.written, 1);
	send_to(&w, "a", "ok", false); /* the lane goes on after it */
	WAIT_FOR(w.parts.loop, w.rings == 2);
	CHECK_INT(w.unrung, 0);
	w.parts.common.alone = true; /* the sleeper is this edge, as far as it knows: the caller will see */
	send_to(&w, "a", "ok", false);
	WAIT_FOR(w.parts.loop, w.unrung == 1);
	CHECK_INT(w.rings, 2);
	end(&w);
}

TEST(a_deferred_item_runs_alone_and_before_what_its_socket_sent_later)
{
	struct world w;
	begin_up(&w);
	send_to(&w, "a", "defer", false);
	send_to(&w, "b", "ok", false);
	send_to(&w, "b", "ok", false);
	send_to(&w, "b", "ok", false);
	send_to(&w, "a", "ok", false); /* behind the full batch */
	wait_for_all(&w);
	CHECK_INT(w.alone, 1);
	CHECK_INT(w.parts.common.stats.items_deferred, 1);
	CHECK_STR(w.order, " 0 1 2 3 0 4");
	end(&w);
}

TEST(an_item_that_stays_deferred_is_unavailable)
{
	struct world w;
	begin_up(&w);
	send_to(&w, "a", "always", false);
	wait_for_all(&w);
	CHECK_INT(w.alone, 1);
	CHECK_INT(w.things[0].outcome, DB_ERROR);
	CHECK_STR(w.things[0].code, "UNAVAILABLE");
	end(&w);
}

TEST(a_conflict_is_tried_once_more)
{
	struct world w;
	begin_up(&w);
	send_to(&w, "a", "conflict", false);
	wait_for_all(&w);
	CHECK_INT(w.alone, 1);
	CHECK_INT(w.things[0].outcome, DB_OK);
	end(&w);
}

TEST(one_item_goes_by_a_way_of_its_own)
{
	struct world w;
	begin_up(&w);
	w.trailer = "published";
	w.moved = "moved";
	send_to(&w, "a", "ok", false);
	wait_for_all(&w);
	CHECK_INT(w.lone, 1);
	CHECK_STR(w.things[0].body, "{}");
	CHECK(w.things[0].moved);
	CHECK_INT(w.written, 1);
	send_to(&w, "a", "limit", false);
	wait_for_all(&w);
	CHECK_STR(w.things[1].code, "RATE_LIMIT");
	CHECK_INT((int)w.things[1].retry_after_ms, 2500);
	CHECK_STR(w.things[1].detail, "d");
	send_to(&w, "a", "defer", false);
	wait_for_all(&w);
	CHECK_INT(w.alone, 1);
	CHECK_INT(w.things[2].outcome, DB_OK);
	CHECK_INT(w.lone, 3);
	end(&w);
}

TEST(the_row_that_an_event_has_written_alone_comes_with_its_ack)
{
	struct world w;
	begin_up(&w);
	w.trailer = "published";
	send_to(&w, "a", "wrote", false);
	wait_for_all(&w);
	CHECK_STR(w.row, "the row");
	w.trailer = "asleep";
	w.parts.common.alone = true;
	send_to(&w, "a", "wrote", false);
	wait_for_all(&w);
	CHECK_STR(w.row, "the row");
	CHECK_INT(w.unrung, 1);
	w.moved = "moved"; /* its ack waits for the pump, and so does the row */
	send_to(&w, "a", "wrote", false);
	wait_for_all(&w);
	CHECK_STR(w.row, "");
	w.moved = NULL;
	w.trailer = "published";
	send_to(&w, "a", "forbid", false); /* its detail is no row */
	wait_for_all(&w);
	CHECK_STR(w.row, "");
	send_to(&w, "a", "wrote", false);
	send_to(&w, "a", "wrote", false); /* a batch has none */
	wait_for_all(&w);
	CHECK_STR(w.row, "");
	CHECK_INT(w.written, 5);
	end(&w);
}

TEST(the_database_of_an_older_program_has_only_batches)
{
	struct world w;
	begin_up(&w);
	w.older = true;
	for (int i = 0; i < 2; i++) {
		send_to(&w, "a", "ok", false);
		wait_for_all(&w);
		CHECK_INT(w.things[i].outcome, DB_OK);
	}
	CHECK_INT(w.batches, 2);
	CHECK_INT(w.lone, 0);
	CHECK_STR(w.order, " 0 1");
	end(&w);
}

TEST(of_a_batch_that_failed_each_item_runs_alone)
{
	struct world w;
	begin_up(&w);
	w.on_batch = "57014";
	send_to(&w, "a", "ok", false);
	send_to(&w, "b", "forbid", false);
	wait_for_all(&w);
	CHECK_INT(w.alone, 2);
	CHECK_INT(w.things[0].outcome, DB_OK);
	CHECK_STR(w.things[1].code, "FORBIDDEN");
	send_to(&w, "a", "ok", false); /* one alone that failed has no neighbour to blame */
	wait_for_all(&w);
	CHECK_INT(w.alone, 2);
	CHECK_STR(w.things[2].code, "UNAVAILABLE");
	w.on_batch = "42883";
	send_to(&w, "a", "ok", false);
	wait_for_all(&w);
	CHECK_STR(w.things[3].code, "INTERNAL");
	end(&w);
}

TEST(nothing_is_tried_a_third_time)
{
	struct world w;
	begin_up(&w);
	w.on_batch = w.on_alone = "40001";
	send_to(&w, "a", "ok", false);
	wait_for_all(&w);
	CHECK_INT(w.batches, 1);
	CHECK_INT(w.alone, 1);
	CHECK_STR(w.things[0].code, "UNAVAILABLE");
	end(&w);
}

TEST(a_lost_item_is_repeated_once_where_that_is_harmless)
{
	struct world w;
	begin_up(&w);
	w.on_batch = "cut";
	send_to(&w, "a", "ok", true);
	send_to(&w, "b", "ok", false);
	wait_for_all(&w);
	CHECK_INT(w.things[0].outcome, DB_OK);
	CHECK_INT(w.things[1].outcome, DB_UNCERTAIN);
	CHECK_INT(w.alone, 1);
	CHECK_INT(w.written, 1); /* it may have written, and nobody rang */
	end(&w);
}

TEST(a_second_loss_or_a_passing_error_leaves_it_uncertain)
{
	static const char *const second[] = {"cut", "08006", "53300", "XX000"};
	for (size_t i = 0; i < ARRAY_LEN(second); i++) {
		CHECK_ROW(second[i]);
		struct world w;
		begin_up(&w);
		w.on_batch = "cut";
		w.on_alone = second[i];
		send_to(&w, "a", "ok", true);
		wait_for_all(&w);
		CHECK_INT(w.alone, 1);
		CHECK_INT(w.things[0].outcome, DB_UNCERTAIN);
		end(&w);
	}
}

static void garbage(struct fake_conn *c, const char *sql)
{
	(void)sql;
	fake_answer(c, (const char *[]){"1"}, 1);
}

TEST(an_answer_that_is_none_leaves_all_uncertain)
{
	struct world w;
	begin_up(&w);
	w.parts.pg.on_query = garbage;
	send_to(&w, "a", "ok", true);
	send_to(&w, "b", "ok", true);
	wait_for_all(&w);
	CHECK_INT(w.things[0].outcome, DB_UNCERTAIN);
	CHECK_INT(w.things[1].outcome, DB_UNCERTAIN);
	CHECK_INT(w.alone, 0);
	CHECK(starts_with(w.parts.common.last_error, "dispatch: "));
	end(&w);
}

TEST(a_batch_that_was_not_sent_goes_first_on_the_next_link)
{
	struct world w;
	begin_up(&w);
	struct fake_conn *c = fake_find(&w.parts.pg, "dispatch");
	WAIT_FOR(w.parts.loop, w.prepares == 3);
	parts_settle(&w.parts);
	c->deaf = true;
	fake_watch(c);
	send_to(&w, "a", "ok", false);
	struct thing *big = &w.things[w.n++];
	struct buf much = {0};
	buf_str(&much, "{\"do\":\"ok\",\"n\":1,\"much\":\"");
	for (int i = 0; i < 400000; i++)
		buf_str(&much, "0123456789");
	buf_str(&much, "\"}");
	big->w = &w;
	lanes_add(w.lanes, &(struct db_item){.event = SLICE("test:event"),
	                                     .socket_id = SLICE("a"),
	                                     .payload = buf_view(&much),
	                                     .done = on_done,
	                                     .arg = big});
	buf_fini(&much);
	parts_settle(&w.parts);
	CHECK_INT(w.parts.common.stats.queue_items, 0);
	fake_cut(c);
	WAIT_FOR(w.parts.loop, w.parts.common.stats.queue_items == 2);
	send_to(&w, "a", "ok", false);
	wait_for_all(&w);
	CHECK_STR(w.order, " 0 1 2");
	CHECK_INT(w.things[0].outcome, DB_OK);
	CHECK_INT(w.batches, 1); /* the server has seen one */
	CHECK_INT(w.parts.common.stats.batches, 2);
	end(&w);
}

TEST(nobody_waits_for_ever)
{
	struct world w;
	begin(&w);
	w.parts.common.cfg.item_timeout_ms = 20;
	send_to(&w, "a", "ok", false);
	send_to(&w, "a", "ok", false);
	wait_for_all(&w);
	CHECK_INT(w.things[1].outcome, DB_FAILED);
	CHECK_STR(w.things[1].detail, "the database did not take it in time");
	end(&w);
}

TEST(refused_items_are_told_from_the_loop)
{
	struct world w;
	begin(&w);
	for (int i = 0; i < 21; i++)
		send_to(&w, "a", "ok", false);
	CHECK_INT(w.finished, 0);
	loop_settle(w.parts.loop);
	CHECK_INT(w.finished, 1);
	CHECK_INT(w.things[20].outcome, DB_FAILED);
	CHECK_STR(w.things[20].detail, "the queue is full");
	struct thing *t = &w.things[w.n++];
	t->w = &w;
	lanes_add(w.lanes, &(struct db_item){.payload = {"\"\0\"", 3}, .done = on_done, .arg = t});
	loop_settle(w.parts.loop);
	CHECK_STR(t->detail, "the payload holds a NUL");
	end(&w);
	CHECK_STR(w.things[0].detail, "stopping");
}

TEST(the_end_completes_what_is_out)
{
	struct world w;
	begin_up(&w);
	w.on_batch = "hold";
	send_to(&w, "a", "ok", true);
	WAIT_FOR(w.parts.loop, w.held);
	send_to(&w, "a", "ok", true);
	end(&w);
	CHECK_INT(w.things[0].outcome, DB_UNCERTAIN);
	CHECK_INT(w.things[1].outcome, DB_FAILED);
}

TEST(an_answer_says_whether_rooms_moved_and_how_long_a_limit_lasts)
{
	struct world w;
	begin_up(&w);
	w.trailer = "published";
	send_to(&w, "a", "ok", false);
	send_to(&w, "b", "limit", false);
	wait_for_all(&w);
	CHECK(!w.things[0].moved);
	CHECK_INT(w.things[1].retry_after_ms, 2500);
	w.moved = "moved";
	send_to(&w, "a", "ok", false);
	wait_for_all(&w);
	CHECK(w.things[2].moved);
	end(&w);
}

/* One deadline from the arrival, whatever the reason. */
TEST(what_hangs_is_told_in_its_time_and_not_tried_again)
{
	struct world w;
	begin_up(&w);
	w.parts.common.cfg.item_timeout_ms = 60;
	w.on_batch = "hold";
	send_to(&w, "a", "ok", true);
	WAIT_FOR(w.parts.loop, w.held);
	CHECK(lanes_wait_since(w.lanes) > 0);
	send_to(&w, "a", "ok", true); /* behind the lane that hangs */
	wait_for_all(&w);
	CHECK_INT(w.things[0].outcome, DB_UNCERTAIN);
	CHECK_INT(w.things[1].outcome, DB_FAILED);
	CHECK_INT(w.parts.common.stats.items_uncertain, 1);
	w.on_batch = NULL;
	WAIT_FOR(w.parts.loop, w.parts.common.stats.lost == 1); /* and its link is given up */
	send_to(&w, "a", "ok", true);
	WAIT_FOR(w.parts.loop, w.finished == 3);
	CHECK_INT(w.alone, 0);
	end(&w);
}

TEST(a_second_try_has_what_is_left_of_the_time)
{
	struct world w;
	begin_up(&w);
	w.parts.common.cfg.item_timeout_ms = 300;
	w.on_batch = "cut";
	w.on_alone = "hold";
	uint64_t before = loop_now(w.parts.loop);
	send_to(&w, "a", "ok", true);
	wait_for_all(&w);
	CHECK_INT(w.alone, 1);
	CHECK_INT(w.things[0].outcome, DB_UNCERTAIN);
	CHECK(loop_now(w.parts.loop) - before < 500);
	end(&w);
}

/* Its answer comes after its time: nobody is told twice, and what its socket sent later has not overtaken it. */
TEST(an_item_that_is_out_keeps_its_place_when_its_time_is_over)
{
	struct world w;
	begin_up(&w);
	w.parts.common.cfg.item_timeout_ms = 50;
	w.on_batch = "hold";
	send_to(&w, "a", "ok", false);
	w.parts.common.cfg.item_timeout_ms = 60000; /* for this statement and later ones */
	WAIT_FOR(w.parts.loop, w.things[0].done);
	CHECK_INT(w.things[0].outcome, DB_UNCERTAIN);
	CHECK(w.held);
	w.on_batch = NULL;
	send_to(&w, "a", "ok", false);
	parts_settle(&w.parts);
	CHECK_INT(w.batches, 1);
	fake_cut(w.held);
	wait_for_all(&w);
	CHECK_INT(w.things[1].outcome, DB_OK);
	CHECK_INT(w.parts.common.stats.items_uncertain, 1);
	end(&w);
}

TEST(a_lane_whose_server_only_reads_is_connected_anew)
{
	struct world w;
	begin_up(&w);
	send_to(&w, "a", "readonly", false);
	wait_for_all(&w);
	CHECK_STR(w.things[0].code, "UNAVAILABLE");
	WAIT_FOR(w.parts.loop, w.parts.common.stats.lost == 1);
	CHECK(!lanes_ready(w.lanes));
	WAIT_FOR(w.parts.loop, lanes_ready(w.lanes));
	end(&w);
}

/* ---- the statement of a batch ---- */

TEST(a_batch_is_a_statement_that_its_session_knows)
{
	struct world w;
	begin_up(&w);
	send_to(&w, "a", "ok", false);
	wait_for_all(&w);
	CHECK_INT(w.prepares, 3); /* two of the ordinary lane */
	CHECK_INT(w.by_name, 1);
	w.on_batch = "cut";
	send_to(&w, "a", "ok", false);
	WAIT_FOR(w.parts.loop, w.parts.common.stats.lost == 1 && lanes_ready(w.lanes));
	w.on_batch = NULL;
	send_to(&w, "a", "ok", false);
	wait_for_all(&w);
	CHECK_INT(w.things[2].outcome, DB_OK);
	CHECK_INT(w.prepares, 5);
	CHECK_INT(w.by_name, 3);
	end(&w);
}

TEST(a_session_that_knows_it_no_more_is_sent_all_of_it)
{
	struct world w;
	for (int i = 0; i < 2; i++) {
		begin_up(&w);
		w.forgot = i ? "0A000" : "26000";
		send_to(&w, "a", "ok", false);
		send_to(&w, "a", "ok", false);
		wait_for_all(&w);
		CHECK_INT(w.things[0].outcome, DB_OK);
		CHECK_INT(w.things[1].outcome, DB_OK);
		CHECK_STR(w.order, " 0 1");
		CHECK_INT(w.by_name, 1);
		CHECK_INT(w.alone, 0);
		end(&w);
	}
}

TEST(behind_a_pooler_no_session_is_counted_on)
{
	struct world w;
	begin(&w);
	free((char *)w.parts.common.cfg.listen_url);
	w.parts.common.cfg.listen_url = strdup("postgresql://elsewhere");
	lanes_start(w.lanes);
	WAIT_FOR(w.parts.loop, w.parts.common.stats.links_up == 2);
	send_to(&w, "a", "ok", false);
	wait_for_all(&w);
	CHECK_INT(w.things[0].outcome, DB_OK);
	CHECK_INT(w.prepares + w.by_name, 0);
	end(&w);
}

/* ---- several lanes ---- */

/* Sends an item that its lane does not come back from, by itself. Answers what lets it. */
static struct fake_conn *hold(struct world *w, const char *socket, const char *key)
{
	const char *before = w->on_batch;
	int batches = w->batches;
	w->on_batch = "hold";
	send_keyed(w, socket, key, "ok", false);
	WAIT_FOR(w->parts.loop, w->batches > batches);
	w->on_batch = before;
	return w->held;
}

static void let_go(struct fake_conn *c)
{
	fake_columns(c, COLS);
	fake_row(c, (const char *[]){"1", "ok", "{}", NULL, NULL, NULL, NULL}, COLS);
	finish_answer(c);
}

TEST(the_first_lane_that_is_free_takes_the_batch)
{
	struct world w;
	struct fake_conn *first = NULL;
	begin_up_with(&w, 4);
	for (int i = 0; i < 12; i++) {
		char socket[8], key[8];
		snprintf(socket, sizeof socket, "s%d", i);
		snprintf(key, sizeof key, "k%d", i);
		send_keyed(&w, socket, key, "ok", false);
		wait_for_all(&w);
		parts_settle(&w.parts);
		first = first ? first : w.last;
		CHECK(w.last == first);
	}
	end(&w);
}

TEST(a_second_lane_helps_where_the_first_one_is_out_for_long)
{
	struct world w;
	begin_up_with(&w, 3);
	uint64_t began = loop_now(w.parts.loop);
	struct fake_conn *slow = hold(&w, "a", "");
	send_to(&w, "b", "ok", false);
	WAIT_FOR(w.parts.loop, w.things[1].done);
	CHECK(loop_now(w.parts.loop) - began >= 20);
	CHECK(w.last != slow);
	struct fake_conn *second = w.last;
	parts_settle(&w.parts);
	send_to(&w, "c", "ok", false);
	uint64_t sent = w.parts.common.stats.batches;
	loop_settle(w.parts.loop);
	CHECK_INT(w.parts.common.stats.batches, sent + 1); /* at once: the first one has been out for long */
	wait_for_all_but_one(&w);
	CHECK(w.last == second);
	let_go(slow);
	wait_for_all(&w);
	parts_settle(&w.parts);
	send_to(&w, "d", "ok", false);
	wait_for_all(&w);
	CHECK(w.last == slow); /* which is the first one again */
	end(&w);
}

TEST(what_waits_for_a_key_or_a_socket_keeps_nobody_else)
{
	struct world w;
	begin_up_with(&w, 2);
	struct fake_conn *slow = hold(&w, "a", "k");
	send_keyed(&w, "b", "k", "ok", false);
	send_keyed(&w, "a", "other", "ok", false);
	send_keyed(&w, "c", "third", "ok", false);
	WAIT_FOR(w.parts.loop, w.things[3].done);
	parts_settle(&w.parts);
	CHECK_STR(w.order, " 3");
	let_go(slow);
	wait_for_all(&w);
	CHECK_STR(w.order, " 3 1 2");
	CHECK_INT(w.alone, 0);
	end(&w);
}

TEST(a_crowd_that_has_waited_opens_as_many_lanes_as_it_needs)
{
	struct world w;
	begin_up_with(&w, 4);
	w.on_batch = "hold";
	uint64_t began = loop_now(w.parts.loop);
	for (int i = 0; i < 10; i++)
		send_to(&w, "", "ok", false);
	WAIT_FOR(w.parts.loop, w.parts.common.stats.batches > 1);
	CHECK(loop_now(w.parts.loop) - began >= 20);
	CHECK_INT(w.parts.common.stats.batches, 3); /* the third has no reason to wait for the second */
	end(&w);
}

TEST(what_is_queued_goes_through_the_lanes_that_are_up)
{
	struct world w;
	begin_with(&w, 8);
	for (int i = 0; i < 16; i++)
		send_to(&w, "", "ok", false);
	lanes_start(w.lanes);
	wait_for_all(&w);
	WAIT_FOR(w.parts.loop, w.parts.common.stats.links_up == 9);
	w.on_batch = "cut";
	send_to(&w, "a", "ok", false);
	wait_for_all(&w);
	w.on_batch = NULL;
	CHECK_INT(w.things[16].outcome, DB_UNCERTAIN);
	send_to(&w, "a", "ok", false); /* the first lane is away */
	wait_for_all(&w);
	CHECK_INT(w.things[17].outcome, DB_OK);
	end(&w);
}

TEST(one_lane_that_hangs_is_not_the_database)
{
	struct world w;
	begin_up_with(&w, 2);
	hold(&w, "a", "");
	CHECK_INT(lanes_wait_since(w.lanes), 0);
	hold(&w, "b", "");
	CHECK(lanes_wait_since(w.lanes) > 0);
	end(&w);
}
