#include "db/common.h"

#include "base/mem.h"
#include "db/batch.h"
#include "db/queue.h"
#include <stdio.h>

#define SAME_AGAIN_MS 60000 /* between two lines about connections that cannot be made */
#define OTHER_AGAIN_MS 1000

/* ---- links ---- */

struct link *common_link(const struct db_common *c, bool direct, const char *role, const struct link_events *ev,
                         void *ctx)
{
	char *name = mem_printf("%s %s", c->cfg.name, role);
	struct link_config cfg = {.url = direct ? c->cfg.listen_url : c->cfg.url,
	                          .application_name = name,
	                          .guard = direct ? NULL : c->guard};
	struct link *k = link_new(c->loop, &cfg, ev, ctx);
	free(name);
	return k;
}

bool common_has_sessions(const struct db_common *c)
{
	return strcmp(c->cfg.url, c->cfg.listen_url) == 0;
}

void common_problem(struct db_common *c, const char *what, const char *why)
{
	snprintf(c->last_error, sizeof c->last_error, "%s: %.*s", what, (int)strcspn(why, "\n"), why);
	log_warn(LOG_NOBODY, "db_problem", LS("what", what), LS("why", why));
}

void common_link_is_up(struct db_common *c, const char *role)
{
	c->stats.links_up++;
	log_debug(LOG_NOBODY, "db_link_up", LS("link", role));
}

static bool common_told_lately(const struct db_common *c, const char *why)
{
	bool same = strncmp(c->told, why, sizeof c->told - 1) == 0;
	return *c->told && loop_now(c->loop) - c->told_at < (same ? SAME_AGAIN_MS : OTHER_AGAIN_MS);
}

/*
 * A link that went down is a line, and so is the first reason why it does not come back. All links fail alike and
 * often: after that, another reason is a line at most once a second, and the same reason once a minute.
 */
void common_link_is_down(struct db_common *c, const char *role, bool was_up, const char *why)
{
	if (was_up) {
		c->stats.links_up--;
		c->stats.lost++;
		common_problem(c, role, why);
		return;
	}
	if (!*why)
		why = "no reason was given";
	snprintf(c->last_error, sizeof c->last_error, "%s: %s", role, why);
	log_debug(LOG_NOBODY, "db_connect_failed", LS("link", role), LS("why", why));
	if (common_told_lately(c, why))
		return;
	snprintf(c->told, sizeof c->told, "%s", why);
	c->told_at = loop_now(c->loop);
	log_warn(LOG_NOBODY, "db_unreachable", LS("why", why));
}

/* ---- life ---- */

static char *common_copy(const char *s)
{
	return mem_strndup(s ? s : "", s ? strlen(s) : 0);
}

static unsigned common_between(unsigned v, unsigned least, unsigned most)
{
	return v < least ? least : v > most ? most : v;
}

void common_init(struct db_common *c, struct loop *l, const struct db_config *cfg)
{
	*c = (struct db_common){.loop = l, .cfg = *cfg};
	c->cfg.url = common_copy(cfg->url);
	c->cfg.listen_url = common_copy(cfg->listen_url && *cfg->listen_url ? cfg->listen_url : cfg->url);
	c->cfg.edge_id = common_copy(cfg->edge_id);
	c->cfg.name = common_copy(cfg->name);
	c->cfg.lanes = common_between(cfg->lanes, 1, QUEUE_LANES_MOST);
	c->cfg.batch_max = common_between(cfg->batch_max, 1, BATCH_MOST);
}

void common_fini(struct db_common *c)
{
	free((char *)c->cfg.url);
	free((char *)c->cfg.listen_url);
	free((char *)c->cfg.edge_id);
	free((char *)c->cfg.name);
}
