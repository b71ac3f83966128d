/*
 * Offsets, and the key that makes them authentic.
 */
#include "recovery/offsets.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/text.h"
#include "events/confirm.h"
#include "events/confirm_key.h"
#include "events/presence.h"
#include "people/room_names.h"

#define FRESH_MS 60000 /* well below the setting recovery_window */

enum key_state {
	KEY_WANTED,  /* asked for */
	KEY_THERE,   /* read */
	KEY_MISSING, /* its call was lost or refused: asked for again at the next tick */
};

struct offsets {
	struct recovery *recovery;
	struct list due; /* of recoverable.due: clients that get an offset as soon as one can be said */
	struct list age; /* of recoverable.age: clients with an offset, the oldest offset first */
	enum key_state key_state;
	bool complained; /* the log says so already */
	unsigned char key[TOKEN_KEY];
	struct deferred send;
};

static void offsets_send_due(struct deferred *d);

void offsets_start(struct recovery *rec)
{
	struct offsets *os = rec->offsets = NEW(struct offsets);
	os->recovery = rec;
	list_init(&os->due);
	list_init(&os->age);
	deferred_init(&os->send, offsets_send_due);
}

void offsets_stop(struct recovery *rec)
{
	if (!rec->offsets)
		return;
	deferred_cancel(&rec->offsets->send);
	free(rec->offsets);
	rec->offsets = NULL;
}

/* ---- the key ---- */

static bool offsets_key_take(struct offsets *os, const struct db_result *r)
{
	return r->outcome == DB_OK && r->nrows == 1 && r->ncols == 1 &&
	       hex_decode(os->key, TOKEN_KEY, db_value(r, 0, 0));
}

/* Once: the next answers would say the same. */
static void offsets_key_complain(struct recovery *rec, const struct db_result *r)
{
	if (rec->offsets->complained || (r->outcome != DB_ERROR && r->outcome != DB_OK))
		return;
	rec->offsets->complained = true;
	log_error(rec->people->ident, "no recovery: its key was not read", LS("sqlstate", r->sqlstate),
	          LS("message", r->message ? r->message : "unexpected result"));
}

static void offsets_key_read(void *arg, const struct db_result *r)
{
	struct recovery *rec = arg;
	bool good = offsets_key_take(rec->offsets, r);
	rec->offsets->key_state = good ? KEY_THERE : KEY_MISSING;
	if (!good)
		offsets_key_complain(rec, r);
	if (rec->on_key)
		rec->on_key(rec);
	offsets_turn(rec);
}

static void offsets_key_ask(struct recovery *rec)
{
	rec->offsets->key_state = KEY_WANTED;
	db_call(rec->db, DB_TELLING, "select rt.recovery_key()", NULL, 0, offsets_key_read, rec);
}

void offsets_database_up(struct recovery *rec)
{
	if (rec->offsets->key_state != KEY_THERE)
		offsets_key_ask(rec);
}

const unsigned char *offsets_key(const struct recovery *rec)
{
	return rec->offsets->key_state == KEY_THERE ? rec->offsets->key : NULL;
}

bool offsets_key_wanted(const struct recovery *rec)
{
	return rec->offsets->key_state == KEY_WANTED;
}

/* ---- clients that asked ---- */

void offset_new(struct recovery *rec, struct client *c)
{
	struct recoverable *r = c->recoverable = NEW(struct recoverable);
	r->recovery = rec;
	r->client = c;
	random_id(r->pid, PID_LEN);
	list_init(&r->due);
	list_init(&r->age);
}

void offset_free(struct client *c)
{
	struct recoverable *r = c->recoverable;
	assert(!r->attempt);
	c->recoverable = NULL;
	list_del(&r->due);
	list_del(&r->age);
	buf_fini(&r->former);
	free(r);
}

struct slice offset_pid(const struct client *c)
{
	return slice_of(c->recoverable->pid, PID_LEN);
}

/* ---- saying it ---- */

/*
 * Writes the chats that the client has joined, as uuids. An offset needs no other rooms: rooms that rows grant are
 * derived from the rows again, and rt.recover knows the rooms of former sockets. False: the client is in a room that
 * cannot be restored.
 */
