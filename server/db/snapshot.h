/*
 * A pg_snapshot: which transactions it sees. As Postgres' text, and packed into few bytes for tokens that clients keep.
 */
#ifndef DB_SNAPSHOT_H
#define DB_SNAPSHOT_H

#include "base/buf.h"

struct db_snapshot;

struct db_snapshot *db_snapshot_parse(struct slice text); /* the caller's to free; NULL when malformed */
void db_snapshot_free(struct db_snapshot **s);

/* Transaction xid had committed, or been rolled back, when the snapshot was taken: a snapshot does not tell which. */
bool db_snapshot_sees(const struct db_snapshot *s, uint64_t xid);

/*
 * Does outer see all that inner sees, but for the n transactions of `besides`? Where inner ends more than so many above
 * outer: false.
 */
#define SNAPSHOT_APART 1024
bool db_snapshot_within(const struct db_snapshot *inner, const struct db_snapshot *outer, const uint64_t besides[],
                        size_t n) MUST_CHECK;

/* Its xmin and xmax, of the text. */
bool db_snapshot_bounds(struct slice text, uint64_t *xmin, uint64_t *xmax) MUST_CHECK; /* false: malformed */

/* Transactions from this one on had not begun. */
uint64_t db_snapshot_xmax(const struct db_snapshot *s);

/*
 * Adds the text of this snapshot as it is once the n transactions from xid on are seen as well. None of them had begun
 * before it; those that began between, SNAPSHOT_BETWEEN at most, count as in flight. False: something else, and nothing
 * was added.
 */
#define SNAPSHOT_BETWEEN 16
bool db_snapshot_add(struct buf *out, const char *text, uint64_t xid, unsigned n) MUST_CHECK;

/*
 * The packed form: numbers of seven bits a byte; each transaction in flight is written as its distance from the one
 * before it. A snapshot has exactly one packed form, and unpack refuses every other sequence of bytes.
 */
bool db_snapshot_pack(struct buf *out, const char *text) MUST_CHECK; /* false: malformed, nothing was added */

/*
 * Takes a packed snapshot from the start of *in, which moves past it, and adds its text. At most max may be in
 * flight.
 */
bool db_snapshot_unpack(struct slice *in, struct buf *text, size_t max) MUST_CHECK;

#endif
