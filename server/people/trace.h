/*
 * What became of the last deliveries, remembered for whoever asks why (docs/why.md). One ring of a fixed size for the
 * whole edge: a delivery costs four bytes and a write in sequence, the oldest records make room, and those of sockets that
 * have ended stay. NULL stands for a trace that is off: every function takes it.
 */
#ifndef PEOPLE_TRACE_H
#define PEOPLE_TRACE_H

#include "base/slice.h"

struct trace;

#define TRACE_ID_LEN 20
#define TRACE_USER_LEN 36

/* What a client was given of an event. */
#define TRACE_OUTCOMES(X)                                                                     \
	X(QUEUED, queued)       /* in the queue of its connection, or on its way already */   \
	X(DROPPED, dropped)     /* its connection took nothing any more */                    \
	X(HELD, held)           /* it is recovering: it is sent this behind what it missed */ \
	X(OWED, sync_instead)   /* a gap: it was told sync:required instead */                \
	X(CAUGHT_UP, caught_up) /* it came back with an offset: sent among what it had missed */
enum trace_outcome {
#define X(NAME, label) TRACE_##NAME,
	TRACE_OUTCOMES(X)
#undef X
		TRACE_OUTCOME_MAX
};
const char *trace_outcome_label(enum trace_outcome o);

/* A client and its outcome, in the word that a delivery costs. */
#define TRACE_OUTCOME_BITS 3
#define TRACE_NUMBER_MOST (UINT32_MAX >> TRACE_OUTCOME_BITS)
static inline uint32_t trace_mark_number(uint32_t mark)
{
	return mark >> TRACE_OUTCOME_BITS;
}
static inline enum trace_outcome trace_mark_outcome(uint32_t mark)
{
	return (enum trace_outcome)(mark & ((1u << TRACE_OUTCOME_BITS) - 1));
}

struct trace_end {
	uint64_t came_ms, at_ms;
	uint32_t number;
	uint16_t why;       /* enum close_reason */
	uint16_t caught_up; /* 1: it had come back with an offset, and was sent what it had missed */
	char id[TRACE_ID_LEN], user[TRACE_USER_LEN];
};

/* kb: what it may take; 0: NULL. */
struct trace *trace_new(size_t kb);
void trace_free(struct trace **t);

/* An event is delivered: its row, the value of its fence, and each client by its number. */
void trace_event(struct trace *t, uint64_t id, uint64_t fence, uint64_t at_ms);
void trace_client(struct trace *t, uint32_t number, enum trace_outcome o);
void trace_event_over(struct trace *t);

/* The client's library has everything up to this fence. */
void trace_confirmed(struct trace *t, uint32_t number, uint64_t fence, uint64_t at_ms);
void trace_ended(struct trace *t, const struct trace_end *e);

/* ---- looking, from the oldest on; nothing may be noted meanwhile ---- */

enum trace_kind { TRACE_EVENT, TRACE_CONFIRMED, TRACE_ENDED };
struct trace_record {
	enum trace_kind kind;
	uint64_t at_ms;
	uint64_t event;        /* TRACE_EVENT: the row's id */
	uint32_t fence;        /* its last bits; of the first two kinds */
	uint32_t number;       /* of the last two */
	const uint32_t *marks; /* TRACE_EVENT: n of them, for trace_mark_number and trace_mark_outcome */
	uint32_t n;
	struct trace_end ended; /* TRACE_ENDED */
};
bool trace_is_whole(const struct trace *t); /* nothing has made room yet: it reaches back to the start */
/* *at = 0 begins; false at the end. */
bool trace_next(const struct trace *t, uint64_t *at, struct trace_record *r);

/* Of the fences of two records: a is not above b. */
static inline bool trace_fence_upto(uint32_t a, uint32_t b)
{
	return (int32_t)(b - a) >= 0;
}

#endif
