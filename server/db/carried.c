#include "db/carried.h"

#include "db/snapshot.h"

static bool carried_may(const struct carried *c, const struct db_snapshot *seen, const struct db_snapshot *its,
                        uint64_t xid)
{
	/* Postgres leaves a transaction's own id out of its snapshot, so it counts as seen there. */
	uint64_t besides[CARRIED_MOST + 1] = {xid};
	if (c->n == CARRIED_MOST)
		return false;
	for (size_t i = 0; i < c->n; i++) {
		if (c->rows[i].xid == xid)
			return false;
		besides[i + 1] = c->rows[i].xid;
	}
	return db_snapshot_within(its, seen, besides, c->n + 1);
}

enum carried_fate carried_judge(const struct carried *c, const char *cursor, const struct lone_row *row)
{
	enum carried_fate fate = CARRIED_LATER;
	struct db_snapshot *seen = db_snapshot_parse(slice_str(cursor)), *its = db_snapshot_parse(row->snapshot);
	if (seen && its && db_snapshot_sees(seen, row->event.xid))
		fate = CARRIED_READ;
	else if (seen && its && carried_may(c, seen, its, row->event.xid))
		fate = CARRIED_NOW;
	db_snapshot_free(&seen);
	db_snapshot_free(&its);
	return fate;
}

void carried_add(struct carried *c, const struct db_event *e)
{
	assert(c->n < CARRIED_MOST);
	c->rows[c->n++] = (struct db_row){e->id, e->xid, e->at_us};
}

bool carried_has(const struct carried *c, const struct db_event *e)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->rows[i].id == e->id && c->rows[i].xid == e->xid && c->rows[i].at_us == e->at_us)
			return true;
	return false;
}
