#include "db/lanes.h"

#include "base/mem.h"
#include "db/array.h"
#include "db/batch.h"
#include "db/items.h"
#include "db/known.h"
#include "db/result.h"

/*
 * How long the lanes that are out may keep an item waiting before a further one helps. A lane that is seldom used is a
 * backend whose caches are cold: it takes twice the time for the same instructions (docs/event-path.md "Few lanes, and
 * warm").
 */
#define HELP_MS 20

struct lane {
	struct lanes *owner;
	struct link *link;
	struct known dispatch;
	struct known lone;   /* for one item, on an ordinary lane */
	struct known *asked; /* that of the two which is out */
	bool has_lone;       /* false: the database is that of an older program, which has no such function */
	unsigned no;
	bool reserved;
	struct lane_item *out[BATCH_MOST]; /* the batch that is out, in its order */
	size_t nout;
};

struct lanes {
	struct db_common *common;
	void (*on_written)(void *ctx, bool unrung, struct slice row);
	void *ctx;
	struct items items;
	struct lane lanes[QUEUE_LANES_MOST + 1]; /* the reserved one behind the ordinary ones */
	unsigned n;                              /* all of them */
	struct timer help;                       /* the head has waited long enough for the lanes that are out */
	struct deferred send;                    /* at the end of the turn: the events of one turn are one batch */
};

static void lanes_wake(struct lanes *ls)
{
	loop_defer(ls->common->loop, LOOP_WORK, &ls->send);
}

/* ---- answers ---- */

static void lanes_on_lost(struct lanes *ls, struct lane_item *const *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct lane_item *it = items[i];
		bool again = it->repeatable && !it->in_doubt;
		it->in_doubt = true;
		if (!again || !item_go_alone(&ls->items, it))
			item_complete_bare(&ls->items, it, DB_UNCERTAIN,
			                   SLICE("the connection died before the answer"));
	}
	ls->on_written(ls->ctx, false, (struct slice){0}); /* nobody has rung */
}

/* The whole batch was undone. One of its items may be the cause, so each gets a try by itself. */
static void lanes_on_failed(struct lanes *ls, const PGresult *res, struct lane_item *const *items, size_t n)
{
	struct db_item_result r;
	batch_failure(res, &r);
	log_warn(LOG_NOBODY, "dispatch_failed", LU("items", n), LSL("sqlstate", r.sqlstate), LSL("why", r.detail));
	for (size_t i = 0; i < n; i++) {
		bool again = !items[i]->tried && (n > 1 || batch_is_serialization(r.sqlstate));
		items[i]->tried = true;
		if (!again || !item_go_alone(&ls->items, items[i]))
			item_complete(&ls->items, items[i], &r);
	}
}

static void item_on_verdict(struct lane *lane, const PGresult *res, const struct batch_answer *a, size_t i,
                            struct lane_item *it)
{
	struct lanes *ls = lane->owner;
	struct db_item_result r;
	if (a->verdict[i] == VERDICT_DEFERRED && !lane->reserved && item_go_alone(&ls->items, it)) {
		ls->common->stats.items_deferred++;
		return;
	}
	batch_item(res, a, i, &r);
	if (a->verdict[i] == VERDICT_DEFERRED) {
		r.code = SLICE("UNAVAILABLE");
	} else if (r.outcome == DB_ERROR && batch_is_serialization(r.sqlstate) && !it->tried &&
	           queue_is_last_sent(&it->queued)) {
		it->tried = true;
		if (item_go_alone(&ls->items, it))
			return;
	}
	if (slice_eq(r.sqlstate, SLICE("25006")))
		link_condemn(lane->link, "it only reads"); /* the item failed alone, so the link knows nothing of it */
	item_complete(&ls->items, it, &r);
}

static void lane_on_rang(void *arg, enum link_fate fate, const PGresult *res)
{
	struct lane *lane = arg;
	if (fate == LINK_ANSWERED && !db_rows_ok(res))
		common_problem(lane->owner->common, "rt.ring", PQresultErrorMessage(res));
	lanes_wake(lane->owner);
}

