/*
 * Shared bytes that do not change, with a count of references. One event becomes one blob; the queue of each receiver
 * holds a reference. The count starts at one, which is the maker's own reference, and is not atomic: a blob belongs to
 * one worker.
 *
 * References in queues are counted besides, by net/holder.c alone: memory is charged once for a blob, however many
 * queues it is in.
 */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include "base/slice.h"

struct blob {
	uint32_t refs;
	uint32_t n;
	uint32_t queued;   /* references in queues */
	uintptr_t holders; /* exclusive or of whoever queued them: of a single one it is the address */
	char p[];
};

struct blob *blob_new(size_t n); /* n < 2^31 bytes, to be filled before it is shared */
struct blob *blob_copy(struct slice s);

static inline struct blob *blob_ref(struct blob *b)
{
	b->refs++;
	return b;
}

void blob_unref(struct blob **b); /* gives the reference back and sets *b to NULL; NULL is fine */

#endif
