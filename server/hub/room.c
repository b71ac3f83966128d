#include "hub/room.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include <stddef.h>

uint32_t room_grown(uint32_t cap)
{
	return cap < 16 ? cap + 1 : cap + cap / 2;
}

static size_t occupants_at(size_t name_n)
{
	size_t align = _Alignof(struct occupant);
	return (offsetof(struct room, name) + name_n + align - 1) / align * align;
}

struct occupant *room_occupants(struct room *r)
{
	return (void *)((char *)r + occupants_at(r->name_n));
}

void room_table_init(struct room_table *t)
{
	*t = (struct room_table){0};
	random_bytes(t->seed, sizeof t->seed);
}

void room_table_fini(struct room_table *t)
{
	free(t->rooms);
	free(t->spare);
	free(t->slots);
	*t = (struct room_table){0};
}

/* ---- by name: open addressing, linear ---- */

static uint32_t home(const struct room_table *t, struct slice name)
{
	return (uint32_t)hash_bytes(t->seed, name) & (t->nslots - 1);
}

/* The slot of the name, or the free slot where it belongs. */
static uint32_t slot_of(const struct room_table *t, struct slice name)
{
	uint32_t i = home(t, name);
	while (t->slots[i] && !slice_eq(room_name(t->rooms[t->slots[i] - 1]), name))
		i = (i + 1) & (t->nslots - 1);
	return i;
}

uint32_t room_find(const struct room_table *t, struct slice name)
{
	uint32_t found = t->count ? t->slots[slot_of(t, name)] : 0;
	return found ? found - 1 : ROOM_NONE;
}

static void widen_slots(struct room_table *t)
{
	t->nslots = t->nslots ? t->nslots * 2 : 16;
	free(t->slots);
	t->slots = mem_zalloc(t->nslots * sizeof(*t->slots));
	for (uint32_t i = 0; i < t->nrooms; i++)
		if (t->rooms[i])
			t->slots[slot_of(t, room_name(t->rooms[i]))] = i + 1;
}

/* Frees a slot. Entries behind it move up, if a search would not find them any more. */
static void free_slot(struct room_table *t, uint32_t hole)
{
	uint32_t mask = t->nslots - 1;
	for (uint32_t i = (hole + 1) & mask; t->slots[i]; i = (i + 1) & mask) {
		uint32_t at = home(t, room_name(t->rooms[t->slots[i] - 1]));
		if (((i - at) & mask) >= ((i - hole) & mask)) {
			t->slots[hole] = t->slots[i];
			hole = i;
		}
	}
	t->slots[hole] = 0;
}

/* ---- by number ---- */

static uint32_t room_number(struct room_table *t)
{
	if (t->nspare)
		return t->spare[--t->nspare];
	if (t->nrooms == t->cap) {
		t->cap = t->cap ? t->cap + t->cap / 4 + 1 : 16;
		t->rooms = mem_realloc(t->rooms, t->cap * sizeof(*t->rooms));
	}
	return t->nrooms++;
}

uint32_t room_make(struct room_table *t, struct slice name)
{
	struct room *r = mem_alloc(occupants_at(name.n) + sizeof(struct occupant));
	*r = (struct room){.cap = 1, .name_n = (uint16_t)name.n};
	if (name.n)
		memcpy(r->name, name.p, name.n);
	uint32_t i = room_number(t);
	t->rooms[i] = r;
	if (4 * (uint64_t)++t->count > 3 * (uint64_t)t->nslots)
		widen_slots(t); /* enters the new room as well */
	else
		t->slots[slot_of(t, name)] = i + 1;
	return i;
}

void room_drop(struct room_table *t, uint32_t room)
{
	free_slot(t, slot_of(t, room_name(t->rooms[room])));
	free(t->rooms[room]);
	t->rooms[room] = NULL;
	t->count--;
	if (t->nspare == t->spare_cap) {
		t->spare_cap = t->spare_cap ? t->spare_cap * 2 : 16;
		t->spare = mem_realloc(t->spare, t->spare_cap * sizeof(*t->spare));
	}
	t->spare[t->nspare++] = room;
}

void room_add(struct room_table *t, uint32_t room, struct occupant o)
{
	struct room *r = t->rooms[room];
	if (r->n == r->cap) {
		r->cap = room_grown(r->cap);
		r = t->rooms[room] = mem_realloc(r, occupants_at(r->name_n) + r->cap * sizeof(struct occupant));
	}
	room_occupants(r)[r->n++] = o;
}
