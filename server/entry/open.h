/*
 * CONNECT: the token is checked here, user and rooms by rt.socket_open, a batch at a time. people/client.h draws the states and places of
 * a client that is not open yet.
 *
 *   open_connect -> OPENING --rows say yes--> OPEN: CONNECT reply, `connected`, `sync:required`
 *        |             |--- presents an offset ---> RECOVERING --recovery/recover.h--> OPEN
 *        |             |-------- no --------> REFUSED: CONNECT reply, `error`, disconnect
 *        |             |--- database away --> WAITING: CONNECT reply, `error` UNAVAILABLE
 *        |----- away ------------------------> WAITING --database up--> asked for again, the reply is out already
 *                                                |--5-10 s--> the session ends without a disconnect: the client comes back by itself
 */
#ifndef ENTRY_OPEN_H
#define ENTRY_OPEN_H

#include "entry/entry.h"

struct sio_socket;

void opens_start(struct entry *e);
void opens_stop(struct entry *e);
void opens_database_up(struct entry *e);

void open_connect(struct sio_socket *s, struct slice auth, unsigned flaws, void *entry); /* CONNECT came */
bool open_is_out(const struct client *c);                                                /* the call that opens it is */
void open_forget(struct client *c,
                 bool clean); /* its socket ends; the answer, if one is due, closes it in the database */

#endif
