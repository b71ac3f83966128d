#include "db/lanes.h"

#include "base/json_write.h"
#include "base/mem.h"
#include "base/text.h"
#include "db/array.h"
#include "db/batch.h"
#include "db/known.h"
#include "db/queue.h"
#include "db/result.h"

/* Freed right after its completion has run. */
struct lane_item {
	struct queued queued;
	struct list by_age; /* of lanes.by_age until its outcome is told; of lanes.refused when it was refused */
	uint64_t expires;   /* loop_now; its outcome is told by then, whatever is the matter */
	bool repeatable;
	bool in_doubt; /* it was lost once: it may have happened */
	bool tried;    /* it has had its second try */
	bool told;     /* its time was over while it was out: it stays in its place until the answer comes */
	const char *refusal;
	db_item_done *done;
	void *arg;
	struct buf json; /* terminated */
};

struct lane {
	struct lanes *owner;
	struct link *link;
	struct known dispatch;
	unsigned no;
	bool reserved;
	struct lane_item *out[BATCH_MOST]; /* the batch that is out, in its order */
	size_t nout;
};

struct lanes {
	struct db_common *common;
	void (*on_written)(void *ctx, bool unrung);
	void *ctx;
	struct queues queues;
	struct lane lanes[QUEUE_LANES_MOST + 1]; /* the reserved one behind the ordinary ones */
	unsigned n;                              /* all of them */
	uint64_t seed[2];                        /* of the hash that chooses a lane */
	struct list by_age;                      /* items whose outcome is not told, oldest first */
	struct list refused;                     /* to be completed from the loop; in no queue */
	size_t unsent;
	struct timer expiry;
	struct deferred send; /* at the end of the turn: the events of one turn are one batch */
	struct deferred refuse;
};

static struct lane_item *item_of(struct queued *q)
{
	return container_of(q, struct lane_item, queued);
}

static void lanes_wake(struct lanes *ls)
{
	loop_defer(ls->common->loop, LOOP_WORK, &ls->send);
}

/* ---- items by age ---- */

static void lanes_count(struct lanes *ls, int by)
{
	ls->unsent += (size_t)by;
	ls->common->stats.queue_items = ls->unsent;
}

static void lanes_arm_expiry(struct lanes *ls)
{
	struct lane_item *oldest = list_first(&ls->by_age, struct lane_item, by_age);
	if (oldest)
		timer_set(ls->common->loop, &ls->expiry, oldest->expires);
}

/* ---- completions ---- */

static void item_free(struct lane_item *it)
{
	buf_fini(&it->json);
	free(it);
}

/* Nothing happened this time. It is still not known whether something happened the first time. */
static bool item_still_in_doubt(const struct lane_item *it, const struct db_item_result *r)
{
	return it->in_doubt && r->outcome == DB_ERROR &&
	       (slice_eq(r->code, SLICE("UNAVAILABLE")) || slice_eq(r->code, SLICE("INTERNAL")));
}

static void item_tell(struct lanes *ls, struct lane_item *it, const struct db_item_result *r)
{
	if (it->told)
		return;
	it->told = true;
	list_del(&it->by_age);
	if (r->outcome == DB_UNCERTAIN)
		ls->common->stats.items_uncertain++;
	it->done(it->arg, r);
}

static void item_complete(struct lanes *ls, struct lane_item *it, const struct db_item_result *answer)
{
	struct db_item_result r = *answer;
	if (item_still_in_doubt(it, &r))
		r.outcome = DB_UNCERTAIN;
	if (it->queued.state != QUEUE_SENT)
		lanes_count(ls, -1);
	queue_remove(&ls->queues, &it->queued);
	lanes_wake(ls);
	item_tell(ls, it, &r);
	item_free(it);
}

static void item_complete_bare(struct lanes *ls, struct lane_item *it, enum db_outcome outcome, struct slice detail)
{
	item_complete(ls, it, &(struct db_item_result){.outcome = outcome, .detail = detail});
}

