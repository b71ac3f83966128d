/*
 * Sockets whose token cannot be judged yet: the edge has not read the keys from the database, or rt.user_of has not
 * said whose it is. They have no client. A socket that has waited for a while is told UNAVAILABLE, and is sent off after
 * the same time as one that waits for the database in open.c.
 */
#ifndef ENTRY_PENDING_H
#define ENTRY_PENDING_H

#include "entry/entry.h"

struct sio_socket;

/* AUTH_OK: the token is to be judged again; else it is refused. replied: the socket has its CONNECT reply already. */
typedef void pending_judge(struct entry *e, struct sio_socket *s, struct slice auth, bool replied,
                           enum auth_result verdict);

void pendings_start(struct entry *e);
void pendings_stop(struct entry *e);
/* token: the one in auth, where rt.user_of is to be asked; empty: it waits for the keys. */
void pending_add(struct entry *e, const struct sio_socket *s, struct slice auth, struct slice token, uint64_t until_ms,
                 pending_judge *judge);
void pendings_go_on(struct entry *e); /* the keys have been read */

#endif
