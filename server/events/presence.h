/*
 * Presence on its way to the sockets (docs/decisions/0003-presence-budget.md). Changes are kept in order, the last
 * state per user, and sent in flushes with a budget per socket. So a storm of reconnects costs each socket one write a
 * flush and not one per user.
 *
 * The first change after a quiet moment goes out at once; the following ones wait for the next flush. A change that
 * reaches no socket of this edge uses up no budget: a crowd without contacts must not keep others waiting.
 */
#ifndef EVENTS_PRESENCE_H
#define EVENTS_PRESENCE_H

#include "events/events.h"

#define PRESENCE_FLUSH_MS 250
#define PRESENCE_PER_SOCKET 50  /* changes sent to a socket in one flush */
#define PRESENCE_PER_FLUSH 2000 /* changes looked at in one flush, with or without receivers: it bounds the turn */

void presence_start(struct events *ev);
void presence_stop(struct events *ev);
/* Waiting changes are no longer news: everybody synchronises, or nobody was here. */
void presence_gap(struct events *ev);
bool presence_takes(struct events *ev, const struct db_event *e) MUST_CHECK; /* false: an event of another kind */
bool presence_idle(const struct events *ev);                                 /* no change waits to be sent */

#endif
