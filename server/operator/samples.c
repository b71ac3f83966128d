/*
 * Rates and quantiles of a second, from what was counted before it and after it.
 */
#include "operator/samples.h"
#include <string.h>

#define SECOND_MS 1000

static uint64_t samples_sum(const uint64_t *counts, size_t n)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += counts[i];
	return sum;
}

/* The q-th part of what came between two states of a histogram took no longer than so many microseconds: within its
 * bucket it is taken to be spread evenly. 0: nothing came. */
static uint32_t samples_quantile(const struct histogram *from, const struct histogram *to, double q)
{
	double want = (double)(to->count - from->count) * q, before = 0, low = 0;
	for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
		double n = (double)(to->buckets[i] - from->buckets[i]);
		if (n > 0 && before + n >= want)
			return (uint32_t)((low + (histogram_bounds[i] - low) * (want - before) / n) * 1e6 + 1);
		before += n;
		low = histogram_bounds[i];
	}
	return to->count == from->count ? 0 : (uint32_t)(low * 1e6);
}

static uint32_t samples_per_s(uint64_t now, uint64_t before, uint64_t ms)
{
	uint64_t n = ((now - before) * 1000 + ms / 2) / ms;
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static void samples_rates(const struct tally *t, const struct tally *from, uint64_t ms, uint32_t *v)
{
	uint64_t cpu_us = samples_per_s(t->cpu_us, from->cpu_us, ms);
	v[HISTORY_EVENTS_IN] = samples_per_s(t->events_in, from->events_in, ms);
	v[HISTORY_PACKETS_OUT] = samples_per_s(t->packets_out, from->packets_out, ms);
	v[HISTORY_ROWS] = samples_per_s(t->rows, from->rows, ms);
	v[HISTORY_FETCHES] = samples_per_s(t->fetches, from->fetches, ms);
	v[HISTORY_BELLS] = samples_per_s(t->bells, from->bells, ms);
	v[HISTORY_ERRORS] = samples_per_s(samples_sum(t->errors, ERROR_COUNTED),
	                                  samples_sum(from->errors, ERROR_COUNTED), ms);
	v[HISTORY_ENDED] = samples_per_s(samples_sum(t->ended, CLOSE_REASON_MAX),
	                                 samples_sum(from->ended, CLOSE_REASON_MAX), ms);
	v[HISTORY_CPU] = (uint32_t)((cpu_us + 500) / 1000);
}

static void samples_latencies(const struct tally *t, const struct tally *from, uint32_t *v)
{
	v[HISTORY_WRITTEN_P50] = samples_quantile(&from->written, &t->written, 0.5);
	v[HISTORY_WRITTEN_P99] = samples_quantile(&from->written, &t->written, 0.99);
	v[HISTORY_CONFIRMED_P50] = samples_quantile(&from->confirmed, &t->confirmed, 0.5);
	v[HISTORY_CONFIRMED_P99] = samples_quantile(&from->confirmed, &t->confirmed, 0.99);
}

static void samples_add(struct samples *s, const struct tally *now, const uint32_t *v)
{
	if (s->n % 60 == 0) {
		struct reasons *r = &s->minutes[s->n / 60 % HISTORY_MINUTES];
		memcpy(r->errors, now->errors, sizeof r->errors);
		memcpy(r->ended, now->ended, sizeof r->ended);
	}
	memcpy(s->rows[s->n++ % HISTORY_SECONDS], v, sizeof s->rows[0]);
}

void samples_begin(struct samples *s, const struct tally *now, uint64_t now_ms)
{
	s->at_ms = s->taken_ms = now_ms;
	s->last = *now;
}

void samples_take(struct samples *s, const struct tally *now, uint64_t now_ms)
{
	uint64_t seconds = (now_ms - s->at_ms) / SECOND_MS;
	uint32_t v[HISTORY_COLUMN_MAX];
	memcpy(v, now->gauges, sizeof now->gauges);
	samples_rates(now, &s->last, now_ms > s->taken_ms ? now_ms - s->taken_ms : 1, v);
	samples_latencies(now, &s->last, v);
	for (uint64_t i = 0; i < seconds && i < HISTORY_SECONDS; i++)
		samples_add(s, now, v);
	s->last = *now;
	s->taken_ms = now_ms;
	s->at_ms += seconds * SECOND_MS;
}

uint64_t samples_oldest(const struct samples *s)
{
	return s->n > HISTORY_SECONDS ? s->n - HISTORY_SECONDS : 0;
}

const uint32_t *samples_row(const struct samples *s, uint64_t number)
{
	return s->rows[number % HISTORY_SECONDS];
}

const struct reasons *samples_reasons(const struct samples *s)
{
	static const struct reasons none;
	uint64_t minutes = (s->n + 59) / 60;
	return minutes < HISTORY_MINUTES ? &none : &s->minutes[minutes % HISTORY_MINUTES];
}
