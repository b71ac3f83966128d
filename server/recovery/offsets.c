/*
 * What clients that asked for recovery are given: a private id in CONNECT's reply, and after what a turn brought them one small
 * event ["$o",0,"<offset>"], whose last argument stock clients keep and present (docs/recovery.md, wire-protocol R8).
 *
 * An offset says that its socket has been sent everything that a snapshot sees. So none is given while a fetch is half
 * delivered, while presence waits to be sent, or before a sync:required that is owed. A quiet socket gets a fresh one now and
 * then: offsets age, and the outbox with them.
 */
#include "recovery/token.h"
#include "app/worker.h"
#include "base/mem.h"
#include "base/text.h"
#include <openssl/sha.h>

#define FRESH_MS 60000 /* contract: well below the setting recovery_window */

enum key_state { KEY_WANTED, KEY_THERE, KEY_MISSING };

struct offsets {
	struct worker *w;
	struct list due; /* of recovery, to be given one as soon as it can be said */
	struct list age; /* of recovery, the one that has waited longest first */
	enum key_state key_state;
	unsigned char key[TOKEN_KEY];
	struct deferred send;
};

static void send_due(struct deferred *d);

void offsets_start(struct worker *w)
{
	struct offsets *os = w->offsets = NEW(struct offsets);
	os->w = w;
	list_init(&os->due);
	list_init(&os->age);
	deferred_init(&os->send, send_due);
}

void offsets_stop(struct worker *w)
{
	if (!w->offsets)
		return;
	deferred_cancel(&w->offsets->send);
	free(w->offsets);
	w->offsets = NULL;
}

/* ---- the key ---- */

static bool take_key(struct offsets *os, struct slice hex)
{
	for (size_t i = 0; i < hex.n; i++)
		if (!((hex.p[i] >= '0' && hex.p[i] <= '9') || (hex.p[i] >= 'a' && hex.p[i] <= 'f')))
			return false;
	if (hex.n != 2 * TOKEN_KEY)
		return false;
	for (size_t i = 0; i < TOKEN_KEY; i++) {
		unsigned hi = (unsigned char)hex.p[2 * i], lo = (unsigned char)hex.p[2 * i + 1];
		os->key[i] = (unsigned char)((hi <= '9' ? hi - '0' : hi - 'a' + 10) << 4 |
		                             (lo <= '9' ? lo - '0' : lo - 'a' + 10));
	}
	return true;
}

static void key_read(void *arg, const struct db_result *r)
{
	struct worker *w = arg;
	struct offsets *os = w->offsets;
	bool good = r->outcome == DB_OK && r->nrows == 1 && r->ncols == 1 && take_key(os, db_value(r, 0, 0));
	if (r->outcome == DB_ERROR || (r->outcome == DB_OK && !good))
		log_error(w->ident, "no recovery: its key was not read", LS("sqlstate", r->sqlstate),
		          LS("message", r->message ? r->message : "unexpected result"));
	os->key_state = good ? KEY_THERE : KEY_MISSING; /* asked for again when the database is next up */
	recoveries_key(w);
	offsets_turn(w);
}

void offsets_database_up(struct worker *w)
{
	if (w->offsets->key_state == KEY_THERE)
		return;
	w->offsets->key_state = KEY_WANTED;
	db_call(w->db, "select rt.recovery_key()", NULL, 0, key_read, w);
}

const unsigned char *offsets_key(const struct worker *w)
{
	return w->offsets->key_state == KEY_THERE ? w->offsets->key : NULL;
}

bool offsets_key_wanted(const struct worker *w)
{
	return w->offsets->key_state == KEY_WANTED;
}

void offsets_epoch(unsigned char out[8], const char *epoch)
{
	unsigned char sum[SHA256_DIGEST_LENGTH];
	SHA256((const unsigned char *)epoch, strlen(epoch), sum);
	memcpy(out, sum, TOKEN_EPOCH);
}

/* ---- clients that asked ---- */

void recovery_new(struct client *c)
{
	struct recovery *r = c->recovery = NEW(struct recovery);
	r->client = c;
	random_id(r->pid, PID_LEN);
	list_init(&r->due);
	list_init(&r->age);
}

