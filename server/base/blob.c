/*
 * Counted bytes. Made by eio/packet.c and whoever sends; referenced by the queues of connections (net/outq.c).
 */
#include "base/blob.h"

#include "base/mem.h"

struct blob *blob_new(size_t n)
{
	assert(n < INT32_MAX);
	struct blob *b = mem_alloc(sizeof *b + n);
	*b = (struct blob){.refs = 1, .n = (uint32_t)n};
	return b;
}

struct blob *blob_copy(struct slice s)
{
	struct blob *b = blob_new(s.n);
	if (s.n)
		memcpy(b->p, s.p, s.n);
	return b;
}

void blob_unref(struct blob **b)
{
	struct blob *gone = *b;
	*b = NULL;
	if (gone && --gone->refs == 0)
		free(gone);
}
