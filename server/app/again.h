/*
 * When a read that was refused comes again. Thousands are refused at once where everybody comes back; if all of them
 * were told the same time, the database would be idle until then and refuse nearly all of them once more. So each is
 * told a moment of its own, and they come one by one, a little faster than reads were answered of late.
 *
 * Knows numbers and clocks only.
 */
#ifndef APP_AGAIN_H
#define APP_AGAIN_H

#include <stdint.h>

#define AGAIN_LEAST_MS 1000
#define AGAIN_MOST_MS 10000

/* Zeroed it is new. `now` is loop_now_us. */
struct again {
	uint64_t last;     /* the moment that was told last, in microseconds as all of these */
	uint64_t second;   /* when the present second began */
	uint32_t answered; /* in it */
	uint32_t per_s;    /* answered in the one before */
};

void again_answered(struct again *a, uint64_t now); /* a read was */
uint64_t again_ms(struct again *a, uint64_t now);   /* how long the one that is being refused is to wait */

#endif
