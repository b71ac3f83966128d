/*
 * What this edge remembers of one row of the outbox and one user (people/trace.h).
 */
#ifndef OPERATOR_RECALL_H
#define OPERATOR_RECALL_H

#include "operator/ask.h"

/* The body is {"remembers_from"?, "sockets": [...]}: sockets of the user that are here or have ended, at most 100. */
bool recall_work(struct operator* op, struct ask *a);

#endif
