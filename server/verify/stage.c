/*
 * The control link: people and chats are made and removed through it, and the rows are asked (rows.c).
 */
#include "verify/run.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"
#include "db/array.h"
#include "db/result.h"
#include <stdio.h>

#define STATEMENT_MS 10000
#define RENEW_MS 5000
#define CLOSE_AGAIN_MS 400
#define DENIED ": --database needs a member of bellwire_service, and for --end-sessions of pg_signal_backend"

static const char *const stage_chats = "[[0,1,2,5],[2,3,4],[0,4],[1,3]]";
static const unsigned stage_members[CHATS] = {1 | 2 | 4 | 32, 4 | 8 | 16, 1 | 16, 2 | 8};

/* Of persons 0 and 2. */
#define FOLLOWS_SQL                                                \
	"insert into platform.follows (follower_id, followee_id) " \
	"select ($1::uuid[])[f.a + 1], ($1::uuid[])[f.b + 1] "     \
	"from (values (1, 0), (4, 0), (5, 0), (0, 2), (3, 2)) f (a, b) on conflict do nothing"
static const unsigned stage_followers[PEOPLE] = {[0] = 2 | 16 | 32, [2] = 1 | 8};

/* ---- made ---- */

void stage_ids(const char *array, void *out, size_t stride, unsigned n)
{
	const char *p = array;
	for (unsigned i = 0; i < n && *p; i++) {
		p += strcspn(p, "0123456789abcdef");
		memcpy((char *)out + i * stride, p, 36);
		p += 36;
	}
}

bool stage_passes(const PGresult *res)
{
	static const char *const passing[] = {"08", "25", "40", "53", "55", "57", "58"};
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	for (size_t i = 0; state && i < ARRAY_LEN(passing); i++)
		if (strncmp(state, passing[i], 2) == 0)
			return true;
	return !state; /* libpq's own, of this connection */
}

void stage_problem(struct verify *v, const PGresult *res)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	if (stage_passes(res))
		return;
	const char *why = PQresultErrorMessage(res);
	bool denied = state && strcmp(state, "42501") == 0;
	char *text = mem_printf("%.*s%s", (int)strcspn(why, "\n"), why, denied ? DENIED : "");
	verify_stop(v, text);
	free(text);
}

static bool stage_tokens(struct verify *v)
{
	char error[256] = "";
	uint64_t exp = (clock_wall_ms() + v->o->run_ms) / 1000 + 3600;
	for (unsigned i = 0; i < PEOPLE; i++)
		if (!(v->people[i].token = auth_sign(&v->o->auth, v->people[i].id, exp, error, sizeof error))) {
			char *text = mem_printf("%s (--token-key, JWT_SECRET)", error);
			verify_stop(v, text);
			free(text);
			return false;
		}
	return true;
}

static void stage_made(void *arg, enum link_fate fate, const PGresult *res)
{
	struct verify *v = arg;
	uint64_t content = 0, receipts = 0;
	/* It may have been made: another name is tried, and the next sweep removes this one. */
	if (fate != LINK_ANSWERED || db_outcome_unknown(res)) {
		verify_rename(v);
		return;
	}
	if (PQresultStatus(res) != PGRES_TUPLES_OK || PQntuples(res) != 1) {
		stage_problem(v, res);
		return;
	}
	stage_ids(PQgetvalue(res, 0, 0), v->people[0].id, sizeof(struct person), PEOPLE);
	stage_ids(PQgetvalue(res, 0, 1), v->chats[0], sizeof v->chats[0], CHATS);
	if (!u64_parse(slice_str(PQgetvalue(res, 0, 2)), &content) ||
	    !u64_parse(slice_str(PQgetvalue(res, 0, 3)), &receipts))
		content = 1024;
	v->content_max = content;
	v->receipts_max = receipts;
	memcpy(v->members, stage_members, sizeof v->members);
	memcpy(v->followers, stage_followers, sizeof v->followers);
	v->staged = true;
	if (!stage_tokens(v))
		return; /* it has said why */
}

static void stage_followed(void *arg, enum link_fate fate, const PGresult *res)
{
	struct verify *v = arg;
	if (fate != LINK_ANSWERED)
		return; /* again */
	if (PQresultStatus(res) != PGRES_COMMAND_OK) {
		stage_problem(v, res);
		return;
	}
	v->followed = true;
	if (!v->leaving)
		verify_ready(v);
}

