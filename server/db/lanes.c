#include "db/lanes.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

/* ---- queues ---- */

static void count_unsent(struct dispatch *x, int by)
{
	x->queued += (size_t)by;
	x->db->stats.queue_items = x->queued;
}

static void arm_expiry(struct dispatch *x)
{
	struct item *oldest = list_first(&x->by_age, struct item, by_age);
	if (oldest)
		timer_set(x->db->loop, &x->expiry, oldest->expires);
	else
		timer_stop(x->db->loop, &x->expiry);
}

static void become_young(struct dispatch *x, struct item *it)
{
	it->expires = loop_now(x->db->loop) + x->db->cfg.item_timeout_ms;
	list_add_tail(&x->by_age, &it->by_age);
	count_unsent(x, 1);
	arm_expiry(x);
}

/* ---- completions ---- */

/* Nothing happened this time; what happened the first time is still not known. */
static bool still_in_doubt(const struct item *it, const struct db_item_result *r)
{
	return it->in_doubt && r->outcome == DB_ERROR &&
	       (slice_eq(r->code, SLICE("UNAVAILABLE")) || slice_eq(r->code, SLICE("INTERNAL")));
}

static void complete(struct dispatch *x, struct item *it, const struct db_item_result *answer)
{
	struct db_item_result copy = *answer, *r = &copy;
	struct line *l = it->line;
	if (still_in_doubt(it, r))
		r->outcome = DB_UNCERTAIN;
	if (it->state == ITEM_WAITING)
		l->waiting--;
	else
		l->active--;
	if (it->state != ITEM_SENT)
		count_unsent(x, -1);
	list_del(&it->link);
	list_del(&it->in_line);
	list_del(&it->by_age);
	line_release(x, l);
	if (r->outcome == DB_UNCERTAIN)
		x->db->stats.items_uncertain++;
	it->done(it->arg, r);
	buf_fini(&it->json);
	free(it);
}

static void complete_bare(struct dispatch *x, struct item *it, enum db_outcome outcome, struct slice detail)
{
	complete(x, it, &(struct db_item_result){.outcome = outcome, .detail = detail});
}

static void give_up(struct dispatch *x, struct item *it, struct slice detail)
{
	complete_bare(x, it, it->in_doubt ? DB_UNCERTAIN : DB_FAILED, detail);
}

static bool run_refused(struct dispatch *x)
{
	bool some = false;
	while (!list_empty(&x->refused)) {
		struct item *it = list_first(&x->refused, struct item, link);
		some = true;
		list_del(&it->link);
		it->done(it->arg, &(struct db_item_result){.outcome = DB_FAILED, .detail = slice_str(it->refusal)});
		buf_fini(&it->json);
		free(it);
	}
	return some;
}

static void on_refuse(struct deferred *d)
{
	run_refused(container_of(d, struct dispatch, refuse));
}

static void on_expiry(struct timer *t)
{
	struct dispatch *x = container_of(t, struct dispatch, expiry);
	struct item *it;
	while ((it = list_first(&x->by_age, struct item, by_age)) && it->expires <= loop_now(x->db->loop))
		give_up(x, it, SLICE("the database did not take it in time"));
	arm_expiry(x);
}

/* ---- to the reserved lane ---- */

/* A sent item goes once more, alone. */
static void go_alone(struct dispatch *x, struct item *it)
{
	struct line *l = it->line;
	if (!dispatch_is_reserved(x, l->lane)) {
		line_take_back(l);
		l->lane = x->nlanes;
	}
	become_young(x, it);
	item_enqueue(x, it);
}

static void put_back(struct dispatch *x, struct lane *lane, struct item *const *items, size_t n)
{
	while (n-- > 0) {
		struct item *it = items[n];
		it->state = ITEM_QUEUED;
		list_add_head(&lane->queue, &it->link);
		list_add_head(&x->by_age, &it->by_age);
		count_unsent(x, 1);
	}
	arm_expiry(x);
}

/* ---- answers ---- */

/* Repeating would overtake what the socket has behind it in the same batch. */
static bool is_last_sent(const struct item *it)
{
	const struct list *next = it->in_line.next;
	return next == &it->line->items || list_entry(next, const struct item, in_line)->state != ITEM_SENT;
}

static void on_lost(struct dispatch *x, struct item *const *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct item *it = items[i];
		if (!it->repeatable || it->in_doubt || x->db->freeing) {
			complete_bare(x, it, DB_UNCERTAIN, SLICE("the connection died before the answer"));
			continue;
		}
		it->in_doubt = true;
		go_alone(x, it);
	}
	db_pump_poke(x->db); /* it may have published, and nobody rang */
}

