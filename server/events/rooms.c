/*
 * Rooms as rows grant them: entered when a socket opens, read again when the database says that control rows do not tell
 * the whole (imports, TRUNCATE, a gap of the pump). Control rows that come while a read is out are applied on top.
 */
#include "app/worker.h"
#include "base/mem.h"

#define BATCH_MAX 128

/* ---- control rows kept for later ---- */

void late_init(struct late_list *l)
{
	l->first = NULL;
	l->last = &l->first;
}

void late_add(struct late_list *l, uint64_t xid, char verb, struct slice room)
{
	struct late *x = mem_alloc(sizeof(*x) + room.n);
	*x = (struct late){.xid = xid, .verb = verb, .n = (uint32_t)room.n};
	if (room.n) /* a kick names none */
		memcpy(x->room, room.p, room.n);
	*l->last = x;
	l->last = &x->next;
}

void late_free(struct late_list *l)
{
	while (l->first) {
		struct late *x = l->first;
		l->first = x->next;
		free(x);
	}
	late_init(l);
}

/* ---- entering ---- */

bool rooms_next(struct slice *lines, struct slice *line)
{
	if (lines->n == 0)
		return false;
	const char *end = memchr(lines->p, '\n', lines->n);
	*line = slice_of(lines->p, end ? (size_t)(end - lines->p) : lines->n);
	*lines = end ? slice_of(end + 1, lines->n - line->n - 1) : (struct slice){0};
	return true;
}

void rooms_enter(struct client *c, struct slice rooms)
{
	struct slice room;
	while (rooms_next(&rooms, &room))
		client_join(c, room);
}

/* ---- reading again ---- */

struct reading {
	char user[UUID_LEN];
	struct late_list late;
};

struct rooms_reader {
	struct buf queue; /* uuids, one behind the other */
	struct reading batch[BATCH_MAX];
	size_t out;
	bool sync; /* tell them afterwards: something may have been missed */
	struct sender sender;
};

static void send_batch(struct worker *w);

void rooms_start(struct worker *w)
{
	w->rooms = NEW(struct rooms_reader);
	sender_init(&w->rooms->sender, w, send_batch);
}

void rooms_stop(struct worker *w)
{
	if (!w->rooms)
		return;
	sender_stop(&w->rooms->sender);
	for (size_t i = 0; i < w->rooms->out; i++)
		late_free(&w->rooms->batch[i].late);
	buf_fini(&w->rooms->queue);
	free(w->rooms);
	w->rooms = NULL;
}

static void enqueue(struct rooms_reader *rr, struct user *u)
{
	if (!u->stale)
		buf_add(&rr->queue, u->id, UUID_LEN);
	u->stale = true;
}

void rooms_read(struct worker *w, struct user *u)
{
	enqueue(w->rooms, u);
	sender_wake(&w->rooms->sender);
}

void rooms_read_all(struct worker *w, bool sync)
{
	struct rooms_reader *rr = w->rooms;
	rr->sync = rr->sync || sync;
	for (struct map_node *n = map_next(&w->users, NULL); n; n = map_next(&w->users, n))
		enqueue(rr, container_of(n, struct user, node));
	sender_wake(&rr->sender);
}

void rooms_database_up(struct worker *w)
{
	sender_wake(&w->rooms->sender);
}

bool rooms_late(struct worker *w, struct slice user, uint64_t xid, char verb, struct slice room)
{
	struct rooms_reader *rr = w->rooms;
	bool kept = false;
	for (size_t i = 0; i < rr->out; i++) /* it can be there twice: it went and came while it was in line */
		if (slice_eq(slice_of(rr->batch[i].user, UUID_LEN), user)) {
			late_add(&rr->batch[i].late, xid, verb, room);
			kept = true;
		}
	return kept;
}

/* The rooms of an answer in order: who follows thousands must not cost thousands of looks for each. */
struct granted {
	struct slice *names;
	size_t n;
};

static int by_name(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;
	int order = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
	return order ? order : (x->n > y->n) - (x->n < y->n);
}

static void granted_init(struct granted *g, struct slice rooms)
{
	struct slice left = rooms, name;
	*g = (struct granted){0};
	while (rooms_next(&left, &name))
		g->n++;
	g->names = mem_alloc(g->n * sizeof(*g->names));
	for (size_t i = 0; rooms_next(&rooms, &name); i++)
		g->names[i] = name;
	qsort(g->names, g->n, sizeof(*g->names), by_name);
}

