/*
 * A client presents its private id and offset: what it missed is found and sent before anything else (docs/recovery.md).
 *
 *   rooms entered -> the chats of the offset entered too -> the pump polls once: P, from now on events are held
 *        -> rt.recover: rows that the offset's snapshot does not see and P does -> walked through rooms as they were
 *        -> CONNECT's reply, what was missed, what was held, `connected`
 *
 * The walk is the hub's own: a hub of one member, moved by control rows between the events, as on a live socket. Where it ends
 * in other chats than the socket is in, events may have been held wrongly: the rooms are set right and it begins again from the
 * pump. Whatever cannot be shown to be whole ends as a new socket that is told to synchronise.
 */
#include "recovery/walk.h"
#include "recovery/token.h"
#include "app/worker.h"
#include "base/mem.h"
#include "base/text.h"

#define BATCH_MAX 16
#define ROUNDS_MAX 3
#define EVENTS_MAX 500   /* with what was held; a client remembers as many fences */
#define PATIENCE_MS 5000 /* in the queue: a storm is better told to synchronise */

struct attempt {
	char *pid, *offset; /* as presented */
	struct recovery_token token;
	char *reason;            /* of sync:required, should it come to that */
	char *upto, *upto_epoch; /* P */
	uint64_t since;
	uint32_t round;
	bool holding;
	const char *broken; /* why it cannot be whole any more */
	struct held_list held;
};

struct ticket {
	struct worker *w;
	char id[SIO_ID_LEN];
};

struct recoveries {
	struct worker *w;
	struct list wait_key; /* of entering.link */
	struct list queue;    /* of entering.link: P is known */
	char batch[BATCH_MAX][SIO_ID_LEN];
	size_t out;
	struct deferred send;
};

static void send_batch(struct deferred *d);

void recoveries_start(struct worker *w)
{
	struct recoveries *rs = w->recoveries = NEW(struct recoveries);
	rs->w = w;
	list_init(&rs->wait_key);
	list_init(&rs->queue);
	deferred_init(&rs->send, send_batch);
}

void recoveries_stop(struct worker *w)
{
	if (!w->recoveries)
		return;
	deferred_cancel(&w->recoveries->send);
	free(w->recoveries);
	w->recoveries = NULL;
}

/* ---- what is held ---- */

static void held_send(struct client *c, const struct held_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		if (sio_send(c->sio, l->all[i].packet) && l->all[i].confirm)
			confirm_expect(c, l->all[i].confirm, ++c->w->fence_value);
	}
}

void recover_hold(struct client *c, struct packet *p, struct blob *confirm)
{
	struct attempt *a = c->recovery->attempt;
	if (!a->holding || a->broken)
		return; /* P will see it */
	if (a->held.n == EVENTS_MAX) {
		a->broken = "held too much";
		held_free(&a->held);
		return;
	}
	held_add(&a->held, p, confirm);
}

void attempt_free(struct attempt **pa)
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

static void leave_chats(struct client *c)
{
	struct slice room;
	for (uint32_t i = 0; hub_room_of(c->w->hub, &c->member, i, &room);)
		if (slice_starts(room, SLICE("chat:")))
			hub_leave(c->w->hub, &c->member, room); /* another takes place i */
		else
			i++;
}

static void fail(struct client *c, const char *why)
{
	struct recovery *r = c->recovery;
	struct slice lines = buf_view(&r->former), id;
	char *reason = r->attempt->reason;
	r->attempt->reason = NULL;
	c->w->m.recoveries[1]++;
	log_info(sio_ident(c->sio), "not recovered", LS("why", why));
	leave_chats(c);
	while (rooms_next(&lines, &id))
		hub_leave(c->w->hub, &c->member, id);
	buf_fini(&r->former);
	attempt_free(&r->attempt);
	open_finish(c, slice_str(reason), false);
	free(reason);
}

