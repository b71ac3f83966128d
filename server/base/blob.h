/*
 * Shared immutable bytes, counted. One event becomes one blob; every receiver's queue holds a reference.
 * Belongs to one worker (the count is not atomic). Starts at one, the maker's own.
 */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include "base/slice.h"

struct blob {
	uint32_t refs;
	uint32_t n;
	char p[];
};

struct blob *blob_new(size_t n); /* n bytes to be filled before it is shared; n < 2^31 */
struct blob *blob_copy(struct slice s);

static inline struct blob *blob_ref(struct blob *b)
{
	b->refs++;
	return b;
}

void blob_unref(struct blob **b); /* takes the address, nulls it; NULL is fine */

#endif
