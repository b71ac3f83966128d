#include "db/queue.h"

#include "test.h"

#define ITEMS 4000
#define SOCKETS 6
#define BATCH 4

struct thing {
	struct queued q;
	int socket; /* -1: none */
	bool ran;   /* the database has run it, in this model */
};

static struct slice socket_name(int i)
{
	static const char *const names[SOCKETS] = {"a", "b", "c", "d", "e", "f"};
	return i < 0 ? SLICE("") : slice_str(names[i]);
}

static struct thing *thing_of(struct queued *q)
{
	return q ? container_of(q, struct thing, q) : NULL;
}

/* ---- stories ---- */

static void add(struct queues *q, struct thing *t, int socket, unsigned bucket)
{
	*t = (struct thing){.q.bucket = bucket, .socket = socket};
	queue_add(q, &t->q, socket_name(socket));
}

static void remove_all(struct queues *q, struct thing *things, size_t n)
{
	for (size_t i = 0; i < n; i++)
		queue_remove(q, &things[i].q);
	CHECK_INT(q->sequences.count, 0);
	queues_fini(q);
}

TEST(all_lanes_take_from_one_queue)
{
	struct queues q;
	struct thing t[4];
	queues_init(&q, 2);
	for (int i = 0; i < 4; i++)
		add(&q, &t[i], i, (unsigned)i);
	CHECK(queue_take(&q, 1) == &t[0].q);
	CHECK(queue_take(&q, 0) == &t[1].q);
	CHECK(queue_take(&q, 0) == &t[2].q);
	CHECK(queue_next(&q, 1) == &t[3].q);
	CHECK(queue_next(&q, 2) == NULL); /* the reserved lane has a queue of its own */
	remove_all(&q, t, 4);
}

TEST(a_socket_is_in_one_batch_at_a_time)
{
	struct queues q;
	struct thing t[4];
	queues_init(&q, 2);
	add(&q, &t[0], 0, 1);
	add(&q, &t[1], 0, 2); /* another key: the same batch may have both */
	add(&q, &t[2], 0, 3);
	add(&q, &t[3], 1, 4);
	CHECK(queue_take(&q, 0) == &t[0].q);
	CHECK(queue_take(&q, 0) == &t[1].q);
	CHECK(queue_take(&q, 1) == &t[3].q);
	CHECK(queue_take(&q, 1) == NULL);
	queue_remove(&q, &t[1].q);
	CHECK(queue_take(&q, 1) == NULL); /* the first of them is still out */
	queue_remove(&q, &t[0].q);
	CHECK(queue_take(&q, 1) == &t[2].q);
	remove_all(&q, t + 2, 2);
}

TEST(a_bucket_is_out_in_one_lane_at_a_time)
{
	struct queues q;
	struct thing t[6];
	queues_init(&q, 2);
	add(&q, &t[0], 0, 7);
	add(&q, &t[1], 1, 7);
	add(&q, &t[2], 2, 7);
	add(&q, &t[3], 2, 8); /* free, but behind one of its socket that is not */
	add(&q, &t[4], 3, 8);
	add(&q, &t[5], 4, 0); /* no key: always free */
	CHECK(queue_take(&q, 0) == &t[0].q);
	CHECK(queue_take(&q, 0) == &t[1].q);
	CHECK(queue_take(&q, 1) == &t[4].q);
	CHECK(queue_take(&q, 1) == &t[5].q);
	CHECK(queue_take(&q, 1) == NULL);
	queue_remove(&q, &t[0].q);
	CHECK(queue_next(&q, 1) == NULL); /* the other one of the bucket is still out */
	queue_remove(&q, &t[1].q);
	CHECK(queue_take(&q, 0) == &t[2].q);
	CHECK(queue_take(&q, 0) == NULL); /* its bucket is out in lane 1 */
	queue_remove(&q, &t[4].q);
	CHECK(queue_take(&q, 0) == &t[3].q);
	queue_remove(&q, &t[2].q);
	queue_remove(&q, &t[3].q);
	queue_remove(&q, &t[5].q);
	CHECK_INT(q.sequences.count, 0);
	queues_fini(&q);
}

TEST(what_was_passed_over_keeps_its_place)
{
	struct queues q;
	struct thing t[5];
	queues_init(&q, 2);
	for (int i = 0; i < 4; i++)
		add(&q, &t[i], i, i < 3 ? 1 : 2);
	CHECK(queue_take(&q, 0) == &t[0].q);
	CHECK(queue_next(&q, 1) == &t[3].q);
	add(&q, &t[4], 4, 1);
	queue_remove(&q, &t[0].q);
	for (int i = 1; i < 5; i++)
		CHECK(queue_take(&q, 0) == &t[i].q);
	remove_all(&q, t + 1, 4);
}

TEST(what_is_given_up_lets_those_behind_it_go)
{
	struct queues q;
	struct thing t[3];
	queues_init(&q, 2);
	add(&q, &t[0], 0, 1);
	add(&q, &t[1], 1, 1);
	add(&q, &t[2], 1, 2);
	CHECK(queue_take(&q, 0) == &t[0].q);
	CHECK(queue_next(&q, 1) == NULL);
	queue_remove(&q, &t[1].q); /* its time is over, in the queue */
	CHECK(queue_take(&q, 1) == &t[2].q);
	queue_remove(&q, &t[0].q);
	queue_remove(&q, &t[2].q);
	queues_fini(&q);
}

