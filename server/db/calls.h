/*
 * SQL function calls (db_call): a queue for each class in front of a few links, with one statement out on each. Which
 * link takes which classes is said in calls.c. Private to db/.
 */
#ifndef DB_CALLS_H
#define DB_CALLS_H

#include "db/common.h"

struct calls;

struct calls *calls_new(struct db_common *common);
void calls_start(struct calls *cs);
void calls_check(struct calls *cs);       /* the pump has another position: is every link where it is? */
bool calls_ready(const struct calls *cs); /* a link is up */

uint64_t calls_wait_since(const struct calls *cs); /* the oldest statement out that serves clients; 0: none is */

/* As db_call. A refused call is completed from the loop, as every call is. */
void calls_add(struct calls *cs, enum db_class class, const char *sql, const struct slice *params, size_t n,
               db_done *done, void *arg);

bool calls_close(struct calls *cs); /* completes every call; false: there was none. Repeated until it is false */
void calls_free(struct calls **cs); /* after calls_close */

#endif
