/*
 * Attempts, from CONNECT to open or synchronise.
 */
#include "recovery/recover.h"
#include "base/blob.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/number.h"
#include "db/sender.h"
#include "events/confirm.h"
#include "people/room_names.h"
#include "recovery/offsets.h"
#include "recovery/walk.h"

#define BATCH_MAX 16
#define ROUNDS_MAX 3
#define EVENTS_MAX 500   /* with those held; a client remembers as many fences */
#define PATIENCE_MS 5000 /* in the queue: a storm is better told to synchronise */

/* Owned by its client's recoverable, until it succeeds or fails. */
struct attempt {
	char *pid, *offset; /* as presented */
	recover_done *done;
	struct recovery_token token;
	char *reason;            /* of sync:required, should it come to that */
	char *upto, *upto_epoch; /* P */
	uint64_t since;
	uint32_t round;
	bool holding;
	const char *broken; /* why it cannot be whole any more */
	struct held_list held;
};

/* A client that waits for the pump, by its id: it may be gone. */
struct ticket {
	struct recovery *recovery;
	char id[SIO_ID_LEN];
};

struct attempts {
	struct list wait_key; /* of entering.link: PLACE_KEY */
	struct list queue;    /* of entering.link: PLACE_MISSED, P is known */
	char batch[BATCH_MAX][SIO_ID_LEN];
	size_t out; /* of batch: those that the call is about which is out */
	struct sender sender;
};

/* ---- what is held ---- */

static void recover_send(struct client *c, const struct held_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		if (sio_send(c->sio, l->all[i].packet) && l->all[i].confirm)
			confirm_expect(c, l->all[i].confirm, ++c->people->fence_value);
	}
}

static void recover_hold(struct client *c, struct packet *p, struct blob *confirm)
{
	struct attempt *a = c->recoverable->attempt;
	if (!a->holding || a->broken)
		return; /* P will see it */
	if (a->held.n == EVENTS_MAX) {
		a->broken = "held too much";
		held_free(&a->held);
		return;
	}
	held_add(&a->held, p, confirm);
}

static void attempt_free(struct attempt **pa)
{
	struct attempt *a = *pa;
	if (!a)
		return;
	token_fini(&a->token);
	held_free(&a->held);
	free(a->pid);
	free(a->offset);
	free(a->reason);
	free(a->upto);
	free(a->upto_epoch);
	free(a);
	*pa = NULL;
}

/* ---- the end of an attempt ---- */

void recover_forget(struct client *c)
{
	if (!c->recoverable)
		return;
	attempt_free(&c->recoverable->attempt);
	offset_free(c);
}

static bool no_chat(struct slice room, void *arg)
{
	(void)arg;
	return room_family(room) != ROOM_CHAT;
}

/* The attempt is over: the client opens, as a recovered one or as a new one. */
static void attempt_end(struct client *c, bool recovered)
{
	struct attempt *a = c->recoverable->attempt;
	char *reason = a->reason;
	recover_done *done = a->done;
	a->reason = NULL;
	attempt_free(&c->recoverable->attempt);
	done(c, slice_str(reason), recovered);
	free(reason);
}

static void attempt_fail(struct client *c, const char *why)
{
	struct slice lines = buf_view(&c->recoverable->former), id;
	c->people->counts.recoveries[RECOVERY_REFUSED]++;
	log_info(sio_ident(c->sio), "not recovered", LS("why", why));
	client_keep(c, no_chat, NULL);
	while (hub_next_name(&lines, &id))
		client_leave(c, id);
	buf_fini(&c->recoverable->former);
	attempt_end(c, false);
}

static void attempt_succeed(struct client *c, struct held_list *missed)
{
	struct attempt *a = c->recoverable->attempt;
	struct buf extra = {0};
	memcpy(c->recoverable->pid, a->pid, PID_LEN);
	recover_reply(&extra, c);
	sio_accept(c->sio, buf_view(&extra));
	buf_fini(&extra);
	c->people->counts.recoveries[RECOVERY_RECOVERED]++;
	c->people->counts.recovered_events += missed->n + a->held.n;
	recover_send(c, missed);
	recover_send(c, &a->held);
	attempt_end(c, true);
}

void recover_reply(struct buf *out, const struct client *c)
{
	if (c->recoverable)
		buf_printf(out, "\"pid\":\"%.*s\"", PID_LEN, c->recoverable->pid);
}

