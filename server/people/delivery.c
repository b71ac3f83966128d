/*
 * Deliveries: how many confirmations of each count, and how many of these have come.
 */
#include "people/delivery.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"

static void delivery_read(struct delivery *d)
{
	struct slice value = delivery_value(d), v;
	uint64_t wanted;
	if (json_kind_of(value) != JSON_OBJECT || !json_get(value, "wanted", &v) || !u64_parse(v, &wanted) ||
	    wanted == 0 || wanted > DELIVERY_FEW_MAX)
		return;
	d->few = true;
	d->wanted = (uint8_t)wanted;
	if (json_get(value, "but", &v) && json_kind_of(v) == JSON_STRING && v.n == UUID_LEN + 2)
		memcpy(d->but, v.p + 1, UUID_LEN);
}

struct delivery *delivery_new(struct slice value, int64_t at_us)
{
	struct delivery *d = mem_alloc(sizeof(*d) + value.n);
	*d = (struct delivery){.refs = 1, .n = (uint32_t)value.n, .at_us = at_us};
	memcpy(d->value, value.p, value.n);
	delivery_read(d);
	return d;
}

void delivery_unref(struct delivery **d)
{
	struct delivery *gone = *d;
	*d = NULL;
	if (gone && --gone->refs == 0)
		free(gone);
}

bool delivery_excepts(const struct delivery *d, struct slice user)
{
	return d->few && slice_eq(user, slice_of(d->but, UUID_LEN));
}

bool delivery_answer(struct delivery *d, struct slice user)
{
	if (!d->few)
		return true;
	if (d->answers == d->wanted || delivery_excepts(d, user))
		return false;
	d->answers++;
	return true;
}

void delivery_taken(struct delivery *d, bool counted)
{
	if (!d->few)
		return;
	d->answers--;
	d->wanted -= counted;
}