static void succeed(struct client *c, struct held_list *missed)
{
	struct recovery *r = c->recovery;
	struct attempt *a = r->attempt;
	struct buf extra = {0};
	memcpy(r->pid, a->pid, PID_LEN);
	recovery_member(&extra, c);
	sio_accept(c->sio, buf_view(&extra));
	buf_fini(&extra);
	c->state = CLIENT_OPEN;
	c->w->m.recoveries[0]++;
	c->w->m.recovered_events += missed->n + a->held.n;
	held_send(c, missed);
	held_send(c, &a->held);
	char *reason = a->reason;
	a->reason = NULL;
	attempt_free(&r->attempt);
	open_finish(c, slice_str(reason), true);
	free(reason);
}

/* ---- CONNECT ---- */

static char *string_of(struct slice auth, const char *key, size_t max)
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

void recover_asked(struct client *c, struct slice auth)
{
	struct slice v;
	if (auth.n == 0 || json_kind_of(auth) != JSON_OBJECT || !json_get(auth, "recovery", &v) ||
	    json_kind_of(v) != JSON_TRUE)
		return;
	recovery_new(c);
	char *pid = string_of(auth, "pid", PID_LEN), *offset = string_of(auth, "offset", TOKEN_MAX_TEXT);
	if (pid && offset && is_pid(pid)) {
		struct attempt *a = c->recovery->attempt = NEW(struct attempt);
		a->pid = pid;
		a->offset = offset;
		a->since = loop_now(c->w->loop);
		return;
	}
	free(pid);
	free(offset);
}

/* ---- up to where: the pump's next position ---- */

static void enqueue(struct client *c)
{
	struct recoveries *rs = c->w->recoveries;
	list_del(&c->entering->link);
	list_add_tail(&rs->queue, &c->entering->link);
	loop_defer(c->w->loop, LOOP_WORK, &rs->send);
}

static struct client *recovering(struct worker *w, const char *id)
{
	struct client *c = client_of(w, slice_of(id, SIO_ID_LEN));
	return c && c->state == CLIENT_RECOVERING ? c : NULL;
}

static void positioned(void *arg)
{
	struct ticket *t = arg;
	struct client *c = recovering(t->w, t->id);
	struct db_position at;
	if (c && (c->recovery->attempt->broken || !db_pump_position(t->w->db, &at) || !at.live)) {
		fail(c, c->recovery->attempt->broken ? c->recovery->attempt->broken : "the pump is away");
	} else if (c) {
		struct attempt *a = c->recovery->attempt;
		a->upto = mem_strndup(at.snapshot, strlen(at.snapshot));
		a->upto_epoch = mem_strndup(at.epoch, strlen(at.epoch));
		a->holding = true;
		enqueue(c);
	}
	free(t);
}

static void next_round(struct client *c)
{
	struct attempt *a = c->recovery->attempt;
	struct ticket *t = NEW(struct ticket);
	free(a->upto);
	free(a->upto_epoch);
	a->upto = a->upto_epoch = NULL;
	a->holding = false;
	held_free(&a->held);
	t->w = c->w;
	memcpy(t->id, client_id(c).p, SIO_ID_LEN);
	db_pump_after(c->w->db, positioned, t);
}

static void enter_chat(struct client *c, struct slice uuid)
{
	struct buf room = {0};
	buf_str(&room, "participants:");
	buf_slice(&room, uuid);
	if (hub_is_in(c->w->hub, &c->member, buf_view(&room))) {
		room.n = 0;
		buf_str(&room, "chat:");
		buf_slice(&room, uuid);
		hub_join(c->w->hub, &c->member, buf_view(&room));
	}
	buf_fini(&room);
}

static void enter_former(struct client *c, struct slice id)
{
	struct buf *former = &c->recovery->former;
	if (rooms_has(buf_view(former), id))
		return;
	if (former->n)
		buf_char(former, '\n');
	buf_slice(former, id);
	hub_join(c->w->hub, &c->member, id);
}

/* False: not a token of ours for this user and id. */
static bool start(struct client *c)
{
	struct attempt *a = c->recovery->attempt;
	struct worker *w = c->w;
	if (!token_read(&a->token, offsets_key(w), user_id(c->user), slice_str(a->pid), slice_str(a->offset)))
		return false;
	for (size_t i = 0; i < a->token.chats.n; i += UUID_LEN)
		enter_chat(c, slice_of(a->token.chats.p + i, UUID_LEN));
	enter_former(c, slice_of(a->token.socket, SIO_ID_LEN));
	next_round(c);
	return true;
}

