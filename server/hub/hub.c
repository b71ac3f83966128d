#include "hub/hub.h"
#include "base/mem.h"
#include "hub/room.h"

struct hub_seat {
	uint32_t room; /* its number */
	uint32_t at;   /* the member's index in the room's occupants */
};

struct hub {
	struct room_table table;
	struct hub_member **members; /* by number; the array is owned, the members are the callers' */
	uint32_t nmembers, cap;
	uint32_t stamp; /* number of the last delivery */
	struct hub_stats stats;
};

struct hub *hub_new(void)
{
	struct hub *h = NEW(struct hub);
	room_table_init(&h->table);
	return h;
}

void hub_free(struct hub **hp)
{
	struct hub *h = *hp;
	if (!h)
		return;
	assert(h->table.count == 0 && h->nmembers == 0);
	room_table_fini(&h->table);
	free(h->members);
	free(h);
	*hp = NULL;
}

const struct hub_stats *hub_stats(const struct hub *h)
{
	return &h->stats;
}

/* ---- members ---- */

void hub_enter(struct hub *h, struct hub_member *m)
{
	if (m->number)
		return;
	if (h->nmembers == h->cap) {
		h->cap = h->cap ? h->cap + h->cap / 4 + 1 : 16;
		h->members = mem_realloc(h->members, h->cap * sizeof(*h->members));
	}
	h->members[h->nmembers++] = m;
	m->number = h->nmembers;
}

/* The last member takes the number that becomes free. */
static void go(struct hub *h, struct hub_member *m)
{
	struct hub_member *last = h->members[--h->nmembers];
	h->members[m->number - 1] = last;
	last->number = m->number;
	for (uint32_t i = 0; last != m && i < last->nseats; i++)
		room_occupants(h->table.rooms[last->seats[i].room])[last->seats[i].at].member = last->number - 1;
}

/* ---- joining and leaving ---- */

/* Index of the member's seat in the room; nseats when it has none. Looks through the shorter of the two lists. */
static uint32_t seat_in(const struct hub *h, const struct hub_member *m, uint32_t room)
{
	struct room *r = h->table.rooms[room];
	if (r->n < m->nseats) {
		const struct occupant *o = room_occupants(r);
		for (uint32_t i = 0; i < r->n; i++)
			if (o[i].member == m->number - 1)
				return o[i].seat;
		return m->nseats;
	}
	uint32_t i = 0;
	while (i < m->nseats && m->seats[i].room != room)
		i++;
	return i;
}

bool hub_join(struct hub *h, struct hub_member *m, struct slice name)
{
	if (name.n > HUB_NAME_MOST)
		return false;
	hub_enter(h, m);
	uint32_t room = room_find(&h->table, name);
	if (room == ROOM_NONE)
		room = room_make(&h->table, name);
	else if (seat_in(h, m, room) < m->nseats)
		return false;
	if (m->nseats == m->cap) {
		m->cap = room_grown(m->cap);
		m->seats = mem_realloc(m->seats, m->cap * sizeof(*m->seats));
	}
	m->seats[m->nseats] = (struct hub_seat){room, h->table.rooms[room]->n};
	room_add(&h->table, room, (struct occupant){m->number - 1, m->nseats++});
	h->stats.seats++;
	h->stats.rooms = h->table.count;
	return true;
}

/* Gives up a seat. The room's last occupant moves to the free place, and the member's last seat does likewise. */
static void stand_up(struct hub *h, struct hub_member *m, uint32_t seat)
{
	uint32_t room = m->seats[seat].room, at = m->seats[seat].at;
	struct room *r = h->table.rooms[room];
	struct occupant *o = room_occupants(r);
	o[at] = o[--r->n];
	h->members[o[at].member]->seats[o[at].seat].at = at;
	m->seats[seat] = m->seats[--m->nseats];
	if (seat < m->nseats)
		room_occupants(h->table.rooms[m->seats[seat].room])[m->seats[seat].at].seat = seat;
	if (r->n == 0)
		room_drop(&h->table, room);
	h->stats.seats--;
	h->stats.rooms = h->table.count;
}

