/* What verify makes of the errors of a database, with a server that the test plays. */
#include "party.h"

#include "db/fake_pg.h"
#include <stdlib.h>

#define IDS(c) "{" c "0," c "1," c "2," c "3," c "4," c "5}"

struct world {
	struct party *party;
	struct fake_pg pg;
	const char *sqlstate; /* of the statement that the test is about, each time; NULL: it is answered */
	int asked;
	char runs[2][40];      /* the names with which it was asked */
	struct fake_conn *out; /* is in a transaction */
	uint32_t said;         /* the message that was refused; NO_SAYING: none yet */
};

static struct world *begin(void (*play)(struct fake_conn *, const char *))
{
	struct world *w = NEW(struct world);
	w->party = party_new();
	w->said = NO_SAYING;
	fake_start(&w->pg, w->party->v.loop, play, w);
	w->party->options.database_url = w->pg.url;
	return w;
}

static void end(struct world *w)
{
	fake_stop(&w->pg);
	party_free(w->party);
	free(w);
}

/* ---- people and chats ---- */

static void play_stage(struct fake_conn *c, const char *sql)
{
	struct world *w = c->pg->ctx;
	if (!strstr(sql, "rt.verify_open"))
		return;
	snprintf(w->runs[w->asked % 2], sizeof w->runs[0], "%s", c->params[0]);
	w->asked++;
	if (w->sqlstate)
		fake_error(c, w->sqlstate, "the message");
	else
		fake_answer(c,
		            (const char *[]){IDS("aaaaaaaa-0000-4000-8000-00000000000"),
		                             IDS("cccccccc-0000-4000-8000-00000000000"), "64", "10"},
		            4);
}

static void turn_until(struct world *w, int asked)
{
	while (w->asked < asked || !link_idle(w->party->v.control)) {
		fake_turn(w->party->v.loop);
		if (w->asked < asked && link_up(w->party->v.control))
			stage_turn(&w->party->v);
	}
}

TEST(an_error_that_passes_does_not_keep_people_from_being_made)
{
	static const struct {
		const char *sqlstate;
		bool passes, renamed;
	} rows[] = {{"40P01", true, false},
	            {"55P03", true, false},
	            {"57P01", true, false},
	            {"08006", true, true},
	            {"42883", false, false}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].sqlstate);
		struct world *w = begin(play_stage);
		struct verify *v = &w->party->v;
		w->sqlstate = rows[i].sqlstate;
		stage_begin(v);
		turn_until(w, 1);
		CHECK_INT(v->trouble == NULL, rows[i].passes);
		w->sqlstate = NULL;
		v->leaving = v->ending = false;
		turn_until(w, 2);
		CHECK_INT(strcmp(w->runs[0], w->runs[1]) != 0, rows[i].renamed);
		CHECK(v->staged);
		stage_end(v);
		end(w);
	}
}

/* ---- what services write ---- */

/* Messages that are written alone are refused; all else is done. */
static void play_writer(struct fake_conn *c, const char *sql)
{
	struct world *w = c->pg->ctx;
	bool message = strstr(sql, "insert into platform.messages") && w->out != c;
	if (strcmp(sql, "begin") == 0)
		w->out = c;
	else if (w->out == c && !strstr(sql, "insert"))
		w->out = NULL;
	if (!message) {
		fake_command(c);
		return;
	}
	w->said = (uint32_t)strtoul(strchr(c->params[3], '-') + 1, NULL, 10);
	fake_error(c, w->sqlstate, "the message");
}

static bool nobody_writes(const struct verify *v)
{
	for (unsigned i = 0; i < WRITERS; i++)
		if (v->writers[i].stage != WRITER_REST)
			return false;
	return true;
}

TEST(an_error_that_does_not_say_whether_it_was_committed_leaves_it_unsure)
{
	static const struct {
		const char *sqlstate;
		enum fate fate;
		bool refused;
	} rows[] = {{"08006", FATE_UNSURE, false},
	            {"40003", FATE_UNSURE, false},
	            {"40P01", FATE_UNDONE, false},
	            {"58030", FATE_UNDONE, false},
	            {"23514", FATE_UNDONE, true}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].sqlstate);
		struct world *w = begin(play_writer);
		struct verify *v = &w->party->v;
		w->sqlstate = rows[i].sqlstate;
		writers_begin(v);
		WAIT_FOR(v->loop, link_up(v->writers[0].link));
		while (w->said == NO_SAYING || v->said[w->said].fate == FATE_OPEN) {
			if (w->said == NO_SAYING && nobody_writes(v))
				writers_write(v, true);
			fake_turn(v->loop);
		}
		CHECK_INT(v->said[w->said].fate, rows[i].fate);
		CHECK_INT(v->failure.found, rows[i].refused);
		writers_end(v);
		end(w);
	}
}
