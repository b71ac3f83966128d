#include "db/queue.h"

#include "base/log.h"
#include "base/mem.h"

struct sequence {
	struct map_node node;
	bool mapped; /* false: of no socket */
	struct list items;
	size_t n;
	char socket_id[];
};

/* ---- the one door to an item's state ---- */

static const uint8_t queue_moves[] = {
	[QUEUE_NEW] = 1u << QUEUE_QUEUED,
	[QUEUE_QUEUED] = 1u << QUEUE_SENT | 1u << QUEUE_GONE,
	[QUEUE_SENT] = 1u << QUEUE_QUEUED | 1u << QUEUE_GONE,
	[QUEUE_GONE] = 0,
};
static const char *const queue_words[] = {"new", "queued", "sent", "gone"};

static bool queue_is_out(const struct queues *q, const struct queued *it)
{
	return it->state == QUEUE_SENT && it->lane < q->lanes;
}

/* Keeps the count of the item's bucket right: it changes the lane as well. */
static void queue_enter(struct queues *q, struct queued *it, enum queue_state to, unsigned lane)
{
	const struct sequence *s = it->sequence;
	assert(queue_moves[it->state] & 1u << to);
	log_trace(LOG_NOBODY, "item", LSL("socket", slice_of(s->socket_id, s->n)), LU("lane", lane),
	          LS("from", queue_words[it->state]), LS("to", queue_words[to]));
	q->buckets[it->bucket].out -= queue_is_out(q, it);
	it->state = to;
	it->lane = lane;
	if (!queue_is_out(q, it))
		return;
	q->buckets[it->bucket].out++;
	q->buckets[it->bucket].lane = lane;
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

/* ---- what a lane may take ---- */

static struct queue *queue_of(struct queues *q, unsigned lane)
{
	return lane == q->lanes ? &q->reserved : &q->ordinary;
}

/* Those of its socket that are before it are in the batch that this lane gathers. */
static bool queue_has_its_turn(const struct queued *it, unsigned lane)
{
	const struct list *at = it->in_sequence.prev;
	if (at == &it->sequence->items)
		return true;
	const struct queued *before = list_entry(at, const struct queued, in_sequence);
	return before->state == QUEUE_SENT && before->lane == lane;
}

static bool queue_may_go(const struct queues *q, const struct queued *it, unsigned lane)
{
	bool free_key = !it->bucket || !q->buckets[it->bucket].out || q->buckets[it->bucket].lane == lane;
	return (free_key || lane == q->lanes) && queue_has_its_turn(it, lane);
}

struct queued *queue_next(struct queues *q, unsigned lane)
{
	struct queue *from = queue_of(q, lane);
	struct queued *it;
	while ((it = list_first(&from->fresh, struct queued, in_queue)) && !queue_may_go(q, it, lane)) {
		list_del(&it->in_queue);
		list_add_tail(&from->passed, &it->in_queue);
	}
	return it;
}

/* Something was answered, or is not on its way any more. */
static void queues_look_again(struct queues *q)
{
	list_move_head(&q->ordinary.fresh, &q->ordinary.passed);
	list_move_head(&q->reserved.fresh, &q->reserved.passed);
}

/* ---- life of an item ---- */

void queue_add(struct queues *q, struct queued *it, struct slice socket_id)
{
	struct sequence *s = it->sequence = sequence_of(q, socket_id);
	list_add_tail(&s->items, &it->in_sequence);
	list_add_tail(&q->ordinary.fresh, &it->in_queue);
	queue_enter(q, it, QUEUE_QUEUED, 0);
}

struct queued *queue_take(struct queues *q, unsigned lane)
{
	struct queued *it = queue_next(q, lane);
	if (!it)
		return NULL;
	list_del(&it->in_queue);
	queue_enter(q, it, QUEUE_SENT, lane);
	return it;
}

void queue_put_back(struct queues *q, struct queued *it)
{
	struct queue *to = queue_of(q, it->lane);
	queues_look_again(q);
	queue_enter(q, it, QUEUE_QUEUED, it->lane == q->lanes ? it->lane : 0);
	list_add_head(&to->fresh, &it->in_queue);
}

void queue_alone(struct queues *q, struct queued *it)
{
	queues_look_again(q);
	queue_enter(q, it, QUEUE_QUEUED, q->lanes);
	list_add_tail(&q->reserved.fresh, &it->in_queue);
}

void queue_remove(struct queues *q, struct queued *it)
{
	struct sequence *s = it->sequence;
	queue_enter(q, it, QUEUE_GONE, it->lane);
	queues_look_again(q);
	list_del(&it->in_queue);
	list_del(&it->in_sequence);
	it->sequence = NULL;
	if (list_empty(&s->items))
		sequence_free(q, s);
}

bool queue_is_last_sent(const struct queued *it)
{
	const struct list *next = it->in_sequence.next;
	return next == &it->sequence->items || list_entry(next, const struct queued, in_sequence)->state != QUEUE_SENT;
}

/* ---- life ---- */

static void queue_init(struct queue *q)
{
	list_init(&q->fresh);
	list_init(&q->passed);
}

void queues_init(struct queues *q, unsigned lanes)
{
	assert(lanes >= 1 && lanes <= QUEUE_LANES_MOST);
	*q = (struct queues){.lanes = lanes};
	map_init(&q->sequences, sequence_key);
	queue_init(&q->ordinary);
	queue_init(&q->reserved);
}

void queues_fini(struct queues *q)
{
	map_fini(&q->sequences);
}
