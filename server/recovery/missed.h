/*
 * What clients missed: rt.recover for those whose attempt knows up to where, a batch at a time, and the walk over each one's rows.
 */
#ifndef RECOVERY_MISSED_H
#define RECOVERY_MISSED_H

#include "people/client.h"
#include "recovery/recovery.h"

void missed_start(struct recovery *rec);
void missed_stop(struct recovery *rec);

void missed_ask(struct recovery *rec, struct client *c); /* the client stands in line: PLACE_MISSED */

#endif
