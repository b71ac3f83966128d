/*
 * The opening of a socket, from the token to `connected`.
 */
#include "entry/open.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/text.h"
#include "db/sender.h"
#include "entry/closes.h"
#include "entry/refusals.h"
#include "events/refresh.h"
#include "people/tell.h"
#include "people/tokens.h"
#include "recovery/offsets.h"
#include "recovery/recover.h"

#define BATCH_MAX 128
/* A client waits for the database for this time, and for a random part of it again: not all clients may be sent off at
 * once. */
#define PATIENCE_MS 5000
/* A client that has waited so long is told so where the call that is out has no answer: a call takes a fraction of it. */
#define QUIET_MS 900
#define STALLED_MS 500
#define LOOK_MS 100

struct opening {
	struct client *client; /* NULL: it has ended since */
	char id[SIO_ID_LEN], user[UUID_LEN];
	bool clean; /* how it ended */
};

struct opens {
	struct list queue;   /* of entering.link: PLACE_QUEUE */
	struct list waiting; /* of entering.link: PLACE_DATABASE */
	struct opening batch[BATCH_MAX];
	size_t out;        /* number of items in batch: the call that is out is about them */
	uint64_t asked_at; /* loop_now: when that call was made */
	bool unrung;       /* that call rings nobody */
	struct sender sender;
	struct timer look; /* while somebody is in the queue or in the call: for whoever waits too long */
	struct entry *entry;
};

static void opens_send(void *entry);
static void opens_go_on(struct entry *e);
static void opens_look(struct timer *t);

void opens_start(struct entry *e)
{
	struct opens *os = e->opens = NEW(struct opens);
	list_init(&os->queue);
	list_init(&os->waiting);
	sender_init(&os->sender, e->db, e->people->loop, e->people->ident, "socket_open", opens_send, e);
	os->sender.class = DB_OPENING;
	os->entry = e;
	os->look.fire = opens_look;
	e->on_past = opens_go_on;
}

void opens_stop(struct entry *e)
{
	if (!e->opens)
		return;
	sender_stop(&e->opens->sender);
	timer_stop(e->people->loop, &e->opens->look);
	free(e->opens);
	e->opens = NULL;
}

/* ---- the queue ---- */

static void open_out_of_patience(struct timer *t)
{
	struct client *c = container_of(t, struct client, timer);
	log_info(sio_ident(c->sio), "database away, sent off");
	sio_drop_session(c->sio, CLOSE_UNAVAILABLE);
}

static void open_be_patient(struct client *c)
{
	struct loop *l = c->people->loop;
	uint32_t spread;
	random_bytes(&spread, sizeof(spread));
	c->timer.fire = open_out_of_patience;
	timer_set(l, &c->timer, loop_now(l) + PATIENCE_MS + spread % PATIENCE_MS);
}

/* Tells the client that it waits; its place stays as it is. */
static void open_say_wait(struct client *c)
{
	if (c->state != CLIENT_OPENING)
		return;
	client_enter(c, CLIENT_WAITING);
	recover_forget(c); /* the reply goes out now, and has no private id */
	sio_accept(c->sio, (struct slice){0});
	client_error(c, &(struct error_about){.code = error_name(ERROR_UNAVAILABLE),
	                                      .message = SLICE("Try again"),
	                                      .hint = tell_hint(c->people, TELL_AWAY)});
	open_be_patient(c);
}

static void open_wait(struct entry *e, struct client *c)
{
	client_stand(c, PLACE_DATABASE, &e->opens->waiting);
	open_say_wait(c);
}

void open_queue(struct entry *e, struct client *c)
{
	struct opens *os = e->opens;
	client_stand(c, PLACE_QUEUE, &os->queue);
	c->entering->since = loop_now(e->people->loop);
	c->entering->after_ends = closes_mark(e, user_id(c->user));
	sender_wake(&os->sender);
	if (!timer_is_set(&os->look))
		timer_set(e->people->loop, &os->look, c->entering->since + LOOK_MS);
}

