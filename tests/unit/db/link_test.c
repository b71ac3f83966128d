/* Links against libpq and a server whose every byte the test decides. */
#include "db/link.h"

#include "base/mem.h"
#include "fake_pg.h"

struct world {
	struct loop *loop;
	struct fake_pg pg;
	struct link *link;
	int ups, downs, notifies, messages, answers;
	bool was_up;
	char why[300], last_message[40];
	enum link_fate fate;
	int rows;
	char error[6];
	PGresult *taken;
	void (*at_answer)(struct world *w);
};

/* ---- events of the link ---- */

static void on_up(void *ctx)
{
	((struct world *)ctx)->ups++;
}

static void on_down(void *ctx, bool was_up, const char *why)
{
	struct world *w = ctx;
	w->downs++;
	w->was_up = was_up;
	snprintf(w->why, sizeof w->why, "%s", why);
}

static void on_notify(void *ctx)
{
	((struct world *)ctx)->notifies++;
}

static bool on_message(void *ctx, const char *channel, const char *payload)
{
	struct world *w = ctx;
	if (strcmp(channel, "mine") != 0)
		return false;
	w->messages++;
	snprintf(w->last_message, sizeof w->last_message, "%s", payload);
	return true;
}

static const struct link_events events = {
	.on_up = on_up, .on_down = on_down, .on_notify = on_notify, .on_message = on_message};

static void on_answer(void *arg, enum link_fate fate, const PGresult *res)
{
	struct world *w = arg;
	const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
	w->answers++;
	w->fate = fate;
	w->rows = res ? PQntuples(res) : -1;
	snprintf(w->error, sizeof w->error, "%s", state ? state : "");
	if (w->at_answer)
		w->at_answer(w);
}

/* ---- the world ---- */

static void begin(struct world *w, void (*on_query)(struct fake_conn *, const char *))
{
	*w = (struct world){.loop = loop_new()};
	fake_start(&w->pg, w->loop, on_query, w);
	w->link = link_new(w->loop, &(struct link_config){.url = w->pg.url, .application_name = "unit one"}, &events,
	                   w);
}

static void begin_up(struct world *w, void (*on_query)(struct fake_conn *, const char *))
{
	begin(w, on_query);
	link_start(w->link);
	WAIT_FOR(w->loop, w->ups == 1);
}

static void end(struct world *w)
{
	link_free(&w->link);
	CHECK(w->link == NULL);
	fake_stop(&w->pg);
	loop_free(&w->loop);
}

static void ask(struct world *w)
{
	CHECK(link_send(w->link, "select 1", 0, NULL, 5000, on_answer, w));
}

static void answer_one(struct fake_conn *c, const char *sql)
{
	(void)sql;
	fake_answer(c, (const char *[]){"1"}, 1);
}

static void answer_nothing(struct fake_conn *c, const char *sql)
{
	(void)c, (void)sql;
}

/* ---- tests ---- */

TEST(a_statement_is_answered_and_the_link_is_idle_again)
{
	struct world w;
	begin(&w, answer_one);
	CHECK(!link_up(w.link));
	CHECK(!link_send(w.link, "select 1", 0, NULL, 5000, on_answer, &w));
	link_start(w.link);
	WAIT_FOR(w.loop, w.ups == 1);
	CHECK(link_idle(w.link));
	ask(&w);
	CHECK(link_up(w.link) && !link_idle(w.link));
	CHECK(!link_send(w.link, "select 2", 0, NULL, 5000, on_answer, &w)); /* one at a time */
	CHECK_INT(w.answers, 0);
	WAIT_FOR(w.loop, w.answers == 1);
	CHECK_INT(w.fate, LINK_ANSWERED);
	CHECK_INT(w.rows, 1);
	CHECK(link_idle(w.link));
	CHECK_STR(w.pg.conns.next == &w.pg.conns ? "" : fake_find(&w.pg, "one")->role, "unit one");
	end(&w);
	CHECK_INT(w.downs, 0);
}

static void echo_parameters(struct fake_conn *c, const char *sql)
{
	CHECK_STR(sql, "prepared");
	CHECK_INT(c->n, 2);
	CHECK_STR(c->params[0], "a");
	CHECK(c->params[1] == NULL);
	answer_one(c, sql);
}

