/*
 * After an outage the live sockets are registered again by rt.socket_register, because a crash of Postgres empties the
 * table of sockets. One call is out at a time: all together would wait for longer than a call may take. No end is sent
 * meanwhile, since registering would undo it.
 */
#ifndef ENTRY_REGISTER_H
#define ENTRY_REGISTER_H

#include "entry/entry.h"

void registers_start(struct entry *e);
void registers_stop(struct entry *e);
void registers_database_up(struct entry *e); /* does nothing the first time */
void registers_tick(struct entry *e);        /* repeats a call that failed */

#endif
