/*
 * The end of a socket, whoever ended it: frees the client, and tells the database.
 */
#ifndef ENTRY_LEAVE_H
#define ENTRY_LEAVE_H

#include "base/close.h"
#include "entry/entry.h"

struct sio_socket;

void leave_socket(struct sio_socket *s, enum close_reason why, void *entry);

#endif
