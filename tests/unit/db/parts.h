/*
 * The surroundings of a part of db/: the loop, a server that the test plays, and struct db_common.
 */
#ifndef UNIT_PARTS_H
#define UNIT_PARTS_H

#include "db/common.h"
#include "fake_pg.h"

struct parts {
	struct loop *loop;
	struct fake_pg pg;
	struct db_common common;
	int changes, unregistered;
};

static void parts_on_change(struct db_common *c)
{
	container_of(c, struct parts, common)->changes++;
}

static void parts_on_unregistered(struct db_common *c)
{
	container_of(c, struct parts, common)->unregistered++;
}

static struct db_config parts_config(const struct parts *p)
{
	return (struct db_config){.url = p->pg.url,
	                          .edge_id = "6f1e7f8e-0000-4000-8000-000000000001",
	                          .name = "unit",
	                          .lanes = 2,
	                          .batch_max = 4,
	                          .queue_max_items = 20,
	                          .item_timeout_ms = 5000,
	                          .call_timeout_ms = 5000,
	                          .poll_ms = 3,
	                          .fallback_poll_ms = 0};
}

static inline void parts_begin(struct parts *p, void (*on_query)(struct fake_conn *, const char *))
{
	*p = (struct parts){.loop = loop_new()};
	fake_start(&p->pg, p->loop, on_query, p);
	struct db_config cfg = parts_config(p);
	common_init(&p->common, p->loop, &cfg);
	p->common.on_change = parts_on_change;
	p->common.on_unregistered = parts_on_unregistered;
}

static inline void parts_end(struct parts *p)
{
	common_fini(&p->common);
	fake_stop(&p->pg);
	loop_free(&p->loop);
}

static inline struct parts *parts_of(struct fake_conn *c)
{
	return c->pg->ctx;
}

static inline bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Until nothing is left to do at once: for showing that something does not happen. */
static inline void parts_settle(struct parts *p)
{
	for (int i = 0; i < 20; i++)
		ev_run(loop_ev(p->loop), EVRUN_NOWAIT);
}

#endif
