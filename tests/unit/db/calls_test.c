#include "db/calls.h"

#include "parts.h"

#define CALLS_MOST 40

struct world {
	struct parts parts;
	struct calls *calls;
	int done;
	enum db_outcome outcome;
	int nrows, ncols;
	uint64_t retry_after_ms;
	char text[100], sqlstate[6], message[100], order[200];
	bool again;
	struct fake_conn *held; /* the connection whose statement is not answered yet */
	int asked, by_name;
	struct {
		const struct fake_conn *session;
		char name[64], sql[60];
	} prepared[20];
	size_t prepares;
	const char *forgot; /* the SQLSTATE that meets what was prepared */
};

static struct world *world_of(struct fake_conn *c)
{
	return container_of(parts_of(c), struct world, parts);
}

static void on_done(void *arg, const struct db_result *r)
{
	struct world *w = arg;
	w->done++;
	w->outcome = r->outcome;
	w->nrows = r->nrows;
	w->ncols = r->ncols;
	w->retry_after_ms = r->retry_after_ms;
	snprintf(w->text, sizeof w->text, "%.*s", (int)db_value(r, 0, 0).n, db_value(r, 0, 0).p);
	snprintf(w->sqlstate, sizeof w->sqlstate, "%s", r->sqlstate);
	snprintf(w->message, sizeof w->message, "%s", r->message ? r->message : "");
	if (w->again) {
		w->again = false;
		calls_add(w->calls, DB_OPENING, "select 2", NULL, 0, on_done, w);
	}
}

static void call(struct world *w, const char *sql)
{
	calls_add(w->calls, DB_OPENING, sql, NULL, 0, on_done, w);
}

/* What was prepared by this name in the session; NULL: nothing was. */
static const char *prepared_as(const struct world *w, const struct fake_conn *c, const char *name)
{
	for (size_t i = 0; i < w->prepares; i++)
		if (w->prepared[i].session == c && strcmp(w->prepared[i].name, name) == 0)
			return w->prepared[i].sql;
	return NULL;
}

static void prepare(struct world *w, struct fake_conn *c, const char *sql)
{
	CHECK_INT(sscanf(sql, "prepare \"%63[^\"]\" as %59[^\n]", w->prepared[w->prepares].name,
	                 w->prepared[w->prepares].sql),
	          2);
	if (prepared_as(w, c, w->prepared[w->prepares].name)) {
		fake_error(c, "42P05", "there is one of this name");
		return;
	}
	w->prepared[w->prepares++].session = c;
	fake_command(c);
}

/* The statement says how it is answered. */
static void play(struct fake_conn *c, const char *sql)
{
	struct world *w = world_of(c);
	const char *known = prepared_as(w, c, sql);
	if (starts_with(sql, "prepare ")) {
		prepare(w, c, sql);
		return;
	}
	if (known && w->forgot) {
		fake_error(c, w->forgot, "it is not known any more");
		return;
	}
	w->by_name += known != NULL;
	sql = known ? known : sql;
	w->asked++;
	w->held = c;
	snprintf(w->order + strlen(w->order), sizeof w->order - strlen(w->order), " %s",
	         strrchr(sql, ' ') ? strrchr(sql, ' ') + 1 : sql);
	if (starts_with(sql, "hold"))
		return;
	if (starts_with(sql, "cut"))
		fake_cut(c);
	else if (starts_with(sql, "command"))
		fake_command(c);
	else if (starts_with(sql, "limit "))
		fake_error_with_detail(c, "RT429", "too many", sql + 6);
	else if (starts_with(sql, "error "))
		fake_error(c, sql + 6, "the message");
	else
		fake_answer(c, (const char *[]){c->n ? c->params[0] : "1"}, 1);
}

static void begin(struct world *w)
{
	*w = (struct world){0};
	parts_begin(&w->parts, play);
	w->calls = calls_new(&w->parts.common);
}

static void begin_up(struct world *w)
{
	begin(w);
	CHECK(!calls_ready(w->calls));
	calls_start(w->calls);
	WAIT_FOR(w->parts.loop, w->parts.common.stats.links_up == 3);
	CHECK(calls_ready(w->calls));
	CHECK_INT(w->parts.changes, 3);
}

static void end(struct world *w)
{
	w->parts.common.freeing = true;
	while (calls_close(w->calls))
		;
	calls_free(&w->calls);
	parts_end(&w->parts);
}