static void on_failed(struct dispatch *x, const PGresult *res, struct item *const *items, size_t n)
{
	struct db_item_result r;
	batch_failure(res, &r);
	log_warn(LOG_NOBODY, "dispatch_failed", LU("items", n), LSL("sqlstate", r.sqlstate), LSL("why", r.detail));
	for (size_t i = 0; i < n; i++) {
		bool again = !items[i]->tried && (n > 1 || batch_is_serialization(r.sqlstate));
		if (again) {
			items[i]->tried = true;
			go_alone(x, items[i]);
		} else {
			complete(x, items[i], &r);
		}
	}
}

static void on_verdict(struct dispatch *x, const PGresult *res, const struct batch_answer *a, size_t i, struct item *it,
                       bool alone)
{
	struct db_item_result r;
	if (a->verdict[i] == VERDICT_DEFERRED && !alone) {
		x->db->stats.items_deferred++;
		go_alone(x, it);
		return;
	}
	batch_item(res, a, i, &r);
	if (a->verdict[i] == VERDICT_DEFERRED) {
		r.code = SLICE("UNAVAILABLE");
	} else if (r.outcome == DB_ERROR && batch_is_serialization(r.sqlstate) && !it->tried && is_last_sent(it)) {
		it->tried = true;
		go_alone(x, it);
		return;
	}
	complete(x, it, &r);
}

static void on_rang(void *arg, enum link_fate fate, const PGresult *res)
{
	struct lane *lane = arg;
	if (fate == LINK_ANSWERED && !db_rows_ok(res))
		db_problem(lane->owner->db, "rt.ring", PQresultErrorMessage(res));
	loop_defer(lane->owner->db->loop, LOOP_WORK, &lane->owner->send);
}

static void on_rows(struct dispatch *x, struct lane *lane, const PGresult *res, struct item *const *items, size_t n)
{
	struct batch_answer a;
	const char *wrong = batch_read(res, n, &a);
	if (wrong) {
		db_problem(x->db, "dispatch", wrong);
		for (size_t i = 0; i < n; i++)
			complete_bare(x, items[i], DB_UNCERTAIN, slice_str(wrong));
		return;
	}
	/* a statement of its own: only ringing, it waits for no flush and no standby (design section 2) */
	if (a.asleep)
		link_send(lane->link, "select rt.ring()", 0, NULL, x->db->cfg.call_timeout_ms, on_rang, lane);
	bool alone = dispatch_is_reserved(x, (unsigned)(lane - x->lanes));
	for (size_t i = 0; i < n; i++)
		on_verdict(x, res, &a, i, items[i], alone);
	if (a.published)
		db_pump_poke(x->db);
}

static void on_answer(void *arg, enum link_fate fate, const PGresult *res)
{
	struct lane *lane = arg;
	struct dispatch *x = lane->owner;
	struct item *items[BATCH_MOST];
	size_t n = lane->nout;
	memcpy(items, lane->out, n * sizeof(items[0]));
	lane->nout = 0;
	if (fate == LINK_ANSWERED)
		link_settled(lane->link);
	if (fate == LINK_UNSENT)
		put_back(x, lane, items, n);
	else if (fate == LINK_LOST || (!db_rows_ok(res) && db_outcome_unknown(res)))
		on_lost(x, items, n);
	else if (!db_rows_ok(res))
		on_failed(x, res, items, n);
	else
		on_rows(x, lane, res, items, n);
	loop_defer(x->db->loop, LOOP_WORK, &x->send);
}

/* ---- sending ---- */

static size_t gather(struct dispatch *x, struct lane *lane, size_t most, struct buf *array)
{
	db_array_begin(array);
	while (lane->nout < most && !list_empty(&lane->queue)) {
		struct item *it = list_first(&lane->queue, struct item, link);
		list_del(&it->link);
		list_del(&it->by_age);
		count_unsent(x, -1);
		it->state = ITEM_SENT;
		lane->out[lane->nout++] = it;
		db_array_add(array, buf_view(&it->json));
	}
	db_array_end(array);
	buf_char(array, '\0');
	return lane->nout;
}

static void send_batch(struct dispatch *x, struct lane *lane)
{
	bool alone = dispatch_is_reserved(x, (unsigned)(lane - x->lanes));
	struct buf array = {0};
	size_t n = gather(x, lane, alone ? 1 : x->db->cfg.batch_max, &array);
	const char *sql = alone ? "select * from rt.dispatch_one($1)" : "select * from rt.dispatch($1::text[])";
	const char *value = alone ? lane->out[0]->json.p : array.p;
	if (link_send(lane->link, sql, 1, &value, x->db->cfg.call_timeout_ms, on_answer, lane)) {
		batch_count(&x->db->stats, n);
		x->db->stats.items += n;
	} else {
		lane->nout = 0;
		put_back(x, lane, lane->out, n);
	}
	buf_fini(&array);
}

static void on_send(struct deferred *d)
{
	struct dispatch *x = container_of(d, struct dispatch, send);
	for (unsigned i = 0; i <= x->nlanes; i++)
		if (!list_empty(&x->lanes[i].queue) && link_idle(x->lanes[i].link))
			send_batch(x, &x->lanes[i]);
	arm_expiry(x);
}

