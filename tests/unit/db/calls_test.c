#include "db/calls.h"

#include "parts.h"

#define CALLS_MOST 40

struct world {
	struct parts parts;
	struct calls *calls;
	int done;
	enum db_outcome outcome;
	int nrows, ncols;
	char text[100], sqlstate[6], message[100];
	bool again;
	struct fake_conn *held; /* of the statement that is not answered yet */
	int asked;
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
	snprintf(w->text, sizeof w->text, "%.*s", (int)db_value(r, 0, 0).n, db_value(r, 0, 0).p);
	snprintf(w->sqlstate, sizeof w->sqlstate, "%s", r->sqlstate);
	snprintf(w->message, sizeof w->message, "%s", r->message ? r->message : "");
	if (w->again) {
		w->again = false;
		calls_add(w->calls, "select 2", NULL, 0, on_done, w);
	}
}

static void call(struct world *w, const char *sql)
{
	calls_add(w->calls, sql, NULL, 0, on_done, w);
}

/* The statement says how it is answered. */
static void play(struct fake_conn *c, const char *sql)
{
	struct world *w = world_of(c);
	w->asked++;
	w->held = c;
	if (starts_with(sql, "hold"))
		return;
	if (starts_with(sql, "cut"))
		fake_cut(c);
	else if (starts_with(sql, "command"))
		fake_command(c);
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
	calls_add(w.calls, "select $1", (struct slice[]){SLICE("a b"), {0}}, 2, on_done, &w);
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
	calls_add(w.calls, "select $1", &(struct slice){much, n}, 1, on_done, &w);
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
	calls_add(w.calls, "select $1", &(struct slice){"a\0b", 3}, 1, on_done, &w);
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
