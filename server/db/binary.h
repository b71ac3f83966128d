/*
 * Values in the binary form of Postgres' protocol, as rt.poll_few is asked for them: numbers, a snapshot, and a row of
 * bellwire.outbox as one value. Slices borrow from the value. Private to db/.
 */
#ifndef DB_BINARY_H
#define DB_BINARY_H

#include "base/buf.h"
#include "db/db.h"

bool binary_u64(struct slice value, uint64_t *out) MUST_CHECK; /* of eight bytes; false: it has others */

/* Microseconds since 1970 of a timestamptz; false: it is none, or is before that. */
bool binary_time(struct slice value, int64_t *us) MUST_CHECK;

/* Adds the text of a pg_snapshot; false: it is none. What was added then is for the caller to drop. */
bool binary_snapshot(struct slice value, struct buf *text) MUST_CHECK;

bool binary_row_ids(struct slice row, uint64_t *xid, uint64_t *id) MUST_CHECK; /* false: it is no row */

/*
 * False: it is no row, or no event. Names of several rooms are written into `names`, whose memory must not move: the
 * caller has room there for as many bytes as all rows have.
 */
bool binary_row(struct slice row, struct db_event *e, struct buf *names) MUST_CHECK;

#endif
