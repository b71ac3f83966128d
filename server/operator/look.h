/*
 * What operators see of this edge. docs/operating.md has the keys of each body.
 */
#ifndef OPERATOR_LOOK_H
#define OPERATOR_LOOK_H

#include "operator/ask.h"

struct room_count {
	uint32_t place, members;
};

bool look_edge(struct operator* op, struct ask *a);
bool look_sockets(struct operator* op, struct ask *a);
bool look_rooms(struct operator* op, struct ask *a); /* the largest first; look_rooms.c */

/* The sockets in the rooms whose `names` the question has, joined by newline; the kind `busy`. */
bool look_busy(struct operator* op, struct ask *a);

/* A socket as an object. peer: with the address of its client, which is not shown to everybody. */
void look_put_socket(const struct client *c, bool peer, struct buf *b);

#endif
