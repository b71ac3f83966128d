/*
 * Rooms read again, when the database says that control rows do not tell the whole (imports, TRUNCATE), or after a gap of the pump.
 * Control rows that come while a read is out are kept and applied on top.
 */
#ifndef EVENTS_ROOMS_H
#define EVENTS_ROOMS_H

#include "events/events.h"
#include "people/late.h"

struct user;

void rooms_start(struct events *ev);
void rooms_stop(struct events *ev);
void rooms_database_up(struct events *ev);
void rooms_gap(struct events *ev);                  /* everybody's, and then they are told sync:required */
void rooms_read(struct events *ev, struct user *u); /* soon */
void rooms_read_all(struct events *ev, bool sync);  /* sync: clients are told sync:required afterwards */
/* Of a user whose rooms are being read: false, nothing was kept, when they are not. */
bool rooms_keep_late(struct events *ev, struct slice user, uint64_t xid, enum room_verb verb, struct slice room);

#endif
