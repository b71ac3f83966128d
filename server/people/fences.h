/*
 * The deliveries of one client that wait to be confirmed, oldest first. Values rise, so a pong confirms a run from the start. Pure:
 * knows no client. A client without any has no ring.
 */
#ifndef PEOPLE_FENCES_H
#define PEOPLE_FENCES_H

#include "base/base.h"

struct blob;
struct fence_ring; /* NULL: empty */

#define FENCES_MAX 512

/* Takes a reference of confirm. False: there are FENCES_MAX, and this delivery will never be confirmed. */
bool fences_add(struct fence_ring **r, uint64_t value, struct blob *confirm) MUST_CHECK;
/* The oldest one whose value is not above upto: its reference is the caller's. NULL: there is none. The last one takes the ring along. */
struct blob *fences_take(struct fence_ring **r, uint64_t upto);
void fences_free(struct fence_ring **r);

#endif
