/*
 * Connecting a link: the names are resolved, then one place after the other is tried.
 */
#include "db/link_internal.h"

#include "base/mem.h"

#define RESOLVE_MS 10000
#define CONNECT_MS 3000 /* for each place */

static void link_ignore_notice(void *arg, const PGresult *r)
{
	(void)arg, (void)r;
}

/* False: it has failed already. */
static bool link_connect(struct link *k, const struct target *to)
{
	/* The URL's settings replace those in front of it; those behind it replace the URL's. */
	const char *keys[] = {"application_name",
	                      "gssencmode",
	                      "keepalives_idle",
	                      "keepalives_interval",
	                      "keepalives_count",
	                      "dbname",
	                      "client_encoding",
	                      "target_session_attrs",
	                      "host",
	                      "hostaddr",
	                      "port",
	                      NULL};
	const char *values[] = {k->name, "disable",    "15",     "5",          "3",      k->url,
	                        "UTF8",  "read-write", to->host, to->hostaddr, to->port, NULL};
	link_enter(k, LINK_CONNECTING);
	timer_set(k->loop, &k->timer, loop_now(k->loop) + CONNECT_MS);
	k->pg = PQconnectStartParams(keys, values, 1);
	if (!k->pg || PQstatus(k->pg) == CONNECTION_BAD)
		return false;
	PQsetNoticeReceiver(k->pg, link_ignore_notice, NULL);
	link_watch(k, EV_WRITE);
	return true;
}

/* The present place will not do. */
static void link_note_refusal(struct link *k, const char *why)
{
	char *all = mem_printf("%s%s%.*s", k->refusals ? k->refusals : "", k->refusals ? "; " : "",
	                       (int)strcspn(why, "\n"), why);
	free(k->refusals);
	k->refusals = all;
	link_unwatch(k);
	PQfinish(k->pg);
	k->pg = NULL;
}

/* The first place, from this one on, with which a connection begins; where there is none, the link waits. */
static void link_connect_from(struct link *k, const struct target *to)
{
	for (; to; to = targets_next(&k->targets)) {
		if (link_connect(k, to))
			return;
		link_note_refusal(k, k->pg ? PQerrorMessage(k->pg) : "out of memory");
	}
	link_drop(k, k->refusals ? k->refusals : "no address");
}

void link_connect_next(struct link *k, const char *why)
{
	link_note_refusal(k, why);
	link_connect_from(k, targets_next(&k->targets));
}

static void link_connected(struct link *k)
{
	PQsetnonblocking(k->pg, 1);
	link_enter(k, LINK_IDLE);
	timer_stop(k->loop, &k->timer);
	link_watch(k, EV_READ);
	if (k->guard) {
		link_check(k);
		return;
	}
	link_admit(k);
}

void link_connect_step(struct link *k)
{
	link_unwatch(k); /* libpq may close the descriptor and open another under its number */
	PostgresPollingStatusType s = PQconnectPoll(k->pg);
	if (s == PGRES_POLLING_OK)
		link_connected(k);
	else if (s == PGRES_POLLING_FAILED)
		link_connect_next(k, PQerrorMessage(k->pg));
	else
		link_watch(k, s == PGRES_POLLING_READING ? EV_READ : EV_WRITE);
}

static void link_on_resolved(void *arg, struct targets *t)
{
	struct link *k = arg;
	k->resolve = NULL;
	targets_renew(&k->targets, t);
	if (k->targets.error)
		link_drop(k, k->targets.error);
	else
		link_connect_from(k, targets_first(&k->targets));
}

void link_begin(struct link *k)
{
	link_enter(k, LINK_RESOLVING);
	free(k->refusals);
	k->refusals = NULL;
	timer_set(k->loop, &k->timer, loop_now(k->loop) + RESOLVE_MS);
	k->resolve = resolve_start(k->loop, k->url, link_on_resolved, k);
}