TEST(items_of_no_socket_have_no_order)
{
	struct queues q;
	struct thing t[2];
	queues_init(&q, 2);
	add(&q, &t[0], -1, 0);
	add(&q, &t[1], -1, 0);
	CHECK(queue_take(&q, 1) == &t[0].q);
	CHECK(queue_take(&q, 0) == &t[1].q);
	CHECK(queue_is_last_sent(&t[0].q));
	remove_all(&q, t, 2);
}

TEST(an_item_that_goes_alone_holds_up_what_its_socket_sent_later)
{
	struct queues q;
	struct thing t[3];
	queues_init(&q, 1);
	add(&q, &t[0], 0, 1);
	add(&q, &t[1], 0, 1);
	add(&q, &t[2], 1, 1);
	CHECK(queue_take(&q, 0) == &t[0].q);
	queue_alone(&q, &t[0].q);
	CHECK(queue_take(&q, 0) == &t[2].q); /* another socket's goes */
	CHECK(queue_take(&q, 0) == NULL);
	CHECK(queue_take(&q, 1) == &t[0].q); /* its bucket is out, which does not matter here */
	CHECK(queue_take(&q, 0) == NULL);
	queue_remove(&q, &t[0].q);
	CHECK(queue_take(&q, 0) == &t[1].q);
	remove_all(&q, t + 1, 2);
}

TEST(alone_for_the_second_time_it_still_comes_first)
{
	struct queues q;
	struct thing t[2];
	queues_init(&q, 1);
	add(&q, &t[0], 0, 0);
	add(&q, &t[1], 0, 0);
	CHECK(queue_take(&q, 0) == &t[0].q);
	CHECK(queue_take(&q, 0) == &t[1].q);
	CHECK(!queue_is_last_sent(&t[0].q));
	CHECK(queue_is_last_sent(&t[1].q));
	queue_alone(&q, &t[0].q);
	queue_alone(&q, &t[1].q);
	CHECK(queue_take(&q, 1) == &t[0].q);
	queue_alone(&q, &t[0].q);
	CHECK(queue_take(&q, 1) == &t[0].q);
	queue_remove(&q, &t[0].q);
	queue_remove(&q, &t[1].q);
	queues_fini(&q);
}

TEST(a_batch_that_was_not_sent_is_in_its_old_place)
{
	struct queues q;
	struct thing t[4];
	queues_init(&q, 2);
	for (int i = 0; i < 4; i++)
		add(&q, &t[i], i, i == 2 ? 1 : (unsigned)i);
	CHECK(queue_take(&q, 0) == &t[0].q);
	CHECK(queue_take(&q, 0) == &t[1].q);
	CHECK(queue_next(&q, 1) == &t[3].q); /* the third one is passed over */
	queue_put_back(&q, &t[1].q);
	queue_put_back(&q, &t[0].q);
	for (int i = 0; i < 4; i++)
		CHECK(queue_take(&q, 1) == &t[i].q);
	queue_remove(&q, &t[0].q);
	queue_alone(&q, &t[1].q);
	CHECK(queue_take(&q, 2) == &t[1].q);
	queue_put_back(&q, &t[1].q); /* to the reserved lane */
	CHECK(queue_take(&q, 2) == &t[1].q);
	remove_all(&q, t + 1, 3);
}

/* ---- a model with random operations ---- */

struct model {
	struct queues q;
	struct thing things[ITEMS];
	size_t n;            /* things made */
	size_t ran[SOCKETS]; /* things that have run, so far the last index + 1 */
	struct thing *out[QUEUE_LANES_MOST + 1][BATCH];
	size_t nout[QUEUE_LANES_MOST + 1];
	bool down[QUEUE_LANES_MOST + 1];
	uint64_t x;
};

static uint32_t dice(struct model *m, uint32_t sides)
{
	m->x ^= m->x << 13, m->x ^= m->x >> 7, m->x ^= m->x << 17;
	return (uint32_t)(m->x >> 33) % sides;
}

/* The promise: the database runs the events of one socket in the order of their arrival, in every case. */
static void run_thing(struct model *m, struct thing *t)
{
	size_t at = (size_t)(t - m->things) + 1;
	if (t->socket < 0)
		return;
	if (m->ran[t->socket] >= at)
		UNIT_FAIL("item %zu of socket %d ran after item %zu", at, t->socket, m->ran[t->socket]);
	m->ran[t->socket] = at;
}

static unsigned lane_of_key(const struct model *m, unsigned bucket)
{
	for (unsigned lane = 0; lane < m->q.lanes; lane++)
		for (size_t i = 0; i < m->nout[lane]; i++)
			if (bucket && m->out[lane][i]->q.bucket == bucket)
				return lane;
	return m->q.lanes;
}

