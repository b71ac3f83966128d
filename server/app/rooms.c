/*
 * Rooms as rows grant them: entered when a socket opens, read again when the database says that control rows do not tell
 * the whole (imports, TRUNCATE, a gap of the pump). Control rows that come while a read is out are applied on top.
 */
#include "app/worker.h"
#include "base/mem.h"

#define BATCH_MAX 128
#define AGAIN_MS 1000

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
		hub_join(c->w->hub, &c->member, room);
}

/* ---- reading again ---- */

struct reading {
	char user[UUID_LEN];
	struct late_list late;
};

struct rooms_reader {
	struct worker *w;
	struct buf queue;      /* uuids, one behind the other */
	struct reading batch[BATCH_MAX];
	size_t out;
	bool sync;             /* tell them afterwards: something may have been missed */
	struct deferred send;
	struct timer again;    /* a read failed and the database is up: no news of it follow */
};

static void send_batch(struct deferred *d);

static void send_again(struct timer *t)
{
	struct rooms_reader *rr = container_of(t, struct rooms_reader, again);
	loop_defer(rr->w->loop, LOOP_WORK, &rr->send);
}

void rooms_start(struct worker *w)
{
	w->rooms = NEW(struct rooms_reader);
	w->rooms->w = w;
	w->rooms->again.fire = send_again;
	deferred_init(&w->rooms->send, send_batch);
}

void rooms_stop(struct worker *w)
{
	if (!w->rooms)
		return;
	deferred_cancel(&w->rooms->send);
	timer_stop(w->loop, &w->rooms->again);
	for (size_t i = 0; i < w->rooms->out; i++)
		late_free(&w->rooms->batch[i].late);
	buf_fini(&w->rooms->queue);
	free(w->rooms);
	w->rooms = NULL;
}

void rooms_read(struct worker *w, struct user *u)
{
	struct rooms_reader *rr = w->rooms;
	for (size_t i = 0; i < rr->queue.n; i += UUID_LEN)
		if (memcmp(rr->queue.p + i, u->id, UUID_LEN) == 0)
			return;
	buf_add(&rr->queue, u->id, UUID_LEN);
	loop_defer(w->loop, LOOP_WORK, &rr->send);
}

void rooms_read_all(struct worker *w, bool sync)
{
	struct rooms_reader *rr = w->rooms;
	rr->queue.n = 0;
	rr->sync = rr->sync || sync;
	for (struct map_node *n = map_next(&w->users, NULL); n; n = map_next(&w->users, n))
		buf_add(&rr->queue, container_of(n, struct user, node)->id, UUID_LEN);
	loop_defer(w->loop, LOOP_WORK, &rr->send);
}

void rooms_database_up(struct worker *w)
{
	loop_defer(w->loop, LOOP_WORK, &w->rooms->send);
}

bool rooms_late(struct worker *w, struct slice user, uint64_t xid, char verb, struct slice room)
{
	struct rooms_reader *rr = w->rooms;
	for (size_t i = 0; i < rr->out; i++)
		if (slice_eq(slice_of(rr->batch[i].user, UUID_LEN), user)) {
			late_add(&rr->batch[i].late, xid, verb, room);
			return true;
		}
	return false;
}

static bool has_line(struct slice lines, struct slice prefix, struct slice rest)
{
	struct slice line;
	while (rooms_next(&lines, &line))
		if (line.n == prefix.n + rest.n && slice_starts(line, prefix) && memcmp(line.p + prefix.n, rest.p, rest.n) == 0)
			return true;
	return false;
}

bool rooms_has(struct slice lines, struct slice room)
{
	return has_line(lines, SLICE(""), room);
}

/* Does the answer still grant this room? Rooms of no known kind are not ours to take away. A joined chat needs its participation. */
static bool still_granted(struct slice room, struct slice rooms)
{
	static const struct slice derived[] = {{"user:", 5}, {"participants:", 13}, {"followers:", 10}};
	for (size_t i = 0; i < ARRAY_LEN(derived); i++)
		if (slice_starts(room, derived[i]))
			return rooms_has(rooms, room);
	if (slice_starts(room, SLICE("chat:")))
		return has_line(rooms, SLICE("participants:"), slice_of(room.p + 5, room.n - 5));
	return true;
}

static void set_rooms(struct client *c, struct slice rooms)
{
	struct slice room;
	for (uint32_t i = 0; hub_room_of(&c->member, i, &room);) {
		if (still_granted(room, rooms))
			i++;
		else
			hub_leave(c->w->hub, &c->member, room); /* another takes place i */
	}
	rooms_enter(c, rooms);
}

static void user_read(struct worker *w, struct reading *rd, const struct db_result *r, int row)
{
	struct user *u = user_find(w, slice_of(rd->user, UUID_LEN));
	struct list *it, *tmp;
	if (!u)
		return;
	char *text = mem_strndup(db_value(r, row, 3).p, db_value(r, row, 3).n);
	struct db_snapshot *snapshot = db_snapshot_parse(text);
	free(text);
	list_each (it, tmp, &u->clients) {
		struct client *c = list_entry(it, struct client, user_link);
		if (!client_in_rooms(c))
			continue;
		if (!slice_eq(db_value(r, row, 1), SLICE("t"))) {
			client_refuse(c);
			continue;
		}
		set_rooms(c, db_value(r, row, 2));
		for (struct late *l = rd->late.first; l && client_in_rooms(c); l = l->next)
			if (!snapshot || !db_snapshot_sees(snapshot, l->xid))
				feed_apply(c, l->verb, slice_of(l->room, l->n));
		if (w->rooms->sync && c->state == CLIENT_OPEN)
			client_sync(c, SLICE("reconnection"));
	}
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
		log_warn(&w->ident, "rooms not read", LS("message", r->message ? r->message : ""));
	for (size_t i = 0; i < rr->out; i++) {
		if (good)
			user_read(w, &rr->batch[i], r, (int)i);
		else
			buf_add(&rr->queue, rr->batch[i].user, UUID_LEN); /* until it is known */
		late_free(&rr->batch[i].late);
	}
	rr->out = 0;
	if (rr->queue.n == 0)
		rr->sync = false;
	else if (good)
		loop_defer(w->loop, LOOP_WORK, &rr->send);
	else
		timer_set(w->loop, &rr->again, loop_now(w->loop) + AGAIN_MS);
}

static void send_batch(struct deferred *d)
{
	struct rooms_reader *rr = container_of(d, struct rooms_reader, send);
	struct worker *w = rr->w;
	struct buf users = {0};
	if (rr->out || rr->queue.n == 0 || timer_is_set(&rr->again) || db_state(w->db) != DB_UP)
		return;
	db_array_begin(&users);
	while (rr->out < BATCH_MAX && rr->queue.n) {
		struct reading *rd = &rr->batch[rr->out++];
		memcpy(rd->user, rr->queue.p, UUID_LEN);
		late_init(&rd->late);
		buf_drop(&rr->queue, UUID_LEN);
		db_array_add(&users, slice_of(rd->user, UUID_LEN));
	}
	db_array_end(&users);
	struct slice param = buf_view(&users);
	db_call(w->db, "select * from rt.rooms($1::uuid[])", &param, 1, answered, w);
	buf_fini(&users);
}
