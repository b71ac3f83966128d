/*
 * Reservoir sampling. The random numbers are cheap ones (xorshift): nobody gains by guessing who is chosen.
 */
#include "people/choice.h"

void choice_begin(struct choice *ch, uint32_t size)
{
	assert(size <= CHOICE_MAX);
	ch->n = ch->offered = 0;
	ch->size = size;
}

static uint64_t choice_random(struct choice *ch)
{
	ch->random ^= ch->random << 13;
	ch->random ^= ch->random >> 7;
	ch->random ^= ch->random << 17;
	return ch->random;
}

void choice_offer(struct choice *ch, struct client *c)
{
	ch->offered++;
	if (ch->n < ch->size) {
		ch->clients[ch->n++] = c;
		return;
	}
	uint64_t at = choice_random(ch) % ch->offered;
	if (at < ch->size)
		ch->clients[at] = c;
}
