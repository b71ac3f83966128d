#include "db/lone_row.h"

#include "base/number.h"

#define SEPARATOR '\x1e'

enum {
	PART_SNAPSHOT,
	PART_XID,
	PART_XMIN,
	PART_ID,
	PART_EPOCH,
	PART_AT,
	PART_ROOM,
	PART_EVENT,
	PART_DATA,
	PART_CONFIRM, /* missing where it is null */
	PARTS
};

static bool lone_row_cut(struct slice text, struct slice parts[PARTS])
{
	size_t i = 0;
	for (const char *end; text.n && (end = memchr(text.p, SEPARATOR, text.n)); i++) {
		if (i == PARTS - 1)
			return false;
		parts[i] = slice_of(text.p, (size_t)(end - text.p));
		text = slice_of(end + 1, text.n - parts[i].n - 1);
	}
	parts[i] = text;
	return i >= PART_DATA;
}

bool lone_row_read(struct slice text, struct lone_row *out)
{
	struct slice p[PARTS] = {[PART_CONFIRM] = SLICE_INIT("")};
	uint64_t xmin, at;
	*out = (struct lone_row){0};
	struct db_event *e = &out->event;
	if (!lone_row_cut(text, p) || !u64_parse(p[PART_XID], &e->xid) || !u64_parse(p[PART_XMIN], &xmin) ||
	    !u64_parse(p[PART_ID], &e->id) || !u64_parse(p[PART_AT], &at) || at > INT64_MAX || p[PART_ROOM].n == 0 ||
	    p[PART_EVENT].n == 0 || p[PART_DATA].n == 0)
		return false;
	/* The row says by 32 bits who wrote it: that transaction, or a subtransaction, whose id is a later one. */
	out->transactions = xmin == (uint32_t)(e->xid + 1) ? 2 : 1;
	e->at_us = (int64_t)at;
	out->snapshot = p[PART_SNAPSHOT];
	out->epoch = p[PART_EPOCH];
	e->rooms = p[PART_ROOM];
	e->except_rooms = e->control = SLICE("");
	e->event = p[PART_EVENT];
	e->data = p[PART_DATA];
	e->confirm = p[PART_CONFIRM];
	return true;
}
