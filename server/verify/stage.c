/*
 * The control link: people and chats are made and removed through it, and the rows are asked what was stored and
 * confirmed.
 */
#include "verify/run.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"
#include "db/array.h"
#include <openssl/evp.h>
#include <stdio.h>

#define STATEMENT_MS 10000
#define RENEW_MS 5000
#define LOOK_MS 400
#define LOOK_MOST 1000 /* sayings of one question */
#define UNSURE_MS 5000 /* until a transaction without an answer has ended, one way or the other */

static const char *const stage_chats = "[[0,1,2,5],[2,3,4],[0,4],[1,3]]";
static const unsigned stage_members[CHATS] = {1 | 2 | 4 | 32, 4 | 8 | 16, 1 | 16, 2 | 8};

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

static void stage_problem(struct verify *v, const PGresult *res)
{
	const char *why = PQresultErrorMessage(res);
	char *text = mem_printf("%.*s", (int)strcspn(why, "\n"), why);
	verify_stop(v, text);
	free(text);
}

static bool stage_tokens(struct verify *v)
{
	char error[256] = "";
	uint64_t exp = (clock_wall_ms() + v->o->run_ms) / 1000 + 3600;
	for (unsigned i = 0; i < PEOPLE; i++)
		if (!(v->people[i].token = auth_sign(&v->o->auth, v->people[i].id, exp, error, sizeof error))) {
			verify_stop(v, error);
			return false;
		}
	return true;
}

static void stage_made(void *arg, enum link_fate fate, const PGresult *res)
{
	struct verify *v = arg;
	uint64_t content = 0, receipts = 0;
	if (fate !=
	    LINK_ANSWERED) { /* it may have been made: another name is tried, and the next sweep removes this one */
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
	v->staged = true;
	if (stage_tokens(v))
		verify_ready(v);
}

static void stage_make(struct verify *v)
{
	char names[PEOPLE * 48], *p = names;
	p += sprintf(p, "{");
	for (unsigned i = 0; i < PEOPLE; i++)
		p += sprintf(p, "%sbellwire verify %s %u", i ? "," : "", v->tag, i);
	sprintf(p, "}");
	const char *values[] = {v->run, names, stage_chats};
	link_send(v->control, "select * from rt.verify_open($1::uuid, $2::text[], $3::jsonb)", 3, values, STATEMENT_MS,
	          stage_made, v);
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
	v->look_at = now_ms(v) + LOOK_MS;
	link_send(v->control, "select rt.verify_close($1::uuid)", 1, values, STATEMENT_MS, stage_closed, v);
}

/* ---- looked at ---- */

#define LOOK_SQL                                                       \
	"select m.client_id, m.id, m.seq, pg_catalog.md5(m.content), " \
	"array(select r.user_id from platform.message_receipts r "     \
	"where r.message_id = m.id and r.delivered_at is not null) "   \
	"from platform.messages m where m.chat_id = any($1::uuid[]) and m.client_id = any($2::text[])"

static void md5_of(struct slice s, char out[33])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	struct buf hex = {0};
	EVP_Digest(s.p, s.n, digest, &n, EVP_md5(), NULL);
	hex_encode(&hex, slice_of(digest, n));
	memcpy(out, hex.p, 32);
	out[32] = '\0';
	buf_fini(&hex);
}

static bool stored_whole(const struct verify *v, uint32_t n, const PGresult *res, int row)
{
	const struct saying *s = &v->said[n];
	struct buf content = {0};
	uint64_t seq = 0;
	char md5[33];
	saying_content(v, n, &content);
	md5_of(buf_view(&content), md5);
	buf_fini(&content);
	return strcmp(md5, PQgetvalue(res, row, 3)) == 0 && u64_parse(slice_str(PQgetvalue(res, row, 2)), &seq) &&
	       (!s->seq || s->seq == seq) && (!*s->id || strcmp(s->id, PQgetvalue(res, row, 1)) == 0);
}

