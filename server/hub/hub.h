/*
 * Rooms and who is in them; delivery to the union of some rooms but others, each member once. Knows names and members, no
 * packets, no sockets and no users: the caller embeds a struct hub_member and gives a function that delivers.
 *
 * Rooms exist while they have members. Joining, leaving and finding cost O(1) in the size of a room; leaving everything
 * costs the member's rooms.
 */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include "base/slice.h"

struct hub;
struct hub_seat;

#define HUB_NAME_MOST UINT16_MAX
#define HUB_EVERYONE "\x01" /* stands for all who have entered; no row can name it */

struct hub_member {
	struct hub_seat *seats; /* the rooms it is in */
	uint32_t nseats, cap;
	uint32_t number; /* 0: not in the hub */
	uint32_t stamp;  /* the last delivery that reached or excepted it */
};

struct hub_stats {
	uint64_t rooms, seats; /* now */
};

struct hub *hub_new(void);
void hub_free(struct hub **h); /* rooms must be empty */
const struct hub_stats *hub_stats(const struct hub *h);

void hub_enter(struct hub *h,
               struct hub_member *m); /* from here to hub_leave_all it is one of all; joining a room does it, too */
bool hub_join(struct hub *h, struct hub_member *m,
              struct slice room); /* false: was in it already, or no name of a room */
bool hub_leave(struct hub *h, struct hub_member *m, struct slice room); /* false: was not in it */
void hub_leave_all(struct hub *h, struct hub_member *m);                /* and the hub */
bool hub_is_in(const struct hub *h, const struct hub_member *m, struct slice room);

/* The rooms a member has joined, in no order: i from 0; false at the end. */
bool hub_room_of(const struct hub *h, const struct hub_member *m, uint32_t i, struct slice *room);

/* The next of names joined by newline, as the database sends them; false: there are no more. */
bool hub_next_name(struct slice *names, struct slice *name);

/*
 * A delivery. It begins; then hub_reach is asked for each member in turn, first for those that are to be excepted, and says yes
 * once for each. Who the members are is up to the caller: those who joined a room come from a cursor, and others, whose
 * room follows from who they are, from the caller's own lists. Until the delivery is over nobody may join, leave or enter.
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
struct hub_cursor hub_room(const struct hub *h, struct slice room);      /* HUB_EVERYONE: all who have entered */
struct hub_member *hub_next(const struct hub *h, struct hub_cursor *at); /* NULL: that were all */

/*
 * A whole delivery to those who joined: fn is called once for each member of the rooms that is in none of the except rooms. Returns
 * how many that were. Names are joined by newline; HUB_EVERYONE stands alone.
 */
typedef void hub_deliver(struct hub_member *m, void *arg);
size_t hub_send(struct hub *h, struct slice rooms, struct slice except_rooms, hub_deliver *fn, void *arg);

#endif
