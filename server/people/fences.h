/*
 * The deliveries of one client that wait to be confirmed, oldest first. Their values rise, so a pong confirms a run
 * from the start. This file knows no client. A client without such deliveries has no ring.
 */
#ifndef PEOPLE_FENCES_H
#define PEOPLE_FENCES_H

#include "base/base.h"

struct delivery;
struct fence_ring; /* NULL: empty */

#define FENCES_MAX 512

/* Adds a delivery; takes a reference of d. False: there are FENCES_MAX already, and this delivery will never be
 * confirmed. */
bool fences_add(struct fence_ring **r, uint64_t value, struct delivery *d) MUST_CHECK;
/* The oldest delivery whose value is not above upto; its reference is the caller's. NULL: none. Taking the last one
 * frees the ring. */
struct delivery *fences_take(struct fence_ring **r, uint64_t upto);
/* The i-th delivery from the oldest, which stays the ring's. NULL: there are not so many. */
const struct delivery *fences_at(const struct fence_ring *r, unsigned i);
void fences_free(struct fence_ring **r);

#endif
