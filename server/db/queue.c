#include "db/queue.h"

#include "base/log.h"
#include "base/mem.h"

struct sequence {
	struct map_node node;
	bool mapped;   /* false: of no socket */
	unsigned lane; /* of the items on the way */
	size_t active; /* items on the way: QUEUED or SENT */
	size_t waiting;
	struct list items; /* all of them, in order of arrival */
	size_t n;
	char socket_id[];
};

/* ---- the one door to an item's state ---- */

static const uint8_t queue_moves[] = {
	[QUEUE_NEW] = 1u << QUEUE_WAITING | 1u << QUEUE_QUEUED,
	[QUEUE_WAITING] = 1u << QUEUE_QUEUED | 1u << QUEUE_GONE,
	[QUEUE_QUEUED] = 1u << QUEUE_SENT | 1u << QUEUE_WAITING | 1u << QUEUE_GONE,
	[QUEUE_SENT] = 1u << QUEUE_QUEUED | 1u << QUEUE_GONE,
	[QUEUE_GONE] = 0,
};
static const char *const queue_words[] = {"new", "waiting", "queued", "sent", "gone"};

static bool queue_is_active(enum queue_state s)
{
	return s == QUEUE_QUEUED || s == QUEUE_SENT;
}

/* Keeps the sequence's counts right. */
static void queue_enter(struct queued *it, enum queue_state to)
{
	struct sequence *s = it->sequence;
	assert(queue_moves[it->state] & 1u << to);
	log_trace(LOG_NOBODY, "item", LSL("socket", slice_of(s->socket_id, s->n)), LU("lane", s->lane),
	          LS("from", queue_words[it->state]), LS("to", queue_words[to]));
	s->active += (size_t)queue_is_active(to) - (size_t)queue_is_active(it->state);
	s->waiting += (size_t)(to == QUEUE_WAITING) - (size_t)(it->state == QUEUE_WAITING);
	it->state = to;
}

/* ---- sequences ---- */

static struct slice sequence_key(const struct map_node *n)
{
	const struct sequence *s = container_of(n, struct sequence, node);
	return slice_of(s->socket_id, s->n);
}

/* The socket's, or a new one. */
static struct sequence *sequence_of(struct queues *q, struct slice socket_id)
{
	struct map_node *found = socket_id.n ? map_find(&q->sequences, socket_id) : NULL;
	if (found)
		return container_of(found, struct sequence, node);
	struct sequence *s = mem_zalloc(sizeof(*s) + socket_id.n);
	s->n = socket_id.n;
	s->mapped = socket_id.n > 0;
	list_init(&s->items);
	if (s->mapped) {
		memcpy(s->socket_id, socket_id.p, socket_id.n);
		map_add(&q->sequences, &s->node);
	}
	return s;
}

static void sequence_free(struct queues *q, struct sequence *s)
{
	if (s->mapped)
		map_del(&q->sequences, &s->node);
	free(s);
}

/* The lane of the hash, or the next one that is up. */
static unsigned queue_lane_of(const struct queues *q, const struct queued *it)
{
	unsigned home = it->hash % q->lanes;
	for (unsigned i = 0; i < q->lanes; i++)
		if (q->up[(home + i) % q->lanes])
			return (home + i) % q->lanes;
	return home;
}

static void queue_append(struct queues *q, struct queued *it)
{
	queue_enter(it, QUEUE_QUEUED);
	list_add_tail(&q->heads[it->sequence->lane], &it->in_lane);
}

/* The item joins those on the way, where nothing of the sequence waits or goes through another lane. */
static bool sequence_admits(const struct queues *q, struct sequence *s, const struct queued *it)
{
	unsigned lane = queue_lane_of(q, it);
	if (s->active && s->lane != lane)
		return false;
	s->lane = lane;
	return true;
}

