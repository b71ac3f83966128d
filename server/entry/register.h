/*
 * After an outage the live sockets are entered again, because the table of sockets does not survive a crash of Postgres: rt.socket_register,
 * one call at a time, as all at once would queue for longer than a call may. Meanwhile no end is sent: it would be undone.
 */
#ifndef ENTRY_REGISTER_H
#define ENTRY_REGISTER_H

#include "entry/entry.h"

void registers_start(struct entry *e);
void registers_stop(struct entry *e);
void registers_database_up(struct entry *e); /* nothing to do the first time */
void registers_tick(struct entry *e);        /* repeats a call that failed */

#endif
