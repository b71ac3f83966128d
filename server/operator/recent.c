/*
 * Two walks through the trace: which sockets the user had, then what became of the last events at each.
 */
#include "operator/recent.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "operator/look.h"
#include "people/client.h"

#define SOCKETS_MOST 40     /* of each: here, ended; of those that have ended the last */
#define DELIVERIES_MOST 100 /* the last */

struct recent_socket {
	char id[TRACE_ID_LEN];
	uint32_t number;
};

struct sent {
	uint64_t event, at_ms, confirmed_ms; /* confirmed_ms 0: not yet */
	uint32_t number, fence;
	enum trace_outcome outcome;
};

struct recent {
	struct recent_socket sockets[2 * SOCKETS_MOST]; /* from SOCKETS_MOST on: those that have ended */
	struct trace_end ends[SOCKETS_MOST];
	struct sent sent[DELIVERIES_MOST];
	uint32_t nhere, nended, nsent; /* the last two: so far; places repeat */
	uint64_t numbers; /* a bit for the last six of each socket's number: most of a trace is of others */
};

static uint32_t recent_least(uint32_t n, uint32_t most)
{
	return n < most ? n : most;
}

/* ---- its sockets ---- */

static void recent_name(struct recent *r, struct recent_socket *s, const char *id, uint32_t number)
{
	memcpy(s->id, id, TRACE_ID_LEN);
	s->number = number;
	r->numbers |= (uint64_t)1 << (number & 63);
}

static void recent_here(struct recent *r, const struct user *u)
{
	for (const struct list *at = u ? u->clients.next : NULL; at && at != &u->clients; at = at->next) {
		const struct client *c = list_entry(at, struct client, user_link);
		if (r->nhere == SOCKETS_MOST)
			return;
		struct recent_socket *s = &r->sockets[r->nhere++];
		recent_name(r, s, client_id(c).p, c->number);
	}
}

static void recent_ended(struct recent *r, const struct trace *t, struct slice user)
{
	struct trace_record k;
	for (uint64_t at = 0; trace_next(t, &at, &k);) {
		if (k.kind != TRACE_ENDED || !slice_eq(slice_of(k.ended.user, TRACE_USER_LEN), user))
			continue;
		uint32_t place = r->nended++ % SOCKETS_MOST;
		r->ends[place] = k.ended;
		recent_name(r, &r->sockets[SOCKETS_MOST + place], k.ended.id, k.number);
	}
}

static const struct recent_socket *recent_find(const struct recent *r, uint32_t number)
{
	if (!(r->numbers >> (number & 63) & 1))
		return NULL;
	for (uint32_t i = 0; i < r->nhere; i++)
		if (r->sockets[i].number == number)
			return &r->sockets[i];
	for (uint32_t i = 0; i < recent_least(r->nended, SOCKETS_MOST); i++)
		if (r->sockets[SOCKETS_MOST + i].number == number)
			return &r->sockets[SOCKETS_MOST + i];
	return NULL;
}

/* ---- what they were sent ---- */

static void recent_event(struct recent *r, const struct trace_record *k)
{
	for (uint32_t i = 0; i < k->n; i++) {
		uint32_t number = trace_mark_number(k->marks[i]);
		if (!recent_find(r, number))
			continue;
		r->sent[r->nsent++ % DELIVERIES_MOST] = (struct sent){.event = k->event,
		                                                      .at_ms = k->at_ms,
		                                                      .number = number,
		                                                      .fence = k->fence,
		                                                      .outcome = trace_mark_outcome(k->marks[i])};
	}
}

static void recent_confirmed(struct recent *r, const struct trace_record *k)
{
	if (!recent_find(r, k->number))
		return;
	for (uint32_t i = 0; i < recent_least(r->nsent, DELIVERIES_MOST); i++) {
		struct sent *s = &r->sent[i];
		if (s->number == k->number && !s->confirmed_ms && trace_fence_upto(s->fence, k->fence))
			s->confirmed_ms = k->at_ms;
	}
}

static void recent_sent(struct recent *r, const struct trace *t)
{
	struct trace_record k;
	for (uint64_t at = 0; trace_next(t, &at, &k);) {
		if (k.kind == TRACE_EVENT)
			recent_event(r, &k);
		else if (k.kind == TRACE_CONFIRMED)
			recent_confirmed(r, &k);
	}
}

/* ---- the body ---- */

static void recent_put_sockets(struct buf *b, const struct user *u)
{
	uint32_t n = 0;
	json_member(b, "sockets");
	buf_char(b, '[');
	for (const struct list *at = u ? u->clients.next : NULL; at && at != &u->clients; at = at->next) {
		if (n == SOCKETS_MOST || b->n > ASK_BODY_MOST / 2)
			break;
		if (n++)
			buf_char(b, ',');
		look_put_socket(list_entry(at, struct client, user_link), false, b);
	}
	buf_char(b, ']');
}

static void recent_put_ended(struct buf *b, const struct recent *r)
{
	uint32_t kept = recent_least(r->nended, SOCKETS_MOST);
	json_member(b, "ended");
	buf_char(b, '[');
	for (uint32_t i = 0; i < kept; i++) {
		const struct trace_end *e = &r->ends[(r->nended - 1 - i) % SOCKETS_MOST];
		if (i)
			buf_char(b, ',');
		json_open(b);
		json_member_str(b, "socket_id", slice_of(e->id, TRACE_ID_LEN));
		json_member_time(b, "since", e->came_ms);
		json_member_time(b, "ended_at", e->at_ms);
		json_member_str(b, "reason", slice_str(close_label((enum close_reason)e->why)));
		json_close(b);
	}
	buf_char(b, ']');
}

static void recent_put_sent(struct buf *b, const struct recent *r)
{
	uint32_t kept = recent_least(r->nsent, DELIVERIES_MOST);
	json_member(b, "deliveries");
	buf_char(b, '[');
	for (uint32_t i = 0; i < kept; i++) {
		const struct sent *s = &r->sent[(r->nsent - 1 - i) % DELIVERIES_MOST];
		if (i)
			buf_char(b, ',');
		json_open(b);
		json_member_u64(b, "id", s->event);
		json_member_str(b, "socket_id", slice_of(recent_find(r, s->number)->id, TRACE_ID_LEN));
		json_member_str(b, "outcome", slice_str(trace_outcome_label(s->outcome)));
		json_member_time(b, "at", s->at_ms);
		if (s->confirmed_ms)
			json_member_time(b, "confirmed_at", s->confirmed_ms);
		json_close(b);
	}
	buf_char(b, ']');
}

bool recent_work(struct operator* op, struct ask *a)
{
	struct recent *r = NEW(struct recent);
	struct buf id = {0};
	const struct user *u = NULL;
	if (ask_text(a, "user_id", &id)) {
		u = user_find(op->people, buf_view(&id));
		recent_here(r, u);
		recent_ended(r, op->people->trace, buf_view(&id));
		recent_sent(r, op->people->trace);
		a->more = r->nended > SOCKETS_MOST || r->nsent > DELIVERIES_MOST;
	}
	json_open(&a->body);
	recent_put_sockets(&a->body, u);
	recent_put_ended(&a->body, r);
	recent_put_sent(&a->body, r);
	json_close(&a->body);
	buf_fini(&id);
	free(r);
	return true;
}
