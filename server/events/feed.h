/*
 * The feed: takes batches of rows from the pump. Rows come in visibility order, so a control row acts between the
 * events around it.
 */
#ifndef EVENTS_FEED_H
#define EVENTS_FEED_H

#include "events/events.h"

/* As many of them as this turn has time for, one at least; how many. */
size_t feed_batch(struct events *ev, const struct db_batch *b);

#endif
