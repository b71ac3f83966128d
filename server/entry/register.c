/*
 * Registers the sockets that are here when the database comes back, in portions.
 */
#include "entry/register.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/number.h"
#include "db/sender.h"
#include "entry/closes.h"
#include "people/client.h"

#define BATCH_MAX 256
#define RECORD (SIO_ID_LEN + UUID_LEN)

struct registers {
	bool was_up;             /* the database was up before */
	bool out;                /* a call is out */
	struct buf sockets;      /* sockets to be registered: the ids of socket and user, RECORD bytes each */
	struct buf held;         /* the same, of sockets whose user's presence somebody holds: for the next tick */
	size_t batch[BATCH_MAX]; /* the sockets of the call that is out, as places in `sockets` */
	size_t nbatch;
	size_t at, upto; /* bytes of `sockets`: before `at` registered, up to `upto` in the call that is out */
};

void registers_start(struct entry *e)
{
	e->registers = NEW(struct registers);
}

void registers_stop(struct entry *e)
{
	if (!e->registers)
		return;
	buf_fini(&e->registers->sockets);
	buf_fini(&e->registers->held);
	free(e->registers);
	e->registers = NULL;
}

static void registers_next(struct entry *e);

static void register_note(struct client *c, void *arg)
{
	struct buf *sockets = arg;
	if (!client_in_rooms(c))
		return;
	buf_slice(sockets, client_id(c));
	buf_slice(sockets, user_id(c->user));
}

/* A call that is out has been overtaken: with upto at the start, its answer goes on from there. */
static void registers_begin(struct entry *e)
{
	struct registers *rs = e->registers;
	rs->at = rs->upto = rs->sockets.n = rs->held.n = rs->nbatch = 0;
	people_each(e->people, register_note, &rs->sockets);
	registers_next(e);
}

/* Rows: their places in the call, from 1. */
static void registers_keep(struct registers *rs, const struct db_result *r)
{
	uint64_t ord;
	for (int row = 0; row < r->nrows && r->ncols == 1; row++)
		if (u64_parse(db_value(r, row, 0), &ord) && ord - 1 < rs->nbatch)
			buf_add(&rs->held, rs->sockets.p + rs->batch[ord - 1], RECORD);
}

/* By the next tick, those that somebody held. */
static void registers_take_held(struct registers *rs)
{
	if (rs->out || rs->at < rs->sockets.n || !rs->held.n)
		return;
	rs->at = rs->upto = rs->sockets.n = 0;
	buf_slice(&rs->sockets, buf_view(&rs->held));
	rs->held.n = 0;
}

static void registers_answered(void *arg, const struct db_result *r)
{
	struct entry *e = arg;
	struct registers *rs = e->registers;
	rs->out = false;
	closes_hold(e, false);
	if (r->outcome == DB_ERROR)
		db_failed(e->people->ident, "socket_register", r);
	if (r->outcome == DB_OK)
		registers_keep(rs, r);
	if (db_may_repeat(r))
		return; /* the next tick repeats the call, which is harmless */
	rs->at = rs->upto;
	registers_next(e);
}

static void register_put(struct buf *items, struct slice id, struct slice user)
{
	struct buf item = {0};
	json_open(&item);
	json_member_str(&item, "socket_id", id);
	json_member_str(&item, "user_id", user);
	json_close(&item);
	db_array_add(items, buf_view(&item));
	buf_fini(&item);
}

/* Sends the next portion, of the sockets that are still here. */
static void registers_next(struct entry *e)
{
	struct registers *rs = e->registers;
	struct buf items = {0};
	if (rs->out || rs->at == rs->sockets.n || db_state(e->db) != DB_UP)
		return;
	rs->nbatch = 0;
	db_array_begin(&items);
	for (rs->upto = rs->at; rs->upto < rs->sockets.n && rs->nbatch < BATCH_MAX; rs->upto += RECORD) {
		const char *p = rs->sockets.p + rs->upto;
		struct slice id = slice_of(p, SIO_ID_LEN);
		if (!client_of(e->people, id))
			continue;
		register_put(&items, id, slice_of(p + SIO_ID_LEN, UUID_LEN));
		rs->batch[rs->nbatch++] = rs->upto;
	}
	db_array_end(&items);
	struct slice params[] = {slice_str(e->edge_id), buf_view(&items)};
	rs->out = true;
	closes_hold(e, true);
	db_call(e->db, DB_TELLING, "select * from rt.socket_register($1::uuid, $2::text[])", params, 2,
	        registers_answered, e);
	buf_fini(&items);
}

void registers_tick(struct entry *e)
{
	registers_take_held(e->registers);
	registers_next(e);
}

void registers_database_up(struct entry *e)
{
	struct registers *rs = e->registers;
	if (rs->was_up)
		registers_begin(e);
	rs->was_up = true;
}
