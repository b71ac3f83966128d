/*
 * The reader of rooms: users wait in a queue, and one call reads a batch of them.
 */
#include "events/rooms.h"
#include "base/mem.h"
#include "db/sender.h"
#include "events/names.h"
#include "people/room_names.h"
#include "people/tell.h"

#define BATCH_MAX 128

/* A user whose rooms the call that is out reads. */
struct reading {
	char user[UUID_LEN];
	struct late_list late; /* owned; control rows that came meanwhile */
};

struct rooms_reader {
	struct buf queue; /* uuids, one behind the other */
	struct reading batch[BATCH_MAX];
	size_t out; /* number of users in batch: the call that is out reads them */
	struct sender sender;
};

static void rooms_send(void *events);

void rooms_start(struct events *ev)
{
	ev->rooms = NEW(struct rooms_reader);
	sender_init(&ev->rooms->sender, ev->db, ev->people->loop, ev->people->ident, "rooms", rooms_send, ev);
}

void rooms_stop(struct events *ev)
{
	struct rooms_reader *rr = ev->rooms;
	if (!rr)
		return;
	sender_stop(&rr->sender);
	for (size_t i = 0; i < rr->out; i++)
		late_free(&rr->batch[i].late);
	buf_fini(&rr->queue);
	free(rr);
	ev->rooms = NULL;
}

/* ---- users that are to be read ---- */

static void rooms_enqueue(struct rooms_reader *rr, struct user *u)
{
	if (!u->stale)
		buf_add(&rr->queue, u->id, UUID_LEN);
	u->stale = true;
	names_forget(u);
}

void rooms_read(struct events *ev, struct user *u)
{
	rooms_enqueue(ev->rooms, u);
	sender_wake(&ev->rooms->sender);
}

void rooms_read_all(struct events *ev)
{
	struct rooms_reader *rr = ev->rooms;
	struct map *users = &ev->people->users;
	for (struct map_node *n = map_next(users, NULL); n; n = map_next(users, n))
		rooms_enqueue(rr, container_of(n, struct user, node));
	sender_wake(&rr->sender);
}

static void rooms_owe_sync(struct client *c, void *arg)
{
	(void)arg;
	c->owed_sync = c->state == CLIENT_OPEN; /* the others are told when they open */
}

/*
 * Something may have been missed. Clients are told once their rooms have been read: then nothing is lost between what they read and what
 * they hear. Events that come before are withheld: their clients read those, too.
 */
void rooms_gap(struct events *ev)
{
	people_each(ev->people, rooms_owe_sync, NULL);
	rooms_read_all(ev);
}

void rooms_database_up(struct events *ev)
{
	sender_wake(&ev->rooms->sender);
}

bool rooms_are_known(const struct events *ev, const struct user *u)
{
	const struct rooms_reader *rr = ev->rooms;
	bool asked = false;
	for (size_t i = 0; i < rr->out && !asked; i++)
		asked = slice_eq(slice_of(rr->batch[i].user, UUID_LEN), user_id(u));
	return !u->stale && !asked;
}

bool rooms_keep_late(struct events *ev, struct slice user, uint64_t xid, enum room_verb verb, struct slice room)
{
	struct rooms_reader *rr = ev->rooms;
	bool kept = false;
	for (size_t i = 0; i < rr->out; i++) /* A user who left and came back while queued is there twice. */
		if (slice_eq(slice_of(rr->batch[i].user, UUID_LEN), user)) {
			late_add(&rr->batch[i].late, xid, verb, room);
			kept = true;
		}
	return kept;
}

/* ---- rooms that an answer grants ---- */

/* The rooms of an answer, sorted: a user who follows thousands of others must not cost a linear search for each
 * room. */
struct granted {
	struct slice *names;
	size_t n;
};

static int granted_order(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;
	int order = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
	return order ? order : (x->n > y->n) - (x->n < y->n);
}

static void granted_init(struct granted *g, struct slice rooms)
{
	struct slice left = rooms, name;
	*g = (struct granted){0};
	while (hub_next_name(&left, &name))
		g->n++;
	g->names = mem_alloc(g->n * sizeof(*g->names));
	for (size_t i = 0; hub_next_name(&rooms, &name); i++)
		g->names[i] = name;
	qsort(g->names, g->n, sizeof(*g->names), granted_order);
}

static bool granted_has(const struct granted *g, struct slice name)
{
	return bsearch(&name, g->names, g->n, sizeof(*g->names), granted_order);
}

static void granted_fini(struct granted *g)
{
	free(g->names);
}