bool recover_begin(struct client *c, struct slice reason)
{
	struct attempt *a = c->recovery->attempt;
	if (!a)
		return false;
	a->reason = mem_strndup(reason.p, reason.n);
	c->state = CLIENT_RECOVERING;
	if (offsets_key_wanted(c->w))
		list_add_tail(&c->w->recoveries->wait_key, &c->entering->link);
	else if (!offsets_key(c->w) || !start(c))
		fail(c, offsets_key(c->w) ? "offset not authentic" : "no key");
	return true;
}

void recoveries_key(struct worker *w)
{
	struct entering *e;
	while ((e = list_first(&w->recoveries->wait_key, struct entering, link))) {
		struct client *c = e->client;
		list_del(&e->link);
		if (!offsets_key(w) || !start(c))
			fail(c, offsets_key(w) ? "offset not authentic" : "no key");
	}
}

void recoveries_gap(struct worker *w)
{
	struct list *it, *tmp;
	for (struct map_node *n = map_next(&w->users, NULL); n; n = map_next(&w->users, n)) {
		struct user *u = container_of(n, struct user, node);
		list_each (it, tmp, &u->clients) {
			struct client *c = list_entry(it, struct client, user_link);
			if (c->state == CLIENT_RECOVERING)
				c->recovery->attempt->broken = "a gap of the pump";
		}
	}
}

/* ---- where the walk ends ---- */

/* Whether the socket's chats are those where the walk ended; where they are not, they are now. Access is what the rows grant today. */
static bool same_chats(struct client *c, const struct walk *k)
{
	struct hub *hub = c->w->hub;
	struct slice room;
	bool same = true;
	for (uint32_t i = 0; hub_room_of(c->w->hub, &c->member, i, &room);) {
		bool wrong = slice_starts(room, SLICE("chat:")) && !hub_is_in(k->hub, &k->member, room);
		same = same && !wrong;
		if (wrong)
			hub_leave(hub, &c->member, room);
		else
			i++;
	}
	for (uint32_t i = 0; hub_room_of(k->hub, &k->member, i, &room); i++)
		if (slice_starts(room, SLICE("chat:")) && !hub_is_in(hub, &c->member, room)) {
			enter_chat(c, slice_of(room.p + 5, room.n - 5));
			same = same && !hub_is_in(hub, &c->member, room);
		}
	return same;
}

static bool same_former(struct client *c, struct slice former)
{
	size_t n = c->recovery->former.n;
	struct slice id;
	while (rooms_next(&former, &id))
		enter_former(c, id);
	return c->recovery->former.n == n;
}

/* The rows of one socket, from its "rooms" to its "ok" or "no"; true when the attempt is over or goes on elsewhere. */
static void settle(struct client *c, const struct db_result *r, int first, int last)
{
	struct attempt *a = c->recovery->attempt;
	struct walk k = {.hub = hub_new()};
	struct slice former = db_value(r, first, COL_DATA), end = db_value(r, last, COL_WHAT);
	char why[64] = "an answer that is none";
	bool good = false;
	if (slice_eq(end, SLICE("no"))) {
		struct slice cause = db_value(r, last, COL_DATA);
		memcpy(why, cause.p, cause.n < sizeof(why) ? cause.n : 0);
		why[cause.n < sizeof(why) ? cause.n : 0] = '\0';
	} else if (slice_eq(end, SLICE("ok")) && slice_eq(db_value(r, first, COL_WHAT), SLICE("rooms"))) {
		good = true;
		walk_begin(&k, db_value(r, first, COL_ROOMS), former, client_id(c), buf_view(&a->token.chats));
	}
	for (int row = first + 1; good && row < last; row++)
		good = walk_row(&k, r, row);
	if (good && k.missed.n + a->held.n > EVENTS_MAX)
		a->broken = "size";
	if (!good || a->broken) {
		fail(c, a->broken ? a->broken : why);
	} else {
		bool same = same_chats(c, &k);
		if (same_former(c, former) && same)
			succeed(c, &k.missed);
		else if (++a->round < ROUNDS_MAX)
			next_round(c);
		else
			fail(c, "its chats change all the time");
	}
	walk_end(&k);
}

