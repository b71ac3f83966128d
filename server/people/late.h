/*
 * Late rows: control rows that come while a call that reads a user's rooms is out. They are kept in their order and
 * applied to the answer, because the answer may be older than they are. A row that the answer's snapshot sees is passed
 * over: the answer has it already.
 */
#ifndef PEOPLE_LATE_H
#define PEOPLE_LATE_H

#include "base/slice.h"

enum room_verb { ROOM_JOIN, ROOM_LEAVE, ROOM_KICK }; /* ROOM_KICK: the user may not stay; it names no room */

struct late {
	struct late *next;
	uint64_t xid; /* of the transaction that wrote the row */
	enum room_verb verb;
	uint32_t n;
	char room[];
};

struct late_list { /* owns its rows; late_free frees them */
	struct late *first, **last;
};

void late_init(struct late_list *l);
void late_add(struct late_list *l, uint64_t xid, enum room_verb verb, struct slice room);
void late_free(struct late_list *l); /* the list is empty afterwards */

static inline struct slice late_room(const struct late *l)
{
	return slice_of(l->room, l->n);
}

#endif
