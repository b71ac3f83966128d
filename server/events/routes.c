/*
 * Routes as rows: read at start and whenever a control row says that they changed. A route whose function is not fit is
 * kept, refused, and named in the log.
 */
#include "app/worker.h"
#include "base/mem.h"

#define RETRY_MS 1000

struct routes {
	struct worker *w;
	struct map map;
	char *classes[RATE_CLASSES]; /* names; the first are the edge's own */
	bool loaded, out, again;
	struct timer retry;
};

static struct slice route_key(const struct map_node *n)
{
	return slice_str(container_of(n, const struct route, node)->event);
}

static void retry(struct timer *t)
{
	routes_load(container_of(t, struct routes, retry)->w);
}

void routes_start(struct worker *w)
{
	w->routes = NEW(struct routes);
	w->routes->w = w;
	w->routes->retry.fire = retry;
	w->routes->classes[RATE_OTHER] = mem_strndup("other", 5);
	map_init(&w->routes->map, route_key);
}

static void clear(struct routes *rs)
{
	struct map_node *n;
	while ((n = map_next(&rs->map, NULL))) {
		struct route *r = container_of(n, struct route, node);
		map_del(&rs->map, n);
		free(r->event);
		free(r->lock_key);
		free(r);
	}
}

void routes_stop(struct worker *w)
{
	struct routes *rs = w->routes;
	if (!rs)
		return;
	timer_stop(w->loop, &rs->retry);
	clear(rs);
	map_fini(&rs->map);
	for (size_t i = 0; i < RATE_CLASSES; i++)
		free(rs->classes[i]);
	free(rs);
	w->routes = NULL;
}

bool routes_loaded(const struct worker *w)
{
	return w->routes->loaded;
}

const struct route *route_find(const struct worker *w, struct slice event)
{
	struct map_node *n = map_find(&w->routes->map, event);
	return n ? container_of(n, struct route, node) : NULL;
}

/* Classes beyond the table share its last place. */
static uint8_t rate_class(struct routes *rs, struct slice name)
{
	size_t i = RATE_OTHER;
	while (i < RATE_CLASSES - 1 && rs->classes[i] && !slice_eq(slice_str(rs->classes[i]), name))
		i++;
	if (!rs->classes[i])
		rs->classes[i] = mem_strndup(name.p, name.n);
	return (uint8_t)i;
}

static enum db_repeat repeat(struct slice s)
{
	return slice_eq(s, SLICE("always"))   ? DB_REPEAT_ALWAYS
	       : slice_eq(s, SLICE("by key")) ? DB_REPEAT_BY_KEY
	                                      : DB_REPEAT_NEVER;
}

static void add(struct worker *w, const struct db_result *r, int row)
{
	struct routes *rs = w->routes;
	struct slice event = db_value(r, row, 0), lock_key = db_value(r, row, 6);
	struct route *x = NEW(struct route);
	x->event = mem_strndup(event.p, event.n);
	x->max_bytes = (uint32_t)db_number(r, row, 2);
	x->limit = (struct rate_limit){
		.per_s = db_number(r, row, 4), /* null: 0 */
		.burst = (uint32_t)db_number(r, row, 5),
		.rate_class = rate_class(rs, db_value(r, row, 3)),
	};
	x->lock_key = lock_key.n ? mem_strndup(lock_key.p, lock_key.n) : NULL;
	x->repeat = repeat(db_value(r, row, 7));
	x->ok = slice_eq(db_value(r, row, 8), SLICE("t"));
	x->metric = metrics_event(&w->m, event);
	if (!x->ok)
		log_error(w->ident, "route refused", LSL("event", event), LSL("function", db_value(r, row, 1)),
		          LSL("problem", db_value(r, row, 9)));
	map_add(&rs->map, &x->node);
}

static void loaded(void *arg, const struct db_result *r)
{
	struct worker *w = arg;
	struct routes *rs = w->routes;
	rs->out = false;
	if (r->outcome != DB_OK || r->ncols != 10) {
		log_warn(w->ident, "routes not read", LS("message", r->message ? r->message : ""));
		timer_set(w->loop, &rs->retry, loop_now(w->loop) + RETRY_MS);
		return;
	}
	clear(rs);
	for (int i = 0; i < r->nrows; i++)
		add(w, r, i);
	rs->loaded = true;
	log_info(w->ident, "routes read", LI("routes", r->nrows));
	if (rs->again)
		routes_load(w);
}

void routes_load(struct worker *w)
{
	struct routes *rs = w->routes;
	rs->again = rs->out;
	if (rs->out)
		return;
	rs->out = true;
	db_call(w->db, "select * from rt.routes()", NULL, 0, loaded, w);
}