bool hub_leave(struct hub *h, struct hub_member *m, struct slice name)
{
	uint32_t room = room_find(&h->table, name);
	uint32_t seat = room == ROOM_NONE ? m->nseats : seat_in(h, m, room);
	if (seat == m->nseats)
		return false;
	stand_up(h, m, seat);
	return true;
}

void hub_leave_all(struct hub *h, struct hub_member *m)
{
	while (m->nseats)
		stand_up(h, m, m->nseats - 1);
	if (m->number)
		go(h, m);
	free(m->seats);
	*m = (struct hub_member){0};
}

/* ---- looking ---- */

bool hub_is_in(const struct hub *h, const struct hub_member *m, struct slice name)
{
	uint32_t room = room_find(&h->table, name);
	return room != ROOM_NONE && seat_in(h, m, room) < m->nseats;
}

bool hub_room_of(const struct hub *h, const struct hub_member *m, uint32_t i, struct slice *room)
{
	if (i >= m->nseats)
		return false;
	*room = room_name(h->table.rooms[m->seats[i].room]);
	return true;
}

uint32_t hub_places(const struct hub *h)
{
	return h->table.nrooms;
}

bool hub_room_at(const struct hub *h, uint32_t place, struct slice *room, uint32_t *members)
{
	const struct room *r = place < h->table.nrooms ? h->table.rooms[place] : NULL;
	if (!r)
		return false;
	*room = room_name(r);
	*members = r->n;
	return true;
}

/* ---- delivery ---- */

bool hub_next_name(struct slice *names, struct slice *name)
{
	if (!names->p || names->n == 0)
		return false;
	const char *end = memchr(names->p, '\n', names->n);
	*name = slice_of(names->p, end ? (size_t)(end - names->p) : names->n);
	*names = end ? slice_of(end + 1, names->n - name->n - 1) : (struct slice){0};
	return true;
}

void hub_begin(struct hub *h)
{
	if (++h->stamp)
		return;
	for (uint32_t i = 0; i < h->nmembers; i++) /* happens once in 2^32 deliveries */
		h->members[i]->stamp = 0;
	h->stamp = 1;
}

bool hub_reach(struct hub *h, struct hub_member *m)
{
	bool first = m->stamp != h->stamp;
	m->stamp = h->stamp;
	return first;
}

/* The cursor of all members: no room has this number. */
#define ALL_MEMBERS (ROOM_NONE - 1)

struct hub_cursor hub_room(const struct hub *h, struct slice room)
{
	bool all = slice_eq(room, SLICE(HUB_EVERYONE));
	return (struct hub_cursor){.room = all ? ALL_MEMBERS : room_find(&h->table, room)};
}

struct hub_member *hub_next(const struct hub *h, struct hub_cursor *c)
{
	if (c->room == ROOM_NONE)
		return NULL;
	if (c->room == ALL_MEMBERS)
		return c->at < h->nmembers ? h->members[c->at++] : NULL;
	struct room *r = h->table.rooms[c->room];
	return c->at < r->n ? h->members[room_occupants(r)[c->at++].member] : NULL;
}

size_t hub_send(struct hub *h, struct slice rooms, struct slice except_rooms, hub_deliver *fn, void *arg)
{
	struct hub_member *m;
	struct slice name;
	size_t sent = 0;
	hub_begin(h);
	while (hub_next_name(&except_rooms, &name))
		for (struct hub_cursor at = hub_room(h, name); (m = hub_next(h, &at));)
			hub_reach(h, m);
	while (hub_next_name(&rooms, &name)) {
		for (struct hub_cursor at = hub_room(h, name); (m = hub_next(h, &at));) {
			if (!hub_reach(h, m))
				continue;
			fn(m, arg);
			sent++;
		}
	}
	return sent;
}
