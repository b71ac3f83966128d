/*
 * Presence on its way to the sockets: the last state per user, in order, a budgeted number per socket and flush, so that a
 * storm of reconnects costs each socket one write a flush and not one per user (contract 4).
 *
 * The first change after a quiet moment goes out at once; what follows waits for the next flush. What nobody here listens to
 * uses up nobody's budget: a crowd without contacts must not keep others waiting.
 */
#include "app/worker.h"
#include "base/mem.h"

#define FLUSH_MS 250
#define PER_SOCKET 50  /* changes that a socket is told in one flush */
#define PER_FLUSH 2000 /* changes looked at in one, heard or not: a bound on the turn */

struct change {
	struct map_node node;
	struct list link;
	struct slice parts[5]; /* user id, rooms, except rooms, event, data: in text, in this order */
	bool everyone;
	int64_t at_us;
	char *text;
};

struct presence {
	struct worker *w;
	struct map pending;
	struct list order;
	struct timer flush;
	uint64_t last_ms;
	uint32_t flushes;
	uint32_t most; /* changes that the busiest socket was told in this flush */
};

static struct slice change_key(const struct map_node *n)
{
	return container_of(n, const struct change, node)->parts[0];
}

static void change_free(struct presence *p, struct change *c)
{
	map_del(&p->pending, &c->node);
	list_del(&c->link);
	free(c->text);
	free(c);
}

static void told(struct client *c, void *arg)
{
	struct presence *p = arg;
	if (c->presence_flush != p->flushes) {
		c->presence_flush = p->flushes;
		c->presence_told = 0;
	}
	if (++c->presence_told > p->most)
		p->most = c->presence_told;
}

static void flush(struct timer *t)
{
	struct presence *p = container_of(t, struct presence, flush);
	struct worker *w = p->w;
	struct change *c;
	p->last_ms = loop_now(w->loop);
	p->flushes++;
	p->most = 0;
	for (int i = 0; i < PER_FLUSH && p->most < PER_SOCKET && (c = list_first(&p->order, struct change, link));
	     i++) {
		struct db_event e = {.rooms = c->parts[1],
		                     .except_rooms = c->parts[2],
		                     .event = c->parts[3],
		                     .data = c->parts[4],
		                     .everyone = c->everyone,
		                     .at_us = c->at_us};
		feed_event(w, &e, told, p);
		change_free(p, c);
	}
	if (!list_empty(&p->order))
		timer_set(w->loop, t, p->last_ms + FLUSH_MS);
	else
		offsets_turn(w);
}

bool presence_idle(const struct worker *w)
{
	return list_empty(&w->presence->order);
}

void presence_start(struct worker *w)
{
	struct presence *p = w->presence = NEW(struct presence);
	p->w = w;
	p->flush.fire = flush;
	map_init(&p->pending, change_key);
	list_init(&p->order);
}

void presence_stop(struct worker *w)
{
	struct presence *p = w->presence;
	struct change *c;
	if (!p)
		return;
	timer_stop(w->loop, &p->flush);
	while ((c = list_first(&p->order, struct change, link)))
		change_free(p, c);
	map_fini(&p->pending);
	free(p);
	w->presence = NULL;
}

static void fill(struct change *c, struct slice user, const struct db_event *e)
{
	const struct slice from[5] = {user, e->rooms, e->except_rooms, e->event, e->data};
	struct buf b = {0};
	size_t at = 0, n;
	for (size_t i = 0; i < 5; i++)
		buf_slice(&b, from[i]);
	c->text = buf_steal(&b, &n);
	for (size_t i = 0; i < 5; i++) {
		c->parts[i] = slice_of(c->text + at, from[i].n);
		at += from[i].n;
	}
	c->everyone = e->everyone;
	c->at_us = e->at_us;
}

bool presence_takes(struct worker *w, const struct db_event *e)
{
	struct presence *p = w->presence;
	struct slice user;
	if (!slice_eq(e->event, SLICE("user:online")) && !slice_eq(e->event, SLICE("user:offline")))
		return false;
	if (!json_get(e->data, "user_id", &user))
		return false;
	struct map_node *n = map_find(&p->pending, user);
	struct change *c = n ? container_of(n, struct change, node) : NULL;
	if (c) {
		/* superseded before anybody saw it: the last state takes its place in the line */
		w->m.presence_dropped++;
		char *old = c->text;
		map_del(&p->pending, &c->node);
		fill(c, user, e);
		free(old);
	} else {
		c = NEW(struct change);
		fill(c, user, e);
		list_add_tail(&p->order, &c->link);
	}
	map_add(&p->pending, &c->node);
	if (!timer_is_set(&p->flush)) {
		uint64_t due = p->last_ms + FLUSH_MS, now = loop_now(w->loop);
		timer_set(w->loop, &p->flush, due > now ? due : now);
	}
	return true;
}