TEST(a_call_is_answered_with_rows)
{
	struct world w;
	begin_up(&w);
	calls_add(w.calls, DB_OPENING, "select $1", (struct slice[]){SLICE("a b"), {0}}, 2, on_done, &w);
	CHECK_INT(w.done, 0);
	WAIT_FOR(w.parts.loop, w.done == 1);
	CHECK_INT(w.outcome, DB_OK);
	CHECK_STR(w.text, "a b");
	CHECK_INT(w.nrows * 10 + w.ncols, 11);
	call(&w, "command");
	WAIT_FOR(w.parts.loop, w.done == 2);
	CHECK_INT(w.outcome, DB_OK);
	CHECK_INT(w.nrows, 0);
	CHECK_INT(w.parts.common.stats.calls[DB_OK], 2);
	end(&w);
}

TEST(an_answer_may_ask_for_more)
{
	struct world w;
	begin_up(&w);
	w.again = true;
	call(&w, "select 1");
	WAIT_FOR(w.parts.loop, w.done == 2);
	end(&w);
}

TEST(outcomes_never_claim_more_than_is_known)
{
	static const struct {
		const char *sql;
		enum db_outcome outcome;
		const char *sqlstate, *message;
	} rows[] = {
		{"error RT403", DB_ERROR, "RT403", "the message"},
		{"error 08006", DB_UNCERTAIN, "", "ERROR:  the message\n"},
		{"error 40003", DB_UNCERTAIN, "", "ERROR:  the message\n"},
		{"error 40001", DB_ERROR, "40001", "the message"},
		{"cut", DB_UNCERTAIN, "", "the connection died before the answer"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].sql);
		struct world w;
		begin_up(&w);
		call(&w, rows[i].sql);
		WAIT_FOR(w.parts.loop, w.done == 1);
		CHECK_INT(w.outcome, rows[i].outcome);
		CHECK_STR(w.sqlstate, rows[i].sqlstate);
		CHECK_STR(w.message, rows[i].message);
		end(&w);
	}
}

TEST(calls_wait_for_a_link_in_order)
{
	struct world w;
	begin_up(&w);
	for (int i = 0; i < 3; i++)
		call(&w, "hold");
	WAIT_FOR(w.parts.loop, w.asked == 3);
	call(&w, "select 1");
	parts_settle(&w.parts);
	CHECK_INT(w.asked, 3);
	fake_answer(w.held, (const char *[]){"1"}, 1);
	WAIT_FOR(w.parts.loop, w.done == 2);
	CHECK_INT(w.asked, 4);
	end(&w);
	CHECK_INT(w.done, 4);
	CHECK_INT(w.outcome, DB_UNCERTAIN);
}

/* A call that the server cannot have seen waits for the next link. */
TEST(a_call_that_was_not_sent_is_put_back)
{
	struct world w;
	begin_up(&w);
	call(&w, "hold");
	call(&w, "hold");
	WAIT_FOR(w.parts.loop, w.asked == 2);
	struct fake_conn *c = fake_find(&w.parts.pg, "call");
	for (struct list *at = w.parts.pg.conns.next; at != &w.parts.pg.conns; at = at->next) {
		c = list_entry(at, struct fake_conn, link);
		c->deaf = true;
		fake_watch(c);
	}
	size_t n = 8u << 20;
	char *much = memset(malloc(n), 'x', n);
	calls_add(w.calls, DB_OPENING, "select $1", &(struct slice){much, n}, 1, on_done, &w);
	free(much);
	parts_settle(&w.parts);
	fake_cut(c); /* the third, as the first two are busy */
	WAIT_FOR(w.parts.loop, w.done == 1);
	CHECK_INT(w.outcome, DB_OK);
	CHECK_INT(w.parts.common.stats.lost, 1);
	end(&w);
}

TEST(refused_calls_are_told_from_the_loop)
{
	struct world w;
	begin(&w);
	for (int i = 0; i < 20; i++)
		call(&w, "select 1");
	call(&w, "select 1");
	CHECK_INT(w.done, 0);
	loop_settle(w.parts.loop);
	CHECK_INT(w.done, 1);
	CHECK_INT(w.outcome, DB_FAILED);
	CHECK_STR(w.message, "the queue is full");
	calls_add(w.calls, DB_OPENING, "select $1", &(struct slice){"a\0b", 3}, 1, on_done, &w);
	loop_settle(w.parts.loop);
	CHECK_STR(w.message, "a parameter holds a NUL");
	w.again = true; /* a completion that asks for more while everything ends */
	end(&w);
	CHECK_INT(w.done, 23);
	CHECK_STR(w.message, "stopping");
}

