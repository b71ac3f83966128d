/*
 * Recovery (docs/recovery.md): a client that asks for it is given offsets, and one that comes back with an offset is sent what it missed.
 * Everything works without this floor; clients that asked for nothing never meet it.
 *
 *   offsets.h  what a client that asked is given, and when      recover.h  one comes back: what it missed
 *   offset_token.h  an offset as text                           missed.h   rt.recover, for those who come back
 *                                                               walk.h     rooms as they were, event by event
 */
#ifndef RECOVERY_RECOVERY_H
#define RECOVERY_RECOVERY_H

#include "events/events.h"

struct recovery {
	struct people *people; /* borrowed, as these three are */
	const struct events *events;
	struct db *db;
	void (*on_key)(struct recovery *rec); /* the key was read, or will not be; recover.c sets it */
	/* each made by its file's start and freed by its stop */
	struct offsets *offsets;
	struct attempts *attempts;
	struct missed *missed;
};

#endif
