#include "base/log.h"
#include "base/mem.h"
#include "db/lanes.h"
#include <stdio.h>

#define SAME_AGAIN_MS 60000 /* between two lines about connections that cannot be made */
#define OTHER_AGAIN_MS 1000

/* ---- what links report ---- */

struct link *db_link(struct db *d, bool direct, const char *role, const struct link_events *ev, void *ctx)
{
	char *name = mem_printf("%s %s", d->cfg.name, role);
	struct link_config cfg = {.url = direct ? d->cfg.listen_url : d->cfg.url, .application_name = name};
	struct link *k = link_new(d->loop, &cfg, ev, ctx);
	free(name);
	return k;
}

void db_problem(struct db *d, const char *what, const char *why)
{
	snprintf(d->last_error, sizeof d->last_error, "%s: %.*s", what, (int)strcspn(why, "\n"), why);
	log_warn(LOG_NOBODY, "db_problem", LS("what", what), LS("why", why));
}

void db_link_is_up(struct db *d, const char *role)
{
	d->stats.links_up++;
	log_debug(LOG_NOBODY, "db_link_up", LS("link", role));
}

/*
 * A link that went down is a line, and so is the first reason why it does not come back. The links fail alike and often: after
 * that another reason is a line, at most one each second, and the same one again every minute.
 */
void db_link_is_down(struct db *d, const char *role, bool was_up, const char *why)
{
	if (was_up) {
		d->stats.links_up--;
		d->stats.lost++;
		db_problem(d, role, why);
		return;
	}
	if (!*why)
		why = "no reason was given";
	snprintf(d->last_error, sizeof d->last_error, "%s: %s", role, why);
	log_debug(LOG_NOBODY, "db_connect_failed", LS("link", role), LS("why", why));
	uint64_t age = loop_now(d->loop) - d->told_at;
	if (*d->told && age < (strncmp(d->told, why, sizeof d->told - 1) == 0 ? SAME_AGAIN_MS : OTHER_AGAIN_MS))
		return;
	snprintf(d->told, sizeof d->told, "%s", why);
	d->told_at = loop_now(d->loop);
	log_warn(LOG_NOBODY, "db_unreachable", LS("why", why));
}

void db_check_state(struct db *d)
{
	enum db_state s = d->state == DB_CONNECTING ? DB_CONNECTING : DB_AWAY;
	if (calls_ready(d->calls) && pump_ready(d->pump))
		s = DB_UP;
	if (s == d->state || d->freeing)
		return;
	d->state = s;
	if (s == DB_UP)
		d->last_error[0] = d->told[0] = '\0';
	if (d->ev.on_state)
		d->ev.on_state(d->ctx, s);
}

/* ---- life ---- */

static char *copy(const char *s)
{
	return mem_strndup(s ? s : "", s ? strlen(s) : 0);
}

static unsigned between(unsigned v, unsigned least, unsigned most)
{
	return v < least ? least : v > most ? most : v;
}

struct db *db_new(struct loop *l, const struct db_config *cfg, const struct db_events *ev, void *ctx)
{
	struct db *d = NEW(struct db);
	d->loop = l;
	d->cfg = *cfg;
	d->cfg.url = copy(cfg->url);
	d->cfg.listen_url = copy(cfg->listen_url && *cfg->listen_url ? cfg->listen_url : cfg->url);
	d->cfg.edge_id = copy(cfg->edge_id);
	d->cfg.name = copy(cfg->name);
	d->cfg.lanes = between(cfg->lanes, 1, LANES_MOST);
	d->cfg.batch_max = between(cfg->batch_max, 1, 32); /* the cap is rt.dispatch's (design 8.15) */
	if (ev)
		d->ev = *ev;
	d->ctx = ctx;
	d->calls = calls_new(d);
	d->dispatch = dispatch_new(d);
	d->pump = pump_new(d);
	return d;
}

void db_start(struct db *d)
{
	calls_start(d->calls);
	dispatch_start(d->dispatch);
	pump_start(d->pump);
}

enum db_state db_state(const struct db *d)
{
	return d->state;
}

const char *db_last_error(const struct db *d)
{
	return d->last_error;
}

const struct db_stats *db_stats(const struct db *d)
{
	return &d->stats;
}

void db_stop(struct db *d)
{
	d->stopping = true;
}

void db_free(struct db **dp)
{
	struct db *d = *dp;
	if (!d)
		return;
	/* completions run in here: what they ask for meanwhile is refused */
	d->stopping = d->freeing = true;
	while (dispatch_close(d->dispatch) | calls_close(d->calls) | pump_close(d->pump))
		;
	dispatch_free(&d->dispatch);
	calls_free(&d->calls);
	pump_free(&d->pump);
	*dp = NULL;
	free((char *)d->cfg.url);
	free((char *)d->cfg.listen_url);
	free((char *)d->cfg.edge_id);
	free((char *)d->cfg.name);
	free(d);
}