TEST(a_call_that_nobody_takes_expires)
{
	struct world w;
	begin(&w);
	w.parts.common.cfg.item_timeout_ms = 20;
	call(&w, "select 1");
	call(&w, "select 1");
	WAIT_FOR(w.parts.loop, w.done == 2);
	CHECK_INT(w.outcome, DB_FAILED);
	CHECK_STR(w.message, "the database did not take it in time");
	CHECK_INT(w.parts.common.stats.calls[DB_FAILED], 2);
	end(&w);
}

TEST(a_rate_limit_says_how_long)
{
	static const struct {
		const char *sql;
		uint64_t ms;
	} rows[] = {{"limit 2500", 2500}, {"limit a while", 1000}, {"limit ", 1000}};
	struct world w;
	begin_up(&w);
	for (int i = 0; i < (int)ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].sql);
		call(&w, rows[i].sql);
		WAIT_FOR(w.parts.loop, w.done == i + 1);
		CHECK_INT(w.retry_after_ms, rows[i].ms);
	}
	end(&w);
}

/* ---- what a session knows ---- */

static void call_n(struct world *w, const char *sql, int n)
{
	int done = w->done;
	while (n-- > 0) {
		call(w, sql);
		WAIT_FOR(w->parts.loop, w->done == done + 1);
		CHECK_INT(w->outcome, DB_OK);
		done++;
		parts_settle(&w->parts); /* a prepare keeps the link busy, and the next call would take another one */
	}
}

TEST(a_call_that_comes_again_and_again_is_prepared)
{
	struct world w;
	begin_up(&w);
	call_n(&w, "select rt.one()", 2);
	CHECK_INT(w.by_name, 0);
	call_n(&w, "select rt.one()", 2);
	CHECK_INT(w.by_name, 2);
	call_n(&w, "select rt.two()", 1);
	CHECK_INT(w.prepares, 1);
	calls_add(w.calls, DB_OPENING, "cut", NULL, 0, on_done, &w);
	WAIT_FOR(w.parts.loop, w.parts.common.stats.lost == 1 && w.parts.common.stats.links_up == 3);
	call_n(&w, "select rt.one()", 3); /* another session */
	CHECK_INT(w.prepares, 2);
	CHECK_INT(w.by_name, 3);
	end(&w);
}

TEST(a_session_that_has_forgotten_a_call_is_sent_all_of_it)
{
	static const char *const states[] = {"26000", "0A000"};
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		CHECK_ROW(states[i]);
		struct world w;
		begin_up(&w);
		call_n(&w, "select rt.one()", 3);
		CHECK_INT(w.by_name, 1);
		w.forgot = states[i];
		call_n(&w, "select rt.one()", 3);
		CHECK_INT(w.asked, 6);
		CHECK_INT(w.prepares, 1);
		CHECK_INT(w.parts.common.stats.calls[DB_OK], 6);
		end(&w);
	}
}

TEST(calls_behind_a_pooler_count_on_no_session)
{
	struct world w;
	begin(&w);
	free((char *)w.parts.common.cfg.listen_url);
	w.parts.common.cfg.listen_url = strdup("postgresql://elsewhere");
	calls_start(w.calls);
	WAIT_FOR(w.parts.loop, w.parts.common.stats.links_up == 3);
	call_n(&w, "select rt.one()", 4);
	CHECK_INT(w.prepares, 0);
	end(&w);
}

TEST(more_statements_than_a_link_remembers_are_sent_as_they_are)
{
	struct world w;
	char sql[20];
	begin_up(&w);
	for (int i = 0; i < 24; i++) {
		snprintf(sql, sizeof sql, "select rt.f%d()", i);
		call_n(&w, sql, 1);
	}
	call_n(&w, "select rt.one()", 3);
	CHECK_INT(w.prepares, 0);
	call_n(&w, "select 1", 3); /* no function to name it by */
	CHECK_INT(w.prepares, 0);
	call_n(&w, "select rt.f7()", 2);
	CHECK_INT(w.by_name, 1);
	end(&w);
}