static void send_batch_of(struct model *m, unsigned lane)
{
	size_t most = lane == m->q.lanes ? 1 : 1 + dice(m, BATCH);
	if (m->nout[lane] || m->down[lane])
		return;
	for (struct thing *t; m->nout[lane] < most && (t = thing_of(queue_take(&m->q, lane)));) {
		unsigned other = lane_of_key(m, t->q.bucket);
		if (lane < m->q.lanes && other < m->q.lanes && other != lane)
			UNIT_FAIL("key %u is out in lanes %u and %u", t->q.bucket, other, lane);
		m->out[lane][m->nout[lane]++] = t;
	}
}

/* As rt.dispatch does: with an item that is deferred, later items of the same socket are deferred. */
static bool is_deferred(struct model *m, const struct thing *t, bool *deferred)
{
	bool is = dice(m, 4) == 0;
	if (t->socket < 0)
		return is;
	deferred[t->socket] |= is;
	return deferred[t->socket];
}

static void answer(struct model *m, unsigned lane)
{
	bool deferred[SOCKETS] = {0};
	size_t n = m->nout[lane];
	struct thing *alone[BATCH];
	m->nout[lane] = 0;
	for (size_t i = 0; i < n; i++) {
		alone[i] = m->out[lane][i];
		if (is_deferred(m, alone[i], deferred))
			continue;
		run_thing(m, alone[i]);
		alone[i]->ran = true;
	}
	for (size_t i = 0; i < n; i++) {
		if (alone[i]->ran)
			queue_remove(&m->q, &alone[i]->q);
		else
			queue_alone(&m->q, &alone[i]->q);
	}
}

static void go_down(struct model *m, unsigned lane)
{
	size_t n = m->nout[lane];
	bool unsent = dice(m, 2);
	m->nout[lane] = 0;
	for (size_t i = 0; i < n; i++) {
		struct thing *t = m->out[lane][unsent ? n - 1 - i : i];
		if (unsent)
			queue_put_back(&m->q, &t->q);
		else if (dice(m, 2))
			queue_alone(&m->q, &t->q);
		else
			queue_remove(&m->q, &t->q);
	}
	m->down[lane] = true;
}

static void give_one_up(struct model *m)
{
	struct thing *t = &m->things[dice(m, (uint32_t)m->n)];
	if (t->q.state == QUEUE_QUEUED)
		queue_remove(&m->q, &t->q);
}

static void check_counts(const struct model *m)
{
	size_t alive = 0, queued = 0, out = 0;
	for (size_t i = 0; i < m->n; i++) {
		alive += m->things[i].q.state != QUEUE_GONE;
		queued += m->things[i].q.state == QUEUE_QUEUED;
		out += m->things[i].q.state == QUEUE_SENT;
	}
	for (unsigned lane = 0; lane <= m->q.lanes; lane++)
		out -= m->nout[lane];
	const struct list *const heads[] = {&m->q.ordinary.fresh, &m->q.ordinary.passed, &m->q.reserved.fresh,
	                                    &m->q.reserved.passed};
	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		for (const struct list *at = heads[i]->next; at != heads[i]; at = at->next)
			queued--;
	CHECK_INT(queued, 0);
	CHECK_INT(out, 0);
	CHECK(alive == 0 || m->q.sequences.count > 0 || alive < 100);
}

static bool is_idle(struct model *m)
{
	for (unsigned lane = 0; lane <= m->q.lanes; lane++)
		if (m->nout[lane] || queue_next(&m->q, lane))
			return false;
	return true;
}

static void any_step(struct model *m)
{
	unsigned lane = dice(m, m->q.lanes + 1);
	uint32_t what = dice(m, 100);
	if (what < 40 && m->n < ITEMS) {
		int socket = (int)dice(m, SOCKETS + 1) - 1;
		add(&m->q, &m->things[m->n++], socket, dice(m, 3) ? (unsigned)socket + 1 : dice(m, 16));
	} else if (what < 65) {
		send_batch_of(m, lane);
	} else if (what < 90) {
		answer(m, lane);
	} else if (what < 93 && !m->down[lane]) {
		go_down(m, lane);
	} else if (what < 97) {
		m->down[lane] = false;
	} else if (m->n && dice(m, 4) == 0) {
		give_one_up(m);
	}
}

TEST(the_order_of_a_socket_and_the_lane_of_a_key_hold_under_random_operations)
{
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct model *m = calloc(1, sizeof *m);
		m->x = seed * 88172645463325252u;
		queues_init(&m->q, 1 + (unsigned)(seed % 5));
		for (int i = 0; m->n < ITEMS / 4; i++) {
			any_step(m);
			if (i % 100 == 0)
				check_counts(m);
		}
		memset(m->down, 0, sizeof m->down);
		for (int turn = 0; !is_idle(m); turn++) { /* nothing is left behind */
			CHECK(turn < 100000);
			for (unsigned lane = 0; lane <= m->q.lanes; lane++) {
				send_batch_of(m, lane);
				answer(m, lane);
			}
		}
		for (size_t i = 0; i < m->n; i++)
			CHECK_INT(m->things[i].q.state, QUEUE_GONE);
		CHECK_INT(m->q.sequences.count, 0);
		queues_fini(&m->q);
		free(m);
	}
}
