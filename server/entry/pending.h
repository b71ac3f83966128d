/*
 * Sockets whose token cannot be judged yet, because the edge has not read the keys from the database. They have no client.
 * A socket that has waited for a while is told UNAVAILABLE, and is sent off after the same time as one that waits for
 * the database in open.c.
 */
#ifndef ENTRY_PENDING_H
#define ENTRY_PENDING_H

#include "entry/entry.h"

struct sio_socket;

/* The token of a socket is to be judged again. replied: it has its CONNECT reply already. */
typedef void pending_judge(struct entry *e, struct sio_socket *s, struct slice auth, bool replied);

void pendings_start(struct entry *e);
void pendings_stop(struct entry *e);
void pending_add(struct entry *e, const struct sio_socket *s, struct slice auth, pending_judge *judge);
void pendings_go_on(struct entry *e); /* the keys have been read */

#endif
