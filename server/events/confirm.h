/*
 * Delivery fences: an event with a confirm value is followed by an Engine.IO ping. The pong shows that the client library has the event;
 * then the confirm value goes back to the database untouched, with the user it reached, gathered for some milliseconds
 * into one call of rt.confirm.
 */
#ifndef EVENTS_CONFIRM_H
#define EVENTS_CONFIRM_H

#include "events/events.h"

struct sio_socket;

void confirms_start(struct events *ev);
void confirms_stop(struct events *ev);
void confirms_database_up(struct events *ev);
bool confirms_idle(const struct events *ev); /* the database knows all of them */

struct blob *confirm_blob(
	const struct db_event *e); /* what confirm_expect takes: the value and when its row was written */
/* The client was just sent the event: value is its people.fence_value. */
void confirm_expect(struct client *c, struct blob *confirm, uint64_t value);
void confirm_fence(struct sio_socket *s, uint64_t value, void *events); /* the pong came */

#endif
