/*
 * The table of rooms, by name and by number. There are more rooms than members, so each room is one block of memory,
 * and references to rooms are numbers of 32 bits. Private to hub/.
 */
#ifndef HUB_ROOM_H
#define HUB_ROOM_H

#include "base/slice.h"

#define ROOM_NONE UINT32_MAX

struct occupant {
	uint32_t member; /* its number */
	uint32_t seat;   /* index into its seats */
};

/*
 *   n, cap, name_n | name | occupants: room for cap, n are there
 */
struct room {
	uint32_t n, cap;
	uint16_t name_n;
	char name[];
};

struct room_table {
	struct room **rooms; /* owned, by number; NULL: the number is spare */
	uint32_t *spare;     /* owned; spare numbers */
	uint32_t *slots;     /* owned; a room's number plus one, in the slot of its name's hash; 0: free */
	uint32_t nrooms, cap, nspare, spare_cap, nslots;
	uint32_t count; /* number of rooms, without spare numbers */
	uint64_t seed[2];
};

void room_table_init(struct room_table *t);
void room_table_fini(struct room_table *t); /* the table must be empty */

uint32_t room_find(const struct room_table *t, struct slice name);
uint32_t room_make(struct room_table *t, struct slice name);           /* the name must be new, and below 64 KiB */
void room_drop(struct room_table *t, uint32_t room);                   /* the room must be empty */
void room_add(struct room_table *t, uint32_t room, struct occupant o); /* at the end; the block of the room may move */

uint32_t room_grown(uint32_t cap); /* the next capacity; small rooms get no spare places */

static inline struct slice room_name(const struct room *r)
{
	return slice_of(r->name, r->name_n);
}

struct occupant *room_occupants(struct room *r);

#endif
