/*
 * Counting. Names of events are few, so a linear search finds them; routes keep the index of their event.
 */
#include "people/counts.h"
#include "base/mem.h"
#include "base/text.h"
#include "people/events.def"

#define EVENTS_MAX 512

/* ---- labels ---- */

static const struct slice connect_reasons[] = {
#define X(NAME, label) SLICE_INIT(#label),
	CONNECT_REASONS(X)
#undef X
};

struct slice connect_reason_label(enum connect_reason r)
{
	return connect_reasons[r];
}

enum connect_reason connect_reason_find(struct slice label)
{
	for (size_t i = 0; i < CONNECT_REASON_MAX; i++)
		if (slice_eq(connect_reasons[i], label))
			return (enum connect_reason)i;
	return CONNECT_ESTABLISHED;
}

const char *recovery_outcome_label(enum recovery_outcome o)
{
	static const char *const labels[] = {
#define X(NAME, label) #label,
		RECOVERY_OUTCOMES(X)
#undef X
	};
	return labels[o];
}

const char *event_status_label(enum event_status s)
{
	static const char *const labels[STATUS_MAX] = {"ok", "error", "dropped"};
	return labels[s];
}

/* ---- histograms ---- */

/* The product's specification asks for 0.1, 0.5, 1, 2 and 5; the finer bounds show a quiet machine. */
const double histogram_bounds[HISTOGRAM_BOUNDS] = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05,
                                                   0.1,    0.2,   0.5,   1,     2,    5,    10};

void histogram_add(struct histogram *h, double seconds, uint64_t times)
{
	size_t i = 0;
	if (seconds < 0)
		seconds = 0; /* the row has the time of another machine's clock */
	while (i < HISTOGRAM_BOUNDS && seconds > histogram_bounds[i])
		i++;
	h->buckets[i] += times;
	h->count += times;
	h->sum += seconds * (double)times;
}

/* ---- latency ---- */

static void counts_on_written(struct deferred *d)
{
	struct counts *c = container_of(d, struct counts, written);
	if (loop_is_behind(c->loop)) { /* behind those that are still to be written */
		loop_defer(c->loop, LOOP_FLUSH, &c->written);
		return;
	}
	double now = (double)clock_wall_us();
	for (size_t i = 0; i < c->nunwritten; i++)
		histogram_add(&c->latency, (now - (double)c->unwritten[i].at_us) / 1e6, c->unwritten[i].times);
	c->nunwritten = 0;
}

void counts_written(struct counts *c, int64_t at_us, uint64_t times)
{
	if (c->nunwritten == c->unwritten_cap) {
		c->unwritten_cap = c->unwritten_cap ? c->unwritten_cap * 2 : 64;
		c->unwritten = mem_realloc(c->unwritten, c->unwritten_cap * sizeof(*c->unwritten));
	}
	c->unwritten[c->nunwritten++] = (struct unwritten){at_us, times};
	loop_defer(c->loop, LOOP_SWEEP, &c->written); /* LOOP_FLUSH, which writes them, comes before */
}

/* ---- life ---- */

void counts_init(struct counts *c, struct loop *l)
{
	static const struct slice names[] = {
#define X(name) SLICE_INIT(name),
		EVENT_NAMES(X)
#undef X
	};
	*c = (struct counts){.loop = l};
	deferred_init(&c->written, counts_on_written);
	counts_event(c, SLICE("other"));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		counts_event(c, names[i]);
}

void counts_fini(struct counts *c)
{
	for (uint32_t i = 0; i < c->nevents; i++)
		free(c->events[i].name);
	free(c->events);
	free(c->unwritten);
	deferred_cancel(&c->written);
	*c = (struct counts){0};
}

/* ---- by name ---- */

static uint32_t counts_event_find(const struct counts *c, struct slice name)
{
	for (uint32_t i = 1; i < c->nevents; i++)
		if (slice_eq(slice_str(c->events[i].name), name))
			return i;
	return EVENT_OTHER;
}

uint32_t counts_event(struct counts *c, struct slice name)
{
	uint32_t i = counts_event_find(c, name);
	if (i != EVENT_OTHER || c->nevents == EVENTS_MAX)
		return i;
	c->events = mem_realloc(c->events, (c->nevents + 1) * sizeof(*c->events));
	c->events[c->nevents] = (struct event_count){.name = mem_strndup(name.p, name.n)};
	return c->nevents++;
}

void counts_of_event(struct counts *c, struct slice name, enum event_status s, uint64_t times)
{
	if (times)
		c->events[counts_event_find(c, name)].n[s] += times;
}

void counts_error(struct counts *c, struct slice name)
{
	enum error_code code;
	if (error_find(name, &code) && code < ERROR_COUNTED)
		c->errors[code]++;
}
