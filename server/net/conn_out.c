/*
 * What goes out of a connection: the queue, who is slow, writing. Called by http/ and ws/ with what is sent, by conn.c
 * when the loop flushes, by conn_budget.c when memory is short.
 */
#include "net/conn_internal.h"

#include "net/transport.h"

/* ---- who is slow ---- */

static bool conn_over(const struct conn *c)
{
	const struct conn_budget *b = c->holder.budget;
	return outq_bytes(&c->out) >= b->max_queue_bytes || outq_count(&c->out) >= b->max_queue_items;
}

static bool conn_over_hard(const struct conn *c)
{
	const struct conn_budget *b = c->holder.budget;
	return outq_bytes(&c->out) >= b->max_queue_bytes * HOLDER_HARD ||
	       outq_count(&c->out) >= b->max_queue_items * HOLDER_HARD_ITEMS;
}

/* Called when the kernel has been asked. */
static void conn_judge(struct conn *c)
{
	if (c->state == CONN_LIVE && conn_over(c) && !holder_waits(&c->holder, conn_over_hard(c)))
		conn_kill(c, CLOSE_SLOW);
}

static size_t conn_holder_queued(const struct holder *h)
{
	return outq_bytes(&container_of(h, const struct conn, holder)->out);
}

static void conn_holder_stalled(struct holder *h)
{
	struct conn *c = container_of(h, struct conn, holder);
	conn_drain(c);
	conn_judge(c);
	if (c->state == CONN_LIVE && outq_count(&c->out) == 0)
		conn_mark(c); /* callbacks wait for the flush list */
}

static void conn_holder_evict(struct holder *h)
{
	conn_kill(container_of(h, struct conn, holder), CLOSE_LIMIT);
}

static const struct holder_ops conn_holder_ops = {conn_holder_queued, conn_holder_stalled, conn_holder_evict};

/* ---- writing ---- */

static ssize_t conn_write(struct conn *c)
{
	struct iovec iov[OUTQ_IOV];
	int n = outq_iov(&c->out, iov);
	c->holder.budget->writes++;
	bool other = false;
	char *scratch = loop_gather(conn_loop(c));
	ssize_t put = c->tls ? tls_writev(c->tls, iov, n, scratch, LOOP_GATHER, &other)
	                     : plain_writev(c->io.fd, iov, n, scratch, LOOP_GATHER);
	c->write_wants_read = other;
	return put;
}

void conn_drain(struct conn *c)
{
	c->blocked = false;
	while (outq_count(&c->out)) {
		ssize_t put = conn_write(c);
		if (put == TRANSPORT_AGAIN) {
			c->blocked = !c->write_wants_read;
			holder_blocked(&c->holder, &conn_holder_ops);
			conn_watch(c);
			return;
		}
		if (put < 0) { /* a client's handshake begins with a write */
			conn_kill(c, conn_fault(c));
			return;
		}
		c->holder.budget->bytes_out += (size_t)put;
		outq_drop(&c->out, &c->holder, (size_t)put);
		holder_taken(&c->holder, (size_t)put, 0);
	}
	holder_clear(&c->holder);
}

/* ---- sending ---- */

bool conn_lose(struct conn *c, uint32_t parts)
{
	if (c->counts_lost)
		c->holder.budget->lost[c->why] += parts;
	return false;
}

/* The queue is full. Only what is left of it once the kernel was asked says something about the peer; it is asked once
 * a turn. */
static bool conn_relieve(struct conn *c)
{
	if (!holder_asked(&c->holder) || conn_over_hard(c))
		conn_drain(c);
	conn_judge(c);
	return c->state == CONN_LIVE;
}

bool conn_send_part(struct conn *c, struct blob *b, size_t off, size_t n)
{
	if (n == 0)
		return true;
	if (c->state != CONN_LIVE || (conn_over(c) && !conn_relieve(c)))
		return conn_lose(c, 1);
	if (!conn_budget_room(c->holder.budget, holder_cost(b)))
		conn_kill(c, CLOSE_LIMIT);
	if (c->state != CONN_LIVE) /* the room was made by ending this one */
		return conn_lose(c, 1);
	outq_push(&c->out, &c->holder, b, off, n);
	if (!c->blocked)
		conn_mark(c);
	return true;
}

bool conn_send(struct conn *c, struct blob *b)
{
	return conn_send_part(c, b, 0, b->n);
}

void conn_count_lost(struct conn *c)
{
	c->counts_lost = true;
}

void conn_send_copy(struct conn *c, struct slice s)
{
	struct blob *b = blob_copy(s);
	conn_send(c, b);
	blob_unref(&b);
}

size_t conn_queued(const struct conn *c)
{
	return outq_bytes(&c->out);
}

bool conn_blocked(const struct conn *c)
{
	return c->blocked;
}
