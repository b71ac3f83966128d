/*
 * What all connections of a worker hold together, of input and of output. When it is too much, the connection that
 * holds most is ended: a client that begins long messages and ends none, or that reads nothing, pays for it itself.
 * Called by conn.c and by whoever keeps bytes for a connection (http/, ws/, eio/, sio/).
 */
#include "net/conn_internal.h"

static size_t input_of(const struct conn *c)
{
	return c->kept;
}

static size_t output_of(const struct conn *c)
{
	return c->state == CONN_DEAD ? 0 : outq_bytes(&c->out); /* conn_kill gave them back */
}

static size_t stuck_output_of(const struct conn *c)
{
	return c->blocked ? output_of(c) : 0;
}

static struct conn *greediest(struct conn_budget *b, size_t (*held)(const struct conn *c))
{
	struct conn *most = NULL;
	struct list *it, *tmp;
	list_each (it, tmp, &b->all) {
		struct conn *c = list_entry(it, struct conn, link);
		if (!most || held(c) > held(most))
			most = c;
	}
	return most;
}

void conn_keep(struct conn *c, size_t n)
{
	struct conn_budget *b = c->budget;
	if (c->state == CONN_DEAD)
		return;
	c->kept += (uint32_t)n;
	b->input_bytes += n;
	while (b->max_input_bytes && b->input_bytes > b->max_input_bytes) {
		struct conn *most = greediest(b, input_of); /* never NULL: c keeps some */
		conn_kill(most, CLOSE_LIMIT);
		if (most == c)
			break;
	}
}

void conn_unkeep(struct conn *c, size_t n)
{
	if (c->state == CONN_DEAD)
		return; /* conn_kill gave them back */
	c->kept -= (uint32_t)n;
	c->budget->input_bytes -= n;
}

/* A connection whose peer does not read goes before one that holds more and may write it in this very turn. */
static struct conn *greediest_sender(struct conn_budget *b)
{
	struct conn *c = greediest(b, stuck_output_of);
	return c && stuck_output_of(c) ? c : greediest(b, output_of);
}

/* Each round walks over all connections, and gives back the largest queue: as a rule many times the bytes that are to
 * be sent. */
bool conn_budget_room(struct conn_budget *b, size_t n)
{
	if (n > b->max_total_bytes)
		return false;
	while (b->total_bytes + n > b->max_total_bytes) {
		struct conn *c = b->all.next ? greediest_sender(b) : NULL;
		size_t most = c ? output_of(c) : 0, others = b->others ? b->others->most(b->others) : 0;
		if (most == 0 && others == 0)
			return false;
		if (most >= others)
			conn_kill(c, CLOSE_LIMIT);
		else
			b->others->end_most(b->others);
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
	list_add_tail(&c->budget->all, &c->link);
}

void conn_budget_kill_all(struct conn_budget *b, enum close_reason why)
{
	struct list *it, *tmp;
	if (b->all.next)
		list_each (it, tmp, &b->all)
			conn_kill(list_entry(it, struct conn, link), why);
}
