#include "hub/hub.h"
#include "base/map.h"
#include "base/mem.h"

struct room {
	struct map_node node;
	struct occupant {
		struct hub_member *member;
		uint32_t seat; /* index into the member's seats */
	} *occupants;
	uint32_t n, cap;
	uint32_t name_n;
	char name[];
};

struct hub_seat {
	struct room *room;
	uint32_t at; /* index into the room's occupants */
};

struct hub {
	struct map rooms;
	uint64_t stamp;
	struct hub_stats stats;
};

static struct slice room_key(const struct map_node *n)
{
	const struct room *r = container_of(n, const struct room, node);
	return slice_of(r->name, r->name_n);
}

struct hub *hub_new(void)
{
	struct hub *h = NEW(struct hub);
	map_init(&h->rooms, room_key);
	return h;
}

void hub_free(struct hub **hp)
{
	struct hub *h = *hp;
	if (!h)
		return;
	assert(h->rooms.count == 0);
	map_fini(&h->rooms);
	free(h);
	*hp = NULL;
}

const struct hub_stats *hub_stats(const struct hub *h)
{
	return &h->stats;
}

static struct room *find(const struct hub *h, struct slice name)
{
	struct map_node *n = map_find(&h->rooms, name);
	return n ? container_of(n, struct room, node) : NULL;
}

static struct room *find_or_make(struct hub *h, struct slice name)
{
	struct room *r = find(h, name);
	if (r)
		return r;
	r = mem_zalloc(sizeof(*r) + name.n);
	memcpy(r->name, name.p, name.n);
	r->name_n = (uint32_t)name.n;
	map_add(&h->rooms, &r->node);
	h->stats.rooms++;
	return r;
}

static uint32_t grown(uint32_t cap)
{
	return cap < 4 ? cap + 1 : cap + cap / 2;
}

/* Index of the member's seat in the room; nseats when it has none. Looks through the shorter of the two lists. */
static uint32_t seat_in(const struct hub_member *m, const struct room *r)
{
	if (r->n < m->nseats) {
		for (uint32_t i = 0; i < r->n; i++)
			if (r->occupants[i].member == m)
				return r->occupants[i].seat;
		return m->nseats;
	}
	uint32_t i = 0;
	while (i < m->nseats && m->seats[i].room != r)
		i++;
	return i;
}

bool hub_join(struct hub *h, struct hub_member *m, struct slice name)
{
	struct room *r = find_or_make(h, name);
	if (seat_in(m, r) < m->nseats)
		return false;
	if (m->nseats == m->cap) {
		m->cap = grown(m->cap);
		m->seats = mem_realloc(m->seats, m->cap * sizeof(*m->seats));
	}
	if (r->n == r->cap) {
		r->cap = grown(r->cap);
		r->occupants = mem_realloc(r->occupants, r->cap * sizeof(*r->occupants));
	}
	m->seats[m->nseats] = (struct hub_seat){r, r->n};
	r->occupants[r->n++] = (struct occupant){m, m->nseats++};
	h->stats.seats++;
	return true;
}

/* The last occupant takes the place that becomes free, and so does the last seat. */
static void stand_up(struct hub *h, struct hub_member *m, uint32_t seat)
{
	struct room *r = m->seats[seat].room;
	uint32_t at = m->seats[seat].at;
	r->occupants[at] = r->occupants[--r->n];
	r->occupants[at].member->seats[r->occupants[at].seat].at = at;
	m->seats[seat] = m->seats[--m->nseats];
	if (seat < m->nseats)
		m->seats[seat].room->occupants[m->seats[seat].at].seat = seat;
	h->stats.seats--;
	if (r->n == 0) {
		map_del(&h->rooms, &r->node);
		free(r->occupants);
		free(r);
		h->stats.rooms--;
	}
}

bool hub_leave(struct hub *h, struct hub_member *m, struct slice name)
{
	struct room *r = find(h, name);
	uint32_t seat = r ? seat_in(m, r) : m->nseats;
	if (seat == m->nseats)
		return false;
	stand_up(h, m, seat);
	return true;
}

void hub_leave_all(struct hub *h, struct hub_member *m)
{
	while (m->nseats)
		stand_up(h, m, m->nseats - 1);
	free(m->seats);
	*m = (struct hub_member){0};
}

bool hub_is_in(const struct hub *h, const struct hub_member *m, struct slice name)
{
	struct room *r = find(h, name);
	return r && seat_in(m, r) < m->nseats;
}

uint32_t hub_room_size(const struct hub *h, struct slice name)
{
	struct room *r = find(h, name);
	return r ? r->n : 0;
}

bool hub_room_of(const struct hub_member *m, uint32_t i, struct slice *room)
{
	if (i >= m->nseats)
		return false;
	*room = room_key(&m->seats[i].room->node);
	return true;
}

static bool next_name(struct slice *names, struct slice *name)
{
	if (!names->p || names->n == 0)
		return false;
	const char *end = memchr(names->p, '\n', names->n);
	name->p = names->p;
	name->n = end ? (size_t)(end - names->p) : names->n;
	*names = end ? slice_of(end + 1, names->n - name->n - 1) : (struct slice){0};
	return true;
}

size_t hub_send(struct hub *h, struct slice rooms, struct slice except_rooms, hub_deliver *fn, void *arg)
{
	uint64_t stamp = ++h->stamp;
	struct slice name;
	size_t sent = 0;
	while (next_name(&except_rooms, &name)) {
		struct room *r = find(h, name);
		for (uint32_t i = 0; r && i < r->n; i++)
			r->occupants[i].member->stamp = stamp;
	}
	while (next_name(&rooms, &name)) {
		struct room *r = find(h, name);
		for (uint32_t i = 0; r && i < r->n; i++) {
			struct hub_member *m = r->occupants[i].member;
			if (m->stamp == stamp)
				continue;
			m->stamp = stamp;
			fn(m, arg);
			sent++;
		}
	}
	return sent;
}