/* ---- the call ---- */

static void answered(void *arg, const struct db_result *r)
{
	struct worker *w = arg;
	struct recoveries *rs = w->recoveries;
	size_t out = rs->out;
	bool good = r->outcome == DB_OK && r->ncols == COLS;
	if (r->outcome == DB_ERROR || (r->outcome == DB_OK && !good))
		log_error(w->ident, "recover failed", LS("sqlstate", r->sqlstate),
		          LS("message", r->message ? r->message : "unexpected result"));
	rs->out = 0;
	for (int first = 0, last; good && first < r->nrows; first = last + 1) {
		struct slice ord = db_value(r, first, COL_ORD);
		int64_t i;
		for (last = first; last < r->nrows - 1 && slice_eq(db_value(r, last + 1, COL_ORD), ord);)
			last++;
		if (!walk_number(ord, &i) || i < 1 || (size_t)i > out)
			continue;
		struct client *c = recovering(w, rs->batch[i - 1]);
		memset(rs->batch[i - 1], 0, SIO_ID_LEN);
		if (c)
			settle(c, r, first, last);
	}
	for (size_t i = 0; i < out; i++) { /* not answered */
		struct client *c = rs->batch[i][0] ? recovering(w, rs->batch[i]) : NULL;
		if (c)
			fail(c, "the database did not answer");
	}
	if (!list_empty(&rs->queue))
		loop_defer(w->loop, LOOP_WORK, &rs->send);
}

static void put_item(struct buf *items, const struct client *c)
{
	const struct attempt *a = c->recovery->attempt;
	struct buf b = {0};
	buf_printf(&b, "{\"user_id\":\"%.*s\",\"socket_id\":", UUID_LEN, c->user->id);
	buf_json_str(&b, client_id(c));
	buf_str(&b, ",\"from_socket\":");
	buf_json_str(&b, slice_of(a->token.socket, SIO_ID_LEN));
	buf_str(&b, ",\"pid\":");
	buf_json_str(&b, slice_str(a->pid));
	buf_str(&b, ",\"fresh\":");
	buf_json_str(&b, slice_of(c->recovery->pid, PID_LEN));
	buf_printf(&b, ",\"again\":%s,\"from\":\"%.*s\",\"issued_us\":%llu,\"epoch\":\"", a->round ? "true" : "false",
	           (int)a->token.snapshot.n, a->token.snapshot.p, (unsigned long long)a->token.issued_us);
	for (size_t i = 0; i < TOKEN_EPOCH; i++)
		buf_printf(&b, "%02x", a->token.epoch[i]);
	buf_printf(&b, "\",\"upto\":\"%s\",\"upto_epoch\":", a->upto);
	buf_json_str(&b, slice_str(a->upto_epoch));
	buf_str(&b, ",\"chats\":[");
	for (size_t i = 0; i < a->token.chats.n; i += UUID_LEN)
		buf_printf(&b, "%s\"chat:%.*s\"", i ? "," : "", UUID_LEN, a->token.chats.p + i);
	buf_str(&b, "]}");
	db_array_add(items, buf_view(&b));
	buf_fini(&b);
}

static void send_batch(struct deferred *d)
{
	struct recoveries *rs = container_of(d, struct recoveries, send);
	struct worker *w = rs->w;
	struct buf items = {0};
	struct entering *e;
	if (rs->out || list_empty(&rs->queue))
		return;
	db_array_begin(&items);
	while (rs->out < BATCH_MAX && (e = list_first(&rs->queue, struct entering, link))) {
		struct client *c = e->client;
		list_del(&e->link);
		if (c->recovery->attempt->since + PATIENCE_MS < loop_now(w->loop)) {
			fail(c, "too many at once");
			continue;
		}
		memcpy(rs->batch[rs->out++], client_id(c).p, SIO_ID_LEN);
		put_item(&items, c);
	}
	db_array_end(&items);
	struct slice param = buf_view(&items);
	if (rs->out)
		db_call(w->db, "select * from rt.recover($1::text[])", &param, 1, answered, w);
	buf_fini(&items);
}
