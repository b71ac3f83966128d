/*
 * One user at this edge, as the page shows it: the sockets that are here, those that have ended, and what was last sent
 * to them (people/trace.h). Nobody's network address is in it.
 */
#ifndef OPERATOR_RECENT_H
#define OPERATOR_RECENT_H

#include "operator/ask.h"

/* The kind `user`. The body is {"sockets": [...], "ended": [...], "deliveries": [...]}. */
bool recent_work(struct operator* op, struct ask *a);

#endif