static bool grants(const struct granted *g, struct slice name)
{
	return bsearch(&name, g->names, g->n, sizeof(*g->names), by_name);
}

bool rooms_has(struct slice lines, struct slice room)
{
	struct slice line;
	while (rooms_next(&lines, &line))
		if (slice_eq(line, room))
			return true;
	return false;
}

/* Does the answer still grant this room? Rooms of no known kind are not ours to take away. A joined chat needs its participation. */
static bool still_granted(struct slice room, const struct granted *g)
{
	static const struct slice derived[] = {{"user:", 5}, {"participants:", 13}, {"followers:", 10}};
	for (size_t i = 0; i < ARRAY_LEN(derived); i++)
		if (slice_starts(room, derived[i]))
			return grants(g, room);
	if (!slice_starts(room, SLICE("chat:")))
		return true;
	struct buf name = {0};
	buf_str(&name, "participants:");
	buf_add(&name, room.p + 5, room.n - 5);
	bool participates = grants(g, buf_view(&name));
	buf_fini(&name);
	return participates;
}

static void set_rooms(struct client *c, struct slice rooms, const struct granted *g)
{
	struct slice room;
	for (uint32_t i = 0; hub_room_of(c->w->hub, &c->member, i, &room);) {
		if (still_granted(room, g))
			i++;
		else
			hub_leave(c->w->hub, &c->member, room); /* another takes place i */
	}
	rooms_enter(c, rooms);
}

static void user_read(struct worker *w, struct user *u, struct reading *rd, const struct db_result *r, int row)
{
	struct list *it, *tmp;
	char *text = mem_strndup(db_value(r, row, 3).p, db_value(r, row, 3).n);
	struct db_snapshot *snapshot = db_snapshot_parse(text);
	free(text);
	struct granted g;
	granted_init(&g, db_value(r, row, 2));
	list_each (it, tmp, &u->clients) {
		struct client *c = list_entry(it, struct client, user_link);
		if (!client_in_rooms(c))
			continue;
		if (!slice_eq(db_value(r, row, 1), SLICE("t"))) {
			client_refuse(c);
			continue;
		}
		set_rooms(c, db_value(r, row, 2), &g);
		for (struct late *l = rd->late.first; l && client_in_rooms(c); l = l->next)
			if (!snapshot || !db_snapshot_sees(snapshot, l->xid))
				feed_apply(c, l->verb, slice_of(l->room, l->n));
		if (w->rooms->sync && c->state == CLIENT_OPEN)
			client_sync(c, SLICE("reconnection"));
	}
	free(g.names);
	db_snapshot_free(&snapshot);
}

static void answered(void *arg, const struct db_result *r)
{
	struct worker *w = arg;
	struct rooms_reader *rr = w->rooms;
	bool good = r->outcome == DB_OK && r->ncols == 4 && r->nrows == (int)rr->out;
	for (size_t i = 0; good && i < rr->out; i++) /* nobody gets another's rooms, whatever the plan */
		good = slice_eq(db_value(r, (int)i, 0), slice_of(rr->batch[i].user, UUID_LEN));
	if (!good)
		log_warn(w->ident, "rooms not read", LS("message", r->message ? r->message : ""));
	for (size_t i = 0; i < rr->out; i++) {
		struct user *u = user_find(w, slice_of(rr->batch[i].user, UUID_LEN));
		if (u && good)
			user_read(w, u, &rr->batch[i], r, (int)i);
		else if (u)
			enqueue(rr, u); /* until it is known */
		late_free(&rr->batch[i].late);
	}
	rr->out = 0;
	if (rr->queue.n == 0)
		rr->sync = false;
	else if (good)
		sender_wake(&rr->sender);
	else
		sender_after(&rr->sender, SENDER_AGAIN_MS);
}

static void send_batch(struct worker *w)
{
	struct rooms_reader *rr = w->rooms;
	struct buf users = {0};
	if (rr->out || rr->queue.n == 0 || sender_waits(&rr->sender) || db_state(w->db) != DB_UP)
		return;
	db_array_begin(&users);
	size_t at = 0;
	for (; rr->out < BATCH_MAX && at < rr->queue.n; at += UUID_LEN) {
		struct slice id = slice_of(rr->queue.p + at, UUID_LEN);
		struct user *u = user_find(w, id);
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
	db_call(w->db, "select * from rt.rooms($1::uuid[])", &param, 1, answered, w);
	buf_fini(&users);
}
