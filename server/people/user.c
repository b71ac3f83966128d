/*
 * Users; start, stop and tick of the floor.
 */
#include "people/user.h"
#include "base/mem.h"
#include "hub/hub.h"
#include "people/client.h"

#define TICK_MOST 1000 /* idle users looked at in one tick */

static struct slice user_key(const struct map_node *n)
{
	return user_id(container_of(n, const struct user, node));
}

static void user_free(struct people *p, struct user *u)
{
	map_del(&p->users, &u->node);
	free(u->rates);
	free(u->name);
	free(u);
}

/* ---- idle ones ---- */

static void idle_free(struct people *p, struct rates *r)
{
	list_del(&r->idle);
	p->nidle--;
	user_free(p, r->user);
}

void user_leave(struct people *p, struct user *u)
{
	if (!list_empty(&u->clients))
		return;
	if (!u->rates || u->rates->full_ms <= loop_now(p->loop)) {
		user_free(p, u);
		return;
	}
	u->rates->user = u;
	list_add_tail(&p->idle, &u->rates->idle);
	p->nidle++;
}

void people_tick(struct people *p)
{
	uint64_t now = loop_now(p->loop);
	for (uint32_t n = p->nidle < TICK_MOST ? p->nidle : TICK_MOST; n > 0; n--) {
		struct rates *r = list_first(&p->idle, struct rates, idle);
		if (r->full_ms <= now) {
			idle_free(p, r);
		} else { /* goes to the end, so that the next tick looks at others */
			list_del(&r->idle);
			list_add_tail(&p->idle, &r->idle);
		}
	}
}

/* ---- finding ---- */

struct user *user_find(const struct people *p, struct slice id)
{
	struct map_node *n = map_find(&p->users, id);
	return n ? container_of(n, struct user, node) : NULL;
}

struct user *user_get(struct people *p, const char id[UUID_LEN])
{
	struct user *u = user_find(p, slice_of(id, UUID_LEN));
	if (u && u->rates && !list_empty(&u->rates->idle)) {
		p->nidle--;
		list_del(&u->rates->idle);
	}
	if (u)
		return u;
	u = NEW(struct user);
	memcpy(u->id, id, UUID_LEN);
	list_init(&u->clients);
	map_add(&p->users, &u->node);
	return u;
}

bool user_allows(struct people *p, const char id[UUID_LEN], const struct rate_limit *l, uint64_t *retry_after_ms)
{
	struct user *u = user_get(p, id);
	bool allowed = rate_allows(&u->rates, l, loop_now(p->loop), retry_after_ms);
	user_leave(p, u);
	return allowed;
}

/* ---- all of them ---- */

void people_each(const struct people *p, void (*fn)(struct client *c, void *arg), void *arg)
{
	struct list *it, *tmp;
	for (struct map_node *n = map_next(&p->users, NULL); n; n = map_next(&p->users, n)) {
		list_each (it, tmp, &container_of(n, struct user, node)->clients)
			fn(list_entry(it, struct client, user_link), arg);
	}
}

uint32_t people_present(const struct people *p)
{
	return p->users.count - p->nidle;
}

void people_start(struct people *p)
{
	map_init(&p->users, user_key);
	list_init(&p->idle);
	p->hub = hub_new();
	counts_init(&p->counts, p->loop);
	p->trace = trace_new(p->trace_kb);
}

void people_stop(struct people *p)
{
	struct rates *r;
	if (!p->hub)
		return;
	while ((r = list_first(&p->idle, struct rates, idle)))
		idle_free(p, r);
	map_fini(&p->users);
	hub_free(&p->hub);
	counts_fini(&p->counts);
	trace_free(&p->trace);
}
