/*
 * Rooms by name, and by number: there are more rooms than members, so each is one block of memory, and what points to a room is a
 * number of 32 bits. Private to hub/.
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
 *   n, cap, name_n | name | occupants: n taken, cap in all
 */
struct room {
	uint32_t n, cap;
	uint16_t name_n;
	char name[];
};

struct room_table {
	struct room **rooms; /* by number; NULL: a spare one */
	uint32_t *spare;
	uint32_t *slots; /* numbers plus one, 0: free; where a room stands follows from the hash of its name */
	uint32_t nrooms, cap, nspare, spare_cap, nslots;
	uint32_t count; /* of rooms, without the spare numbers */
	uint64_t seed[2];
};

void room_table_init(struct room_table *t);
void room_table_fini(struct room_table *t); /* when it is empty */

uint32_t room_find(const struct room_table *t, struct slice name);
uint32_t room_make(struct room_table *t, struct slice name); /* the name is not there yet, and not longer than 64 KiB */
void room_drop(struct room_table *t, uint32_t room);         /* nobody is in it */
void room_add(struct room_table *t, uint32_t room, struct occupant o); /* to the end; the room may move */

uint32_t room_grown(uint32_t cap); /* how much is kept for more: nothing for the small */

static inline struct slice room_name(const struct room *r)
{
	return slice_of(r->name, r->name_n);
}

struct occupant *room_occupants(struct room *r);

#endif