/* ---- CONNECT ---- */

static char *text_of(struct slice auth, const char *key, size_t max)
{
	struct slice v;
	struct buf text = {0};
	char *copy = NULL;
	if (json_get(auth, key, &v) && json_kind_of(v) == JSON_STRING && v.n <= max + 2 && json_unescape(&text, v))
		copy = mem_strndup(text.p ? text.p : "", text.n);
	buf_fini(&text);
	return copy;
}

static bool is_pid(const char *s)
{
	return strlen(s) == PID_LEN &&
	       strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == PID_LEN;
}

void recover_asked(struct recovery *rec, struct client *c, struct slice auth)
{
	struct slice v;
	if (auth.n == 0 || json_kind_of(auth) != JSON_OBJECT || !json_get(auth, "recovery", &v) ||
	    json_kind_of(v) != JSON_TRUE)
		return;
	offset_new(rec, c);
	char *pid = text_of(auth, "pid", PID_LEN), *offset = text_of(auth, "offset", TOKEN_MAX_TEXT);
	if (pid && offset && is_pid(pid)) {
		struct attempt *a = c->recoverable->attempt = NEW(struct attempt);
		a->pid = pid;
		a->offset = offset;
		a->since = loop_now(c->people->loop);
		return;
	}
	free(pid);
	free(offset);
}

/* ---- up to where: the pump's next position ---- */

static struct client *recovering(const struct people *p, const char *id)
{
	struct client *c = client_of(p, slice_of(id, SIO_ID_LEN));
	return c && c->state == CLIENT_RECOVERING ? c : NULL;
}

static void attempt_positioned(void *arg)
{
	struct ticket *t = arg;
	struct recovery *rec = t->recovery;
	struct client *c = recovering(rec->people, t->id);
	struct attempt *a = c ? c->recoverable->attempt : NULL;
	struct db_position at;
	free(t);
	if (!c)
		return;
	if (a->broken || !db_pump_position(rec->db, &at) || !at.live) {
		attempt_fail(c, a->broken ? a->broken : "the pump is away");
		return;
	}
	a->upto = mem_strndup(at.snapshot, strlen(at.snapshot));
	a->upto_epoch = mem_strndup(at.epoch, strlen(at.epoch));
	a->holding = true;
	client_stand(c, PLACE_MISSED, &rec->attempts->queue);
	sender_wake(&rec->attempts->sender);
}

static void attempt_round(struct client *c)
{
	struct recovery *rec = c->recoverable->recovery;
	struct attempt *a = c->recoverable->attempt;
	struct ticket *t = NEW(struct ticket);
	free(a->upto);
	free(a->upto_epoch);
	a->upto = a->upto_epoch = NULL;
	a->holding = false;
	held_free(&a->held);
	t->recovery = rec;
	memcpy(t->id, client_id(c).p, SIO_ID_LEN);
	client_stand(c, PLACE_PUMP, NULL);
	db_pump_after(rec->db, attempt_positioned, t);
}

/* A joined chat, where the rows grant it today. */
static void enter_chat(struct client *c, struct slice uuid)
{
	struct buf room = {0};
	room_put(&room, ROOM_PARTICIPANTS, uuid);
	if (hub_is_in(c->people->hub, &c->member, buf_view(&room))) {
		room.n = 0;
		room_put(&room, ROOM_CHAT, uuid);
		hub_join(c->people->hub, &c->member, buf_view(&room));
	}
	buf_fini(&room);
}

static void enter_former(struct client *c, struct slice id)
{
	struct buf *former = &c->recoverable->former;
	if (rooms_have(buf_view(former), id))
		return;
	if (former->n)
		buf_char(former, '\n');
	buf_slice(former, id);
	hub_join(c->people->hub, &c->member, id);
}

static void attempt_start(struct client *c)
{
	struct recoverable *r = c->recoverable;
	struct attempt *a = r->attempt;
	const unsigned char *key = offsets_key(r->recovery);
	if (!key) {
		attempt_fail(c, "no key");
		return;
	}
	if (!token_read(&a->token, key, user_id(c->user), slice_str(a->pid), slice_str(a->offset))) {
		attempt_fail(c, "offset not authentic");
		return;
	}
	for (size_t i = 0; i < a->token.chats.n; i += UUID_LEN)
		enter_chat(c, slice_of(a->token.chats.p + i, UUID_LEN));
	enter_former(c, slice_of(a->token.socket, SIO_ID_LEN));
	attempt_round(c);
}

