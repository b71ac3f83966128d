/*
 * The ring of records. A record is a run of words, the first of which has its kind and its length:
 *
 *   EVENT      id (2), fence, at (2), marks
 *   CONFIRMED  number, fence, at (2)
 *   ENDED      struct trace_end
 *   PAD        nothing: the rest of the ring, where a record did not fit
 *
 * head and tail count words from the start of the process; a word's place is its count modulo the size.
 */
#include "people/trace.h"
#include "base/mem.h"

#define MARKS_MOST 60 /* in a record; an event of more clients has several */
#define EVENT_WORDS 6
#define CONFIRMED_WORDS 5
#define ENDED_WORDS (1 + (sizeof(struct trace_end) + 3) / 4)
#define PAD 3

struct trace {
	uint64_t head, tail; /* words: the next record begins at head, the oldest is at tail */
	uint32_t size;
	uint32_t n;                               /* marks of the event that is being delivered */
	uint32_t event[EVENT_WORDS + MARKS_MOST]; /* that record */
	uint32_t words[];
};

const char *trace_outcome_label(enum trace_outcome o)
{
	static const char *const labels[] = {
#define X(NAME, label) #label,
		TRACE_OUTCOMES(X)
#undef X
	};
	return labels[o];
}

struct trace *trace_new(size_t kb)
{
	if (!kb)
		return NULL;
	struct trace *t = mem_alloc(sizeof *t + kb * 1024);
	*t = (struct trace){.size = (uint32_t)(kb * 256)};
	return t;
}

void trace_free(struct trace **t)
{
	free(*t);
	*t = NULL;
}

/* ---- writing ---- */

static uint32_t trace_head(uint32_t kind, uint32_t words)
{
	return kind << 16 | words;
}

static void trace_room(struct trace *t, uint32_t words)
{
	while (t->head + words - t->tail > t->size)
		t->tail += t->words[t->tail % t->size] & 0xffff;
}

/* A record lies in one piece: where it does not fit before the end of the ring, a pad fills that. */
static uint32_t *trace_put(struct trace *t, uint32_t kind, uint32_t words)
{
	uint32_t left = t->size - (uint32_t)(t->head % t->size);
	if (left < words) {
		trace_room(t, left);
		t->words[t->head % t->size] = trace_head(PAD, left);
		t->head += left;
	}
	trace_room(t, words);
	uint32_t *w = &t->words[t->head % t->size];
	t->head += words;
	w[0] = trace_head(kind, words);
	return w;
}

void trace_event(struct trace *t, uint64_t id, uint64_t fence, uint64_t at_ms)
{
	if (!t)
		return;
	uint32_t *w = t->event;
	memcpy(w + 1, &id, sizeof id);
	w[3] = (uint32_t)fence;
	memcpy(w + 4, &at_ms, sizeof at_ms);
	t->n = 0;
}

void trace_client(struct trace *t, uint32_t number, enum trace_outcome o)
{
	if (!t)
		return;
	t->event[EVENT_WORDS + t->n++] = number << TRACE_OUTCOME_BITS | (uint32_t)o;
	if (t->n == MARKS_MOST)
		trace_event_over(t);
}

void trace_event_over(struct trace *t)
{
	if (!t || !t->n)
		return;
	uint32_t *w = trace_put(t, TRACE_EVENT, EVENT_WORDS + t->n);
	memcpy(w + 1, t->event + 1, (EVENT_WORDS - 1 + t->n) * sizeof *w);
	t->n = 0;
}

void trace_confirmed(struct trace *t, uint32_t number, uint64_t fence, uint64_t at_ms)
{
	if (!t)
		return;
	uint32_t *w = trace_put(t, TRACE_CONFIRMED, CONFIRMED_WORDS);
	w[1] = number;
	w[2] = (uint32_t)fence;
	memcpy(w + 3, &at_ms, sizeof at_ms);
}

void trace_ended(struct trace *t, const struct trace_end *e)
{
	if (t)
		memcpy(trace_put(t, TRACE_ENDED, ENDED_WORDS) + 1, e, sizeof *e);
}

/* ---- looking ---- */

static void trace_read(const uint32_t *w, struct trace_record *r)
{
	*r = (struct trace_record){.kind = (enum trace_kind)(w[0] >> 16)};
	switch (r->kind) {
	case TRACE_EVENT:
		memcpy(&r->event, w + 1, sizeof r->event);
		r->fence = w[3];
		memcpy(&r->at_ms, w + 4, sizeof r->at_ms);
		r->marks = w + EVENT_WORDS;
		r->n = (w[0] & 0xffff) - EVENT_WORDS;
		break;
	case TRACE_CONFIRMED:
		r->number = w[1];
		r->fence = w[2];
		memcpy(&r->at_ms, w + 3, sizeof r->at_ms);
		break;
	case TRACE_ENDED:
		memcpy(&r->ended, w + 1, sizeof r->ended);
		r->number = r->ended.number;
		r->at_ms = r->ended.at_ms;
		break;
	}
}

bool trace_is_whole(const struct trace *t)
{
	return t && t->tail == 0;
}

bool trace_next(const struct trace *t, uint64_t *at, struct trace_record *r)
{
	if (!t)
		return false;
	if (*at < t->tail)
		*at = t->tail;
	while (*at < t->head) {
		const uint32_t *w = &t->words[*at % t->size];
		*at += w[0] & 0xffff;
		if (w[0] >> 16 == PAD)
			continue;
		trace_read(w, r);
		return true;
	}
	return false;
}
