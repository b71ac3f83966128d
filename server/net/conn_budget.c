/*
 * What all connections of a worker hold together, of input and of output. When it is too much, the one that holds most
 * is ended: a client that begins long messages and ends none, or that reads nothing, pays for it itself. Called by
 * conn.c and by whoever keeps bytes for a connection (http/, ws/, eio/, sio/).
 */
#include "net/conn_internal.h"

#include "base/mem.h"

void conn_budget_begin(struct conn_budget *b, struct loop *l)
{
	if (b->loop)
		return;
	b->loop = l;
	list_init(&b->all);
	rank_init(&b->backlogs);
	rank_init(&b->inputs);
}

/* ---- input ---- */

static size_t conn_kept(const struct conn *c)
{
	return c->kept ? c->kept->rank.size : 0;
}

static void conn_keeps(struct conn *c, size_t n)
{
	struct conn_budget *b = c->holder.budget;
	b->input_bytes += n - conn_kept(c);
	if (n && c->kept)
		rank_set(&b->inputs, &c->kept->rank, n);
	else if (n) {
		c->kept = NEW(struct kept);
		c->kept->conn = c;
		rank_add(&b->inputs, &c->kept->rank, n);
	} else if (c->kept) {
		rank_del(&c->kept->rank);
		free(c->kept);
		c->kept = NULL;
	}
}

void conn_keep(struct conn *c, size_t n)
{
	struct conn_budget *b = c->holder.budget;
	if (c->state == CONN_DEAD)
		return;
	conn_keeps(c, conn_kept(c) + n);
	while (b->max_input_bytes && b->input_bytes > b->max_input_bytes && conn_kept(c)) {
		struct ranked *most = rank_top(&b->inputs);
		conn_kill(container_of(most, struct kept, rank)->conn, CLOSE_LIMIT);
	}
}

void conn_unkeep(struct conn *c, size_t n)
{
	if (c->state != CONN_DEAD) /* conn_kill gave them back */
		conn_keeps(c, conn_kept(c) - n);
}

void conn_unkeep_all(struct conn *c)
{
	conn_keeps(c, 0);
}

/* ---- output ---- */

/* Less than this part of the budget may be unwritten when somebody is ended: a walk over all connections for each send
 * would cost more than what it finds. */
#define UNWRITTEN_PART 16

/* The one that holds most alone, of those that are stalled; else of all that have a backlog. NULL: none has one. */
static struct holder *worst_holder(struct conn_budget *b)
{
	struct ranked *most = NULL;
	for (unsigned power = RANK_CLASSES; power-- && !most;) {
		struct ranked *e = rank_first(&b->backlogs, power);
		if (e && backlog_is_stalled(container_of(e, struct backlog, rank)))
			most = e;
	}
	if (!most)
		most = rank_top(&b->backlogs);
	return most ? container_of(most, struct backlog, rank)->holder : NULL;
}

/* This turn was going to write it anyway, so the walk is paid for by what it writes. */
static void budget_write_all(struct conn_budget *b)
{
	struct list *it, *tmp;
	b->charged = 0;
	list_each (it, tmp, &b->all) {
		struct conn *c = list_entry(it, struct conn, link);
		if (c->state != CONN_DEAD && !c->blocked && outq_count(&c->out))
			conn_drain(c);
	}
}

bool conn_budget_room(struct conn_budget *b, size_t n)
{
	if (b->total_bytes + n <= b->max_total_bytes)
		return true;
	if (n > b->max_total_bytes)
		return false;
	if (b->charged > b->max_total_bytes / UNWRITTEN_PART)
		budget_write_all(b);
	while (b->total_bytes + n > b->max_total_bytes) {
		struct holder *h = worst_holder(b);
		if (h)
			h->backlog->ops->evict(h);
		else if (b->charged)
			budget_write_all(b);
		else
			return false;
	}
	return true;
}

bool conn_budget_end_oldest(struct conn_budget *b)
{
	struct list *it, *tmp;
	list_each (it, tmp, &b->all) {
		struct conn *c = list_entry(it, struct conn, link);
		if (c->state != CONN_LIVE || outq_count(&c->out))
			continue;
		conn_kill(c, CLOSE_LIMIT);
		return true;
	}
	return false;
}

void conn_touch(struct conn *c)
{
	list_del(&c->link);
	list_add_tail(&c->holder.budget->all, &c->link);
}

void conn_budget_kill_all(struct conn_budget *b, enum close_reason why)
{
	struct list *it, *tmp;
	if (b->loop)
		list_each (it, tmp, &b->all)
			conn_kill(list_entry(it, struct conn, link), why);
}