static void lane_on_rows(struct lane *lane, const PGresult *res, struct lane_item *const *items, size_t n)
{
	struct lanes *ls = lane->owner;
	struct batch_answer a;
	const char *wrong = batch_read(res, n, &a);
	if (wrong) {
		common_problem(ls->common, "dispatch", wrong);
		for (size_t i = 0; i < n; i++)
			item_complete_bare(&ls->items, items[i], DB_UNCERTAIN, slice_str(wrong));
		return;
	}
	/*
	 * A statement of its own: a transaction that does nothing but ring waits for no flush and no standby. Where no other
	 * edge is known the sleeper is this one.
	 */
	if (a.asleep && !ls->common->alone)
		link_send(lane->link, "select rt.ring()", 0, NULL, ls->common->cfg.item_timeout_ms, lane_on_rang, lane);
	for (size_t i = 0; i < n; i++)
		item_on_verdict(lane, res, &a, i, items[i]);
	if (a.published)
		ls->on_written(ls->ctx, a.asleep && ls->common->alone, a.moved ? (struct slice){0} : a.lone_row);
}

/* Nothing has run, and the items are to be sent again. */
static bool lane_is_void(struct lane *lane, const PGresult *res)
{
	if (lane->asked == &lane->lone && !db_rows_ok(res) && strcmp(db_sqlstate(res), "42883") == 0) {
		lane->has_lone = false;
		return true;
	}
	return known_is_void(lane->asked, res);
}

static void lane_on_answer(void *arg, enum link_fate fate, const PGresult *res)
{
	struct lane *lane = arg;
	struct lanes *ls = lane->owner;
	struct lane_item *items[BATCH_MOST];
	size_t n = lane->nout;
	memcpy(items, lane->out, n * sizeof(items[0]));
	lane->nout = 0;
	if (fate == LINK_ANSWERED)
		link_settled(lane->link);
	if (fate == LINK_UNSENT || (fate == LINK_ANSWERED && lane_is_void(lane, res)))
		items_put_back(&ls->items, items, n);
	else if (fate == LINK_LOST || (!db_rows_ok(res) && db_outcome_unknown(res)))
		lanes_on_lost(ls, items, n);
	else if (!db_rows_ok(res))
		lanes_on_failed(ls, res, items, n);
	else
		lane_on_rows(lane, res, items, n);
	lanes_wake(ls);
}

/* ---- sending ---- */

static void lane_gather(struct lane *lane)
{
	struct lanes *ls = lane->owner;
	size_t most = lane->reserved ? 1 : ls->common->cfg.batch_max;
	for (struct lane_item *it; lane->nout < most && (it = items_take(&ls->items, lane->no));)
		lane->out[lane->nout++] = it;
}

/* A batch is told by the end of its items' time, so what hangs is given up: the next link finds one that answers. */
static bool lane_ask(struct lane *lane, struct known *call, int n, const char *const *values)
{
	lane->asked = call;
	return known_send(call, n, values, lane->owner->common->cfg.item_timeout_ms, lane_on_answer, lane);
}

static bool lane_ask_lone(struct lane *lane)
{
	const char *values[ITEM_PARTS];
	for (size_t i = 0; i < ITEM_PARTS; i++)
		values[i] = lane->out[0]->parts[i].p;
	return lane_ask(lane, &lane->lone, ITEM_PARTS, values);
}

/* The items as an array of JSON texts; the reserved lane's, which is one, as its text. */
static void lane_write(const struct lane *lane, struct buf *array)
{
	struct buf item = {0};
	if (lane->reserved) {
		item_write(lane->out[0], array);
		return;
	}
	db_array_begin(array);
	for (size_t i = 0; i < lane->nout; i++) {
		item.n = 0;
		item_write(lane->out[i], &item);
		db_array_add(array, buf_view(&item));
	}
	db_array_end(array);
	buf_fini(&item);
}

