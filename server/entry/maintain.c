/*
 * Every few seconds rt.maintain: the edge's lease, the outbox's rotation, who went offline; and rt.sweep until nothing is left, a
 * transaction for each portion, so that nobody waits long for its locks. After an outage the live sockets are entered again, because the table of sockets does not survive a crash of Postgres.
 */
#include "app/embedded.h"
#include "app/worker.h"
#include "base/mem.h"

#define EVERY_MS 2000
#define BATCH_MAX 256
#define RECORD (SIO_ID_LEN + UUID_LEN)

struct maintenance {
	struct worker *w;
	struct timer timer;
	bool out, looking, sweeping;
	bool failing, blind; /* said so */
	bool registering;    /* a call with sockets is out, */
	bool over_again;     /* and the database was away again meanwhile */
	struct buf sockets;  /* to be entered again: their ids and their users' */
	size_t at, upto;     /* those before `at` have been, those up to `upto` are with the database */
};

static void register_next(struct maintenance *mt);

static void swept(void *arg, const struct db_result *r);

static void sweep(struct worker *w)
{
	struct slice edge = slice_str(w->edge_id);
	w->maintenance->sweeping = true;
	db_call(w->db, "select rt.sweep($1::uuid)", &edge, 1, swept, w);
}

static void swept(void *arg, const struct db_result *r)
{
	struct worker *w = arg;
	w->maintenance->sweeping = false;
	if (r->outcome == DB_OK && r->nrows == 1 && r->ncols == 1 && slice_eq(db_value(r, 0, 0), SLICE("t")))
		sweep(w);
	else if (r->outcome == DB_ERROR)
		log_error(w->ident, "sweep failed", LS("sqlstate", r->sqlstate), LS("message", r->message));
}

static void done(void *arg, const struct db_result *r)
{
	struct worker *w = arg;
	struct maintenance *mt = w->maintenance;
	mt->out = false;
	if (r->outcome == DB_OK && r->nrows == 1 && r->ncols == 3) {
		w->m.outbox_rows = (uint64_t)db_number(r, 0, 0);
		w->m.notify_usage = db_number(r, 0, 1);
		w->m.edges = (uint64_t)db_number(r, 0, 2);
		mt->failing = false;
		if (!mt->sweeping)
			sweep(w); /* a long one must not hold up the lease */
		return;
	}
	if (r->outcome == DB_ERROR && !mt->failing)
		log_error(w->ident, "maintain failed", LS("sqlstate", r->sqlstate), LS("message", r->message));
	mt->failing = r->outcome == DB_ERROR;
}

static void looked(void *arg, const struct db_result *r)
{
	struct worker *w = arg;
	struct maintenance *mt = w->maintenance;
	mt->looking = false;
	if (r->outcome == DB_OK && r->nrows == 1 && r->ncols == 2) {
		w->m.foreign_locks = (uint64_t)db_number(r, 0, 0);
		w->m.outbox_age = db_number(r, 0, 1);
		mt->blind = false;
		return;
	}
	if (r->outcome == DB_ERROR && !mt->blind)
		log_warn(w->ident, "monitor failed", LS("sqlstate", r->sqlstate), LS("message", r->message));
	mt->blind = r->outcome == DB_ERROR;
}

/* A call of its own: what only feeds the metrics cannot hold up the lease. */
static void look(struct maintenance *mt)
{
	if (mt->looking)
		return;
	mt->looking = true;
	db_call(mt->w->db, "select * from rt.monitor()", NULL, 0, looked, mt->w);
}

static void version_read(void *arg, const struct db_result *r)
{
	struct worker *w = arg;
	if (r->outcome == DB_OK && r->nrows == 1 && r->ncols == 2)
		w->schema_version = (int)db_number(r, 0, 0);
	else
		log_warn(w->ident, "version of the schema not read", LS("message", r->message ? r->message : ""));
}

static void read_version(struct worker *w)
{
	db_call(w->db, "select * from rt.version()", NULL, 0, version_read, w);
}

