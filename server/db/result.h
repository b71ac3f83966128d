/*
 * Reads a result of libpq: cells as slices and numbers, errors as SQLSTATEs. Holds nothing and needs no connection.
 * Slices borrow from the result. For db/, and for verify/, which has links of its own.
 */
#ifndef DB_RESULT_H
#define DB_RESULT_H

#include "db/db.h"
#include <libpq-fe.h>

struct slice db_cell(const PGresult *res, int row, int col);                       /* empty for null, or no such cell */
bool db_cell_u64(const PGresult *res, int row, int col, uint64_t *out) MUST_CHECK; /* false: null or not a number */

bool db_rows_ok(const PGresult *res) MUST_CHECK; /* it is rows; false for a command's end and for an error */
const char *db_sqlstate(const PGresult *res);    /* of an error; XX000 when the server gave none */

/* An error that does not say whether the transaction was committed; so every one that Postgres has not given. */
bool db_outcome_unknown(const PGresult *res) MUST_CHECK;

#define DB_UNREGISTERED "RT410" /* an edge is not in bellwire.edges, or no longer: it has to open its pump again */

/* Of an RT429: how long the caller is to wait, as DETAIL or HINT says; 1000 where neither is a number. */
uint64_t db_retry_after_ms(const PGresult *res);

/* Text with a NUL cannot be a parameter: libpq would cut it there. */
bool db_has_nul(struct slice s) MUST_CHECK;

#endif
