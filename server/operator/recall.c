/*
 * Two walks through the trace: the sockets of the user, then what became of the event at each.
 */
#include "operator/recall.h"
#include "base/json_write.h"
#include "base/number.h"
#include "base/mem.h"
#include "base/text.h"
#include "people/client.h"

#define SOCKETS_MOST 100 /* the oldest that ended are left out */

struct recalled {
	const struct client *here; /* NULL: it has ended */
	struct trace_end ended;
	uint32_t number, fence;
	uint32_t behind; /* later events for it */
	bool met;        /* the event was for it */
	enum trace_outcome outcome;
	uint64_t at_ms, confirmed_ms;
};

struct recall {
	struct recalled sockets[SOCKETS_MOST];
	uint32_t n, next; /* next: to be overwritten once all are used */
	uint64_t from_ms; /* what is older is not remembered; 0: nothing is */
	uint64_t numbers; /* a bit for the last six of each socket's number: most of a trace is of others */
};

static struct recalled *recall_add(struct recall *k, uint32_t number)
{
	struct recalled *s = &k->sockets[k->next++ % SOCKETS_MOST];
	k->n += k->n < SOCKETS_MOST;
	*s = (struct recalled){.number = number};
	k->numbers |= (uint64_t)1 << (number & 63);
	return s;
}

static void recall_sockets(struct recall *k, const struct people *p, struct slice user, uint64_t started_ms)
{
	struct trace_record r;
	struct user *u = user_find(p, user);
	k->from_ms = trace_is_whole(p->trace) ? started_ms : 0;
	for (uint64_t at = 0; trace_next(p->trace, &at, &r);) {
		if (!k->from_ms)
			k->from_ms = r.at_ms;
		if (r.kind != TRACE_ENDED || !slice_eq(slice_of(r.ended.user, TRACE_USER_LEN), user))
			continue;
		recall_add(k, r.number)->ended = r.ended;
	}
	for (struct list *it = u ? u->clients.next : NULL; it && it != &u->clients; it = it->next) {
		const struct client *c = list_entry(it, struct client, user_link);
		recall_add(k, c->number)->here = c;
	}
}

static struct recalled *recall_find(struct recall *k, uint32_t number)
{
	if (!(k->numbers >> (number & 63) & 1))
		return NULL;
	for (uint32_t i = 0; i < k->n; i++)
		if (k->sockets[i].number == number)
			return &k->sockets[i];
	return NULL;
}

static void recall_met(struct recalled *s, const struct trace_record *r, uint32_t mark)
{
	s->met = true;
	s->outcome = trace_mark_outcome(mark);
	s->at_ms = r->at_ms;
	s->fence = r->fence;
}

static void recall_event(struct recall *k, const struct trace_record *r, uint64_t event)
{
	for (uint32_t i = 0; i < r->n; i++) {
		struct recalled *s = recall_find(k, trace_mark_number(r->marks[i]));
		if (s && r->event == event)
			recall_met(s, r, r->marks[i]);
		else if (s)
			s->behind += s->met;
	}
}

static void recall_outcomes(struct recall *k, const struct trace *t, uint64_t event)
{
	struct trace_record r;
	for (uint64_t at = 0; trace_next(t, &at, &r);) {
		if (r.kind == TRACE_EVENT)
			recall_event(k, &r, event);
		if (r.kind != TRACE_CONFIRMED)
			continue;
		struct recalled *s = recall_find(k, r.number);
		if (s && s->met && !s->confirmed_ms && trace_fence_upto(s->fence, r.fence))
			s->confirmed_ms = r.at_ms;
	}
}

/* ---- the body ---- */

static void recall_put_socket(struct buf *b, const struct recalled *s)
{
	const struct client *c = s->here;
	json_open(b);
	json_member_str(b, "socket_id", c ? client_id(c) : slice_of(s->ended.id, TRACE_ID_LEN));
	json_member_time(b, "since", c ? c->came_ms : s->ended.came_ms);
	if (c) {
		json_member_str(b, "state", slice_str(client_state_label(c->state)));
		json_member_str(b, "transport",
		                slice_str(sio_transport(c->sio) == EIO_WEBSOCKET ? "websocket" : "polling"));
		json_member_u64(b, "queued_bytes", sio_queued(c->sio));
	} else {
		json_member_time(b, "ended_at", s->ended.at_ms);
		json_member_str(b, "reason", slice_str(close_label((enum close_reason)s->ended.why)));
	}
	if (c ? c->caught_up : s->ended.caught_up)
		json_member_bool(b, "caught_up", true);
	if (s->met) {
		json_member_str(b, "outcome", slice_str(trace_outcome_label(s->outcome)));
		json_member_time(b, "at", s->at_ms);
		json_member_u64(b, "behind", s->behind);
	}
	if (s->confirmed_ms)
		json_member_time(b, "confirmed_at", s->confirmed_ms);
	json_close(b);
}

static void recall_put(struct ask *a, const struct recall *k, bool on)
{
	struct buf *b = &a->body;
	json_open(b);
	json_member_bool(b, "remembers", on);
	if (k->from_ms)
		json_member_time(b, "remembers_from", k->from_ms);
	json_member(b, "sockets");
	buf_char(b, '[');
	for (uint32_t i = 0; i < k->n; i++) {
		if (i)
			buf_char(b, ',');
		recall_put_socket(b, &k->sockets[i]);
	}
	buf_char(b, ']');
	json_close(b);
	a->more = k->next > k->n;
}

bool recall_work(struct operator* op, struct ask *a)
{
	struct recall *k = NEW(struct recall);
	struct buf user = {0};
	struct slice v;
	uint64_t event = 0;
	if (ask_text(a, "user_id", &user) && json_get(buf_view(&a->about), "event_id", &v) && u64_parse(v, &event)) {
		recall_sockets(k, op->people, buf_view(&user), op->started_ms);
		recall_outcomes(k, op->people->trace, event);
	}
	recall_put(a, k, op->people->trace);
	buf_fini(&user);
	free(k);
	return true;
}
