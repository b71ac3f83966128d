/*
 * Rooms that are read again: after a gap of the pump, or when the database says that control rows do not tell
 * everything (imports, TRUNCATE). Control rows that come while a read is out are kept and applied to its answer
 * (people/late.h).
 */
#ifndef EVENTS_ROOMS_H
#define EVENTS_ROOMS_H

#include "events/events.h"
#include "people/late.h"

struct user;

void rooms_start(struct events *ev);
void rooms_stop(struct events *ev);
void rooms_database_up(struct events *ev);
void rooms_gap(struct events *ev); /* everybody's; until they are told sync:required they hear nothing */
/* False: the user's rooms may be others than those its clients are in; an answer will say. */
bool rooms_are_known(const struct events *ev, const struct user *u);
void rooms_read(struct events *ev, struct user *u); /* puts the user into the queue */
void rooms_read_all(struct events *ev);
/* Keeps a control row for the answer. False: the user's rooms are not being read, and nothing was kept. */
bool rooms_keep_late(struct events *ev, struct slice user, uint64_t xid, enum room_verb verb, struct slice room);

#endif