TEST(a_prepared_statement_gets_its_parameters)
{
	struct world w;
	begin_up(&w, echo_parameters);
	CHECK(link_execute(w.link, "prepared", 2, (const char *[]){"a", NULL}, 5000, on_answer, &w));
	WAIT_FOR(w.loop, w.answers == 1);
	end(&w);
}

static void ask_again(struct world *w)
{
	if (w->answers < 5)
		ask(w);
}

TEST(an_answer_may_send_the_next_statement)
{
	struct world w;
	begin_up(&w, answer_one);
	w.at_answer = ask_again;
	ask(&w);
	WAIT_FOR(w.loop, w.answers == 5);
	end(&w);
}

static void take_result(struct world *w)
{
	w->taken = link_take(w->link);
}

TEST(a_result_may_be_kept)
{
	struct world w;
	begin_up(&w, answer_one);
	w.at_answer = take_result;
	ask(&w);
	WAIT_FOR(w.loop, w.answers == 1);
	end(&w);
	CHECK_STR(PQgetvalue(w.taken, 0, 0), "1");
	PQclear(w.taken);
}

static void rows_and_then_an_error(struct fake_conn *c, const char *sql)
{
	(void)sql;
	fake_columns(c, 1);
	fake_row(c, (const char *[]){"1"}, 1);
	fake_complete(c);
	fake_error(c, "40001", "at the commit");
}

TEST(an_error_of_the_commit_replaces_the_rows)
{
	struct world w;
	begin_up(&w, rows_and_then_an_error);
	ask(&w);
	WAIT_FOR(w.loop, w.answers == 1);
	CHECK_INT(w.fate, LINK_ANSWERED);
	CHECK_STR(w.error, "40001");
	CHECK(link_idle(w.link));
	end(&w);
}

static void cut_before_the_answer(struct fake_conn *c, const char *sql)
{
	(void)sql;
	fake_cut(c);
}

static void cut_before_ready(struct fake_conn *c, const char *sql)
{
	(void)sql;
	fake_columns(c, 1);
	fake_row(c, (const char *[]){"1"}, 1);
	fake_complete(c);
	fake_cut(c);
}

static void terminate(struct fake_conn *c, const char *sql)
{
	(void)sql;
	fake_error_only(c, "FATAL", "57P01", "terminating connection due to administrator command");
	fake_cut(c);
}

static void start_a_copy(struct fake_conn *c, const char *sql)
{
	(void)sql;
	struct buf b = {0};
	buf_char(&b, 0);
	fake_u16(&b, 0);
	fake_message(c, '1', &(struct buf){0});
	fake_message(c, '2', &(struct buf){0});
	fake_message(c, 'n', &(struct buf){0});
	fake_message(c, 'G', &b);
}

/* A whole statement without "ready for query" behind its answer may have been executed. */
TEST(a_statement_whose_connection_died_is_lost)
{
	static const struct {
		const char *name;
		void (*on_query)(struct fake_conn *, const char *);
		const char *why;
	} rows[] = {{"no answer", cut_before_the_answer, "server closed the connection"},
	            {"rows, and no ready", cut_before_ready, "server closed the connection"},
	            {"terminated", terminate, "terminating connection"},
	            {"copy", start_a_copy, "the server started a COPY"}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].name);
		struct world w;
		begin_up(&w, rows[i].on_query);
		ask(&w);
		WAIT_FOR(w.loop, w.downs == 1);
		CHECK_INT(w.answers, 1);
		CHECK_INT(w.fate, LINK_LOST);
		CHECK(w.was_up);
		if (!strstr(w.why, rows[i].why))
			UNIT_FAIL("%s", w.why);
		WAIT_FOR(w.loop, w.ups == 2); /* it comes back by itself */
		CHECK_INT(w.pg.connects, 2);
		end(&w);
	}
}

TEST(a_statement_that_has_not_left_whole_is_unsent)
{
	struct world w;
	begin_up(&w, answer_one);
	struct fake_conn *c = fake_find(&w.pg, "one");
	c->deaf = true;
	fake_watch(c);
	size_t n = 8u << 20;
	char *much = memset(mem_alloc(n + 1), 'x', n);
	much[n] = '\0';
	CHECK(link_send(w.link, "select $1", 1, (const char *[]){much}, 5000, on_answer, &w));
	ev_run(loop_ev(w.loop), EVRUN_NOWAIT);
	CHECK_INT(w.answers, 0);
	fake_cut(c);
	WAIT_FOR(w.loop, w.answers == 1);
	CHECK_INT(w.fate, LINK_UNSENT);
	free(much);
	end(&w);
}

