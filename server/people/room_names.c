/*
 * Names of rooms, as text: their members are the hub's.
 */
#include "people/room_names.h"
#include "hub/hub.h"

static const struct {
	struct slice prefix;
	bool derived;
} families[] = {
#define X(NAME, prefix, derived) {SLICE_INIT(prefix), derived},
	ROOM_FAMILIES(X)
#undef X
};

enum room_family room_family(struct slice room)
{
	size_t i = 0;
	while (i < ROOM_OTHER && !slice_starts(room, families[i].prefix))
		i++;
	return (enum room_family)i;
}

bool room_is_derived(enum room_family f)
{
	return f < ROOM_OTHER && families[f].derived;
}

struct slice room_rest(struct slice room, enum room_family f)
{
	size_t n = families[f].prefix.n;
	return slice_of(room.p + n, room.n - n);
}

void room_put(struct buf *out, enum room_family f, struct slice rest)
{
	buf_slice(out, families[f].prefix);
	buf_slice(out, rest);
}

bool rooms_have(struct slice lines, struct slice room)
{
	struct slice line;
	while (hub_next_name(&lines, &line))
		if (slice_eq(line, room))
			return true;
	return false;
}
