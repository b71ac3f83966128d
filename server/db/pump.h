/*
 * The pump's session: a link of its own on which the outbox is read. When to poll is pace.h's, what an answer says
 * and the cursor are fetch.h's, and who waits for a fetch is waiters.h's. Private to db/.
 */
#ifndef DB_PUMP_H
#define DB_PUMP_H

#include "db/common.h"

struct pump;

struct pump *pump_new(struct db_common *common);
void pump_start(struct pump *p);
bool pump_ready(const struct pump *p); /* positioned on this connection */
void pump_free(struct pump **p);       /* after pump_close */

/* As the functions db_pump_... and db_listen of db.h. */
void pump_set_events(struct pump *p, const struct db_pump_events *ev, void *ctx);
void pump_listen(struct pump *p, const char *channel, void (*fn)(void *ctx, struct slice payload), void *ctx);
/* The row that a lone client event has written (lone_row.h). False: to be fetched, if there is one. */
bool pump_take_lone(struct pump *p, struct slice row) MUST_CHECK;
void pump_poke(struct pump *p); /* polls now: this edge may have written rows */
void pump_poke_then(struct pump *p, void (*done)(void *arg), void *arg); /* and calls done as pump_after does */
/* As that, but polls in so many milliseconds at the latest: a fetch that begins earlier will do. What the transaction
 * xid has written is no reason to poll; 0: not known. */
void pump_poke_soon(struct pump *p, uint64_t ms, uint64_t xid, void (*done)(void *arg), void *arg);
/* The first client is here, while nobody was before: a poll that would wait for a while goes out now. */
void pump_attend(struct pump *p);
bool pump_has_nobody(const struct pump *p); /* its user says that nobody waits for events */
/* Where the pump's session is, and a mark that only this history has; NULL: it is away. Borrowed. */
const char *pump_mark(const struct pump *p);
struct slice pump_place(const struct pump *p);
bool pump_position(struct pump *p, struct db_position *at) MUST_CHECK;
void pump_after(struct pump *p, uint64_t ms, void (*done)(void *arg), void *arg); /* 0: as long as it takes */

uint32_t pump_moment(const struct pump *p);
bool pump_past(const struct pump *p, uint32_t moment);

void pump_reopen(struct pump *p);                /* the edge is not registered: a new session registers it */
uint64_t pump_waits_since(const struct pump *p); /* when the statement was sent that is out; 0: none is */

bool pump_close(struct pump *p); /* completes every waiter; false: there was none. Repeated until it is false */

#endif
