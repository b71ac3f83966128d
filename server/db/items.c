#include "db/items.h"

#include "base/json_write.h"
#include "base/mem.h"
#include "base/text.h"
#include "db/result.h"

static struct lane_item *item_of(struct queued *q)
{
	return container_of(q, struct lane_item, queued);
}

static void items_wake(struct items *is)
{
	loop_defer(is->common->loop, LOOP_WORK, is->send);
}

/* ---- items by age ---- */

static void items_count(struct items *is, int by)
{
	is->unsent += (size_t)by;
	is->common->stats.queue_items = is->unsent;
}

static void items_arm_expiry(struct items *is)
{
	struct lane_item *oldest = list_first(&is->by_age, struct lane_item, by_age);
	if (oldest)
		timer_set(is->common->loop, &is->expiry, oldest->expires);
}

/* ---- completions ---- */

/* Nothing happened this time. It is still not known whether something happened the first time. */
static bool item_still_in_doubt(const struct lane_item *it, const struct db_item_result *r)
{
	return it->in_doubt && r->outcome == DB_ERROR &&
	       (slice_eq(r->code, SLICE("UNAVAILABLE")) || slice_eq(r->code, SLICE("INTERNAL")));
}

static void item_tell(struct items *is, struct lane_item *it, const struct db_item_result *r)
{
	if (it->told)
		return;
	it->told = true;
	list_del(&it->by_age);
	if (r->outcome == DB_UNCERTAIN)
		is->common->stats.items_uncertain++;
	it->done(it->arg, r);
}

void item_complete(struct items *is, struct lane_item *it, const struct db_item_result *answer)
{
	struct db_item_result r = *answer;
	if (item_still_in_doubt(it, &r))
		r.outcome = DB_UNCERTAIN;
	if (it->queued.state != QUEUE_SENT)
		items_count(is, -1);
	queue_remove(&is->queues, &it->queued);
	items_wake(is);
	item_tell(is, it, &r);
	free(it);
}

void item_complete_bare(struct items *is, struct lane_item *it, enum db_outcome outcome, struct slice detail)
{
	item_complete(is, it, &(struct db_item_result){.outcome = outcome, .detail = detail});
}

static void item_give_up(struct items *is, struct lane_item *it, struct slice detail)
{
	item_complete_bare(is, it, it->in_doubt ? DB_UNCERTAIN : DB_FAILED, detail);
}

static bool items_run_refused(struct items *is)
{
	bool some = false;
	for (struct lane_item *it; (it = list_first(&is->refused, struct lane_item, by_age)); some = true) {
		list_del(&it->by_age);
		it->done(it->arg, &(struct db_item_result){.outcome = DB_FAILED, .detail = slice_str(it->refusal)});
		free(it);
	}
	return some;
}

static void items_on_refuse(struct deferred *d)
{
	items_run_refused(container_of(d, struct items, refuse));
}

/* An item that is out keeps its place: it may still happen, so the later items of its socket must not overtake it. */
static void item_expire(struct items *is, struct lane_item *it)
{
	if (it->queued.state == QUEUE_SENT)
		item_tell(is, it,
		          &(struct db_item_result){.outcome = DB_UNCERTAIN, .detail = SLICE("no answer in time")});
	else
		item_give_up(is, it, SLICE("the database did not take it in time"));
}

static void items_expire(struct timer *t)
{
	struct items *is = container_of(t, struct items, expiry);
	struct lane_item *it;
	while ((it = list_first(&is->by_age, struct lane_item, by_age)) && it->expires <= loop_now(is->common->loop))
		item_expire(is, it);
	items_arm_expiry(is);
}

/* ---- once more ---- */

/* A sent item goes to the reserved lane, with what is left of its time. False: nobody waits for it any more. */
bool item_go_alone(struct items *is, struct lane_item *it)
{
	if (it->told || is->common->freeing)
		return false;
	items_count(is, 1);
	queue_alone(&is->queues, &it->queued);
	items_wake(is);
	return true;
}

