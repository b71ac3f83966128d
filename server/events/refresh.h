/*
 * The life of a token on a live socket: the token ends, or auth:refresh brings the next one. auth:refresh is the only
 * client event that the edge answers by itself, because the key is here and not in SQL.
 */
#ifndef EVENTS_REFRESH_H
#define EVENTS_REFRESH_H

#include "events/events.h"
#include "people/client.h"

void refresh_arm(struct client *c); /* of an open client: its timer will end it when the token ends */
/* ev has one argument, an object. The answer comes later where rt.user_of has to be asked. */
void refresh_event(struct events *events, struct client *c, const struct sio_event *ev);

#endif
