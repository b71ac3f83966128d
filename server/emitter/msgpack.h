/*
 * MessagePack as @msgpack/msgpack for JavaScript writes it, to the JSON text that JSON.stringify would have written of the same
 * value (G4). Binary is refused: clients are sent JSON alone.
 */
#ifndef EMITTER_MSGPACK_H
#define EMITTER_MSGPACK_H

#include "base/buf.h"

/* Appends one complete value to out; NULL, or why not (then out holds a part). max_out bounds what it appends. */
const char *msgpack_to_json(struct buf *out, struct slice in, size_t max_out) MUST_CHECK;

#endif