static bool lane_ask_batch(struct lane *lane)
{
	struct buf text = {0};
	lane_write(lane, &text);
	buf_char(&text, '\0');
	const char *value = text.p;
	bool sent = lane_ask(lane, &lane->dispatch, 1, &value);
	buf_fini(&text);
	return sent;
}

static void lane_send(struct lane *lane)
{
	struct lanes *ls = lane->owner;
	lane_gather(lane);
	size_t n = lane->nout;
	if (lane->has_lone && n == 1 ? lane_ask_lone(lane) : lane_ask_batch(lane)) {
		batch_count(&ls->common->stats, n);
	} else {
		lane->nout = 0;
		items_put_back(&ls->items, lane->out, n);
	}
}

static bool lane_is_free(const struct lane *lane)
{
	return link_idle(lane->link) || link_lapsed(lane->link);
}

/* A batch; or, where the proof of the link is old, first the question for it, and the batch when on_idle comes. */
static void lane_go(struct lane *lane)
{
	if (link_idle(lane->link))
		lane_send(lane);
	else
		link_want(lane->link);
}

/* A lane that is up and has nothing out, but is not free, is about to ask its guard. */
static uint64_t lane_out_since(const struct lane *lane)
{
	uint64_t since = link_waits_since(lane->link);
	return since ? since : loop_now(lane->owner->common->loop);
}

/* False: the head waits for the lanes before this one, the last of which is out since then. The timer looks again. */
static bool lane_may_help(struct lane *lane, const struct lane_item *head, uint64_t since)
{
	struct lanes *ls = lane->owner;
	uint64_t due = (head->arrived < since ? head->arrived : since) + HELP_MS;
	if (due <= loop_now(ls->common->loop))
		return true;
	timer_set(ls->common->loop, &ls->help, due);
	return false;
}

/* Lanes in their order: each that is free takes a batch, unless those before it are enough. */
static void lanes_send(struct lanes *ls)
{
	uint64_t since = 0;
	const struct lane_item *head;
	timer_stop(ls->common->loop, &ls->help);
	for (unsigned i = 0; i < ls->n - 1 && (head = items_next(&ls->items, i)); i++) {
		struct lane *lane = &ls->lanes[i];
		if (!link_up(lane->link))
			continue;
		if (lane_is_free(lane)) {
			if (!lane_may_help(lane, head, since))
				return;
			lane_go(lane);
		}
		uint64_t out = lane_out_since(lane);
		since = out > since ? out : since;
	}
}

static void lanes_on_send(struct deferred *d)
{
	struct lanes *ls = container_of(d, struct lanes, send);
	struct lane *reserved = &ls->lanes[ls->n - 1];
	lanes_send(ls);
	if (lane_is_free(reserved) && items_next(&ls->items, reserved->no))
		lane_go(reserved);
}

static void lanes_on_help(struct timer *t)
{
	lanes_wake(container_of(t, struct lanes, help));
}

/* ---- links ---- */

static const char *lane_role(const struct lane *lane)
{
	return lane->reserved ? "reserved" : "dispatch";
}

static void lane_on_up(void *ctx)
{
	struct lane *lane = ctx;
	common_link_is_up(lane->owner->common, lane_role(lane));
	lane->has_lone = !lane->reserved;
	if (common_has_sessions(lane->owner->common))
		known_prepare(&lane->dispatch, lane->owner->common->cfg.item_timeout_ms);
	lanes_wake(lane->owner);
	lane->owner->common->on_change(lane->owner->common);
}

static void lane_on_down(void *ctx, bool was_up, const char *why)
{
	struct lane *lane = ctx;
	common_link_is_down(lane->owner->common, lane_role(lane), was_up, why);
	known_down(&lane->dispatch);
	known_down(&lane->lone);
	lanes_wake(lane->owner);
	lane->owner->common->on_change(lane->owner->common);
}

