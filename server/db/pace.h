/*
 * How often the pump polls, and when it wants to be rung instead (design section 2, docs/decisions/0010-pace.md).
 *
 *   BUSY    polls every 1 to 3 ms (poll_ms); writers need not ring
 *   DRAIN   bell armed; polls until every transaction that may have seen "nobody sleeps" is over
 *   ASLEEP  bell armed; polls when it rings, and rarely anyway
 *
 * Knows numbers and clocks only; the pump sends the statements.
 */
#ifndef DB_PACE_H
#define DB_PACE_H

#include "db/db_internal.h"

enum pace_state { PACE_AWAY, PACE_BUSY, PACE_DRAIN, PACE_ASLEEP };

struct pace {
	struct db *db;
	enum pace_state state;
	bool want_arm, want_disarm; /* to be told to the database */
	uint64_t armed_xid, armed_at;
	uint64_t window_at, window_rows;
	uint64_t asked_at, asked_us, took_us; /* when the last fetch was asked for, and how long its answer took */
};

void pace_begin(struct pace *p); /* a new session: BUSY, nothing armed */
void pace_end(struct pace *p);
void pace_armed(struct pace *p,
                uint64_t xid); /* the bell's lock is held; xid is younger than whoever has not seen it */

void pace_asked(struct pace *p);
void pace_answered(struct pace *p);
void pace_fetched(struct pace *p, uint64_t rows,
                  uint64_t xmin); /* a whole fetch, with the oldest transaction of its snapshot */

uint64_t pace_next(const struct pace *p); /* when to poll again, loop_now; 0: when rung */

#endif
