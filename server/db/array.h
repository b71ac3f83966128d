/*
 * A text[] literal for a parameter, written element by element into a buffer. Any text may be an element.
 */
#ifndef DB_ARRAY_H
#define DB_ARRAY_H

#include "base/buf.h"

void db_array_begin(struct buf *b);
void db_array_add(struct buf *b, struct slice s); /* quoted and escaped */
void db_array_end(struct buf *b);

#endif
