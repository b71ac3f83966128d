/*
 * Every few seconds rt.maintain: the edge's lease, the outbox's rotation, users that went offline. Then rt.sweep until nothing is left, a
 * transaction for each portion, so that nobody waits long for its locks. And rt.version, until the schema is one that this binary
 * works with.
 */
#ifndef ENTRY_MAINTAIN_H
#define ENTRY_MAINTAIN_H

#include "entry/entry.h"

void maintenance_start(struct entry *e);
void maintenance_stop(struct entry *e);
void maintenance_database_up(struct entry *e);
void maintenance_tick(struct entry *e);
const char *maintenance_missing(const struct entry *e); /* why the schema will not do; NULL: it does */

#endif
