/*
 * Accepts @socket.io/postgres-emitter (docs/emitter.md): its channel is heard by the pump's session, and large messages, which stand in
 * rows, are read in their order. Stands outside the outbox: nothing of it is ordered with rows, confirmed or recovered.
 *
 *   message.h  one message, settled before anything acts on it      msgpack.h  large messages as JSON
 */
#ifndef EMITTER_EMITTER_H
#define EMITTER_EMITTER_H

#include "db/db.h"
#include "emitter/message.h"
#include "people/people.h"

struct emitter_stats {
	uint64_t outcomes[EMITTER_OUTCOME_MAX];
	uint64_t gaps;             /* times that its channel was not heard */
	uint64_t volatile_skipped; /* volatile packets not sent: the connection was not writable */
};

struct emitter {
	struct people *people; /* borrowed */
	struct db *db;         /* borrowed */
	bool on;               /* off: nothing here does anything */
	struct emitter_stats stats;
	struct inbox *inbox; /* made by emitter_start, freed by emitter_stop; NULL: off */
};

void emitter_start(struct emitter *em); /* before db_start */
void emitter_stop(struct emitter *em);
void emitter_resumed(struct emitter *em); /* the pump's session was away and is there again */

#endif
