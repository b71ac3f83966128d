/*
 * What the rows say of what has not met its fate yet: one question at a time, through the control link.
 */
#include "verify/run.h"

#include "base/mem.h"
#include "base/number.h"
#include "db/array.h"
#include <openssl/evp.h>
#include <stdio.h>

#define STATEMENT_MS 10000
#define ROWS_MS 400
#define ROWS_MOST 1000 /* sayings of one question */
#define UNSURE_MS 5000 /* until a transaction without an answer has ended, one way or the other */

/* A row has what it is of, the number's key, and what is compared. A delivery that only a read has implied is not told:
 * it is marked by a microsecond (sql/chat/message_receipts.sql). */
#define ROWS_SQL                                                                                                   \
	"select 'm', m.client_id, m.id::text, m.seq::text, pg_catalog.md5(m.content), r.* "                        \
	"from platform.messages m cross join lateral (select "                                                     \
	"array_agg(r.user_id) filter (where r.delivered_at is not null), "                                         \
	"array_agg(r.user_id) filter (where r.delivered_at is distinct from r.read_at - interval '1 microsecond' " \
	"and r.delivered_at is not null), "                                                                        \
	"array_agg(r.user_id) filter (where r.read_at is not null) "                                               \
	"from platform.message_receipts r where r.message_id = m.id) r "                                           \
	"where m.chat_id = any($1::uuid[]) and m.client_id = any($2::text[]) "                                     \
	"union all select 'n', n.id::text, '', case when n.read_at is null then '0' else '1' end, "                \
	"pg_catalog.md5(n.body), null, null, null from platform.notifications n where n.id = any($3::uuid[]) "     \
	"union all select 'l', l.post_id::text, '', '', '', null, null, null "                                     \
	"from platform.post_likes l where l.post_id = any($3::uuid[])"

enum { ROWS_WHAT, ROWS_KEY, ROWS_ID, ROWS_SEQ, ROWS_MD5, ROWS_CONFIRMED, ROWS_TOLD, ROWS_READ };

/* ---- the question ---- */

/* The saying whose row tells of n. */
static uint32_t rows_at(const struct verify *v, uint32_t n)
{
	return v->said[n].about == NO_SAYING || v->said[n].kind == KIND_NOTICE ? n : v->said[n].about;
}

static bool is_by_uuid(enum kind k)
{
	return k == KIND_NOTICE || k == KIND_LIKED;
}

static void rows_name(const struct verify *v, uint32_t n, struct buf *ids, struct buf *uuids)
{
	uint32_t at = rows_at(v, n);
	char text[48];
	if (is_by_uuid(v->said[at].kind)) {
		saying_uuid(v, at, text);
		db_array_add(uuids, slice_str(text));
	} else {
		snprintf(text, sizeof text, "%s-%u", v->tag, at);
		db_array_add(ids, slice_str(text));
	}
}

/* ---- the answer ---- */

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

static bool rows_is_whole(const struct verify *v, uint32_t n, const PGresult *res, int row)
{
	const struct saying *s = &v->said[n];
	struct buf content = {0};
	uint64_t seq = 0;
	char md5[33];
	if (s->kind == KIND_LIKED)
		return true;
	saying_content(v, n, &content);
	md5_of(buf_view(&content), md5);
	buf_fini(&content);
	if (strcmp(md5, PQgetvalue(res, row, ROWS_MD5)) != 0)
		return false;
	return s->kind == KIND_NOTICE ||
	       (u64_parse(slice_str(PQgetvalue(res, row, ROWS_SEQ)), &seq) && (!s->seq || s->seq == seq) &&
	        (!*s->id || strcmp(s->id, PQgetvalue(res, row, ROWS_ID)) == 0));
}

/* The people in a uuid[]. */
static unsigned rows_people(const struct verify *v, const char *array)
{
	unsigned set = 0;
	for (const char *p = array; *(p += strspn(p, "{},"));) {
		size_t len = strcspn(p, ",}");
		for (unsigned i = 0; i < PEOPLE; i++)
			if (slice_eq(slice_of(p, len), slice_str(v->people[i].id)))
				set |= 1u << i;
		p += len;
	}
	return set;
}

/* Deliveries are confirmed by edges: that one should be told is learnt from its row, or from the event. */
static void rows_receipts(struct verify *v, uint32_t n, unsigned confirmed)
{
	unsigned told = v->said[n].rows_told;
	for (unsigned p = 0; p < PEOPLE; p++) {
		if (confirmed >> p & 1)
			judge_receipt(v, n, p);
		if (told >> p & 1 && v->said[n].told[p] == NO_SAYING)
			receipt_saying(v, KIND_DELIVERED, n, p, true);
	}
}

/* The saying that a row is of. */
static bool rows_number(const struct verify *v, const PGresult *res, int row, uint32_t *n)
{
	const char *key = PQgetvalue(res, row, ROWS_KEY);
	char quoted[40];
	uint64_t x;
	if (*PQgetvalue(res, row, ROWS_WHAT) != 'm') {
		snprintf(quoted, sizeof quoted, "\"%.36s\"", key);
		return number_of_uuid(v, slice_str(quoted), n);
	}
	const char *dash = strchr(key, '-');
	if (!dash || !u64_parse(slice_str(dash + 1), &x) || x >= v->nsaid)
		return false;
	*n = (uint32_t)x;
	return true;
}

