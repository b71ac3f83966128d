/*
 * A result of Postgres as a table for people: columns as wide as they must be. What comes from rows may be anything, so
 * a control character, which a terminal might obey, is shown as a question mark.
 */
#ifndef CMD_TABLE_H
#define CMD_TABLE_H

#include "base/buf.h"
#include <libpq-fe.h>

/* Lines of the columns from `first` on, with their names above, for those rows whose column 0 says `kind`. */
void table_put(struct buf *out, const PGresult *r, int first, const char *kind);

void table_text(struct buf *out, const char *text); /* one cell, as a table has it */

#endif