TEST(two_statements_that_call_one_function_are_both_prepared)
{
	struct world w;
	begin_up(&w);
	call_n(&w, "select rt.one()", 2);
	call_n(&w, "select 1 from rt.one()", 2);
	CHECK_INT(w.prepares, 2);
	CHECK_INT(w.by_name, 0);
	call_n(&w, "select rt.one()", 1);
	call_n(&w, "select 1 from rt.one()", 1);
	CHECK_INT(w.by_name, 2);
	end(&w);
}

/* ---- classes ---- */

static void call_as(struct world *w, enum db_class class, const char *sql)
{
	calls_add(w->calls, class, sql, NULL, 0, on_done, w);
}

TEST(whatever_hangs_a_link_is_there_for_openings_and_the_lease)
{
	struct world w;
	begin_up(&w);
	for (int i = 0; i < 3; i++)
		call_as(&w, DB_READING, "hold read");
	WAIT_FOR(w.parts.loop, w.asked == 1);
	for (int i = 0; i < 3; i++)
		call_as(&w, DB_TELLING, "hold tell");
	WAIT_FOR(w.parts.loop, w.asked == 2);
	parts_settle(&w.parts);
	CHECK_STR(w.order, " read tell");
	call_as(&w, DB_OPENING, "select open");
	WAIT_FOR(w.parts.loop, w.done == 1);
	call_as(&w, DB_LEASE, "select lease");
	WAIT_FOR(w.parts.loop, w.done == 2);
	CHECK_STR(w.order, " read tell open lease");
	end(&w);
}

static const char *guard_ask(void *ctx)
{
	return ctx;
}

static const char *guard_judge(void *ctx, const PGresult *res)
{
	(void)ctx, (void)res;
	return NULL;
}

/* The link of reads is lost with its own question to the server, and no connection comes in its place. */
TEST(a_call_that_waits_for_a_lost_link_goes_by_another)
{
	struct world w = {0};
	struct link_guard guard = {"select guard", guard_ask, guard_judge, NULL, "here"};
	parts_begin(&w.parts, play);
	w.parts.common.guard = &guard;
	w.calls = calls_new(&w.parts.common);
	calls_start(w.calls);
	WAIT_FOR(w.parts.loop, w.parts.common.stats.links_up == 3);
	call_as(&w, DB_READING, "hold out");
	WAIT_FOR(w.parts.loop, w.held);
	struct fake_conn *reads = w.held;
	calls_check(w.calls); /* of this link after what it is at */
	guard.sql = "hold guard";
	w.held = NULL;
	fake_answer(reads, (const char *[]){"1"}, 1);
	WAIT_FOR(w.parts.loop, w.done == 1 && w.held == reads);
	call_as(&w, DB_READING, "select next");
	parts_settle(&w.parts);
	CHECK_INT(w.done, 1);
	w.parts.pg.silent = true;
	fake_cut(reads);
	WAIT_FOR(w.parts.loop, w.done == 2);
	CHECK_INT(w.outcome, DB_OK);
	end(&w);
}

TEST(who_waits_goes_by_class)
{
	struct world w;
	begin_up(&w);
	call_as(&w, DB_READING, "hold");
	WAIT_FOR(w.parts.loop, w.asked == 1);
	struct fake_conn *last = w.held; /* that which takes all of them */
	for (int i = 0; i < 2; i++)
		call_as(&w, DB_LEASE, "hold");
	WAIT_FOR(w.parts.loop, w.asked == 3);
	call_as(&w, DB_READING, "select read");
	call_as(&w, DB_TELLING, "select tell");
	call_as(&w, DB_OPENING, "select open");
	call_as(&w, DB_LEASE, "select lease");
	w.order[0] = '\0';
	fake_answer(last, (const char *[]){"1"}, 1);
	WAIT_FOR(w.parts.loop, w.done == 5);
	CHECK_STR(w.order, " lease open tell read");
	end(&w);
}

