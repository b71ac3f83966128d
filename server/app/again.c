#include "app/again.h"

#define SECOND UINT64_C(1000000)
#define LEAST_PER_S 50 /* a database that answers less is away, or has just begun */
/* Were reads to come as fast as they were answered, a second with few of them would make the next one no better. */
#define FASTER(per_s) ((per_s) + (per_s) / 4)

static void again_turn_second(struct again *a, uint64_t now)
{
	uint64_t past = now - a->second;
	if (past < SECOND)
		return;
	a->per_s = past < 2 * SECOND ? a->answered : 0;
	a->answered = 0;
	a->second = now;
}

void again_answered(struct again *a, uint64_t now)
{
	again_turn_second(a, now);
	a->answered++;
}

/* Where more are refused than can be answered in the longest time, they go round: all of that time is used evenly. */
uint64_t again_ms(struct again *a, uint64_t now)
{
	uint64_t least = now + AGAIN_LEAST_MS * 1000, most = now + AGAIN_MOST_MS * 1000;
	again_turn_second(a, now);
	uint32_t per_s = a->answered > a->per_s ? a->answered : a->per_s;
	a->last += SECOND / FASTER(per_s > LEAST_PER_S ? per_s : LEAST_PER_S);
	if (a->last < least || a->last > most)
		a->last = least;
	return (a->last - now) / 1000;
}
