/*
 * Opening a client whose token was accepted (entry/connect.h). rt.socket_open checks the user and returns the rooms, for a
 * batch of clients at a time. people/client.h draws the states and places of a client that is not open yet.
 *
 *   connect_socket -> OPENING --user may-----> OPEN: CONNECT reply, `connected`, `sync:required`
 *        |             |--- presents an offset ---> RECOVERING --recovery/recover.h--> OPEN
 *        |             |--- user may not ---> REFUSED: CONNECT reply, `error`, disconnect
 *        |             |--- database away --> WAITING: CONNECT reply, `error` UNAVAILABLE
 *        |----- away ------------------------> WAITING --database up--> queued again; the reply is out already
 *                                                |--5-10 s--> the session ends without a disconnect, so the client comes back
 */
#ifndef ENTRY_OPEN_H
#define ENTRY_OPEN_H

#include "entry/entry.h"

struct sio_socket;

void opens_start(struct entry *e);
void opens_stop(struct entry *e);
void opens_database_up(struct entry *e);

void open_queue(struct entry *e, struct client *c); /* it stands in line: PLACE_QUEUE */
bool open_is_out(const struct client *c);           /* rt.socket_open is out for it */
/* The socket ends while it opens. If rt.socket_open is out, the end is told to the database after its answer. */
void open_forget(struct client *c, bool clean);

#endif
