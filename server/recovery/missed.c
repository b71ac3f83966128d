/*
 * The queue of clients, the call rt.recover, and its answer.
 */
#include "recovery/missed.h"
#include "base/json_write.h"
#include "base/number.h"
#include "base/mem.h"
#include "db/sender.h"
#include "people/room_names.h"
#include "recovery/attempt.h"

#define BATCH_MAX 16
#define PATIENCE_MS 5000 /* the longest wait in the queue: in a storm, synchronising is quicker for the clients */

struct missed {
	struct list queue; /* of entering.link: PLACE_MISSED, P is known */
	char batch[BATCH_MAX][SIO_ID_LEN];
	size_t out; /* number of ids in batch: the call that is out is about them */
	struct sender sender;
};

/* ---- the answer ---- */

/* Takes the rows of one socket, from its "rooms" to its "ok" or "no". Afterwards the attempt is over, or in its next
 * round. */
static void missed_settle(struct client *c, const struct db_result *r, int first, int last)
{
	struct attempt *a = c->recoverable->attempt;
	struct walk k = {.hub = hub_new(), .ids = db_value(r, last, COL_DATA), .token = &a->token};
	struct slice former = db_value(r, first, COL_DATA), end = db_value(r, last, COL_WHAT);
	enum refused_cause cause = REFUSED_ANSWER;
	bool good = false;
	if (slice_eq(end, SLICE("no"))) {
		cause = refused_of_sql(db_value(r, last, COL_DATA));
	} else if (slice_eq(end, SLICE("ok")) && slice_eq(db_value(r, first, COL_WHAT), SLICE("rooms"))) {
		good = true;
		walk_begin(&k, db_value(r, first, COL_ROOMS), former, client_id(c), buf_view(&a->token.chats));
	}
	for (int row = first + 1; good && row < last; row++)
		good = walk_row(&k, r, row);
	if (good && (k.missed.n + a->held.n > ATTEMPT_EVENTS_MAX ||
	             k.missed.bytes + a->held.bytes > c->recoverable->recovery->bytes_max))
		a->broken = REFUSED_SIZE;
	if (!good || a->broken)
		attempt_fail(c, a->broken ? a->broken : cause);
	else
		attempt_walked(c, &k, former);
	walk_end(&k);
}

/* Rows of one socket are neighbours, and `ord` is its place in the batch. The id of an answered socket is wiped from
 * the batch. */
static void missed_take(struct recovery *rec, const struct db_result *r)
{
	struct missed *m = rec->missed;
	size_t out = m->out;
	for (int first = 0, last; first < r->nrows; first = last + 1) {
		struct slice ord = db_value(r, first, COL_ORD);
		int64_t i;
		for (last = first; last < r->nrows - 1 && slice_eq(db_value(r, last + 1, COL_ORD), ord);)
			last++;
		if (!walk_number(ord, &i) || i < 1 || (size_t)i > out)
			continue;
		struct client *c = attempt_client(rec->people, m->batch[i - 1]);
		memset(m->batch[i - 1], 0, SIO_ID_LEN);
		if (c)
			missed_settle(c, r, first, last);
	}
}

static void missed_answered(void *arg, const struct db_result *r)
{
	struct recovery *rec = arg;
	struct missed *m = rec->missed;
	if (r->outcome == DB_OK && r->ncols != COLS)
		sender_misread(&m->sender);
	else if (r->outcome == DB_OK)
		missed_take(rec, r);
	for (size_t i = 0; i < m->out; i++) {
		struct client *c = m->batch[i][0] ? attempt_client(rec->people, m->batch[i]) : NULL;
		if (c)
			attempt_fail(c, REFUSED_SILENCE);
	}
	m->out = 0;
	if (!list_empty(&m->queue))
		sender_wake(&m->sender);
}

/* ---- the call ---- */

/* Writes the chats as names of rooms, as the database knows them. */
static void missed_put_chats(struct buf *item, struct slice chats)
{
	json_member(item, "chats");
	buf_char(item, '[');
	for (size_t i = 0; i < chats.n; i += UUID_LEN) {
		buf_str(item, i ? ",\"" : "\"");
		room_put(item, ROOM_CHAT, slice_of(chats.p + i, UUID_LEN));
		buf_char(item, '"');
	}
	buf_char(item, ']');
}

static void missed_put(struct buf *items, const struct client *c)
{
	const struct attempt *a = c->recoverable->attempt;
	struct buf item = {0}, epoch = {0};
	hex_encode(&epoch, slice_of(a->token.epoch, TOKEN_EPOCH));
	json_open(&item);
	json_member_str(&item, "user_id", user_id(c->user));
	json_member_str(&item, "socket_id", client_id(c));
	json_member_str(&item, "from_socket", slice_of(a->token.socket, SIO_ID_LEN));
	json_member_str(&item, "pid", slice_str(a->pid));
	json_member_str(&item, "fresh", offset_pid(c));
	json_member_bool(&item, "again", a->round > 0);
	json_member_str(&item, "from", buf_view(&a->token.snapshot));
	json_member_u64(&item, "issued_us", a->token.issued_us);
	json_member_str(&item, "epoch", buf_view(&epoch));
	json_member_str(&item, "mark", buf_view(&a->token.mark));
	json_member_str(&item, "upto", slice_str(a->upto));
	json_member_str(&item, "upto_epoch", slice_str(a->upto_epoch));
	missed_put_chats(&item, buf_view(&a->token.chats));
	json_close(&item);
	db_array_add(items, buf_view(&item));
	buf_fini(&item);
	buf_fini(&epoch);
}

/* Sent while the database is away, too: the call then fails, and the clients open as new ones. */
static void missed_send(void *arg)
{
	struct recovery *rec = arg;
	struct missed *m = rec->missed;
	struct buf items = {0};
	struct entering *e;
	if (m->sender.out || list_empty(&m->queue))
		return;
	db_array_begin(&items);
	while (m->out < BATCH_MAX && (e = list_first(&m->queue, struct entering, link))) {
		struct client *c = e->client;
		client_stand(c, PLACE_WALK, NULL);
		if (c->recoverable->attempt->since + PATIENCE_MS < loop_now(rec->people->loop)) {
			attempt_fail(c, REFUSED_BUSY);
			continue;
		}
		memcpy(m->batch[m->out++], client_id(c).p, SIO_ID_LEN);
		missed_put(&items, c);
	}
	db_array_end(&items);
	struct slice param = buf_view(&items);
	if (m->out)
		sender_call(&m->sender, "select * from rt.recover($1::text[])", &param, 1, missed_answered);
	buf_fini(&items);
}

/* ---- life ---- */

void missed_start(struct recovery *rec)
{
	struct missed *m = rec->missed = NEW(struct missed);
	list_init(&m->queue);
	sender_init(&m->sender, rec->db, rec->people->loop, rec->people->ident, "recover", missed_send, rec);
}

void missed_stop(struct recovery *rec)
{
	if (!rec->missed)
		return;
	sender_stop(&rec->missed->sender);
	free(rec->missed);
	rec->missed = NULL;
}

void missed_ask(struct recovery *rec, struct client *c)
{
	client_stand(c, PLACE_MISSED, &rec->missed->queue);
	sender_wake(&rec->missed->sender);
}
