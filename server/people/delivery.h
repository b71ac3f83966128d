/*
 * A delivery that is to be confirmed: what all clients share that one event went to. Counted: each ring of fences
 * (people/fences.h), what waits to be told to the database, and its maker hold a reference.
 *
 * Of some deliveries only a few confirmations count: a message in a large chat is noted as delivered once. Its confirm
 * value says so: {"message_id": ..., "wanted": 1, "but": "<user id>"}. That many confirmations count, of other users
 * than that one. events/few.h asks few clients then.
 */
#ifndef PEOPLE_DELIVERY_H
#define PEOPLE_DELIVERY_H

#include "people/people.h"

#define DELIVERY_FEW_MAX 4 /* of "wanted"; above, each confirmation counts */

struct delivery {
	uint32_t refs;
	uint32_t n;
	int64_t at_us; /* when the row was written */
	bool few;
	uint8_t wanted;     /* few: that many more confirmations count */
	uint8_t answers;    /* of these, on their way to the database */
	char but[UUID_LEN]; /* a confirmation of this user counts for nothing; zeros: there is no such user */
	char value[];       /* n bytes: the confirm value, JSON text */
};

struct delivery *delivery_new(struct slice value, int64_t at_us); /* value: JSON; the reference is the caller's */
void delivery_unref(struct delivery **d); /* gives the reference back and sets *d to NULL; NULL is fine */

static inline struct delivery *delivery_ref(struct delivery *d)
{
	d->refs++;
	return d;
}
static inline struct slice delivery_value(const struct delivery *d)
{
	return slice_of(d->value, d->n);
}

bool delivery_excepts(const struct delivery *d, struct slice user); /* its confirmation counts for nothing */
/* A client of this user has the event. False: the database need not be told. */
bool delivery_answer(struct delivery *d, struct slice user) MUST_CHECK;
/* The database was told of an answer. False: that one counts for nothing, and another is wanted. */
void delivery_taken(struct delivery *d, bool counted);

#endif
