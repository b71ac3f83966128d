/*
 * A connection whose owner goes before it: what comes yet is nobody's, and the loop's sweep frees it. Private to
 * client/.
 */
#ifndef CLIENT_NOBODY_H
#define CLIENT_NOBODY_H

#include "net/conn.h"

void conn_leave_to_nobody(struct conn *c); /* kills it; its owner hears nothing more */

#endif