void recovery_forget(struct client *c)
{
	struct recovery *r = c->recovery;
	if (!r)
		return;
	c->recovery = NULL;
	list_del(&r->due);
	list_del(&r->age);
	attempt_free(&r->attempt);
	buf_fini(&r->former);
	free(r);
}

void recovery_member(struct buf *out, const struct client *c)
{
	buf_printf(out, "\"pid\":\"%.*s\"", PID_LEN, c->recovery->pid);
}

/* ---- saying it ---- */

/* Rooms that rows grant are derived from them again, and those of former sockets; joined chats are told. Anything else cannot be restored. */
static bool joined_chats(const struct client *c, struct buf *chats)
{
	static const struct slice derived[] = {{"user:", 5}, {"participants:", 13}, {"followers:", 10}};
	struct slice room;
	for (uint32_t i = 0; hub_room_of(c->w->hub, &c->member, i, &room); i++) {
		bool known = rooms_has(buf_view(&c->recovery->former), room);
		for (size_t k = 0; k < ARRAY_LEN(derived); k++)
			known = known || slice_starts(room, derived[k]);
		if (known)
			continue;
		if (!slice_starts(room, SLICE("chat:")) || room.n != 5 + UUID_LEN)
			return false;
		buf_add(chats, room.p + 5, UUID_LEN);
	}
	return true;
}

static void send_offset(struct client *c, struct slice head)
{
	struct recovery *r = c->recovery;
	struct buf chats = {0}, array = {0};
	buf_str(&array, "[\"$o\",0,\"");
	bool good = joined_chats(c, &chats) &&
	            token_put(&array, c->w->offsets->key, user_id(c->user), slice_of(r->pid, PID_LEN), head,
	                      client_id(c), buf_view(&chats));
	buf_str(&array, "\"]");
	r->sent_at = loop_now(c->w->loop);
	list_del(&r->age);
	list_add_tail(&c->w->offsets->age, &r->age);
	if (good || !r->withdrawn) { /* the one before would recover less than there was: it is taken back, once */
		struct packet *p = sio_raw_event_packet("/", buf_view(&array));
		sio_send(c->sio, p);
		packet_unref(&p);
	}
	r->withdrawn = !good;
	buf_fini(&chats);
	buf_fini(&array);
}

static void send_due(struct deferred *d)
{
	struct offsets *os = container_of(d, struct offsets, send);
	struct worker *w = os->w;
	struct db_position at;
	struct buf head = {0};
	struct recovery *r;
	unsigned char epoch[TOKEN_EPOCH];
	if (os->key_state != KEY_THERE || !presence_idle(w) || !db_pump_position(w->db, &at))
		return; /* offsets_turn comes again */
	offsets_epoch(epoch, at.epoch);
	if (!token_head(&head, epoch, (uint64_t)at.now_us, at.snapshot))
		head.n = 0;
	while ((r = list_first(&os->due, struct recovery, due))) {
		list_del(&r->due);
		if (head.n)
			send_offset(r->client, buf_view(&head));
	}
	buf_fini(&head);
}

void offsets_turn(struct worker *w)
{
	if (!list_empty(&w->offsets->due))
		loop_defer(w->loop, LOOP_WORK, &w->offsets->send);
}

void offset_due(struct client *c)
{
	struct recovery *r = c->recovery;
	if (r->owes_sync || !list_empty(&r->due))
		return;
	list_add_tail(&c->w->offsets->due, &r->due);
	offsets_turn(c->w);
}

void offset_synced(struct client *c)
{
	c->recovery->owes_sync = false;
	offset_due(c);
}

void offsets_tick(struct worker *w)
{
	struct list *it, *tmp;
	list_each (it, tmp, &w->offsets->age) {
		struct recovery *r = list_entry(it, struct recovery, age);
		if (r->sent_at + FRESH_MS > loop_now(w->loop))
			return;
		offset_due(r->client);
	}
}

void offsets_gap(struct worker *w)
{
	struct list *it, *tmp;
	list_each (it, tmp, &w->offsets->age)
		list_entry(it, struct recovery, age)->owes_sync = true;
	list_each (it, tmp, &w->offsets->due) {
		struct recovery *r = list_entry(it, struct recovery, due);
		r->owes_sync = true;
		list_del(&r->due);
	}
}