TEST(no_answer_in_time_is_lost)
{
	struct world w;
	begin_up(&w, answer_nothing);
	CHECK(link_send(w.link, "select 1", 0, NULL, 20, on_answer, &w));
	WAIT_FOR(w.loop, w.downs == 1);
	CHECK_INT(w.fate, LINK_LOST);
	CHECK_STR(w.why, "no answer in time");
	end(&w);
}

TEST(a_link_that_is_freed_answers_first)
{
	struct world w;
	begin_up(&w, answer_nothing);
	ask(&w);
	end(&w);
	CHECK_INT(w.answers, 1);
	CHECK_INT(w.fate, LINK_LOST);
	CHECK_INT(w.downs, 0);
}

TEST(a_connection_that_dies_idle_is_told)
{
	struct world w;
	begin_up(&w, answer_nothing);
	fake_cut(fake_find(&w.pg, "one"));
	WAIT_FOR(w.loop, w.downs == 1);
	CHECK(w.was_up);
	CHECK(!link_up(w.link));
	CHECK(!link_send(w.link, "select 1", 0, NULL, 5000, on_answer, &w));
	end(&w);
	CHECK_INT(w.answers, 0);
}

TEST(connecting_is_tried_again)
{
	struct world w;
	begin(&w, answer_one);
	fake_stop_listening(&w.pg);
	link_start(w.link);
	link_start(w.link); /* harmless */
	WAIT_FOR(w.loop, w.downs == 2);
	CHECK(!w.was_up);
	CHECK(strstr(w.why, "connection to server") != NULL);
	fake_listen(&w.pg);
	WAIT_FOR(w.loop, w.ups == 1);
	link_settled(w.link);
	end(&w);
}

TEST(a_connection_string_that_is_none_is_told)
{
	struct world w;
	begin(&w, answer_one);
	link_free(&w.link);
	w.link = link_new(w.loop, &(struct link_config){.url = "host=/x nonsense=1", .application_name = "n"}, &events,
	                  &w);
	link_start(w.link);
	WAIT_FOR(w.loop, w.downs == 1);
	CHECK(strstr(w.why, "nonsense") != NULL);
	end(&w);
}

TEST(notifications_are_told_by_channel)
{
	struct world w;
	begin_up(&w, answer_one);
	struct fake_conn *c = fake_find(&w.pg, "one");
	fake_notify(c, "bell", "");
	fake_notify(c, "mine", "one");
	fake_notify(c, "bell", "");
	fake_notify(c, "mine", "two");
	WAIT_FOR(w.loop, w.messages == 2);
	CHECK_STR(w.last_message, "two");
	CHECK(w.notifies >= 1 && w.notifies <= 2);
	end(&w);
}

/* In place of libc's: libpq copies the name of a channel with it. */
static bool no_memory;

char *strdup(const char *s)
{
	bool fails = no_memory;
	size_t n = strlen(s) + 1;
	char *copy = fails ? NULL : malloc(n);
	no_memory = false;
	return copy ? memcpy(copy, s, n) : NULL;
}

static void answer_behind_a_notification(struct fake_conn *c, const char *sql)
{
	(void)sql;
	no_memory = true;
	fake_notify(c, "bell", "");
	fake_answer(c, (const char *[]){"1"}, 1);
}

/* Libpq without memory for a notification says that more bytes must come. A later libpq gives the connection up. */
TEST(an_answer_behind_a_notification_that_had_no_memory_is_taken_at_once)
{
	struct world w;
	begin_up(&w, answer_behind_a_notification);
	uint64_t asked = loop_now(w.loop);
	ask(&w);
	WAIT_FOR(w.loop, w.answers == 1);
	CHECK(!no_memory);
	CHECK(loop_now(w.loop) - asked < 4000); /* its deadline is 5000 ms */
	CHECK(w.downs == 1 || (w.fate == LINK_ANSWERED && w.rows == 1 && w.notifies == 1));
	end(&w);
}

