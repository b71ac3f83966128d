/*
 * Delivery: sends one row of the outbox to the clients in its rooms. The row is encoded once, and all clients share the
 * packet.
 */
#ifndef EVENTS_DELIVER_H
#define EVENTS_DELIVER_H

#include "events/events.h"

/* told: called for each open client in the row's rooms; presence keeps its budget with it. May be NULL. */
void deliver_event(struct events *ev, const struct db_event *e, void (*told)(struct client *c, void *arg), void *arg);
struct packet *deliver_packet(const struct db_event *e); /* the row's packet; the reference is the caller's */

#endif
