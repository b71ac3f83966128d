/*
 * Sockets that ended, told to the database in batches: one call is out at a time, and what queued meanwhile is the next.
 * Nothing is dropped while the database is away; the lease of a dead edge covers the rest.
 */
#include "app/worker.h"
#include "base/mem.h"

#define BATCH_MAX 256

struct closes {
	struct buf *items;   /* JSON texts not sent yet */
	size_t n, cap, out;  /* the first `out` of them are with the database */
	uint64_t told, past; /* ends so far; those that nobody needs to wait for any more */
	struct sender sender;
};

static void send_batch(struct worker *w);

void closes_start(struct worker *w)
{
	w->closes = NEW(struct closes);
	sender_init(&w->closes->sender, w, send_batch);
}

void closes_stop(struct worker *w)
{
	struct closes *cs = w->closes;
	if (!cs)
		return;
	sender_stop(&cs->sender);
	for (size_t i = 0; i < cs->n; i++)
		buf_fini(&cs->items[i]);
	free(cs->items);
	free(cs);
	w->closes = NULL;
}

void close_tell(struct worker *w, const struct ended *e)
{
	struct closes *cs = w->closes;
	if (cs->n == cs->cap) {
		cs->cap = cs->cap ? cs->cap * 2 : 16;
		cs->items = mem_realloc(cs->items, cs->cap * sizeof(*cs->items));
	}
	struct buf *b = &cs->items[cs->n++];
	cs->told++;
	*b = (struct buf){0};
	buf_str(b, "{\"socket_id\":");
	buf_json_str(b, e->socket_id);
	buf_printf(b, ",\"user_id\":\"%.*s\",\"clean\":%s%s%s}", (int)e->user.n, e->user.p, e->clean ? "true" : "false",
	           e->over ? ",\"over\":true" : "", e->expired ? ",\"why\":\"token_expired\"" : "");
	sender_wake(&cs->sender);
}

static void go_past(struct closes *cs, uint64_t mark)
{
	if (mark > cs->past)
		cs->past = mark;
	opens_go_on(cs->sender.w);
}

static void sent(void *arg, const struct db_result *r)
{
	struct worker *w = arg;
	struct closes *cs = w->closes;
	size_t out = cs->out;
	cs->out = 0;
	if (r->outcome != DB_OK)
		go_past(cs, cs->told); /* who opens waits for the order of things, not for a database in trouble */
	if (r->outcome == DB_ERROR && db_is_passing(r->sqlstate))
		log_warn(w->ident, "socket_close failed", LS("sqlstate", r->sqlstate), LS("message", r->message));
	else if (r->outcome == DB_ERROR)
		log_error(w->ident, "socket_close failed", LS("sqlstate", r->sqlstate), LS("message", r->message));
	/* Forgotten, they would be online for ever, and repeating is harmless. Where only this link died no news of the database follow. */
	if (r->outcome == DB_FAILED || r->outcome == DB_UNCERTAIN ||
	    (r->outcome == DB_ERROR && db_is_passing(r->sqlstate))) {
		sender_after(&cs->sender, SENDER_AGAIN_MS);
		return;
	}
	for (size_t i = 0; i < out; i++)
		buf_fini(&cs->items[i]);
	memmove(cs->items, cs->items + out, (cs->n - out) * sizeof(*cs->items));
	cs->n -= out;
	go_past(cs, cs->told - cs->n);
	if (cs->n)
		sender_wake(&cs->sender);
}

static void send_batch(struct worker *w)
{
	struct closes *cs = w->closes;
	if (maintenance_registers(w))
		go_past(cs, cs->told); /* that may take long, and the ends come after it */
	if (cs->out || !cs->n || sender_waits(&cs->sender) || maintenance_registers(w) || db_state(w->db) != DB_UP)
		return;
	cs->out = cs->n < BATCH_MAX ? cs->n : BATCH_MAX;
	struct buf items = {0};
	db_array_begin(&items);
	for (size_t i = 0; i < cs->out; i++)
		db_array_add(&items, buf_view(&cs->items[i]));
	db_array_end(&items);
	struct slice params[] = {slice_str(w->edge_id), buf_view(&items)};
	db_call(w->db, "select rt.socket_close($1::uuid, $2::text[])", params, 2, sent, w);
	buf_fini(&items);
}

void closes_database_up(struct worker *w)
{
	sender_wake(&w->closes->sender);
}

bool closes_idle(const struct worker *w)
{
	return w->closes->n == 0;
}

uint64_t closes_mark(const struct worker *w)
{
	return w->closes->told;
}

bool closes_past(const struct worker *w, uint64_t mark)
{
	return w->closes->past >= mark;
}