/* The server has not seen the batch. */
void items_put_back(struct items *is, struct lane_item *const *items, size_t n)
{
	while (n-- > 0) {
		if (items[n]->told) {
			item_complete_bare(is, items[n], DB_FAILED, SLICE("not sent"));
			continue;
		}
		queue_put_back(&is->queues, &items[n]->queued);
		items_count(is, 1);
	}
}

void item_write(const struct lane_item *it, struct buf *b)
{
	json_open(b);
	json_member_str(b, "event", it->parts[ITEM_EVENT]);
	json_member_str(b, "user_id", it->parts[ITEM_USER]);
	json_member_str(b, "socket_id", it->parts[ITEM_SOCKET]);
	json_member_raw(b, "payload", it->parts[ITEM_PAYLOAD]);
	json_close(b);
}

static struct lane_item *item_new(const struct db_item *item)
{
	const struct slice parts[ITEM_PARTS] = {item->event, item->user_id, item->socket_id, item->payload};
	size_t n = 0;
	for (size_t i = 0; i < ITEM_PARTS; i++)
		n += parts[i].n + 1;
	struct lane_item *it = mem_alloc(sizeof(*it) + n);
	*it = (struct lane_item){.repeatable = item->repeatable, .done = item->done, .arg = item->arg};
	char *at = it->text;
	for (size_t i = 0; i < ITEM_PARTS; i++) {
		it->parts[i] = slice_of(at, parts[i].n);
		if (parts[i].n)
			at = mempcpy(at, parts[i].p, parts[i].n);
		*at++ = '\0';
	}
	return it;
}

static const char *items_refusal(const struct items *is, const struct db_item *item)
{
	if (is->common->freeing)
		return "stopping";
	if (db_has_nul(item->payload))
		return "the payload holds a NUL";
	return is->unsent >= is->common->cfg.queue_max_items ? "the queue is full" : NULL;
}

void items_add(struct items *is, const struct db_item *item)
{
	struct lane_item *it = item_new(item);
	it->refusal = items_refusal(is, item);
	list_init(&it->by_age);
	if (it->refusal) {
		list_add_tail(&is->refused, &it->by_age);
		loop_defer(is->common->loop, LOOP_WORK, &is->refuse);
		return;
	}
	if (item->lock_key.n)
		it->queued.bucket = 1 + (unsigned)(hash_bytes(is->seed, item->lock_key) % QUEUE_BUCKETS);
	it->arrived = loop_now(is->common->loop);
	it->expires = it->arrived + is->common->cfg.item_timeout_ms;
	list_add_tail(&is->by_age, &it->by_age);
	items_count(is, 1);
	if (!timer_is_set(&is->expiry)) /* else it is that of an older one, which may have been told */
		items_arm_expiry(is);
	queue_add(&is->queues, &it->queued, item->socket_id);
	items_wake(is);
}

const struct lane_item *items_next(struct items *is, unsigned lane)
{
	struct queued *q = queue_next(&is->queues, lane);
	return q ? item_of(q) : NULL;
}

struct lane_item *items_take(struct items *is, unsigned lane)
{
	struct queued *q = queue_take(&is->queues, lane);
	if (!q)
		return NULL;
	items_count(is, -1);
	return item_of(q);
}

/* ---- life ---- */

void items_init(struct items *is, struct db_common *common, struct deferred *send)
{
	*is = (struct items){.common = common, .send = send, .expiry = {.fire = items_expire}};
	queues_init(&is->queues, common->cfg.lanes);
	random_bytes(is->seed, sizeof is->seed);
	list_init(&is->by_age);
	list_init(&is->refused);
	deferred_init(&is->refuse, items_on_refuse);
}

bool items_close(struct items *is)
{
	bool some = false;
	for (struct lane_item *it; (it = list_first(&is->by_age, struct lane_item, by_age)); some = true)
		item_give_up(is, it, SLICE("stopping"));
	return items_run_refused(is) || some;
}

void items_fini(struct items *is)
{
	deferred_cancel(&is->refuse);
	timer_stop(is->common->loop, &is->expiry);
	queues_fini(&is->queues);
}
