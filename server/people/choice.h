/*
 * A few clients of many, each with the same chance: the many come one by one, and nobody knows how many there will be.
 */
#ifndef PEOPLE_CHOICE_H
#define PEOPLE_CHOICE_H

#include "base/base.h"

#define CHOICE_MAX 32

struct client;

struct choice {
	struct client *clients[CHOICE_MAX]; /* borrowed */
	uint32_t n;                         /* chosen */
	uint32_t size;                      /* so many are to be chosen, if there are as many */
	uint32_t offered;
	uint64_t random; /* not 0; goes on from one choice to the next */
};

void choice_begin(struct choice *ch, uint32_t size);
void choice_offer(struct choice *ch, struct client *c);

#endif