bool recover_begin(struct client *c, struct slice reason, recover_done *done)
{
	struct attempt *a = c->recoverable ? c->recoverable->attempt : NULL;
	if (!a)
		return false;
	struct recovery *rec = c->recoverable->recovery;
	a->reason = mem_strndup(reason.p, reason.n);
	a->done = done;
	client_enter(c, CLIENT_RECOVERING);
	if (offsets_key_wanted(rec))
		client_stand(c, PLACE_KEY, &rec->attempts->wait_key);
	else
		attempt_start(c);
	return true;
}

static void attempts_key(struct recovery *rec)
{
	struct entering *e;
	while ((e = list_first(&rec->attempts->wait_key, struct entering, link)))
		attempt_start(e->client); /* it leaves the list, whatever comes of it */
}

static void attempt_break(struct client *c, void *arg)
{
	(void)arg;
	if (c->state == CLIENT_RECOVERING)
		c->recoverable->attempt->broken = "a gap of the pump";
}

void attempts_gap(struct recovery *rec)
{
	people_each(rec->people, attempt_break, NULL);
}

/* ---- where the walk ends ---- */

struct comparison {
	const struct walk *walk;
	bool same;
};

static bool in_walk(struct slice room, void *arg)
{
	struct comparison *m = arg;
	bool wrong = room_family(room) == ROOM_CHAT && !hub_is_in(m->walk->hub, &m->walk->member, room);
	m->same = m->same && !wrong;
	return !wrong;
}

/*
 * Whether the socket's chats are those where the walk ended. Where they are not, they are now: it leaves the others, and enters those
 * that the rows grant today.
 */
static bool same_chats(struct client *c, const struct walk *k)
{
	struct comparison m = {k, true};
	struct hub *hub = c->people->hub;
	struct slice room;
	client_keep(c, in_walk, &m);
	for (uint32_t i = 0; hub_room_of(k->hub, &k->member, i, &room); i++)
		if (room_family(room) == ROOM_CHAT && !hub_is_in(hub, &c->member, room)) {
			enter_chat(c, room_rest(room, ROOM_CHAT));
			m.same = m.same && !hub_is_in(hub, &c->member, room);
		}
	return m.same;
}

static bool same_former(struct client *c, struct slice former)
{
	size_t n = c->recoverable->former.n;
	struct slice id;
	while (hub_next_name(&former, &id))
		enter_former(c, id);
	return c->recoverable->former.n == n;
}

/* After the walk: the client opens, or another round begins. */
static void attempt_walked(struct client *c, struct walk *k, struct slice former)
{
	struct attempt *a = c->recoverable->attempt;
	bool same = same_chats(c, k);
	if (same_former(c, former) && same)
		attempt_succeed(c, &k->missed);
	else if (++a->round < ROUNDS_MAX)
		attempt_round(c);
	else
		attempt_fail(c, "its chats change all the time");
}

static const char *refusal_of(struct slice cause, char *text, size_t n)
{
	size_t len = cause.n < n ? cause.n : 0;
	memcpy(text, cause.p, len);
	text[len] = '\0';
	return text;
}

/* The rows of one socket, from its "rooms" to its "ok" or "no". Afterwards the attempt is over, or in its next round. */
static void attempt_settle(struct client *c, const struct db_result *r, int first, int last)
{
	struct attempt *a = c->recoverable->attempt;
	struct walk k = {.hub = hub_new()};
	struct slice former = db_value(r, first, COL_DATA), end = db_value(r, last, COL_WHAT);
	const char *why = "an answer that is none";
	char cause[64];
	bool good = false;
	if (slice_eq(end, SLICE("no"))) {
		why = refusal_of(db_value(r, last, COL_DATA), cause, sizeof(cause));
	} else if (slice_eq(end, SLICE("ok")) && slice_eq(db_value(r, first, COL_WHAT), SLICE("rooms"))) {
		good = true;
		walk_begin(&k, db_value(r, first, COL_ROOMS), former, client_id(c), buf_view(&a->token.chats));
	}
	for (int row = first + 1; good && row < last; row++)
		good = walk_row(&k, r, row);
	if (good && k.missed.n + a->held.n > EVENTS_MAX)
		a->broken = "size";
	if (!good || a->broken)
		attempt_fail(c, a->broken ? a->broken : why);
	else
		attempt_walked(c, &k, former);
	walk_end(&k);
}

