/* The ring of samples: rates, quantiles, seconds that were missed, and reasons of ten minutes. */
#include "operator/samples.h"

#include "base/mem.h"
#include "test.h"

static struct samples *samples;
static struct tally tally;

static void samples_new(void)
{
	tally = (struct tally){0};
	samples = NEW(struct samples);
	samples_begin(samples, &tally, 5000);
}

static uint32_t last(enum history_column column)
{
	return samples_row(samples, samples->n - 1)[column];
}

TEST(a_sample_has_what_is_now_and_what_came_in_its_second)
{
	samples_new();
	CHECK_INT(samples_oldest(samples), samples->n);
	tally.gauges[HISTORY_SOCKETS] = 7;
	tally.events_in = 10;
	tally.cpu_us = 20000;
	tally.errors[ERROR_FORBIDDEN] = 2;
	tally.errors[ERROR_INTERNAL] = 1;
	tally.ended[CLOSE_SLOW] = 4;
	samples_take(samples, &tally, 6000);
	CHECK_INT(samples->n, 1);
	CHECK_INT(last(HISTORY_SOCKETS), 7);
	CHECK_INT(last(HISTORY_EVENTS_IN), 10);
	CHECK_INT(last(HISTORY_CPU), 20);
	CHECK_INT(last(HISTORY_ERRORS), 3);
	CHECK_INT(last(HISTORY_ENDED), 4);
	tally.events_in = 15;
	samples_take(samples, &tally, 7250); /* late: 5 in 1.25 s */
	CHECK_INT(last(HISTORY_EVENTS_IN), 4);
	CHECK_INT(last(HISTORY_ERRORS), 0);
	tally.events_in = 18;
	samples_take(samples, &tally, 8000); /* and 3 in the 0.75 s that were left */
	CHECK_INT(last(HISTORY_EVENTS_IN), 4);
	CHECK_INT(samples->n, 3);
	free(samples);
}

TEST(seconds_that_were_missed_have_a_sample_each)
{
	samples_new();
	samples_take(samples, &tally, 6000);
	tally.rows = 80;
	samples_take(samples, &tally, 14000);
	CHECK_INT(samples->n, 9);
	for (uint64_t i = 1; i < 9; i++)
		CHECK_INT(samples_row(samples, i)[HISTORY_ROWS], 10);
	samples_take(samples, &tally, 14000 + 3600000); /* the machine was asleep for an hour */
	CHECK_INT(samples->n, 609);
	CHECK_INT(samples_oldest(samples), 9);
	CHECK_INT(samples->at_ms, 14000 + 3600000);
	CHECK_INT(last(HISTORY_ROWS), 0);
	free(samples);
}

TEST(the_oldest_make_room)
{
	samples_new();
	for (uint64_t i = 0; i < 700; i++) {
		tally.gauges[HISTORY_USERS] = (uint32_t)i;
		samples_take(samples, &tally, 6000 + i * 1000);
	}
	CHECK_INT(samples_oldest(samples), 100);
	CHECK_INT(samples_row(samples, 100)[HISTORY_USERS], 100);
	CHECK_INT(last(HISTORY_USERS), 699);
	free(samples);
}

TEST(quantiles_are_of_what_came_in_the_second)
{
	samples_new();
	histogram_add(&tally.written, 4.0, 1000); /* before */
	samples_take(samples, &tally, 6000);
	CHECK(last(HISTORY_WRITTEN_P50) > 2000000 && last(HISTORY_WRITTEN_P50) <= 5000000);
	CHECK_INT(last(HISTORY_CONFIRMED_P50), 0); /* none came */
	histogram_add(&tally.written, 0.0007, 90);
	histogram_add(&tally.written, 0.15, 10);
	histogram_add(&tally.confirmed, 60, 1); /* above the last bound */
	samples_take(samples, &tally, 7000);
	CHECK(last(HISTORY_WRITTEN_P50) > 500 && last(HISTORY_WRITTEN_P50) <= 1001);
	CHECK(last(HISTORY_WRITTEN_P99) > 100000 && last(HISTORY_WRITTEN_P99) <= 200001);
	CHECK_INT(last(HISTORY_CONFIRMED_P99), 10000000);
	samples_take(samples, &tally, 8000);
	CHECK_INT(last(HISTORY_WRITTEN_P50), 0);
	free(samples);
}

TEST(reasons_are_those_of_ten_minutes)
{
	samples_new();
	for (uint64_t i = 0; i < 1300; i++) { /* one a second */
		tally.ended[CLOSE_PING]++;
		samples_take(samples, &tally, 6000 + i * 1000);
		uint64_t since = tally.ended[CLOSE_PING] - samples_reasons(samples)->ended[CLOSE_PING];
		if (i < 600)
			CHECK_INT(since, i + 1);
		else
			CHECK(since >= 600 && since <= 660);
	}
	free(samples);
}
