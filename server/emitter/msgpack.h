/*
 * Converts MessagePack, as @msgpack/msgpack for JavaScript writes it, to the JSON text that JSON.stringify writes for
 * the same value (G4). Binary is refused, since clients are sent JSON only.
 */
#ifndef EMITTER_MSGPACK_H
#define EMITTER_MSGPACK_H

#include "base/buf.h"

/* Appends one complete value to out, at most max_out bytes. NULL: done. Else what is wrong; out then has a part of the
 * value. */
const char *msgpack_to_json(struct buf *out, struct slice in, size_t max_out) MUST_CHECK;

#endif