/* ---- the call ---- */

/* Each socket's rows stand together, by its place in the batch; the id of an answered one is wiped. */
static void attempts_take(struct recovery *rec, const struct db_result *r)
{
	struct attempts *as = rec->attempts;
	size_t out = as->out;
	for (int first = 0, last; first < r->nrows; first = last + 1) {
		struct slice ord = db_value(r, first, COL_ORD);
		int64_t i;
		for (last = first; last < r->nrows - 1 && slice_eq(db_value(r, last + 1, COL_ORD), ord);)
			last++;
		if (!walk_number(ord, &i) || i < 1 || (size_t)i > out)
			continue;
		struct client *c = recovering(rec->people, as->batch[i - 1]);
		memset(as->batch[i - 1], 0, SIO_ID_LEN);
		if (c)
			attempt_settle(c, r, first, last);
	}
}

static void attempts_answered(void *arg, const struct db_result *r)
{
	struct recovery *rec = arg;
	struct attempts *as = rec->attempts;
	if (r->outcome == DB_OK && r->ncols != COLS)
		sender_misread(&as->sender);
	else if (r->outcome == DB_OK)
		attempts_take(rec, r);
	for (size_t i = 0; i < as->out; i++) {
		struct client *c = as->batch[i][0] ? recovering(rec->people, as->batch[i]) : NULL;
		if (c)
			attempt_fail(c, "the database did not answer");
	}
	as->out = 0;
	if (!list_empty(&as->queue))
		sender_wake(&as->sender);
}

static void attempt_put(struct buf *items, const struct client *c)
{
	const struct attempt *a = c->recoverable->attempt;
	struct buf item = {0}, epoch = {0}, chats = {0};
	hex_encode(&epoch, slice_of(a->token.epoch, TOKEN_EPOCH));
	for (size_t i = 0; i < a->token.chats.n; i += UUID_LEN)
		buf_printf(&chats, "%c\"chat:%.*s\"", i ? ',' : '[', UUID_LEN, a->token.chats.p + i);
	buf_str(&chats, chats.n ? "]" : "[]");
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
	json_member_str(&item, "upto", slice_str(a->upto));
	json_member_str(&item, "upto_epoch", slice_str(a->upto_epoch));
	json_member_raw(&item, "chats", buf_view(&chats));
	json_close(&item);
	db_array_add(items, buf_view(&item));
	buf_fini(&item);
	buf_fini(&epoch);
	buf_fini(&chats);
}

/* Also while the database is away: then the answer is that, and they open as new ones. */
static void attempts_send(void *arg)
{
	struct recovery *rec = arg;
	struct attempts *as = rec->attempts;
	struct buf items = {0};
	struct entering *e;
	if (as->sender.out || list_empty(&as->queue))
		return;
	db_array_begin(&items);
	while (as->out < BATCH_MAX && (e = list_first(&as->queue, struct entering, link))) {
		struct client *c = e->client;
		client_stand(c, PLACE_WALK, NULL);
		if (c->recoverable->attempt->since + PATIENCE_MS < loop_now(rec->people->loop)) {
			attempt_fail(c, "too many at once");
			continue;
		}
		memcpy(as->batch[as->out++], client_id(c).p, SIO_ID_LEN);
		attempt_put(&items, c);
	}
	db_array_end(&items);
	struct slice param = buf_view(&items);
	if (as->out)
		sender_call(&as->sender, "select * from rt.recover($1::text[])", &param, 1, attempts_answered);
	buf_fini(&items);
}

/* ---- life ---- */

void attempts_start(struct recovery *rec)
{
	static const struct recovery_hooks hooks = {
		.sent = offset_due,
		.synced = offset_synced,
		.hold = recover_hold,
		.forget = recover_forget,
	};
	struct attempts *as = rec->attempts = NEW(struct attempts);
	list_init(&as->wait_key);
	list_init(&as->queue);
	sender_init(&as->sender, rec->db, rec->people->loop, rec->people->ident, "recover", attempts_send, rec);
	rec->on_key = attempts_key;
	rec->people->recovery = &hooks;
}

void attempts_stop(struct recovery *rec)
{
	if (!rec->attempts)
		return;
	sender_stop(&rec->attempts->sender);
	free(rec->attempts);
	rec->attempts = NULL;
}