static bool offset_chats(const struct client *c, struct buf *chats)
{
	struct slice room;
	for (uint32_t i = 0; hub_room_of(c->people->hub, &c->member, i, &room); i++) {
		enum room_family f = room_family(room);
		if (room_is_derived(f) || rooms_have(buf_view(&c->recoverable->former), room))
			continue;
		if (f != ROOM_CHAT || room_rest(room, f).n != UUID_LEN)
			return false;
		buf_slice(chats, room_rest(room, f));
	}
	return true;
}

/* Their pongs may be lost with the connection. But a client that presents the offset has taken what came before it. */
static void offset_messages(const struct client *c, struct buf *messages)
{
	const struct delivery *d;
	struct slice uuid;
	for (unsigned i = 0; messages->n < TOKEN_MESSAGES * TOKEN_UUID && (d = fences_at(c->fences, i)); i++)
		if (confirm_message(d, &uuid))
			buf_slice(messages, uuid);
}

static bool offset_put(struct buf *out, const struct client *c, const struct token_head *head)
{
	struct buf chats = {0}, messages = {0};
	bool good = offset_chats(c, &chats);
	offset_messages(c, &messages);
	good = good && token_put(out, offsets_key(c->recoverable->recovery), head,
	                         &(struct token_about){.user = user_id(c->user),
	                                               .pid = offset_pid(c),
	                                               .socket = client_id(c),
	                                               .chats = buf_view(&chats),
	                                               .messages = buf_view(&messages)});
	buf_fini(&chats);
	buf_fini(&messages);
	return good;
}

static void offset_send(struct client *c, const struct token_head *head)
{
	struct recoverable *r = c->recoverable;
	struct offsets *os = r->recovery->offsets;
	struct loop *l = c->people->loop;
	struct buf array = {0};
	buf_str(&array, "[\"$o\",0,\"");
	bool good = offset_put(&array, c, head);
	buf_str(&array, "\"]");
	r->sent_at = loop_now(l);
	list_del(&r->age);
	list_add_tail(&os->age, &r->age);
	if (good ||
	    !r->withdrawn) { /* not good: the former offset would recover too little, so it is taken back, once */
		struct packet *p = sio_raw_event_packet("/", buf_view(&array));
		sio_send(c->sio, p);
		packet_unref(&p);
	}
	r->withdrawn = !good;
	buf_fini(&array);
}

static void offsets_send_due(struct deferred *d)
{
	struct offsets *os = container_of(d, struct offsets, send);
	struct recovery *rec = os->recovery;
	struct db_position at;
	struct token_head head;
	struct recoverable *r;
	unsigned char epoch[TOKEN_EPOCH];
	if (os->key_state != KEY_THERE || !presence_idle(rec->events) || !db_pump_position(rec->db, &at))
		return; /* the next call of offsets_turn tries again */
	token_epoch(epoch, at.epoch);
	bool good = token_head(&head, epoch, &at);
	while (good && (r = list_first(&os->due, struct recoverable, due))) {
		list_del(&r->due);
		offset_send(r->client, &head);
	}
	token_head_fini(&head);
}

void offsets_turn(struct recovery *rec)
{
	if (!list_empty(&rec->offsets->due))
		loop_defer(rec->people->loop, LOOP_WORK, &rec->offsets->send);
}

void offset_due(struct client *c)
{
	struct recoverable *r = c->recoverable;
	if (r->owes_sync || !list_empty(&r->due))
		return;
	list_add_tail(&r->recovery->offsets->due, &r->due);
	offsets_turn(r->recovery);
}

void offset_synced(struct client *c)
{
	c->recoverable->owes_sync = false;
	offset_due(c);
}

void offsets_tick(struct recovery *rec)
{
	struct list *it, *tmp;
	if (rec->offsets->key_state == KEY_MISSING && db_state(rec->db) == DB_UP)
		offsets_key_ask(rec);
	list_each (it, tmp, &rec->offsets->age) {
		struct recoverable *r = list_entry(it, struct recoverable, age);
		if (r->sent_at + FRESH_MS > loop_now(rec->people->loop))
			return;
		offset_due(r->client);
	}
}

void offsets_gap(struct recovery *rec)
{
	struct list *it, *tmp;
	list_each (it, tmp, &rec->offsets->age)
		list_entry(it, struct recoverable, age)->owes_sync = true;
	list_each (it, tmp, &rec->offsets->due) {
		struct recoverable *r = list_entry(it, struct recoverable, due);
		r->owes_sync = true;
		list_del(&r->due);
	}
}