static void look_receipts(struct verify *v, uint32_t n, const char *array)
{
	for (const char *p = array; *(p += strspn(p, "{},"));) {
		size_t len = strcspn(p, ",}");
		judge_receipt(v, n, slice_of(p, len));
		p += len;
	}
}

static void look_row(struct verify *v, const PGresult *res, int row)
{
	const char *dash = strchr(PQgetvalue(res, row, 0), '-');
	uint64_t n;
	if (!dash || !u64_parse(slice_str(dash + 1), &n) || n >= v->nsaid)
		return;
	struct saying *s = &v->said[n];
	s->found = true;
	if (!stored_whole(v, (uint32_t)n, res, row))
		judge_fail(v, PROMISE_STORED, NULL, (uint32_t)n,
		           "message %u is stored with another text, seq or id than was said", (unsigned)n);
	if (s->fate == FATE_UNDONE)
		judge_fail(v, PROMISE_COMMITTED, NULL, (uint32_t)n, "message %u was rolled back, and is stored",
		           (unsigned)n);
	look_receipts(v, (uint32_t)n, PQgetvalue(res, row, 4));
}

/* What was decided before the question, and has no row. */
static void look_missing(struct verify *v, uint32_t n)
{
	struct saying *s = &v->said[n];
	if (s->fate == FATE_KEPT && !s->found && s->decided_ms < v->look_sent_ms)
		judge_fail(v, PROMISE_STORED, NULL, n, "message %u was %s, and is not stored", n,
		           s->by_client ? "acked" : "committed");
	if (s->fate == FATE_UNSURE && v->look_sent_ms > s->decided_ms + UNSURE_MS)
		saying_decide(v, n, s->found ? FATE_KEPT : FATE_UNDONE);
}

static void stage_looked(void *arg, enum link_fate fate, const PGresult *res)
{
	struct verify *v = arg;
	if (fate != LINK_ANSWERED)
		return;
	if (PQresultStatus(res) != PGRES_TUPLES_OK) {
		const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
		if (!state || strncmp(state, "57", 2) != 0)
			stage_problem(v, res);
		return;
	}
	for (int row = 0; row < PQntuples(res); row++)
		look_row(v, res, row);
	for (uint32_t n = v->unsettled; n < v->look_to; n++)
		if (!v->said[n].settled)
			look_missing(v, n);
}

static void stage_look(struct verify *v)
{
	struct buf chats = {0}, ids = {0};
	char text[48];
	db_array_begin(&chats);
	for (unsigned i = 0; i < CHATS; i++)
		db_array_add(&chats, slice_str(v->chats[i]));
	db_array_end(&chats);
	db_array_begin(&ids);
	v->look_to = v->unsettled;
	for (unsigned k = 0; v->look_to < v->nsaid && k < LOOK_MOST; v->look_to++) {
		if (v->said[v->look_to].settled)
			continue;
		snprintf(text, sizeof text, "%s-%u", v->tag, v->look_to);
		db_array_add(&ids, slice_str(text));
		k++;
	}
	db_array_end(&ids);
	buf_char(&chats, '\0');
	buf_char(&ids, '\0');
	const char *values[] = {chats.p, ids.p};
	v->look_sent_ms = now_ms(v);
	v->look_at = now_ms(v) + LOOK_MS;
	link_send(v->control, LOOK_SQL, 2, values, STATEMENT_MS, stage_looked, v);
	buf_fini(&chats);
	buf_fini(&ids);
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
	else if (v->closing && now >= v->look_at && witnesses_gone(v))
		stage_close(v);
	else if (v->closing)
		return; /* the goodbyes arrive before their people are removed */
	else if (now >= v->renew_at)
		stage_renew(v);
	else if (v->end_session_at && now >= v->end_session_at)
		stage_end_session(v);
	else if (now >= v->look_at)
		stage_look(v);
}

static void stage_on_up(void *ctx)
{
	struct verify *v = ctx;
	link_settled(v->control);
}

static void stage_on_down(void *ctx, bool was_up, const char *why)
{
	struct verify *v = ctx;
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
