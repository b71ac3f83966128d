/*
 * The queue of ends, in the order in which they came, and the call rt.socket_close.
 */
#include "entry/closes.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "db/sender.h"

#define BATCH_MAX 256

struct closes {
	struct buf *items;   /* owned; ends that the database does not know yet, as JSON texts */
	size_t n, cap, out;  /* out: the call that is out has the first `out` items */
	uint64_t told, past; /* told: number of all ends so far. past: the first `past` of them hold up no opening */
	bool held;           /* closes_hold */
	struct sender sender;
};

static void closes_send(void *entry);

void closes_start(struct entry *e)
{
	e->closes = NEW(struct closes);
	sender_init(&e->closes->sender, e->db, e->people->loop, e->people->ident, "socket_close", closes_send, e);
}

void closes_stop(struct entry *e)
{
	struct closes *cs = e->closes;
	if (!cs)
		return;
	sender_stop(&cs->sender);
	for (size_t i = 0; i < cs->n; i++)
		buf_fini(&cs->items[i]);
	free(cs->items);
	free(cs);
	e->closes = NULL;
}

void closes_database_up(struct entry *e)
{
	sender_wake(&e->closes->sender);
}

/* ---- the queue ---- */

void closes_add(struct entry *e, const struct ended *ended)
{
	struct closes *cs = e->closes;
	if (cs->n == cs->cap) {
		cs->cap = cs->cap ? cs->cap * 2 : 16;
		cs->items = mem_realloc(cs->items, cs->cap * sizeof(*cs->items));
	}
	struct buf *b = &cs->items[cs->n++];
	*b = (struct buf){0};
	json_open(b);
	json_member_str(b, "socket_id", ended->socket_id);
	json_member_str(b, "user_id", ended->user);
	json_member_bool(b, "clean", ended->clean);
	if (ended->over)
		json_member_bool(b, "over", true);
	if (ended->expired)
		json_member_str(b, "why", SLICE("token_expired"));
	json_close(b);
	cs->told++;
	sender_wake(&cs->sender);
}

void closes_hold(struct entry *e, bool hold)
{
	e->closes->held = hold;
	if (!hold)
		sender_wake(&e->closes->sender);
}

bool closes_idle(const struct entry *e)
{
	return e->closes->n == 0;
}

uint64_t closes_mark(const struct entry *e)
{
	return e->closes->told;
}

bool closes_past(const struct entry *e, uint64_t mark)
{
	return e->closes->past >= mark;
}

/* ---- the call ---- */

static void closes_go_past(struct entry *e, uint64_t mark)
{
	if (mark > e->closes->past)
		e->closes->past = mark;
	e->on_past(e);
}

static void closes_answered(void *arg, const struct db_result *r)
{
	struct entry *e = arg;
	struct closes *cs = e->closes;
	size_t out = cs->out;
	cs->out = 0;
	if (r->outcome != DB_OK)
		closes_go_past(e, cs->told); /* openings wait for the right order, not for a database in trouble */
	/* The call is repeated, which is harmless: without it the user would be online for ever. */
	if (db_may_repeat(r)) {
		sender_after(&cs->sender, SENDER_AGAIN_MS);
		return;
	}
	for (size_t i = 0; i < out; i++)
		buf_fini(&cs->items[i]);
	memmove(cs->items, cs->items + out, (cs->n - out) * sizeof(*cs->items));
	cs->n -= out;
	closes_go_past(e, cs->told - cs->n);
	if (cs->n)
		sender_wake(&cs->sender);
}

static void closes_send(void *entry)
{
	struct entry *e = entry;
	struct closes *cs = e->closes;
	struct buf items = {0};
	if (cs->held)
		closes_go_past(e, cs->told); /* registering may take long, and the ends are sent only after it */
	if (cs->n == 0 || cs->held || !sender_ready(&cs->sender))
		return;
	cs->out = cs->n < BATCH_MAX ? cs->n : BATCH_MAX;
	db_array_begin(&items);
	for (size_t i = 0; i < cs->out; i++)
		db_array_add(&items, buf_view(&cs->items[i]));
	db_array_end(&items);
	struct slice params[] = {slice_str(e->edge_id), buf_view(&items)};
	sender_call(&cs->sender, "select rt.socket_close($1::uuid, $2::text[])", params, 2, closes_answered);
	buf_fini(&items);
}