static void opens_go_on(struct entry *e)
{
	if (!list_empty(&e->opens->queue) || !list_empty(&e->opens->waiting))
		sender_wake(&e->opens->sender);
}

/* ---- clients that wait too long ---- */

/* A client that has waited too long waits for no ends any more, and is told so where no answer comes. */
static void open_look(struct opens *os, struct client *c, bool stalled)
{
	if (loop_now(c->people->loop) - c->entering->since < QUIET_MS)
		return;
	c->entering->after_ends = 0;
	if (stalled)
		open_say_wait(c);
	else if (!os->out)
		sender_wake(&os->sender);
}

static void opens_look(struct timer *t)
{
	struct opens *os = container_of(t, struct opens, look);
	struct loop *l = os->entry->people->loop;
	bool stalled = os->out && loop_now(l) - os->asked_at >= STALLED_MS;
	struct list *it, *tmp;
	for (size_t i = 0; i < os->out; i++)
		if (os->batch[i].client)
			open_look(os, os->batch[i].client, stalled);
	list_each (it, tmp, &os->queue)
		open_look(os, list_entry(it, struct entering, link)->client, stalled);
	if (os->out || !list_empty(&os->queue))
		timer_set(l, t, loop_now(l) + LOOK_MS);
}

/* ---- in line again ---- */

static void opens_wait_no_longer(struct entry *e)
{
	struct list *it, *tmp;
	list_each (it, tmp, &e->opens->waiting)
		open_queue(e, list_entry(it, struct entering, link)->client);
}

/* Thousands may have waited, and to open them takes seconds. None is sent off while the queue moves. */
void opens_database_up(struct entry *e)
{
	struct list *it, *tmp;
	list_each (it, tmp, &e->opens->waiting) {
		struct client *c = list_entry(it, struct entering, link)->client;
		if (c->state == CLIENT_WAITING)
			open_be_patient(c);
	}
	opens_wait_no_longer(e);
}

/* ---- open ---- */

static void open_reply(struct client *c)
{
	struct buf extra = {0};
	recover_reply(&extra, c);
	sio_accept(c->sio, buf_view(&extra)); /* no effect where the reply went out already */
	buf_fini(&extra);
}

static void open_say_connected(struct client *c, bool recovered)
{
	struct buf data = {0};
	json_open(&data);
	json_member_str(&data, "socket_id", client_id(c));
	json_member_str(&data, "user_id", user_id(c->user));
	json_member_time(&data, "timestamp", clock_wall_ms());
	if (recovered)
		json_member_bool(&data, "recovered", true);
	json_close(&data);
	client_emit(c, SLICE("connected"), buf_view(&data));
	buf_fini(&data);
}

static void open_finish(struct client *c, struct slice reason, bool recovered)
{
	client_enter(c, CLIENT_OPEN);
	c->people->counts.connects[connect_reason_find(reason)]++;
	log_info(sio_ident(c->sio), "connected", LSL("user", user_id(c->user)), LSL("reason", reason),
	         LS("recovered", recovered ? "yes" : "no"));
	if (!recovered)
		open_reply(c); /* a recovered client has the reply already, and the missed events behind it */
	open_say_connected(c, recovered);
	if (recovered)
		offset_due(c);
	else
		client_sync(c, reason);
	refresh_arm(c);
}

/* ---- the answer ---- */

/* Columns of rt.socket_open (docs/edge-sql.md); rt.socket_open_one has the last one besides. */
enum { COL_ORD, COL_MAY, COL_ROOMS, COL_REASON, COL_SNAPSHOT, COLS, COL_XACT = COLS };

/* Applies the late rows that the snapshot of the rooms does not see, in their order. False: one of them ends the
 * socket. */
static bool open_apply_late(struct client *c, const struct db_snapshot *snapshot)
{
	for (const struct late *l = c->entering->late.first; l; l = l->next) {
		if (snapshot && db_snapshot_sees(snapshot, l->xid))
			continue;
		if (l->verb == ROOM_KICK)
			return false;
		client_apply(c, l->verb, late_room(l));
	}
	return true;
}

