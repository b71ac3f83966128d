/*
 * Names of users, for what is relayed without asking the database (rt.names). Control rows tell of changes.
 */
#ifndef EVENTS_NAMES_H
#define EVENTS_NAMES_H

#include "events/events.h"
#include "people/user.h"

void names_start(struct events *ev);
void names_stop(struct events *ev);
void names_database_up(struct events *ev);

/* False: it is not known. It is asked for then, unless it is already. *name: until the loop goes on. */
bool names_of(struct events *ev, struct user *u, struct slice *name) MUST_CHECK;
void names_forget(struct user *u); /* the name may have changed */

#endif