/* The next run of items, where nothing is on the way. */
static void sequence_go_on(struct queues *q, struct sequence *s)
{
	struct list *at, *tmp;
	if (s->active)
		return;
	list_each (at, tmp, &s->items) {
		struct queued *it = list_entry(at, struct queued, in_sequence);
		if (!sequence_admits(q, s, it))
			return;
		queue_append(q, it);
	}
}

/* ---- life of an item ---- */

void queue_add(struct queues *q, struct queued *it, struct slice socket_id)
{
	struct sequence *s = it->sequence = sequence_of(q, socket_id);
	list_init(&it->in_lane);
	list_add_tail(&s->items, &it->in_sequence);
	if (!s->waiting && sequence_admits(q, s, it))
		queue_append(q, it);
	else
		queue_enter(it, QUEUE_WAITING);
}

bool queue_is_empty(const struct queues *q, unsigned lane)
{
	return list_empty(&q->heads[lane]);
}

struct queued *queue_take(struct queues *q, unsigned lane)
{
	struct queued *it = list_first(&q->heads[lane], struct queued, in_lane);
	if (!it)
		return NULL;
	list_del(&it->in_lane);
	queue_enter(it, QUEUE_SENT);
	return it;
}

void queue_put_back(struct queues *q, struct queued *it)
{
	queue_enter(it, QUEUE_QUEUED);
	list_add_head(&q->heads[it->sequence->lane], &it->in_lane);
}

/* Items that are queued behind this one wait again, or they would run first. */
static void sequence_take_back(struct queued *it)
{
	const struct list *end = &it->sequence->items;
	for (struct list *at = it->in_sequence.next; at != end; at = at->next) {
		struct queued *behind = list_entry(at, struct queued, in_sequence);
		if (behind->state != QUEUE_QUEUED)
			continue;
		list_del(&behind->in_lane);
		queue_enter(behind, QUEUE_WAITING);
	}
}

void queue_alone(struct queues *q, struct queued *it)
{
	sequence_take_back(it);
	it->sequence->lane = q->lanes;
	queue_append(q, it);
}

void queue_remove(struct queues *q, struct queued *it)
{
	struct sequence *s = it->sequence;
	queue_enter(it, QUEUE_GONE);
	list_del(&it->in_lane);
	list_del(&it->in_sequence);
	it->sequence = NULL;
	if (list_empty(&s->items))
		sequence_free(q, s);
	else
		sequence_go_on(q, s);
}

bool queue_is_last_sent(const struct queued *it)
{
	const struct list *next = it->in_sequence.next;
	return next == &it->sequence->items || list_entry(next, const struct queued, in_sequence)->state != QUEUE_SENT;
}

/* ---- lanes ---- */

void queues_init(struct queues *q, unsigned lanes)
{
	assert(lanes >= 1 && lanes <= QUEUE_LANES_MOST);
	*q = (struct queues){.lanes = lanes};
	map_init(&q->sequences, sequence_key);
	for (unsigned i = 0; i <= lanes; i++)
		list_init(&q->heads[i]);
}

void queues_fini(struct queues *q)
{
	map_fini(&q->sequences);
}

/* A sequence's items on the way stay together: all of them are QUEUED here, as a lane that is down has nothing out. */
static void queues_move(struct queues *q, unsigned from, unsigned to)
{
	while (!list_empty(&q->heads[from])) {
		struct queued *it = list_first(&q->heads[from], struct queued, in_lane);
		list_del(&it->in_lane);
		list_add_tail(&q->heads[to], &it->in_lane);
		it->sequence->lane = to;
	}
}

void queues_lane(struct queues *q, unsigned lane, bool up)
{
	q->up[lane] = up;
	unsigned to = q->lanes;
	for (unsigned i = 0; i < q->lanes; i++)
		to = q->up[i] ? i : to;
	for (unsigned i = 0; to < q->lanes && i < q->lanes; i++)
		if (!q->up[i])
			queues_move(q, i, to);
}