static void stage_follow(struct verify *v)
{
	struct buf people = {0};
	db_array_begin(&people);
	for (unsigned i = 0; i < PEOPLE; i++)
		db_array_add(&people, slice_str(v->people[i].id));
	db_array_end(&people);
	buf_char(&people, '\0');
	const char *values[] = {people.p};
	link_send(v->control, FOLLOWS_SQL, 1, values, STATEMENT_MS, stage_followed, v);
	buf_fini(&people);
}

static void stage_make(struct verify *v)
{
	struct buf names = {0};
	char name[PERSON_NAME];
	db_array_begin(&names);
	for (unsigned i = 0; i < PEOPLE; i++) {
		person_name(v, i, name);
		db_array_add(&names, slice_str(name));
	}
	db_array_end(&names);
	buf_char(&names, '\0');
	const char *values[] = {v->run, names.p, stage_chats};
	link_send(v->control, "select * from rt.verify_open($1::uuid, $2::text[], $3::jsonb)", 3, values, STATEMENT_MS,
	          stage_made, v);
	buf_fini(&names);
}

/* ---- kept and removed ---- */

static void stage_renewed(void *arg, enum link_fate fate, const PGresult *res)
{
	struct verify *v = arg;
	if (fate == LINK_ANSWERED && PQresultStatus(res) == PGRES_TUPLES_OK && PQgetisnull(res, 0, 0))
		verify_stop(v, "the run was over for the database, which it could not reach for half a minute");
}

static void stage_renew(struct verify *v)
{
	const char *values[] = {v->run};
	v->renew_at = now_ms(v) + RENEW_MS;
	link_send(v->control, "select rt.verify_renew($1::uuid)", 1, values, STATEMENT_MS, stage_renewed, v);
}

static void stage_closed(void *arg, enum link_fate fate, const PGresult *res)
{
	struct verify *v = arg;
	if (fate != LINK_ANSWERED)
		return;
	bool done = PQresultStatus(res) == PGRES_TUPLES_OK && strcmp(PQgetvalue(res, 0, 0), "0") == 0;
	v->over |= done;
}

static void stage_close(struct verify *v)
{
	const char *values[] = {v->run};
	v->rows_at = now_ms(v) + CLOSE_AGAIN_MS;
	link_send(v->control, "select rt.verify_close($1::uuid)", 1, values, STATEMENT_MS, stage_closed, v);
}

/* ---- sessions of the edges are ended ---- */

static void stage_ended(void *arg, enum link_fate fate, const PGresult *res)
{
	struct verify *v = arg;
	if (fate != LINK_ANSWERED)
		return;
	if (PQresultStatus(res) != PGRES_TUPLES_OK)
		stage_problem(v, res);
	else
		v->counts.sessions_ended += (uint64_t)PQntuples(res);
}

static void stage_end_session(struct verify *v)
{
	v->end_session_at = 0;
	link_send(v->control, trouble_sessions_sql(), 0, NULL, STATEMENT_MS, stage_ended, v);
}

/* ---- in turn ---- */

void stage_turn(struct verify *v)
{
	uint64_t now = now_ms(v);
	if (!link_idle(v->control))
		return;
	if (!v->staged)
		stage_make(v);
	else if (v->closing && now >= v->rows_at && witnesses_gone(v))
		stage_close(v);
	else if (v->closing)
		return; /* the goodbyes arrive before their people are removed */
	else if (v->leaving)
		return; /* it is about to close */
	else if (!v->followed)
		stage_follow(v);
	else if (now >= v->renew_at)
		stage_renew(v);
	else if (v->end_session_at && now >= v->end_session_at)
		stage_end_session(v);
	else if (now >= v->rows_at)
		rows_ask(v);
}

static void stage_on_up(void *ctx)
{
	struct verify *v = ctx;
	link_settled(v->control);
	v->database_up = true;
	v->database_up_ms = now_ms(v);
}

static void stage_on_down(void *ctx, bool was_up, const char *why)
{
	struct verify *v = ctx;
	v->database_up = false;
	if (!was_up && !v->staged)
		verify_stop(v, why);
}

void stage_begin(struct verify *v)
{
	static const struct link_events events = {.on_up = stage_on_up, .on_down = stage_on_down};
	const struct link_config cfg = {.url = v->o->database_url, .application_name = "bellwire verify"};
	v->control = link_new(v->loop, &cfg, &events, v);
	link_start(v->control);
}

void stage_end(struct verify *v)
{
	link_free(&v->control);
	for (unsigned i = 0; i < PEOPLE; i++)
		free(v->people[i].token);
}
