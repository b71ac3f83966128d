/*
 * One row of the outbox to the clients in its rooms: encoded once, one packet for all.
 */
#ifndef EVENTS_DELIVER_H
#define EVENTS_DELIVER_H

#include "events/events.h"

/* told: called for each client that was sent it, for presence's budget; NULL: nobody counts. */
void deliver_event(struct events *ev, const struct db_event *e, void (*told)(struct client *c, void *arg), void *arg);
struct packet *deliver_packet(const struct db_event *e); /* the caller's */

#endif
