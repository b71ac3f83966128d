/*
 * Recovery (docs/recovery.md): a client that asks for it is given offsets. A client that comes back with an offset is
 * sent the events that it missed. Everything works without this floor, and clients that did not ask never meet it.
 *
 *   offsets.h       which clients get an offset, and when      recover.h  attempts begin
 *   offset_token.h  an offset as text                          attempt.h  the steps of an attempt
 *   refused.h       why an attempt fails                       missed.h   rt.recover
 *                                                              walk.h     rooms as they were, event by event
 */
#ifndef RECOVERY_RECOVERY_H
#define RECOVERY_RECOVERY_H

#include "events/events.h"

struct recovery {
	struct people *people; /* borrowed; so are the next two */
	const struct events *events;
	struct db *db;
	/* Of what a client missed, as its queue counts them: with more, a slow line would end it, each time it came back. */
	size_t bytes_max;
	void (*on_key)(struct recovery *rec); /* the key was read, or cannot be; recover.c sets it */
	/* Each is made by the start function of its file, and freed by the stop function. */
	struct offsets *offsets;
	struct attempts *attempts;
	struct missed *missed;
};

#endif