/* Whether the client stays in a room that it has joined. Rooms of no family are the emitter's, and stay. */
static bool granted_still(struct slice room, void *granted)
{
	enum room_family f = room_family(room);
	if (f == ROOM_OTHER)
		return true;
	if (room_is_derived(f))
		return granted_has(granted, room);
	struct buf name = {0}; /* a joined chat stays as long as the user takes part in it */
	room_put(&name, ROOM_PARTICIPANTS, room_rest(room, f));
	bool participates = granted_has(granted, buf_view(&name));
	buf_fini(&name);
	return participates;
}

/* ---- the answer ---- */

/* Columns of rt.rooms (docs/edge-sql.md). */
enum { COL_USER, COL_MAY, COL_ROOMS, COL_SNAPSHOT, COLS };

static void rooms_set(struct client *c, struct slice rooms, struct granted *g, const struct late_list *late,
                      const struct db_snapshot *snapshot)
{
	client_keep(c, granted_still, g);
	client_join_all(c, rooms);
	for (const struct late *l = late->first; l && client_in_rooms(c); l = l->next)
		if (!snapshot || !db_snapshot_sees(snapshot, l->xid))
			client_apply(c, l->verb, late_room(l));
}

static void rooms_take(struct user *u, const struct late_list *late, const struct db_result *r, int row)
{
	struct list *it, *tmp;
	struct slice rooms = db_value(r, row, COL_ROOMS);
	struct db_snapshot *snapshot = db_snapshot_parse(db_value(r, row, COL_SNAPSHOT));
	bool may = slice_eq(db_value(r, row, COL_MAY), SLICE("t"));
	struct granted g;
	granted_init(&g, rooms);
	list_each (it, tmp, &u->clients) {
		struct client *c = list_entry(it, struct client, user_link);
		if (!client_in_rooms(c))
			continue;
		if (!may) {
			client_refuse(c);
			continue;
		}
		rooms_set(c, rooms, &g, late, snapshot);
		if (c->owed_sync && !u->stale) { /* else the gap came after the question */
			c->owed_sync = false;
			c->hears_since = c->people->fence_value;
			client_sync(c, connect_reason_label(CONNECT_RECONNECTION));
		}
	}
	granted_fini(&g);
	db_snapshot_free(&snapshot);
}

/* Checks that there is one row for each user, in the order asked: no user may get the rooms of another, whatever
 * Postgres plans. */
static bool rooms_readable(const struct rooms_reader *rr, const struct db_result *r)
{
	bool good = r->ncols == COLS && r->nrows == (int)rr->out;
	for (size_t i = 0; good && i < rr->out; i++)
		good = slice_eq(db_value(r, (int)i, COL_USER), slice_of(rr->batch[i].user, UUID_LEN));
	return good;
}

static void rooms_answered(void *arg, const struct db_result *r)
{
	struct events *ev = arg;
	struct rooms_reader *rr = ev->rooms;
	bool good = r->outcome == DB_OK && rooms_readable(rr, r);
	if (r->outcome == DB_OK && !good)
		sender_misread(&rr->sender);
	for (size_t i = 0; i < rr->out; i++) {
		struct user *u = user_find(ev->people, slice_of(rr->batch[i].user, UUID_LEN));
		if (u && good)
			rooms_take(u, &rr->batch[i].late, r, (int)i);
		else if (u)
			rooms_enqueue(rr, u); /* again, until an answer comes */
		late_free(&rr->batch[i].late);
	}
	rr->out = 0;
	if (good && rr->queue.n)
		sender_wake(&rr->sender);
	else if (rr->queue.n)
		sender_after(&rr->sender, SENDER_AGAIN_MS);
}

static void rooms_send(void *events)
{
	struct events *ev = events;
	struct rooms_reader *rr = ev->rooms;
	struct buf users = {0};
	size_t at = 0;
	if (rr->queue.n == 0 || !sender_ready(&rr->sender))
		return;
	db_array_begin(&users);
	for (; rr->out < BATCH_MAX && at < rr->queue.n; at += UUID_LEN) {
		struct slice id = slice_of(rr->queue.p + at, UUID_LEN);
		struct user *u = user_find(ev->people, id);
		if (u)
			u->stale = false;
		struct reading *rd = &rr->batch[rr->out++];
		memcpy(rd->user, id.p, UUID_LEN);
		late_init(&rd->late);
		db_array_add(&users, id);
	}
	buf_drop(&rr->queue, at);
	db_array_end(&users);
	struct slice param = buf_view(&users);
	sender_call(&rr->sender, "select * from rt.rooms($1::uuid[])", &param, 1, rooms_answered);
	buf_fini(&users);
}