TEST(few_reads_wait_and_one_more_is_refused)
{
	struct world w;
	begin(&w);
	w.parts.common.cfg.queue_max_items = 1000;
	for (int i = 0; i < 128; i++)
		call_as(&w, DB_READING, "select read");
	call_as(&w, DB_READING, "select read");
	loop_settle(w.parts.loop);
	CHECK_INT(w.done, 1);
	CHECK_INT(w.outcome, DB_FAILED);
	CHECK_STR(w.message, "too many reads wait");
	call_as(&w, DB_OPENING, "select open"); /* nobody else is */
	loop_settle(w.parts.loop);
	CHECK_INT(w.done, 1);
	calls_start(w.calls);
	WAIT_FOR(w.parts.loop, w.done == 130);
	call_as(&w, DB_READING, "select read");
	WAIT_FOR(w.parts.loop, w.done == 131);
	CHECK_INT(w.outcome, DB_OK);
	end(&w);
}

#define QUICK_PART 80 /* of the time of an event */

/* One read is over and the next one is out, which is held; reads are quick below quick_ms. */
static struct fake_conn *begin_reads(struct world *w, uint64_t quick_ms)
{
	begin_up(w);
	w->parts.common.cfg.item_timeout_ms = quick_ms * QUICK_PART;
	call_as(w, DB_READING, "select first");
	WAIT_FOR(w->parts.loop, w->done == 1);
	w->order[0] = '\0';
	call_as(w, DB_READING, "hold out");
	WAIT_FOR(w->parts.loop, w->asked == 2);
	return w->held;
}

static void pass(struct world *w, uint64_t ms)
{
	uint64_t until = loop_now(w->parts.loop) + ms;
	WAIT_FOR(w->parts.loop, loop_now(w->parts.loop) >= until);
}

TEST(reads_that_are_quick_go_two_at_a_time_and_before_nothing_else)
{
	struct world w;
	begin_reads(&w, 10000);
	call_as(&w, DB_READING, "hold beside");
	WAIT_FOR(w.parts.loop, w.asked == 3);
	struct fake_conn *beside = w.held;
	call_as(&w, DB_READING, "select third");
	call_as(&w, DB_TELLING, "select tell");
	parts_settle(&w.parts);
	CHECK_STR(w.order, " out beside");
	call_as(&w, DB_OPENING, "select open");
	WAIT_FOR(w.parts.loop, w.done == 2);
	fake_answer(beside, (const char *[]){"1"}, 1);
	WAIT_FOR(w.parts.loop, w.done == 5);
	CHECK_STR(w.order, " out beside open tell third");
	end(&w);
}

TEST(while_a_read_is_slow_no_other_one_goes)
{
	struct world w;
	struct fake_conn *out = begin_reads(&w, 20);
	pass(&w, 20);
	call_as(&w, DB_READING, "hold beside");
	parts_settle(&w.parts);
	CHECK_STR(w.order, " out");
	call_as(&w, DB_TELLING, "select tell");
	WAIT_FOR(w.parts.loop, w.done == 2);
	/* the last one was slow: the next one is alone from the start */
	fake_answer(out, (const char *[]){"1"}, 1);
	WAIT_FOR(w.parts.loop, w.asked == 4);
	w.parts.common.cfg.item_timeout_ms = 10000 * QUICK_PART;
	call_as(&w, DB_READING, "hold another");
	parts_settle(&w.parts);
	CHECK_STR(w.order, " out tell beside");
	end(&w);
}

/* Calls that an opening waits for are given up early; calls that nobody waits for may take longer. */
TEST(an_opening_has_the_time_of_an_event)
{
	struct world w;
	begin_up(&w);
	w.parts.common.cfg.item_timeout_ms = 30;
	CHECK_INT(calls_wait_since(w.calls), 0);
	call_as(&w, DB_TELLING, "hold tell");
	WAIT_FOR(w.parts.loop, w.asked == 1);
	CHECK_INT(calls_wait_since(w.calls), 0);
	call_as(&w, DB_OPENING, "hold open");
	CHECK(calls_wait_since(w.calls) > 0);
	WAIT_FOR(w.parts.loop, w.done == 1);
	CHECK_INT(w.outcome, DB_UNCERTAIN);
	CHECK_INT(w.parts.common.stats.lost, 1);
	end(&w);
}

TEST(an_edge_that_is_not_registered_is_told_so)
{
	struct world w;
	begin_up(&w);
	call(&w, "error RT410");
	WAIT_FOR(w.parts.loop, w.done == 1);
	CHECK_INT(w.outcome, DB_ERROR);
	CHECK_INT(w.parts.unregistered, 1);
	CHECK(db_is_passing(w.sqlstate));
	end(&w);
}
