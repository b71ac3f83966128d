/*
 * Presence on its way to the sockets: the last state per user, in order, a budgeted number per socket and flush, so that a storm of
 * reconnects costs each socket one write a flush and not one per user.
 *
 * The first change after a quiet moment goes out at once; the following ones wait for the next flush. A change that nobody here
 * listens to uses up nobody's budget: a crowd without contacts must not keep others waiting.
 */
#ifndef EVENTS_PRESENCE_H
#define EVENTS_PRESENCE_H

#include "events/events.h"

#define PRESENCE_FLUSH_MS 250
#define PRESENCE_PER_SOCKET 50  /* changes that a socket is told in one flush */
#define PRESENCE_PER_FLUSH 2000 /* changes looked at in one, heard or not: a bound on the turn */

void presence_start(struct events *ev);
void presence_stop(struct events *ev);
bool presence_takes(struct events *ev, const struct db_event *e) MUST_CHECK; /* false: it is no presence, deliver it */
bool presence_idle(const struct events *ev);                                 /* no change waits to be sent */

#endif
