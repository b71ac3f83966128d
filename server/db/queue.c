#include "base/mem.h"
#include "db/lanes.h"

/* The order of one socket's items; lanes.h says what a line is. */

static struct slice line_key(const struct map_node *n)
{
	const struct line *l = container_of(n, struct line, node);
	return slice_of(l->socket_id, l->n);
}

void lines_init(struct dispatch *x)
{
	map_init(&x->lines, line_key);
}

struct line *line_find(struct dispatch *x, struct slice socket_id)
{
	struct map_node *found = socket_id.n ? map_find(&x->lines, socket_id) : NULL;
	if (found)
		return container_of(found, struct line, node);
	struct line *l = mem_zalloc(sizeof(*l) + socket_id.n);
	l->n = socket_id.n;
	l->mapped = socket_id.n > 0;
	list_init(&l->items);
	if (l->mapped) {
		memcpy(l->socket_id, socket_id.p, socket_id.n);
		map_add(&x->lines, &l->node);
	}
	return l;
}

/* The lane of the hash, or the next that is up. */
static unsigned lane_of(const struct dispatch *x, const struct item *it)
{
	unsigned home = it->hash % x->nlanes;
	for (unsigned i = 0; i < x->nlanes; i++)
		if (link_up(x->lanes[(home + i) % x->nlanes].link))
			return (home + i) % x->nlanes;
	return home;
}

void item_enqueue(struct dispatch *x, struct item *it)
{
	it->state = ITEM_QUEUED;
	list_add_tail(&x->lanes[it->line->lane].queue, &it->link);
	loop_defer(x->db->loop, LOOP_WORK, &x->send);
}

/* The line's next run of items goes on its way; an empty line ends. */
void line_release(struct dispatch *x, struct line *l)
{
	if (list_empty(&l->items)) {
		if (l->mapped)
			map_del(&x->lines, &l->node);
		free(l);
		return;
	}
	if (l->active)
		return;
	struct list *at, *tmp;
	list_each (at, tmp, &l->items) {
		struct item *it = list_entry(at, struct item, in_line);
		unsigned lane = lane_of(x, it);
		if (l->active == 0)
			l->lane = lane;
		else if (l->lane != lane)
			return;
		l->waiting--;
		l->active++;
		item_enqueue(x, it);
	}
}

void line_add(struct dispatch *x, struct line *l, struct item *it)
{
	unsigned lane = lane_of(x, it);
	it->line = l;
	list_add_tail(&l->items, &it->in_line);
	if (l->waiting || (l->active && l->lane != lane)) {
		it->state = ITEM_WAITING;
		l->waiting++;
		return;
	}
	l->lane = lane;
	l->active++;
	item_enqueue(x, it);
}

void line_take_back(struct line *l)
{
	struct list *at, *tmp;
	list_each (at, tmp, &l->items) {
		struct item *it = list_entry(at, struct item, in_line);
		if (it->state != ITEM_QUEUED)
			continue;
		list_del(&it->link);
		it->state = ITEM_WAITING;
		l->active--;
		l->waiting++;
	}
}