static void tick(struct timer *t)
{
	struct maintenance *mt = container_of(t, struct maintenance, timer);
	struct worker *w = mt->w;
	timer_set(w->loop, t, loop_now(w->loop) + EVERY_MS);
	worker_users_sweep(w);
	offsets_tick(w);
	if (db_state(w->db) != DB_UP)
		return;
	register_next(mt); /* should the last call have failed */
	look(mt);
	if (mt->out)
		return;
	mt->out = true;
	if (w->schema_version < embedded_schema_version)
		read_version(w); /* somebody may have migrated meanwhile */
	struct slice edge = slice_str(w->edge_id);
	db_call(w->db, "select * from rt.maintain($1::uuid)", &edge, 1, done, w);
}

void maintenance_start(struct worker *w)
{
	w->maintenance = NEW(struct maintenance);
	w->maintenance->w = w;
	w->maintenance->timer.fire = tick;
	timer_set(w->loop, &w->maintenance->timer, loop_now(w->loop) + EVERY_MS);
}

void maintenance_stop(struct worker *w)
{
	if (!w->maintenance)
		return;
	timer_stop(w->loop, &w->maintenance->timer);
	buf_fini(&w->maintenance->sockets);
	free(w->maintenance);
	w->maintenance = NULL;
}

/* ---- after an outage ---- */

static void register_all(struct maintenance *mt)
{
	struct worker *w = mt->w;
	struct list *it, *tmp;
	mt->at = mt->upto = mt->sockets.n = 0;
	for (struct map_node *node = map_next(&w->users, NULL); node; node = map_next(&w->users, node)) {
		struct user *u = container_of(node, struct user, node);
		list_each (it, tmp, &u->clients) {
			struct client *c = list_entry(it, struct client, user_link);
			if (!client_in_rooms(c))
				continue;
			buf_slice(&mt->sockets, client_id(c));
			buf_slice(&mt->sockets, user_id(u));
		}
	}
	register_next(mt);
}

static void registered(void *arg, const struct db_result *r)
{
	struct worker *w = arg;
	struct maintenance *mt = w->maintenance;
	mt->registering = false;
	closes_database_up(w); /* they wait for this */
	if (r->outcome == DB_ERROR)
		log_error(w->ident, "socket_register failed", LS("sqlstate", r->sqlstate), LS("message", r->message));
	if (mt->over_again) {
		mt->over_again = false;
		register_all(mt);
	} else if (r->outcome == DB_OK || (r->outcome == DB_ERROR && !db_is_passing(r->sqlstate))) {
		mt->at = mt->upto;
		register_next(mt);
	} /* else by the next tick: repeating is harmless */
}

/* The next of them that are still here, one call at a time: all at once would queue for longer than a call may. */
static void register_next(struct maintenance *mt)
{
	struct worker *w = mt->w;
	struct buf items = {0}, text = {0};
	if (mt->registering || mt->at == mt->sockets.n || db_state(w->db) != DB_UP)
		return;
	db_array_begin(&items);
	size_t n = 0;
	for (mt->upto = mt->at; mt->upto < mt->sockets.n && n < BATCH_MAX; mt->upto += RECORD) {
		const char *p = mt->sockets.p + mt->upto;
		struct slice id = slice_of(p, SIO_ID_LEN);
		if (!client_of(w, id))
			continue;
		text.n = 0;
		buf_str(&text, "{\"socket_id\":");
		buf_json_str(&text, id);
		buf_printf(&text, ",\"user_id\":\"%.*s\"}", UUID_LEN, p + SIO_ID_LEN);
		db_array_add(&items, buf_view(&text));
		n++;
	}
	db_array_end(&items);
	struct slice params[] = {slice_str(w->edge_id), buf_view(&items)};
	mt->registering = true;
	db_call(w->db, "select rt.socket_register($1::uuid, $2::text[])", params, 2, registered, w);
	buf_fini(&items);
	buf_fini(&text);
}

bool maintenance_registers(const struct worker *w)
{
	return w->maintenance->registering;
}

void maintenance_database_up(struct worker *w, bool again)
{
	read_version(w);
	struct maintenance *mt = w->maintenance;
	if (!again)
		return;
	if (mt->registering)
		mt->over_again = true;
	else
		register_all(mt);
}