static bool open_enter_rooms(struct client *c, const struct db_result *r, int row)
{
	struct db_snapshot *snapshot = db_snapshot_parse(db_value(r, row, COL_SNAPSHOT));
	c->known_before = snapshot ? db_snapshot_xmax(snapshot) : 0;
	client_join_all(c, db_value(r, row, COL_ROOMS));
	hub_enter(c->people->hub, &c->member);
	bool stays = open_apply_late(c, snapshot);
	db_snapshot_free(&snapshot);
	return stays;
}

static void open_refuse_user(struct entry *e, struct client *c, enum auth_result cause)
{
	token_refused(e->people, sio_ident(c->sio), "user refused", cause);
	refusal_note(e, c->sio, user_id(c->user));
	client_refuse(c);
}

/* reason: of a socket that may not open. */
static enum auth_result open_cause(struct slice reason)
{
	return slice_eq(reason, SLICE("disabled")) ? AUTH_DISABLED : AUTH_USER;
}

static void open_take(struct entry *e, struct client *c, const struct db_result *r, int row)
{
	bool may = slice_eq(db_value(r, row, COL_MAY), SLICE("t"));
	c->registered = may;
	if (c->state == CLIENT_REFUSED)
		return;
	if (may && c->until_ms <= clock_wall_ms()) {
		c->expired = true; /* the token ended while the client waited for the database */
		may = false;
	}
	enum auth_result cause = may          ? AUTH_DISABLED /* so a late kick says */
	                         : c->expired ? AUTH_EXPIRED
	                                      : open_cause(db_value(r, row, COL_REASON));
	if (may)
		may = open_enter_rooms(c, r, row);
	late_free(&c->entering->late);
	timer_stop(c->people->loop, &c->timer);
	if (!may) {
		open_refuse_user(e, c, cause);
		return;
	}
	struct slice reason = db_value(r, row, COL_REASON);
	if (!recover_begin(c, reason, open_finish))
		open_finish(c, reason, false);
}

/* The socket has ended, and its rows may be there, even if the outcome of the call is unknown. To tell an end twice is
 * harmless. */
static void open_close_gone(struct entry *e, const struct opening *o)
{
	struct ended ended = {.socket_id = slice_of(o->id, SIO_ID_LEN),
	                      .user = slice_of(o->user, UUID_LEN),
	                      .clean = o->clean,
	                      .over = true};
	closes_add(e, &ended);
}

/* at_once: the call was the wrong one. */
static void open_ask_again(struct entry *e, struct client *c, bool uncertain, bool at_once)
{
	c->registered = uncertain;
	late_free(&c->entering->late);
	if (c->state == CLIENT_REFUSED)
		return;
	if (at_once)
		open_queue(e, c);
	else
		open_wait(e, c);
}

/*
 * Finds the row of each socket of the batch; -1: none, as somebody holds its user's presence. The rows have to be in the
 * order asked: no socket may get the rooms of another, whatever Postgres plans. False: the answer is malformed.
 */
static bool opens_read(const struct opens *os, const struct db_result *r, int rows[BATCH_MAX])
{
	uint64_t ord, last = 0;
	for (size_t i = 0; i < os->out; i++)
		rows[i] = -1;
	if (r->outcome != DB_OK)
		return false;
	bool good = r->ncols >= COLS;
	for (int row = 0; good && row < r->nrows; row++) {
		good = u64_parse(db_value(r, row, COL_ORD), &ord) && ord > last && ord <= os->out;
		if (good)
			rows[ord - 1] = row;
		last = ord;
	}
	return good;
}