TEST(notices_are_ignored)
{
	struct world w;
	begin_up(&w, answer_one);
	struct buf b = {0};
	buf_char(&b, 'S'), fake_text(&b, "WARNING");
	buf_char(&b, 'C'), fake_text(&b, "01000");
	buf_char(&b, 'M'), fake_text(&b, "a notice");
	buf_char(&b, '\0');
	fake_message(fake_find(&w.pg, "one"), 'N', &b);
	ask(&w);
	WAIT_FOR(w.loop, w.answers == 1);
	CHECK_INT(w.fate, LINK_ANSWERED);
	end(&w);
}

/* ---- several places ---- */

struct places {
	struct world w;
	struct fake_pg other; /* the first one of the list */
};

static void begin_two(struct places *p, bool silent, bool only_read)
{
	char url[200];
	begin(&p->w, answer_one);
	fake_start(&p->other, p->w.loop, answer_one, NULL);
	p->other.silent = silent;
	p->other.only_read = only_read;
	snprintf(url, sizeof url, "host=%s,%s port=5432 user=u dbname=d", p->other.dir, p->w.pg.dir);
	link_free(&p->w.link);
	p->w.link = link_new(p->w.loop, &(struct link_config){.url = url, .application_name = "unit one"}, &events,
	                     &p->w);
	link_start(p->w.link);
	WAIT_FOR(p->w.loop, p->w.ups == 1);
}

static void end_two(struct places *p)
{
	struct loop *l = p->w.loop;
	link_free(&p->w.link);
	fake_stop(&p->other);
	fake_stop(&p->w.pg);
	loop_free(&l);
}

TEST(a_place_that_accepts_and_says_nothing_has_a_deadline_of_its_own)
{
	struct places p;
	begin_two(&p, true, false);
	CHECK_INT(p.other.connects, 1);
	CHECK_INT(p.w.pg.connects, 1);
	CHECK_INT(p.w.downs, 0); /* the whole has not failed */
	fake_cut(fake_find(&p.w.pg, "one"));
	WAIT_FOR(p.w.loop, p.w.ups == 2);
	CHECK_INT(p.other.connects, 1); /* the one that worked is tried first */
	CHECK_INT(p.w.pg.connects, 2);
	end_two(&p);
}

TEST(a_standby_is_passed_over)
{
	struct places p;
	begin_two(&p, false, true);
	CHECK_INT(p.other.connects, 1);
	CHECK_INT(p.w.pg.connects, 1);
	end_two(&p);
}

TEST(where_no_place_will_do_each_says_why)
{
	struct places p;
	begin_two(&p, false, true);
	fake_stop_listening(&p.w.pg);
	fake_cut(fake_find(&p.w.pg, "one"));
	WAIT_FOR(p.w.loop, p.w.downs == 2);
	CHECK(!p.w.was_up);
	CHECK(strstr(p.w.why, "; "));
	CHECK(strstr(p.w.why, "read-only"));
	CHECK(strstr(p.w.why, "No such file"));
	fake_listen(&p.w.pg);
	end_two(&p);
}

static void refuse_to_write(struct fake_conn *c, const char *sql)
{
	(void)sql;
	fake_error(c, "25006", "cannot execute INSERT in a read-only transaction");
}

TEST(a_server_that_turned_read_only_is_left)
{
	struct world w;
	begin_up(&w, refuse_to_write);
	w.at_answer = NULL;
	ask(&w);
	WAIT_FOR(w.loop, w.downs == 1);
	CHECK_INT(w.fate, LINK_ANSWERED);
	CHECK_STR(w.error, "25006");
	CHECK(strstr(w.why, "read-only"));
	WAIT_FOR(w.loop, w.ups == 2);
	end(&w);
}

TEST(a_condemned_link_takes_nothing_more)
{
	struct world w;
	begin_up(&w, answer_one);
	CHECK_INT(link_waits_since(w.link), 0);
	ask(&w);
	CHECK(link_waits_since(w.link) > 0);
	WAIT_FOR(w.loop, w.answers == 1);
	link_condemn(w.link, "will not do");
	link_condemn(w.link, "twice");
	CHECK(!link_idle(w.link));
	CHECK(!link_send(w.link, "select 1", 0, NULL, 5000, on_answer, &w));
	CHECK_INT(w.downs, 0);
	WAIT_FOR(w.loop, w.downs == 1);
	CHECK_STR(w.why, "will not do");
	end(&w);
}
