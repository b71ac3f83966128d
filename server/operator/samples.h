/*
 * A ring of samples, one a second, and counts by reason, one a minute. It takes what somebody has counted and knows no
 * clock: operator/history.c brings both.
 */
#ifndef OPERATOR_SAMPLES_H
#define OPERATOR_SAMPLES_H

#include "people/counts.h"

#define HISTORY_SECONDS 600

/*
 * The columns of a sample, in the order in which programs read them: X(COLUMN, name). Latencies are in microseconds,
 * from the writing of a row to its frames written, and to its confirmations: half of them, and 99 of 100, took no
 * longer; 0: there was none in this second.
 */
/* clang-format off: one row a line */
#define HISTORY_COLUMNS(X)                                                               \
	X(CONNECTIONS, connections)                                                      \
	X(SOCKETS, sockets)                                                              \
	X(USERS, users)                                                                  \
	X(WAITING, waiting)         /* client events that wait for the database */       \
	X(QUEUED_KB, queued_kb)     /* for slow connections and clients between polls */ \
	X(PUMP, pump)               /* as the metric bellwire_pump_state */              \
	X(LAG_MS, lag_ms)           /* as bellwire_pump_lag_seconds */                   \
	X(EVENTS_IN, events_in)     /* from here on: in this second */                   \
	X(PACKETS_OUT, packets_out) /* to clients */                                     \
	X(ROWS, rows)               /* that the pump has read */                         \
	X(FETCHES, fetches)         /* of the pump */                                    \
	X(BELLS, bells)             /* that it has heard */                              \
	X(ERRORS, errors)           /* told to clients */                                \
	X(ENDED, ended)             /* sockets */                                        \
	X(CPU, cpu)                 /* of the process, in thousandths of a core */       \
	X(WRITTEN_P50, written_p50)                                                      \
	X(WRITTEN_P99, written_p99)                                                      \
	X(CONFIRMED_P50, confirmed_p50)                                                  \
	X(CONFIRMED_P99, confirmed_p99)
/* clang-format on */

enum history_column {
#define X(COLUMN, name) HISTORY_##COLUMN,
	HISTORY_COLUMNS(X)
#undef X
		HISTORY_COLUMN_MAX
};

#define HISTORY_GAUGES HISTORY_EVENTS_IN /* so many columns are as they are now */
#define HISTORY_MINUTES 11               /* of counts by reason: ten have passed since the oldest */

/* What an edge has counted up to a moment. */
struct tally {
	uint32_t gauges[HISTORY_GAUGES];
	uint64_t events_in, packets_out, rows, fetches, bells, cpu_us;
	uint64_t errors[ERROR_COUNTED], ended[CLOSE_REASON_MAX];
	struct histogram written, confirmed;
};

struct reasons {
	uint64_t errors[ERROR_COUNTED], ended[CLOSE_REASON_MAX];
};

struct samples {
	uint64_t n;               /* so far: the last HISTORY_SECONDS are kept */
	uint64_t at_ms, taken_ms; /* loop_now: the second that the last one is of; when it was taken */
	struct tally last;
	struct reasons minutes[HISTORY_MINUTES];
	uint32_t rows[HISTORY_SECONDS][HISTORY_COLUMN_MAX];
};

void samples_begin(struct samples *s, const struct tally *now, uint64_t now_ms);

/* Adds a sample for each second that has passed: after a turn of the loop that took seconds they are all alike, so that
 * places in the ring stay times. */
void samples_take(struct samples *s, const struct tally *now, uint64_t now_ms);

uint64_t samples_oldest(const struct samples *s); /* the number of the oldest that is kept; n: there is none */
const uint32_t *samples_row(const struct samples *s, uint64_t number);

/* What had been counted ten minutes ago, to a minute; since the start, when that is not so long ago: zeros. */
const struct reasons *samples_reasons(const struct samples *s);

#endif
