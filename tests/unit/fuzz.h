/* A text that is changed at random, in the same way on every machine. */
#ifndef UNIT_FUZZ_H
#define UNIT_FUZZ_H

#include "base/slice.h"
#include <string.h>

#define FUZZ_ROOM 4096

struct fuzz {
	uint64_t random; /* not 0 */
	char text[FUZZ_ROOM];
	size_t n, most; /* bytes; a change that would make it longer than most is left out */
};

/* xorshift64* */
static inline uint32_t below(struct fuzz *f, size_t limit)
{
	f->random ^= f->random >> 12;
	f->random ^= f->random << 25;
	f->random ^= f->random >> 27;
	return (uint32_t)((f->random * 0x2545f4914f6cdd1du >> 32) % limit);
}

static inline void splice(struct fuzz *f, size_t at, size_t gone, struct slice in)
{
	if (gone > f->n - at)
		gone = f->n - at;
	if (f->n - gone + in.n > f->most)
		return;
	memmove(f->text + at + in.n, f->text + at + gone, f->n - at - gone);
	memcpy(f->text + at, in.p, in.n);
	f->n += in.n - gone;
}

#endif
