/*
 * Rooms and their members. A delivery goes to the members of some rooms and not of others, to each once. The hub knows
 * names and members, but no packets, no sockets and no users: the caller embeds a struct hub_member and gives a
 * function that delivers.
 *
 * A room exists while it has members. Joining, leaving and finding cost O(1) in the size of a room; leaving all rooms
 * costs O(1) for each.
 */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include "base/slice.h"

struct hub;
struct hub_seat;

#define HUB_NAME_MOST UINT16_MAX
#define HUB_EVERYONE "\x01" /* the room of all members; no row can name it */

struct hub_member {
	struct hub_seat *seats; /* owned by the hub; one for each room that it is in */
	uint32_t nseats, cap;
	uint32_t number; /* 0: not in the hub */
	uint32_t stamp;  /* the last delivery that reached or excepted it */
};

struct hub_stats {
	uint64_t rooms, seats; /* now */
};

struct hub *hub_new(void);
void hub_free(struct hub **h); /* all rooms must be empty */
const struct hub_stats *hub_stats(const struct hub *h);

/* m is in HUB_EVERYONE until hub_leave_all; hub_join does this too. */
void hub_enter(struct hub *h, struct hub_member *m);
/* False: m is in the room already, or it is no name of a room. */
bool hub_join(struct hub *h, struct hub_member *m, struct slice room);
bool hub_leave(struct hub *h, struct hub_member *m, struct slice room); /* false: it was not in the room */
void hub_leave_all(struct hub *h, struct hub_member *m);                /* leaves all rooms, and the hub */
bool hub_is_in(const struct hub *h, const struct hub_member *m, struct slice room);

/* Room number i, from 0, of the rooms that a member has joined, in no order; false: there are fewer. */
bool hub_room_of(const struct hub *h, const struct hub_member *m, uint32_t i, struct slice *room);

/*
 * Every room, in pieces: rooms have places from 0 up to hub_places, and a room keeps its place. False: the place is
 * free.
 */
uint32_t hub_places(const struct hub *h);
bool hub_room_at(const struct hub *h, uint32_t place, struct slice *room, uint32_t *members);

/* Takes the next name from *names, which are joined by newline; false: there are no more. */
bool hub_next_name(struct slice *names, struct slice *name);

/*
 * A delivery. After hub_begin the caller asks hub_reach for each member in turn, first for the excepted ones; hub_reach
 * says yes once for each. The caller chooses the members: a cursor gives those that joined a room, and the caller's own
 * lists may give others, which belong to a room without having joined it. Until the delivery is over no member may
 * join, leave or enter.
 *
 *   hub_begin(h);
 *   for (struct hub_cursor at = hub_room(h, name); (m = hub_next(h, &at));)
 *           if (hub_reach(h, m))
 *                   ...
 */
struct hub_cursor {
	uint32_t room, at;
};
#define HUB_NO_ROOM ((struct hub_cursor){.room = UINT32_MAX})
void hub_begin(struct hub *h);
bool hub_reach(struct hub *h, struct hub_member *m); /* false: it was reached or excepted in this delivery */
struct hub_cursor hub_room(const struct hub *h, struct slice room);      /* HUB_EVERYONE: all members */
struct hub_member *hub_next(const struct hub *h, struct hub_cursor *at); /* NULL: all were given */

/*
 * A whole delivery to members that joined: fn is called once for each member of `rooms` that is in none of `except`.
 * Returns the number of calls. Names are joined by newline; HUB_EVERYONE stands alone.
 */
typedef void hub_deliver(struct hub_member *m, void *arg);
size_t hub_send(struct hub *h, struct slice rooms, struct slice except_rooms, hub_deliver *fn, void *arg);

#endif
