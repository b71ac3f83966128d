/*
 * CONNECT: the token is checked here, and how many sockets the user has. An accepted client stands in line to open (entry/open.h).
 */
#ifndef ENTRY_CONNECT_H
#define ENTRY_CONNECT_H

#include "entry/entry.h"

struct sio_socket;

/* auth: the payload, or empty; flaws as in sio_event. */
void connect_socket(struct sio_socket *s, struct slice auth, unsigned flaws, void *entry);

#endif