static void lane_on_idle(void *lane)
{
	lanes_wake(((struct lane *)lane)->owner);
}

static void lane_on_prepared(void *arg)
{
	struct lane *lane = arg;
	if (lane->reserved)
		lane_on_idle(lane);
	else
		known_prepare(&lane->lone, lane->owner->common->cfg.item_timeout_ms);
}

static const struct link_events lane_link_events = {
	.on_up = lane_on_up, .on_down = lane_on_down, .on_idle = lane_on_idle};

/* ---- life ---- */

static void lane_init(struct lanes *ls, struct lane *lane)
{
	lane->owner = ls;
	lane->no = (unsigned)(lane - ls->lanes);
	lane->reserved = lane->no == ls->items.queues.lanes;
	lane->link = common_link(ls->common, false, lane_role(lane), &lane_link_events, lane);
	lane->dispatch = (struct known){.link = lane->link,
	                                .name = lane->reserved ? "rt.dispatch_one" : "rt.dispatch",
	                                .sql = lane->reserved ? "select * from rt.dispatch_one($1)"
	                                                      : "select * from rt.dispatch($1::text[])",
	                                .ready = lane_on_prepared,
	                                .arg = lane};
	lane->lone = (struct known){.link = lane->link,
	                            .name = "rt.dispatch_lone",
	                            .sql = "select rt.dispatch_lone($1, $2, $3, $4)",
	                            .ready = lane_on_idle,
	                            .arg = lane};
}

struct lanes *lanes_new(struct db_common *common, void (*on_written)(void *ctx, bool unrung, struct slice row),
                        void *ctx)
{
	struct lanes *ls = NEW(struct lanes);
	ls->common = common;
	ls->on_written = on_written;
	ls->ctx = ctx;
	ls->n = common->cfg.lanes + 1;
	items_init(&ls->items, common, &ls->send);
	ls->help.fire = lanes_on_help;
	deferred_init(&ls->send, lanes_on_send);
	for (unsigned i = 0; i < ls->n; i++)
		lane_init(ls, &ls->lanes[i]);
	return ls;
}

void lanes_add(struct lanes *ls, const struct db_item *item)
{
	items_add(&ls->items, item);
}

void lanes_start(struct lanes *ls)
{
	for (unsigned i = 0; i < ls->n; i++)
		link_start(ls->lanes[i].link);
}

void lanes_check(struct lanes *ls)
{
	for (unsigned i = 0; i < ls->n; i++)
		link_check(ls->lanes[i].link);
}

bool lanes_ready(const struct lanes *ls)
{
	for (unsigned i = 0; i < ls->items.queues.lanes; i++)
		if (link_up(ls->lanes[i].link))
			return true;
	return false;
}

/* 0: an ordinary lane is free, or none is up. */
static uint64_t lanes_all_out_since(const struct lanes *ls)
{
	uint64_t youngest = 0;
	for (unsigned i = 0; i < ls->n - 1; i++) {
		uint64_t since = link_waits_since(ls->lanes[i].link);
		if (!link_up(ls->lanes[i].link))
			continue;
		if (!since)
			return 0;
		youngest = since > youngest ? since : youngest;
	}
	return youngest;
}

uint64_t lanes_wait_since(const struct lanes *ls)
{
	uint64_t all = lanes_all_out_since(ls), reserved = link_waits_since(ls->lanes[ls->n - 1].link);
	return !all || (reserved && reserved < all) ? reserved : all;
}

bool lanes_close(struct lanes *ls)
{
	bool some = false;
	for (unsigned i = 0; i < ls->n; i++) {
		some |= ls->lanes[i].nout > 0;
		link_free(&ls->lanes[i].link);
	}
	return items_close(&ls->items) || some;
}

void lanes_free(struct lanes **lsp)
{
	struct lanes *ls = *lsp;
	deferred_cancel(&ls->send);
	timer_stop(ls->common->loop, &ls->help);
	items_fini(&ls->items);
	free(ls);
	*lsp = NULL;
}
