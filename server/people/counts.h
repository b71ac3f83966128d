/*
 * The counters of clients and their events. This file only counts; app/metrics.c prints them under the names of
 * docs/metrics.md.
 */
#ifndef PEOPLE_COUNTS_H
#define PEOPLE_COUNTS_H

#include "auth/auth.h"
#include "base/close.h"
#include "net/loop.h"
#include "people/errors.h"

/* ---- lists ---- */

/* The reason of a socket's sync:required. */
#define CONNECT_REASONS(X)                     \
	X(ESTABLISHED, connection_established) \
	X(RECONNECTION, reconnection)          \
	X(TOKEN_REFRESH, token_refresh)
enum connect_reason {
#define X(NAME, label) CONNECT_##NAME,
	CONNECT_REASONS(X)
#undef X
		CONNECT_REASON_MAX
};
struct slice connect_reason_label(enum connect_reason r);
enum connect_reason connect_reason_find(struct slice label); /* an unknown label is CONNECT_ESTABLISHED */

#define RECOVERY_OUTCOMES(X) X(RECOVERED, recovered) X(REFUSED, refused)
enum recovery_outcome {
#define X(NAME, label) RECOVERY_##NAME,
	RECOVERY_OUTCOMES(X)
#undef X
		RECOVERY_OUTCOME_MAX
};
const char *recovery_outcome_label(enum recovery_outcome o);

enum event_status { STATUS_OK, STATUS_ERROR, STATUS_DROPPED, STATUS_MAX };
const char *event_status_label(enum event_status s);

/* ---- histograms ---- */

#define HISTOGRAM_BOUNDS 14
extern const double histogram_bounds[HISTOGRAM_BOUNDS]; /* seconds */

struct histogram {
	uint64_t buckets[HISTOGRAM_BOUNDS + 1]; /* not cumulative; the last: +Inf */
	uint64_t count;
	double sum;
};
void histogram_add(struct histogram *h, double seconds, uint64_t times);

/* ---- the counts ---- */

#define EVENT_OTHER 0 /* index of all events that are counted without a name */

struct event_count {
	char *name;
	uint64_t n[STATUS_MAX];
};

/* An event of this turn that waits in the queues of connections. */
struct unwritten {
	int64_t at_us;  /* when its row was written, by the database's clock */
	uint64_t times; /* in so many queues */
};

/* Counters without a label: X(member, name, help) of the metric. Each is a member of struct counts and a row of
 * docs/metrics.md. */
#define COUNTS(X)                                                                                                     \
	X(recovered_events, "bellwire_recovered_events_total", "Events sent again to sockets that were recovered")    \
	X(sockets_refused, "bellwire_sockets_refused_total", "Sockets refused because their user had too many")       \
	X(presence_dropped, "bellwire_presence_coalesced_total", "Presence changes superseded before they were sent") \
	X(fences_skipped, "bellwire_fences_skipped_total",                                                            \
	  "Deliveries that will not be confirmed: too many wait for that already, at the socket or "                  \
	  "for the database")

struct counts {
	struct loop *loop;
	struct event_count *events;
	uint32_t nevents;
	struct histogram latency, confirmed, ack;
	uint64_t connects[CONNECT_REASON_MAX], recoveries[RECOVERY_OUTCOME_MAX];
	uint64_t tokens_refused[AUTH_RESULT_MAX]; /* by cause; people/tokens.c counts them */
	uint64_t errors[ERROR_COUNTED];
	uint64_t disconnects[CLOSE_REASON_MAX];
	size_t waiting_bytes; /* now: of client events that wait for the database (events/gate.c) */
#define X(member, name, help) uint64_t member;
	COUNTS(X)
#undef X
	struct unwritten *unwritten;
	size_t nunwritten, unwritten_cap;
	struct deferred written;
};

void counts_init(struct counts *c, struct loop *l);
void counts_fini(struct counts *c);

/* The index of an event, made when it is new; EVENT_OTHER when there are too many. */
uint32_t counts_event(struct counts *c, struct slice name);
void counts_of_event(struct counts *c, struct slice name, enum event_status s, uint64_t times);
void counts_error(struct counts *c, struct slice name); /* a code without a metric is not counted */
/* Notes that frames of a row, written at at_us, wait in so many connections. Their latency is taken when this turn has
 * written them. */
void counts_written(struct counts *c, int64_t at_us, uint64_t times);

#endif