static void item_give_up(struct lanes *ls, struct lane_item *it, struct slice detail)
{
	item_complete_bare(ls, it, it->in_doubt ? DB_UNCERTAIN : DB_FAILED, detail);
}

static bool lanes_run_refused(struct lanes *ls)
{
	bool some = false;
	for (struct lane_item *it; (it = list_first(&ls->refused, struct lane_item, by_age)); some = true) {
		list_del(&it->by_age);
		it->done(it->arg, &(struct db_item_result){.outcome = DB_FAILED, .detail = slice_str(it->refusal)});
		item_free(it);
	}
	return some;
}

static void lanes_on_refuse(struct deferred *d)
{
	lanes_run_refused(container_of(d, struct lanes, refuse));
}

/* An item that is out keeps its place: it may still happen, so the later items of its socket must not overtake it. */
static void item_expire(struct lanes *ls, struct lane_item *it)
{
	if (it->queued.state == QUEUE_SENT)
		item_tell(ls, it,
		          &(struct db_item_result){.outcome = DB_UNCERTAIN, .detail = SLICE("no answer in time")});
	else
		item_give_up(ls, it, SLICE("the database did not take it in time"));
}

static void lanes_expire(struct timer *t)
{
	struct lanes *ls = container_of(t, struct lanes, expiry);
	struct lane_item *it;
	while ((it = list_first(&ls->by_age, struct lane_item, by_age)) && it->expires <= loop_now(ls->common->loop))
		item_expire(ls, it);
	lanes_arm_expiry(ls);
}

/* ---- once more ---- */

/* A sent item goes to the reserved lane, with what is left of its time. False: nobody waits for it any more. */
static bool item_go_alone(struct lanes *ls, struct lane_item *it)
{
	if (it->told || ls->common->freeing)
		return false;
	lanes_count(ls, 1);
	queue_alone(&ls->queues, &it->queued);
	lanes_wake(ls);
	return true;
}

/* The server has not seen the batch. */
static void lanes_put_back(struct lanes *ls, struct lane_item *const *items, size_t n)
{
	while (n-- > 0) {
		if (items[n]->told) {
			item_complete_bare(ls, items[n], DB_FAILED, SLICE("not sent"));
			continue;
		}
		queue_put_back(&ls->queues, &items[n]->queued);
		lanes_count(ls, 1);
	}
}

/* ---- answers ---- */

static void lanes_on_lost(struct lanes *ls, struct lane_item *const *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct lane_item *it = items[i];
		bool again = it->repeatable && !it->in_doubt;
		it->in_doubt = true;
		if (!again || !item_go_alone(ls, it))
			item_complete_bare(ls, it, DB_UNCERTAIN, SLICE("the connection died before the answer"));
	}
	ls->on_written(ls->ctx, false); /* nobody has rung */
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
		if (!again || !item_go_alone(ls, items[i]))
			item_complete(ls, items[i], &r);
	}
}

static void item_on_verdict(struct lane *lane, const PGresult *res, const struct batch_answer *a, size_t i,
                            struct lane_item *it)
{
	struct lanes *ls = lane->owner;
	struct db_item_result r;
	if (a->verdict[i] == VERDICT_DEFERRED && !lane->reserved && item_go_alone(ls, it)) {
		ls->common->stats.items_deferred++;
		return;
	}
	batch_item(res, a, i, &r);
	if (a->verdict[i] == VERDICT_DEFERRED) {
		r.code = SLICE("UNAVAILABLE");
	} else if (r.outcome == DB_ERROR && batch_is_serialization(r.sqlstate) && !it->tried &&
	           queue_is_last_sent(&it->queued)) {
		it->tried = true;
		if (item_go_alone(ls, it))
			return;
	}
	if (slice_eq(r.sqlstate, SLICE("25006")))
		link_condemn(lane->link, "it only reads"); /* the item failed alone, so the link knows nothing of it */
	item_complete(ls, it, &r);
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
			item_complete_bare(ls, items[i], DB_UNCERTAIN, slice_str(wrong));
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
		ls->on_written(ls->ctx, a.asleep && ls->common->alone);
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
	if (fate == LINK_UNSENT || (fate == LINK_ANSWERED && known_is_void(&lane->dispatch, res)))
		lanes_put_back(ls, items, n);
	else if (fate == LINK_LOST || (!db_rows_ok(res) && db_outcome_unknown(res)))
		lanes_on_lost(ls, items, n);
	else if (!db_rows_ok(res))
		lanes_on_failed(ls, res, items, n);
	else
		lane_on_rows(lane, res, items, n);
	lanes_wake(ls);
}

