/*
 * The life of a token on a live socket: it runs out, or auth:refresh brings the next. The one client event that the edge answers by
 * itself: the key is here, not in SQL.
 */
#ifndef EVENTS_REFRESH_H
#define EVENTS_REFRESH_H

#include "people/client.h"

void refresh_arm(struct client *c); /* it is open: its timer ends it when the token runs out */
void refresh_event(struct client *c, const struct sio_event *ev); /* one argument, an object */

#endif
