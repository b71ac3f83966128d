/*
 * The line of questions, and rt.answer.
 */
#include "operator/ask.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/text.h"
#include "db/sender.h"
#include "hub/hub.h"
#include "operator/history.h"
#include "operator/kick.h"
#include "operator/look.h"
#include "operator/recall.h"
#include "operator/recent.h"
#include "sio/sio.h"

#define WAITING_MOST 128  /* questions; SQL lets a hundred be asked within five seconds */
#define ABOUT_MOST 8192   /* bytes of a question: names have 1024, which escapes make longer */
#define BATCH_BYTES 65536 /* with so many, answers leave */
#define PIECE_MS 1        /* between two pieces of work */

struct asks {
	struct list queue; /* owns each ask */
	uint32_t n;
	struct buf answers; /* an array for rt.answer, not ended */
	struct sender sender;
};

/* ---- kinds ---- */

struct ask_kind {
	const char *name;
	bool (*work)(struct operator* op, struct ask *a); /* one piece; true: the body is complete */
};

static const struct ask_kind ask_kinds[] = {
	{"edges", look_edge},    {"sockets", look_sockets}, {"rooms", look_rooms},     {"kick", kick_work},
	{"recall", recall_work}, {"user", recent_work},     {"history", history_work}, {"busy", look_busy},
};

static const struct ask_kind *ask_kind_find(struct slice what)
{
	for (size_t i = 0; i < ARRAY_LEN(ask_kinds); i++)
		if (slice_eq(what, slice_str(ask_kinds[i].name)))
			return &ask_kinds[i];
	return NULL;
}

/* ---- what it is about ---- */

bool ask_text(const struct ask *a, const char *key, struct buf *out)
{
	struct slice v;
	out->n = 0;
	return json_get(buf_view(&a->about), key, &v) && json_kind_of(v) == JSON_STRING && json_unescape(out, v);
}

uint32_t ask_limit(const struct ask *a)
{
	struct slice v;
	uint64_t n;
	return json_get(buf_view(&a->about), "limit", &v) && u64_parse(v, &n) && n <= 1000 ? (uint32_t)n : 100;
}

bool ask_whom(const struct ask *a, struct buf *out)
{
	struct buf user = {0};
	bool one = ask_text(a, "room", out) || ask_text(a, "socket_id", out);
	if (!one && ask_text(a, "user_id", &user)) {
		out->n = 0;
		buf_str(out, "user:");
		buf_slice(out, buf_view(&user));
		one = true;
	}
	buf_fini(&user);
	return one;
}

/* ---- life ---- */

static void asks_send(void *operator);

void asks_start(struct operator* op)
{
	struct asks *as = op->asks = NEW(struct asks);
	list_init(&as->queue);
	sender_init(&as->sender, op->db, op->people->loop, op->people->ident, "answer", asks_send, op);
}

static void ask_free(struct asks *as, struct ask *a)
{
	list_del(&a->link);
	as->n--;
	buf_fini(&a->about);
	buf_fini(&a->body);
	free(a->found);
	free(a);
}

void asks_stop(struct operator* op)
{
	struct asks *as = op->asks;
	struct list *it, *tmp;
	if (!as)
		return;
	sender_stop(&as->sender);
	list_each (it, tmp, &as->queue)
		ask_free(as, list_entry(it, struct ask, link));
	buf_fini(&as->answers);
	free(as);
	op->asks = NULL;
}

void asks_tick(struct operator* op)
{
	const struct sio_stats *s = sio_server_stats(op->people->sio);
	op->before = op->last;
	op->last = (struct pulse){.at_ms = loop_now(op->people->loop),
	                          .rows = db_stats(op->db)->rows,
	                          .events_in = s->events_in,
	                          .packets_out = s->packets_out};
}

/* ---- a question comes ---- */

/* False: it is no question of ours. */
static bool ask_read(struct ask *a)
{
	struct buf text = {0};
	bool good = ask_text(a, "ask", &text) && uuid_valid(buf_view(&text));
	if (good)
		memcpy(a->id, text.p, UUID_LEN);
	if (good && ask_text(a, "what", &text))
		a->kind = ask_kind_find(buf_view(&text));
	buf_fini(&text);
	return a->kind;
}

void ask_take(struct operator* op, struct slice data)
{
	struct asks *as = op->asks;
	if (data.n > ABOUT_MOST || as->n == WAITING_MOST) {
		log_warn(op->people->ident, "question left out", LU("waiting", as->n), LU("bytes", data.n));
		return;
	}
	struct ask *a = NEW(struct ask);
	buf_slice(&a->about, data);
	list_add_tail(&as->queue, &a->link);
	as->n++;
	if (ask_read(a)) {
		sender_wake(&as->sender);
	} else {
		log_warn(op->people->ident, "question not understood");
		ask_free(as, a);
	}
}

/* ---- answers go ---- */

static void ask_answer(struct asks *as, struct ask *a)
{
	struct buf item = {0};
	json_open(&item);
	json_member_str(&item, "ask", slice_of(a->id, UUID_LEN));
	json_member_bool(&item, "more", a->more);
	json_member_raw(&item, "body", buf_view(&a->body));
	json_close(&item);
	if (!as->answers.n)
		db_array_begin(&as->answers);
	db_array_add(&as->answers, buf_view(&item));
	buf_fini(&item);
	ask_free(as, a);
}

/* An answer that got lost is not sent again: who asked has seen that there was none. */
static void asks_answered(void *operator, const struct db_result * r)
{
	struct operator* op = operator;
	(void)r;
	if (!list_empty(&op->asks->queue))
		sender_wake(&op->asks->sender);
}

static void asks_call(struct operator* op)
{
	struct asks *as = op->asks;
	db_array_end(&as->answers);
	struct slice params[] = {slice_str(op->edge_id), buf_view(&as->answers)};
	sender_call(&as->sender, "select rt.answer($1::uuid, $2::text[])", params, 2, asks_answered);
	buf_fini(&as->answers);
}

/* One piece of work a turn; then what is complete leaves, if nothing more will be soon. */
static void asks_send(void *operator)
{
	struct operator* op = operator;
	struct asks *as = op->asks;
	struct ask *a = list_first(&as->queue, struct ask, link);
	if (as->sender.out)
		return;
	if (a && as->answers.n < BATCH_BYTES && a->kind->work(op, a))
		ask_answer(as, a);
	if (!list_empty(&as->queue) && as->answers.n < BATCH_BYTES)
		sender_after(&as->sender, PIECE_MS);
	else if (as->answers.n)
		asks_call(op);
}
