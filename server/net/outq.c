/*
 * The queue of a connection: one part in the struct itself, the rest in a ring. Called by conn.c alone.
 */
#include "net/outq.h"

#include "base/mem.h"

#define RING_LEAST 4

static struct outq_part *part_at(struct outq_ring *r, uint32_t i)
{
	uint32_t at = r->head + i;
	return &r->parts[at >= r->cap ? at - r->cap : at];
}

static struct outq_ring *ring_new(uint32_t cap)
{
	struct outq_ring *r = mem_alloc(sizeof(*r) + cap * sizeof(r->parts[0]));
	*r = (struct outq_ring){.cap = cap};
	return r;
}

static struct outq_ring *ring_grow(struct outq_ring *r)
{
	struct outq_ring *bigger = ring_new(2 * r->cap);
	for (uint32_t i = 0; i < r->count; i++)
		bigger->parts[i] = *part_at(r, i);
	bigger->count = r->count;
	bigger->bytes = r->bytes;
	free(r);
	return bigger;
}

void outq_push(struct outq *q, struct holder *h, struct blob *b, size_t off, size_t n)
{
	holder_add(h, b);
	struct outq_part part = {blob_ref(b), (uint32_t)off, (uint32_t)n};
	if (!q->first.blob && !q->rest) {
		q->first = part;
		return;
	}
	if (!q->rest)
		q->rest = ring_new(RING_LEAST);
	else if (q->rest->count == q->rest->cap)
		q->rest = ring_grow(q->rest);
	*part_at(q->rest, q->rest->count++) = part;
	q->rest->bytes += n;
}

int outq_iov(const struct outq *q, struct iovec iov[OUTQ_IOV])
{
	int n = 0;
	if (q->first.blob)
		iov[n++] = (struct iovec){q->first.blob->p + q->first.off, q->first.n};
	for (uint32_t i = 0; q->rest && n < OUTQ_IOV && i < q->rest->count; i++) {
		const struct outq_part *p = part_at(q->rest, i);
		iov[n++] = (struct iovec){p->blob->p + p->off, p->n};
	}
	return n;
}

static void part_forget(struct outq_part *p, struct holder *h)
{
	holder_drop(h, p->blob);
	blob_unref(&p->blob);
}

/* Takes up to n bytes off the part, and its reference when nothing is left. How many they were. */
static size_t part_drop(struct outq_part *p, struct holder *h, size_t n)
{
	size_t k = n < p->n ? n : p->n;
	p->off += (uint32_t)k;
	p->n -= (uint32_t)k;
	if (p->n == 0)
		part_forget(p, h);
	return k;
}

void outq_drop(struct outq *q, struct holder *h, size_t n)
{
	if (q->first.blob)
		n -= part_drop(&q->first, h, n);
	struct outq_ring *r = q->rest;
	while (n) {
		struct outq_part *p = part_at(r, 0);
		size_t k = part_drop(p, h, n);
		n -= k;
		r->bytes -= k;
		if (p->blob)
			return;
		r->head = r->head + 1 == r->cap ? 0 : r->head + 1;
		r->count--;
	}
	if (r && r->count == 0) {
		free(r);
		q->rest = NULL;
	}
}

void outq_clear(struct outq *q, struct holder *h)
{
	if (q->first.blob)
		part_forget(&q->first, h);
	for (uint32_t i = 0; q->rest && i < q->rest->count; i++)
		part_forget(part_at(q->rest, i), h);
	free(q->rest);
	*q = (struct outq){0};
}
