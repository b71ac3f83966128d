/*
 * Sockets that an operator ends, some in each turn: `error` FORBIDDEN with the reason, then a disconnect.
 */
#ifndef OPERATOR_KICK_H
#define OPERATOR_KICK_H

#include "operator/ask.h"

bool kick_work(struct operator* op, struct ask *a); /* the body is {"ended": how many} */

#endif
