/*
 * A user's change keeps the place in the order that its first news had, and takes the state of the last news.
 */
#include "events/presence.h"
#include "base/mem.h"
#include "events/deliver.h"
#include "people/client.h"

/* The parts of a change; change.text has one behind the other. */
enum { PART_USER, PART_ROOMS, PART_EXCEPT, PART_EVENT, PART_DATA, PARTS };

struct change {
	struct map_node node; /* in presence.pending, by user */
	struct list link;     /* in presence.order */
	struct slice parts[PARTS];
	bool everyone;
	int64_t at_us;
	char *text; /* owned */
};

struct presence {
	struct events *events;
	struct map pending; /* of change.node, by user: the changes that were not sent; owned, freed by change_free */
	struct list order;  /* of change.link: the same changes, the next one first */
	struct timer flush;
	uint64_t last_ms; /* when the last flush was */
	uint32_t flushes;
	uint32_t most; /* the largest number of changes sent to one socket in this flush */
};

static struct slice change_key(const struct map_node *n)
{
	return container_of(n, const struct change, node)->parts[PART_USER];
}

static void change_free(struct presence *p, struct change *c)
{
	map_del(&p->pending, &c->node);
	list_del(&c->link);
	free(c->text);
	free(c);
}

static void presence_told(struct client *c, void *arg)
{
	struct presence *p = arg;
	if (c->presence_flush != p->flushes) {
		c->presence_flush = p->flushes;
		c->presence_told = 0;
	}
	if (++c->presence_told > p->most)
		p->most = c->presence_told;
}

static void presence_on_flush(struct timer *t)
{
	struct presence *p = container_of(t, struct presence, flush);
	struct events *ev = p->events;
	struct change *c;
	p->last_ms = loop_now(ev->people->loop);
	p->flushes++;
	p->most = 0;
	for (int i = 0; i < PRESENCE_PER_FLUSH && p->most < PRESENCE_PER_SOCKET; i++) {
		if (!(c = list_first(&p->order, struct change, link)))
			break;
		struct db_event e = {.rooms = c->parts[PART_ROOMS],
		                     .except_rooms = c->parts[PART_EXCEPT],
		                     .event = c->parts[PART_EVENT],
		                     .data = c->parts[PART_DATA],
		                     .everyone = c->everyone,
		                     .at_us = c->at_us};
		deliver_event(ev, &e, presence_told, p);
		change_free(p, c);
	}
	if (!list_empty(&p->order))
		timer_set(ev->people->loop, t, p->last_ms + PRESENCE_FLUSH_MS);
	else if (ev->on_turn)
		ev->on_turn(ev->ctx);
}

bool presence_idle(const struct events *ev)
{
	return list_empty(&ev->presence->order);
}

void presence_start(struct events *ev)
{
	struct presence *p = ev->presence = NEW(struct presence);
	p->events = ev;
	p->flush.fire = presence_on_flush;
	map_init(&p->pending, change_key);
	list_init(&p->order);
}

void presence_gap(struct events *ev)
{
	struct presence *p = ev->presence;
	struct change *c;
	timer_stop(ev->people->loop, &p->flush);
	while ((c = list_first(&p->order, struct change, link)))
		change_free(p, c);
}

void presence_stop(struct events *ev)
{
	struct presence *p = ev->presence;
	if (!p)
		return;
	presence_gap(ev);
	map_fini(&p->pending);
	free(p);
	ev->presence = NULL;
}

static void change_fill(struct change *c, struct slice user, const struct db_event *e)
{
	const struct slice from[PARTS] = {user, e->rooms, e->except_rooms, e->event, e->data};
	struct buf b = {0};
	size_t at = 0, n;
	for (size_t i = 0; i < PARTS; i++)
		buf_slice(&b, from[i]);
	c->text = buf_steal(&b, &n);
	for (size_t i = 0; i < PARTS; i++) {
		c->parts[i] = slice_of(c->text + at, from[i].n);
		at += from[i].n;
	}
	c->everyone = e->everyone;
	c->at_us = e->at_us;
}

bool presence_takes(struct events *ev, const struct db_event *e)
{
	struct presence *p = ev->presence;
	struct slice user;
	if (!slice_eq(e->event, SLICE("user:online")) && !slice_eq(e->event, SLICE("user:offline")))
		return false;
	if (!json_get(e->data, "user_id", &user))
		return false;
	struct map_node *n = map_find(&p->pending, user);
	struct change *c = n ? container_of(n, struct change, node) : NULL;
	if (c) {
		/* The user's former change was not sent yet: the new state replaces it. */
		ev->people->counts.presence_dropped++;
		char *old = c->text;
		map_del(&p->pending, &c->node);
		change_fill(c, user, e);
		free(old);
	} else {
		c = NEW(struct change);
		change_fill(c, user, e);
		list_add_tail(&p->order, &c->link);
	}
	map_add(&p->pending, &c->node);
	if (!timer_is_set(&p->flush)) {
		uint64_t due = p->last_ms + PRESENCE_FLUSH_MS, now = loop_now(ev->people->loop);
		timer_set(ev->people->loop, &p->flush, due > now ? due : now);
	}
	return true;
}
