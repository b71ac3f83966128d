#include "net/outq.h"

#include "base/mem.h"

static struct outq_part *part_at(const struct outq *q, uint32_t i)
{
	uint32_t at = q->head + i;
	return &q->parts[at >= q->cap ? at - q->cap : at];
}

static void grow(struct outq *q)
{
	struct outq_part *bigger = mem_alloc(2 * q->cap * sizeof *bigger);
	for (uint32_t i = 0; i < q->count; i++)
		bigger[i] = *part_at(q, i);
	if (q->parts != q->own)
		free(q->parts);
	q->parts = bigger;
	q->head = 0;
	q->cap *= 2;
}

static void shrink(struct outq *q)
{
	if (q->parts != q->own)
		free(q->parts);
	q->parts = q->own;
	q->cap = ARRAY_LEN(q->own);
	q->head = q->count = 0;
}

void outq_init(struct outq *q)
{
	*q = (struct outq){.parts = q->own, .cap = ARRAY_LEN(q->own)};
}

void outq_push(struct outq *q, struct blob *b, size_t off, size_t n)
{
	if (q->count == q->cap)
		grow(q);
	*part_at(q, q->count++) = (struct outq_part){blob_ref(b), (uint32_t)off, (uint32_t)n};
	q->bytes += n;
}

int outq_iov(const struct outq *q, struct iovec iov[OUTQ_IOV])
{
	int n = 0;
	for (; n < OUTQ_IOV && (uint32_t)n < q->count; n++) {
		const struct outq_part *p = part_at(q, (uint32_t)n);
		iov[n] = (struct iovec){p->blob->p + p->off, p->n};
	}
	return n;
}

void outq_drop(struct outq *q, size_t n)
{
	q->bytes -= n;
	while (n) {
		struct outq_part *p = part_at(q, 0);
		if (n < p->n) {
			p->off += (uint32_t)n;
			p->n -= (uint32_t)n;
			return;
		}
		n -= p->n;
		blob_unref(&p->blob);
		q->head = q->head + 1 == q->cap ? 0 : q->head + 1;
		q->count--;
	}
	if (q->count == 0)
		shrink(q);
}

void outq_clear(struct outq *q)
{
	for (uint32_t i = 0; i < q->count; i++)
		blob_unref(&part_at(q, i)->blob);
	q->bytes = 0;
	shrink(q);
}