static void opens_answered(void *arg, const struct db_result *r)
{
	struct entry *e = arg;
	struct opens *os = e->opens;
	int rows[BATCH_MAX];
	bool good = opens_read(os, r, rows), all = good, wrong = closes_lack_one(e, os->out, r);
	if (r->outcome == DB_OK && !good)
		sender_misread(&os->sender);
	if (os->unrung)
		db_answer_unrung(e->db, r, COL_XACT);
	for (size_t i = 0; i < os->out; i++) {
		struct opening *o = &os->batch[i];
		if (!o->client) {
			open_close_gone(e, o);
			continue;
		}
		o->client->entering->opening = NULL;
		all = all && rows[i] >= 0;
		if (good && rows[i] >= 0)
			open_take(e, o->client, r, rows[i]);
		else
			open_ask_again(e, o->client, r->outcome == DB_UNCERTAIN, wrong);
	}
	os->out = 0;
	if (!all && !wrong)
		sender_after(&os->sender, SENDER_AGAIN_MS);
	opens_go_on(e);
}

/* ---- the call ---- */

static void open_put(struct buf *items, const struct client *c)
{
	struct buf item = {0}, pid = {0};
	recover_reply(&pid, c);
	json_open(&item);
	json_member_str(&item, "socket_id", client_id(c));
	json_member_str(&item, "user_id", user_id(c->user));
	json_member_bool(&item, "recovery", c->returning);
	json_members_raw(&item, buf_view(&pid));
	json_close(&item);
	db_array_add(items, buf_view(&item));
	buf_fini(&item);
	buf_fini(&pid);
}

static void open_stand(struct opens *os, struct client *c)
{
	struct opening *o = &os->batch[os->out++];
	client_stand(c, PLACE_CALL, NULL);
	*o = (struct opening){.client = c};
	memcpy(o->id, client_id(c).p, SIO_ID_LEN);
	memcpy(o->user, c->user->id, UUID_LEN);
	c->entering->opening = o;
}

/* Fills the batch from the queue, in its order, with those whose mark of the ends before them is past. */
static void opens_fill(struct entry *e)
{
	struct opens *os = e->opens;
	struct list *it, *tmp;
	list_each (it, tmp, &os->queue) {
		struct entering *en = list_entry(it, struct entering, link);
		if (os->out == BATCH_MAX)
			return;
		if (closes_past(e, user_id(en->client->user), en->after_ends))
			open_stand(os, en->client);
	}
}

static void open_call(struct entry *e, const struct client *c)
{
	struct opens *os = e->opens;
	struct slice pid = c->recoverable ? offset_pid(c) : (struct slice){0};
	os->unrung = db_alone(e->db);
	struct slice params[] = {slice_str(e->edge_id), client_id(c), user_id(c->user),
	                         db_bool(c->returning), pid,          db_bool(os->unrung)};
	sender_call(&os->sender, "select * from rt.socket_open_one($1, $2, $3, $4, $5, $6)", params, 6, opens_answered);
}

static void opens_call(struct entry *e)
{
	struct opens *os = e->opens;
	struct buf items = {0};
	os->unrung = false;
	db_array_begin(&items);
	for (size_t i = 0; i < os->out; i++)
		open_put(&items, os->batch[i].client);
	db_array_end(&items);
	struct slice params[] = {slice_str(e->edge_id), buf_view(&items)};
	sender_call(&os->sender, "select * from rt.socket_open($1::uuid, $2::text[])", params, 2, opens_answered);
	buf_fini(&items);
}

static void opens_send(void *entry)
{
	struct entry *e = entry;
	struct opens *os = e->opens;
	struct entering *first;
	if (os->sender.out)
		return;
	if (db_state(e->db) != DB_UP) {
		while ((first = list_first(&os->queue, struct entering, link)))
			open_wait(e, first->client);
		return;
	}
	if (!sender_waits(&os->sender))
		opens_wait_no_longer(e);
	opens_fill(e);
	if (!os->out)
		return;
	os->asked_at = loop_now(e->people->loop);
	if (os->out == 1 && !e->without_one)
		open_call(e, os->batch[0].client);
	else
		opens_call(e);
}

/* ---- ends while the call is out ---- */

bool open_is_out(const struct client *c)
{
	return c->entering && c->entering->opening;
}

void open_forget(struct client *c, bool clean)
{
	if (open_is_out(c)) {
		c->entering->opening->client = NULL;
		c->entering->opening->clean = clean;
	}
}
