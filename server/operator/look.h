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

#endif