static void write_json(struct buf *b, const struct db_item *item)
{
	buf_str(b, "{\"event\":");
	buf_json_str(b, item->event);
	buf_str(b, ",\"user_id\":");
	buf_json_str(b, item->user_id);
	buf_str(b, ",\"socket_id\":");
	buf_json_str(b, item->socket_id);
	buf_str(b, ",\"payload\":");
	buf_slice(b, item->payload);
	buf_str(b, "}");
	*buf_room(b, 1) = '\0';
}

void db_dispatch(struct db *d, const struct db_item *item)
{
	struct dispatch *x = d->dispatch;
	struct item *it = NEW(struct item);
	it->done = item->done;
	it->arg = item->arg;
	it->repeatable = item->repeatable;
	list_init(&it->link);
	list_init(&it->in_line);
	list_init(&it->by_age);
	if (d->stopping || x->queued >= d->cfg.queue_max_items || db_has_nul(item->payload)) {
		it->refusal = d->stopping                 ? "stopping"
		              : db_has_nul(item->payload) ? "the payload holds a NUL"
		                                          : "the queue is full";
		it->state = ITEM_REFUSED;
		list_add_tail(&x->refused, &it->link);
		loop_defer(d->loop, LOOP_WORK, &x->refuse);
		return;
	}
	write_json(&it->json, item);
	it->hash = (uint32_t)hash_bytes(x->seed, item->lock_key.n ? item->lock_key : item->socket_id);
	become_young(x, it);
	line_add(x, line_find(x, item->socket_id), it);
}

/* ---- links ---- */

/* What is queued for a lane that is down goes with one that is up; a line's items on the way stay together. */
static void move_queue(struct dispatch *x, struct lane *from, struct lane *to)
{
	while (!list_empty(&from->queue)) {
		struct item *it = list_first(&from->queue, struct item, link);
		list_del(&it->link);
		it->line->lane = (unsigned)(to - x->lanes);
		item_enqueue(x, it);
	}
}

static void rescue_queues(struct dispatch *x)
{
	struct lane *up = NULL;
	for (unsigned i = 0; i < x->nlanes; i++)
		if (link_up(x->lanes[i].link))
			up = &x->lanes[i];
	for (unsigned i = 0; up && i < x->nlanes; i++)
		if (!link_up(x->lanes[i].link))
			move_queue(x, &x->lanes[i], up);
}

static const char *role(const struct lane *lane)
{
	return dispatch_is_reserved(lane->owner, (unsigned)(lane - lane->owner->lanes)) ? "reserved" : "dispatch";
}

static void on_up(void *ctx)
{
	struct lane *lane = ctx;
	db_link_is_up(lane->owner->db, role(lane));
	rescue_queues(lane->owner);
	loop_defer(lane->owner->db->loop, LOOP_WORK, &lane->owner->send);
}

static void on_down(void *ctx, bool was_up, const char *why)
{
	struct lane *lane = ctx;
	db_link_is_down(lane->owner->db, role(lane), was_up, why);
	rescue_queues(lane->owner);
}

static const struct link_events lane_events = {.on_up = on_up, .on_down = on_down};

struct dispatch *dispatch_new(struct db *d)
{
	struct dispatch *x = NEW(struct dispatch);
	x->db = d;
	x->nlanes = d->cfg.lanes;
	lines_init(x);
	random_bytes(x->seed, sizeof x->seed);
	list_init(&x->by_age);
	list_init(&x->refused);
	x->expiry.fire = on_expiry;
	deferred_init(&x->send, on_send);
	deferred_init(&x->refuse, on_refuse);
	for (unsigned i = 0; i <= x->nlanes; i++) {
		struct lane *lane = &x->lanes[i];
		lane->owner = x;
		list_init(&lane->queue);
		lane->link = db_link(d, false, role(lane), &lane_events, lane);
	}
	return x;
}

void dispatch_start(struct dispatch *x)
{
	for (unsigned i = 0; i <= x->nlanes; i++)
		link_start(x->lanes[i].link);
}

bool dispatch_close(struct dispatch *x)
{
	bool some = false;
	for (unsigned i = 0; i <= x->nlanes; i++) {
		some |= x->lanes[i].nout > 0;
		link_free(&x->lanes[i].link);
	}
	for (struct item *it; (it = list_first(&x->by_age, struct item, by_age)); some = true)
		give_up(x, it, SLICE("stopping"));
	return run_refused(x) || some;
}

void dispatch_free(struct dispatch **xp)
{
	struct dispatch *x = *xp;
	deferred_cancel(&x->send);
	deferred_cancel(&x->refuse);
	timer_stop(x->db->loop, &x->expiry);
	map_fini(&x->lines);
	free(x);
	*xp = NULL;
}
