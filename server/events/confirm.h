/*
 * Delivery fences. An event with a confirm value is followed by an Engine.IO ping, and the pong shows that the client
 * library has the event. The confirm value then goes back to the database untouched, together with the user's id.
 * Values are gathered into one call of rt.confirm: of 25 ms, and of up to 100 while they follow each other.
 */
#ifndef EVENTS_CONFIRM_H
#define EVENTS_CONFIRM_H

#include "events/events.h"

struct sio_socket;

void confirms_start(struct events *ev);
void confirms_stop(struct events *ev);
void confirms_database_up(struct events *ev);
bool confirms_idle(const struct events *ev); /* every confirmation has reached the database */
void confirms_flush(struct events *ev);      /* no more will come: those that wait for others wait no longer */

struct delivery *confirm_delivery(const struct db_event *e); /* of a row; the reference is the caller's */
/* The client has been sent the event; value: people.fence_value, which no earlier call for the client has had. */
void confirm_expect(struct client *c, struct delivery *d, uint64_t value);
/* Something other than a pong shows that the client has this message. */
void confirm_covered(const struct events *ev, const struct client *c, struct slice uuid);
void confirm_fence(struct sio_socket *s, uint64_t value, void *events); /* the pong came */

#endif