/* ---- sending ---- */

static void lane_gather(struct lane *lane, struct buf *array)
{
	struct lanes *ls = lane->owner;
	size_t most = lane->reserved ? 1 : ls->common->cfg.batch_max;
	db_array_begin(array);
	while (lane->nout < most && !queue_is_empty(&ls->queues, lane->no)) {
		struct lane_item *it = item_of(queue_take(&ls->queues, lane->no));
		lanes_count(ls, -1);
		lane->out[lane->nout++] = it;
		db_array_add(array, buf_view(&it->json));
	}
	db_array_end(array);
	buf_char(array, '\0');
}

static void lane_send(struct lane *lane)
{
	struct lanes *ls = lane->owner;
	struct buf array = {0};
	lane_gather(lane, &array);
	size_t n = lane->nout;
	const char *value = lane->reserved ? lane->out[0]->json.p : array.p;
	/* A batch is told by then, so what hangs is given up: the next link finds a server that answers. */
	if (known_send(&lane->dispatch, 1, &value, ls->common->cfg.item_timeout_ms, lane_on_answer, lane)) {
		batch_count(&ls->common->stats, n);
	} else {
		lane->nout = 0;
		lanes_put_back(ls, lane->out, n);
	}
	buf_fini(&array);
}

static void lanes_on_send(struct deferred *d)
{
	struct lanes *ls = container_of(d, struct lanes, send);
	for (unsigned i = 0; i < ls->n; i++)
		if (!queue_is_empty(&ls->queues, i) && link_idle(ls->lanes[i].link))
			lane_send(&ls->lanes[i]);
}

static void item_write(struct lane_item *it, const struct db_item *item)
{
	struct buf *b = &it->json;
	json_open(b);
	json_member_str(b, "event", item->event);
	json_member_str(b, "user_id", item->user_id);
	json_member_str(b, "socket_id", item->socket_id);
	json_member_raw(b, "payload", item->payload);
	json_close(b);
	*buf_room(b, 1) = '\0';
}

static const char *lanes_refusal(const struct lanes *ls, const struct db_item *item)
{
	if (ls->common->freeing)
		return "stopping";
	if (db_has_nul(item->payload))
		return "the payload holds a NUL";
	return ls->unsent >= ls->common->cfg.queue_max_items ? "the queue is full" : NULL;
}

void lanes_add(struct lanes *ls, const struct db_item *item)
{
	struct lane_item *it = NEW(struct lane_item);
	struct slice hashed = item->lock_key.n ? item->lock_key : item->socket_id;
	it->done = item->done;
	it->arg = item->arg;
	it->repeatable = item->repeatable;
	it->refusal = lanes_refusal(ls, item);
	list_init(&it->by_age);
	if (it->refusal) {
		list_add_tail(&ls->refused, &it->by_age);
		loop_defer(ls->common->loop, LOOP_WORK, &ls->refuse);
		return;
	}
	item_write(it, item);
	it->queued.hash = (uint32_t)hash_bytes(ls->seed, hashed);
	it->expires = loop_now(ls->common->loop) + ls->common->cfg.item_timeout_ms;
	list_add_tail(&ls->by_age, &it->by_age);
	lanes_count(ls, 1);
	if (!timer_is_set(&ls->expiry)) /* else it is that of an older one, which may have been told */
		lanes_arm_expiry(ls);
	queue_add(&ls->queues, &it->queued, item->socket_id);
	lanes_wake(ls);
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
	queues_lane(&lane->owner->queues, lane->no, true);
	if (common_has_sessions(lane->owner->common))
		known_prepare(&lane->dispatch, lane->owner->common->cfg.item_timeout_ms);
	lanes_wake(lane->owner);
	lane->owner->common->on_change(lane->owner->common);
}

