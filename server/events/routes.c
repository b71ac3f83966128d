/*
 * The reader of routes, and the map of routes by event.
 */
#include "events/routes.h"
#include "base/mem.h"
#include "events/reader.h"
#include "events/relay_rule.h"

struct routes {
	struct reader reader;
	struct map map;              /* of route.node; owned */
	char *classes[RATE_CLASSES]; /* names; the first ones are the edge's own */
	bool loaded;                 /* routes were read at least once */
};

static struct slice route_key(const struct map_node *n)
{
	return slice_str(container_of(n, const struct route, node)->event);
}

static void routes_clear(struct routes *rs)
{
	struct map_node *n;
	while ((n = map_next(&rs->map, NULL))) {
		struct route *r = container_of(n, struct route, node);
		map_del(&rs->map, n);
		free(r->event);
		free(r->lock_key);
		relay_rule_free(&r->relay);
		free(r);
	}
}

void routes_stop(struct events *ev)
{
	struct routes *rs = ev->routes;
	if (!rs)
		return;
	reader_stop(&rs->reader);
	routes_clear(rs);
	map_fini(&rs->map);
	for (size_t i = 0; i < RATE_CLASSES; i++)
		free(rs->classes[i]);
	free(rs);
	ev->routes = NULL;
}

void routes_database_up(struct events *ev)
{
	if (!ev->routes->loaded)
		routes_load(ev);
}

void routes_gap(struct events *ev)
{
	routes_load(ev);
}

const char *routes_missing(const struct events *ev)
{
	return ev->routes->loaded ? NULL : "starting";
}

const struct route *route_find(const struct events *ev, struct slice event)
{
	struct map_node *n = map_find(&ev->routes->map, event);
	return n ? container_of(n, struct route, node) : NULL;
}

/* ---- rows ---- */

/* Columns of rt.routes, and behind them those of rt.relays (docs/edge-sql.md). */
enum {
	COL_EVENT,
	COL_FUNCTION,
	COL_MAX_BYTES,
	COL_RATE_CLASS,
	COL_PER_S,
	COL_BURST,
	COL_LOCK_KEY,
	COL_REPEAT,
	COL_FIT,
	COL_PROBLEM,
	COL_RELAY_ROOM,
	COL_RELAY_MEMBERS,
	COL_RELAY_FIELDS,
	COLS
};

/* Classes beyond the table share its last place. */
static uint8_t route_class(struct routes *rs, struct slice name)
{
	size_t i = RATE_OTHER;
	while (i < RATE_CLASSES - 1 && rs->classes[i] && !slice_eq(slice_str(rs->classes[i]), name))
		i++;
	if (!rs->classes[i])
		rs->classes[i] = mem_strndup(name.p, name.n);
	return (uint8_t)i;
}

static enum db_repeat route_repeat(struct slice s)
{
	return slice_eq(s, SLICE("always"))   ? DB_REPEAT_ALWAYS
	       : slice_eq(s, SLICE("by key")) ? DB_REPEAT_BY_KEY
	                                      : DB_REPEAT_NEVER;
}

static void route_add(struct events *ev, const struct db_result *r, int row)
{
	struct routes *rs = ev->routes;
	struct slice event = db_value(r, row, COL_EVENT), lock_key = db_value(r, row, COL_LOCK_KEY);
	struct route *x = NEW(struct route);
	x->event = mem_strndup(event.p, event.n);
	x->max_bytes = (uint32_t)db_number(r, row, COL_MAX_BYTES);
	x->limit = (struct rate_limit){
		.per_s = db_number(r, row, COL_PER_S), /* null becomes 0: no limit */
		.burst = (uint32_t)db_number(r, row, COL_BURST),
		.rate_class = route_class(rs, db_value(r, row, COL_RATE_CLASS)),
	};
	x->lock_key = lock_key.n ? mem_strndup(lock_key.p, lock_key.n) : NULL;
	x->repeat = route_repeat(db_value(r, row, COL_REPEAT));
	x->fit = slice_eq(db_value(r, row, COL_FIT), SLICE("t"));
	x->metric = counts_event(&ev->people->counts, event);
	if (!x->fit)
		log_error(ev->people->ident, "route refused", LSL("event", event),
		          LSL("function", db_value(r, row, COL_FUNCTION)),
		          LSL("problem", db_value(r, row, COL_PROBLEM)));
	if (!db_is_null(r, row, COL_RELAY_ROOM))
		x->relay = relay_rule_new(db_value(r, row, COL_RELAY_ROOM), db_value(r, row, COL_RELAY_MEMBERS),
		                          db_value(r, row, COL_RELAY_FIELDS));
	map_add(&rs->map, &x->node);
}

static void routes_take(struct events *ev, const struct db_result *r)
{
	routes_clear(ev->routes);
	for (int i = 0; i < r->nrows; i++)
		route_add(ev, r, i);
	ev->routes->loaded = true;
	log_info(ev->people->ident, "routes read", LI("routes", r->nrows));
}

/* ---- reading ---- */

void routes_start(struct events *ev)
{
	struct routes *rs = ev->routes = NEW(struct routes);
	reader_init(&rs->reader,
	            &(struct reader){.events = ev,
	                             .class = DB_TELLING,
	                             .sql = "select r.*, x.room, x.members, x.fields "
	                                    "from rt.routes() r left join rt.relays() x on x.event = r.event",
	                             .ncols = COLS,
	                             .failed = "routes not read",
	                             .take = routes_take});
	rs->classes[RATE_OTHER] = mem_strndup("other", 5);
	map_init(&rs->map, route_key);
}

void routes_load(struct events *ev)
{
	reader_load(&ev->routes->reader);
}
