/*
 * Missed rows: calls rt.recover for clients whose attempt has its P, a batch at a time, and walks over the rows of
 * each.
 */
#ifndef RECOVERY_MISSED_H
#define RECOVERY_MISSED_H

#include "people/client.h"
#include "recovery/recovery.h"

void missed_start(struct recovery *rec);
void missed_stop(struct recovery *rec);

void missed_ask(struct recovery *rec, struct client *c); /* the client goes to PLACE_MISSED */

#endif