static void lane_on_down(void *ctx, bool was_up, const char *why)
{
	struct lane *lane = ctx;
	common_link_is_down(lane->owner->common, lane_role(lane), was_up, why);
	queues_lane(&lane->owner->queues, lane->no, false);
	known_down(&lane->dispatch);
	lanes_wake(lane->owner);
	lane->owner->common->on_change(lane->owner->common);
}

static void lane_on_idle(void *lane)
{
	lanes_wake(((struct lane *)lane)->owner);
}

static const struct link_events lane_link_events = {
	.on_up = lane_on_up, .on_down = lane_on_down, .on_idle = lane_on_idle};

/* ---- life ---- */

static void lane_init(struct lanes *ls, struct lane *lane)
{
	lane->owner = ls;
	lane->no = (unsigned)(lane - ls->lanes);
	lane->reserved = lane->no == ls->queues.lanes;
	lane->link = common_link(ls->common, false, lane_role(lane), &lane_link_events, lane);
	lane->dispatch = (struct known){.link = lane->link,
	                                .name = lane->reserved ? "rt.dispatch_one" : "rt.dispatch",
	                                .sql = lane->reserved ? "select * from rt.dispatch_one($1)"
	                                                      : "select * from rt.dispatch($1::text[])",
	                                .ready = lane_on_idle,
	                                .arg = lane};
}

struct lanes *lanes_new(struct db_common *common, void (*on_written)(void *ctx, bool unrung), void *ctx)
{
	struct lanes *ls = NEW(struct lanes);
	ls->common = common;
	ls->on_written = on_written;
	ls->ctx = ctx;
	ls->n = common->cfg.lanes + 1;
	queues_init(&ls->queues, common->cfg.lanes);
	random_bytes(ls->seed, sizeof ls->seed);
	list_init(&ls->by_age);
	list_init(&ls->refused);
	ls->expiry.fire = lanes_expire;
	deferred_init(&ls->send, lanes_on_send);
	deferred_init(&ls->refuse, lanes_on_refuse);
	for (unsigned i = 0; i < ls->n; i++)
		lane_init(ls, &ls->lanes[i]);
	return ls;
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
	for (unsigned i = 0; i < ls->queues.lanes; i++)
		if (link_up(ls->lanes[i].link))
			return true;
	return false;
}

uint64_t lanes_wait_since(const struct lanes *ls)
{
	uint64_t oldest = 0;
	for (unsigned i = 0; i < ls->n; i++) {
		uint64_t since = link_waits_since(ls->lanes[i].link);
		if (since && (!oldest || since < oldest))
			oldest = since;
	}
	return oldest;
}

bool lanes_close(struct lanes *ls)
{
	bool some = false;
	for (unsigned i = 0; i < ls->n; i++) {
		some |= ls->lanes[i].nout > 0;
		link_free(&ls->lanes[i].link);
	}
	for (struct lane_item *it; (it = list_first(&ls->by_age, struct lane_item, by_age)); some = true)
		item_give_up(ls, it, SLICE("stopping"));
	return lanes_run_refused(ls) || some;
}

void lanes_free(struct lanes **lsp)
{
	struct lanes *ls = *lsp;
	deferred_cancel(&ls->send);
	deferred_cancel(&ls->refuse);
	timer_stop(ls->common->loop, &ls->expiry);
	queues_fini(&ls->queues);
	free(ls);
	*lsp = NULL;
}
