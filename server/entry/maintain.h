/*
 * Maintenance, every two seconds. rt.maintain renews the edge's lease, rotates the outbox, and announces users who went
 * offline. rt.sweep follows, until nothing is left to sweep: a transaction for each portion, so that its locks are held
 * briefly. rt.version is called until the schema is one that this binary works with.
 */
#ifndef ENTRY_MAINTAIN_H
#define ENTRY_MAINTAIN_H

#include "entry/entry.h"

void maintenance_start(struct entry *e);
void maintenance_stop(struct entry *e);
void maintenance_database_up(struct entry *e);
void maintenance_tick(struct entry *e);
const char *maintenance_missing(const struct entry *e); /* what is wrong with the schema; NULL: nothing */

#endif
