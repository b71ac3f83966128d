/*
 * Names of rooms: the family of a name (people/rooms.def), and lists of names joined by newline, as the database sends
 * them.
 */
#ifndef PEOPLE_ROOM_NAMES_H
#define PEOPLE_ROOM_NAMES_H

#include "base/buf.h"
#include "people/rooms.def"

enum room_family {
#define X(NAME, prefix, derived) ROOM_##NAME,
	ROOM_FAMILIES(X)
#undef X
		ROOM_OTHER /* no family: a socket's own room, or a room of the emitter's */
};

enum room_family room_family(struct slice room);
bool room_is_derived(enum room_family f);                              /* rows alone grant its rooms */
struct slice room_rest(struct slice room, enum room_family f);         /* the name without the prefix */
void room_put(struct buf *out, enum room_family f, struct slice rest); /* appends prefix and rest */
bool rooms_have(struct slice lines, struct slice room) MUST_CHECK;     /* lines: names joined by newline */

#endif
