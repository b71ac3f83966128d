/*
 * The reader of names: users wait in a queue, and one call reads a batch of them.
 */
#include "events/names.h"
#include "base/mem.h"
#include "db/sender.h"

#define BATCH_MAX 256

/*
 *   UNKNOWN -names_of-> QUEUED -names_send-> ASKED -names_answered-> KNOWN
 *      ^-------------------------------------- names_forget ----------'
 */
struct names {
	struct buf queue; /* uuids, one behind the other; of users that may be gone by now */
	size_t out;       /* bytes of the queue: the call that is out asks for these */
	struct sender sender;
};

static void names_send(void *events);

void names_start(struct events *ev)
{
	ev->names = NEW(struct names);
	sender_init(&ev->names->sender, ev->db, ev->people->loop, ev->people->ident, "names", names_send, ev);
}

void names_stop(struct events *ev)
{
	if (!ev->names)
		return;
	sender_stop(&ev->names->sender);
	buf_fini(&ev->names->queue);
	free(ev->names);
	ev->names = NULL;
}

void names_database_up(struct events *ev)
{
	sender_wake(&ev->names->sender);
}

bool names_of(struct events *ev, struct user *u, struct slice *name)
{
	*name = slice_str(u->name);
	if (u->name_state == NAME_UNKNOWN) {
		u->name_state = NAME_QUEUED;
		buf_slice(&ev->names->queue, user_id(u));
		sender_wake(&ev->names->sender);
	}
	return u->name_state == NAME_KNOWN;
}

/* An answer that is on its way is not taken. */
void names_forget(struct user *u)
{
	free(u->name);
	u->name = NULL;
	if (u->name_state != NAME_QUEUED)
		u->name_state = NAME_UNKNOWN;
}

static struct user *names_asked(const struct events *ev, size_t at)
{
	struct user *u = user_find(ev->people, slice_of(ev->names->queue.p + at, UUID_LEN));
	return u && u->name_state == NAME_ASKED ? u : NULL;
}

/* Columns of rt.names (docs/edge-sql.md). */
enum { COL_USER, COL_NAME, COLS };

static void names_answered(void *arg, const struct db_result *r)
{
	struct events *ev = arg;
	struct names *n = ev->names;
	bool good = r->outcome == DB_OK && r->ncols == COLS && r->nrows == (int)(n->out / UUID_LEN);
	for (size_t at = 0; at < n->out; at += UUID_LEN) {
		int row = (int)(at / UUID_LEN);
		struct user *u = names_asked(ev, at);
		if (!u)
			continue;
		u->name_state = NAME_UNKNOWN;
		if (!good || db_is_null(r, row, COL_NAME) || !slice_eq(db_value(r, row, COL_USER), user_id(u)))
			continue;
		u->name = mem_strndup(db_value(r, row, COL_NAME).p, db_value(r, row, COL_NAME).n);
		u->name_state = NAME_KNOWN;
	}
	if (r->outcome == DB_OK && !good)
		sender_misread(&n->sender);
	buf_drop(&n->queue, n->out);
	n->out = 0;
	if (n->queue.n)
		sender_wake(&n->sender);
}

static void names_send(void *events)
{
	struct events *ev = events;
	struct names *n = ev->names;
	struct buf users = {0};
	if (n->queue.n == 0 || !sender_ready(&n->sender))
		return;
	db_array_begin(&users);
	for (; n->out < n->queue.n && n->out < (size_t)BATCH_MAX * UUID_LEN; n->out += UUID_LEN) {
		struct slice id = slice_of(n->queue.p + n->out, UUID_LEN);
		struct user *u = user_find(ev->people, id);
		if (u && u->name_state == NAME_QUEUED)
			u->name_state = NAME_ASKED;
		db_array_add(&users, id);
	}
	db_array_end(&users);
	struct slice param = buf_view(&users);
	sender_call(&n->sender, "select * from rt.names($1::uuid[])", &param, 1, names_answered);
	buf_fini(&users);
}
