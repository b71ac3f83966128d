/*
 * The ring of unconfirmed deliveries, which doubles when it is full.
 */
#include "people/fences.h"
#include "people/delivery.h"
#include "base/mem.h"

struct fence_ring {
	uint16_t head, n, cap;
	struct fence {
		uint64_t value;
		struct delivery *delivery;
	} fences[];
};

static struct fence *fence_at(struct fence_ring *r, unsigned i)
{
	return &r->fences[(r->head + i) % r->cap];
}

static struct fence_ring *ring_doubled(struct fence_ring *old)
{
	uint16_t cap = old ? (uint16_t)(old->cap * 2) : 2;
	struct fence_ring *r = mem_alloc(sizeof(*r) + cap * sizeof(r->fences[0]));
	*r = (struct fence_ring){.cap = cap};
	for (; old && r->n < old->n; r->n++)
		r->fences[r->n] = *fence_at(old, r->n);
	free(old);
	return r;
}

bool fences_add(struct fence_ring **rp, uint64_t value, struct delivery *delivery)
{
	if (*rp && (*rp)->n == FENCES_MAX)
		return false;
	if (!*rp || (*rp)->n == (*rp)->cap)
		*rp = ring_doubled(*rp);
	*fence_at(*rp, (*rp)->n++) = (struct fence){value, delivery_ref(delivery)};
	return true;
}

struct delivery *fences_take(struct fence_ring **rp, uint64_t upto)
{
	struct fence_ring *r = *rp;
	if (!r || fence_at(r, 0)->value > upto)
		return NULL;
	struct delivery *delivery = fence_at(r, 0)->delivery;
	r->head = (uint16_t)((r->head + 1) % r->cap);
	if (--r->n == 0) { /* an idle client keeps no memory */
		free(r);
		*rp = NULL;
	}
	return delivery;
}

const struct delivery *fences_at(const struct fence_ring *r, unsigned i)
{
	return r && i < r->n ? r->fences[(r->head + i) % r->cap].delivery : NULL;
}

void fences_free(struct fence_ring **rp)
{
	struct delivery *delivery;
	while ((delivery = fences_take(rp, UINT64_MAX)))
		delivery_unref(&delivery);
}