static void rows_row(struct verify *v, const PGresult *res, int row)
{
	uint32_t n;
	if (!rows_number(v, res, row, &n))
		return;
	struct saying *s = &v->said[n];
	s->round = v->rows_round;
	if (!rows_is_whole(v, n, res, row))
		judge_fail(v, PROMISE_STORED, NULL, n, "%s %u is stored with other contents than were written",
		           kind_label(s->kind), n);
	if (s->kind == KIND_NOTICE)
		s->rows_read = *PQgetvalue(res, row, ROWS_SEQ) == '1' ? 1u << s->doer : 0;
	if (s->kind != KIND_MESSAGE)
		return;
	if (!*s->id)
		snprintf(s->id, sizeof s->id, "%.36s", PQgetvalue(res, row, ROWS_ID));
	s->rows_told = rows_people(v, PQgetvalue(res, row, ROWS_TOLD));
	s->rows_read = rows_people(v, PQgetvalue(res, row, ROWS_READ));
	rows_receipts(v, n, rows_people(v, PQgetvalue(res, row, ROWS_CONFIRMED)));
}

/* The rows show what n says. A like that is taken back meanwhile has no row of its own any more, and the notification
 * of a like has an id that is not ours: its event is compared. */
static bool rows_shows(const struct verify *v, const struct saying *s, uint32_t n)
{
	const struct saying *at = &v->said[rows_at(v, n)];
	bool there = at->round == v->rows_round;
	switch (s->kind) {
	case KIND_DELIVERED:
		return there && at->rows_told >> s->doer & 1;
	case KIND_READ:
	case KIND_SEEN:
		return there && at->rows_read >> s->doer & 1;
	case KIND_UNLIKED:
		return !there;
	case KIND_LIKED:
		return there || s->next != NO_SAYING;
	case KIND_NOTICE:
		return there || (s->about != NO_SAYING && v->said[s->about].fate == FATE_KEPT);
	default:
		return there;
	}
}

static void rows_found(struct verify *v, uint32_t n)
{
	struct saying *s = &v->said[n];
	if (s->fate == FATE_UNSURE)
		judge_decide(v, n, FATE_KEPT);
	if (s->fate == FATE_KEPT && !s->found) {
		s->found = true;
		judge_compared(v, PROMISE_STORED, s->kind);
	}
	/* of a like that was rolled back the sequel says nothing */
	if (s->fate == FATE_UNDONE && s->next == NO_SAYING && s->kind != KIND_UNLIKED)
		judge_fail(v, PROMISE_COMMITTED, NULL, n, "%s %u was rolled back, and is stored", kind_label(s->kind),
		           n);
}

static void rows_missing(struct verify *v, uint32_t n)
{
	const struct saying *s = &v->said[n];
	bool before = s->decided_ms < v->rows_sent_ms;
	if (s->fate == FATE_KEPT && !s->found && before)
		judge_fail(v, PROMISE_STORED, NULL, n, "%s %u was %s, and is not stored", kind_label(s->kind), n,
		           s->by_client ? "acked" : "committed");
	if (s->fate != FATE_UNSURE || !before)
		return;
	if (s->claimed)
		judge_fail(v, s->kind == KIND_DELIVERED ? PROMISE_UNTAKEN : PROMISE_COMMITTED, NULL, n,
		           "%s %u was told, and the rows do not say so", kind_label(s->kind), n);
	else if (v->rows_sent_ms > s->decided_ms + UNSURE_MS)
		judge_decide(v, n, FATE_UNDONE);
}

static void rows_judge(struct verify *v)
{
	for (uint32_t n = v->unsettled; n < v->rows_to; n++) {
		const struct saying *s = &v->said[n];
		if (s->settled || s->kind == KIND_TYPING)
			continue;
		if (rows_shows(v, s, n))
			rows_found(v, n);
		else
			rows_missing(v, n);
	}
}

void rows_take(struct verify *v, const PGresult *res)
{
	for (int row = 0; row < PQntuples(res); row++)
		rows_row(v, res, row);
	rows_judge(v);
}

static void rows_answered(void *arg, enum link_fate fate, const PGresult *res)
{
	struct verify *v = arg;
	if (fate != LINK_ANSWERED)
		return;
	if (PQresultStatus(res) != PGRES_TUPLES_OK) {
		stage_problem(v, res);
		return;
	}
	rows_take(v, res);
}

void rows_ask(struct verify *v)
{
	struct buf chats = {0}, ids = {0}, uuids = {0};
	struct buf *all[] = {&chats, &ids, &uuids};
	for (unsigned i = 0; i < ARRAY_LEN(all); i++)
		db_array_begin(all[i]);
	for (unsigned i = 0; i < CHATS; i++)
		db_array_add(&chats, slice_str(v->chats[i]));
	v->rows_to = v->unsettled;
	for (unsigned k = 0; v->rows_to < v->nsaid && k < ROWS_MOST; v->rows_to++) {
		if (v->said[v->rows_to].settled || v->said[v->rows_to].kind == KIND_TYPING)
			continue;
		rows_name(v, v->rows_to, &ids, &uuids);
		k++;
	}
	for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
		db_array_end(all[i]);
		buf_char(all[i], '\0');
	}
	const char *values[] = {chats.p, ids.p, uuids.p};
	v->rows_round++;
	v->rows_sent_ms = now_ms(v);
	v->rows_at = now_ms(v) + ROWS_MS;
	link_send(v->control, ROWS_SQL, 3, values, STATEMENT_MS, rows_answered, v);
	for (unsigned i = 0; i < ARRAY_LEN(all); i++)
		buf_fini(all[i]);
}
