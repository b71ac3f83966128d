/*
 * Accepts messages of @socket.io/postgres-emitter (docs/emitter.md). The pump's session listens to its channel. Large
 * messages are in rows, and are read in their order. The outbox has none of this: such events are not ordered with
 * rows, not confirmed, and not recovered.
 *
 *   message.h  one message, checked before anything acts on it      msgpack.h  large messages as JSON
 */
#ifndef EMITTER_EMITTER_H
#define EMITTER_EMITTER_H

#include "db/db.h"
#include "emitter/message.h"
#include "people/people.h"

struct emitter_stats {
	uint64_t outcomes[EMITTER_OUTCOME_MAX];
	uint64_t gaps;             /* how often nobody listened to its channel for a while */
	uint64_t volatile_skipped; /* volatile packets that were not sent, since the connection was not writable */
};

struct emitter {
	struct people *people; /* borrowed */
	struct db *db;         /* borrowed */
	bool on;               /* false: no function here has an effect */
	struct emitter_stats stats;
	struct inbox *inbox; /* made by emitter_start if on, freed by emitter_stop */
};

void emitter_start(struct emitter *em); /* before db_start */
void emitter_stop(struct emitter *em);
void emitter_resumed(struct emitter *em); /* the pump has a session again */

#endif
