/*
 * The steps of an attempt, from an offset to an open client.
 */
#include "recovery/attempt.h"
#include "base/mem.h"
#include "base/text.h"
#include "events/confirm.h"
#include "people/room_names.h"
#include "recovery/missed.h"

#define ROUNDS_MAX 3

/* A client that waits for the pump's position. It has the socket's id, since the client may end meanwhile. */
struct ticket {
	struct recovery *recovery;
	char id[SIO_ID_LEN];
};

void attempt_free(struct attempt **pa)
{
	struct attempt *a = *pa;
	if (!a)
		return;
	token_fini(&a->token);
	held_free(&a->held);
	free(a->pid);
	free(a->offset);
	free(a->reason);
	free(a->upto);
	free(a->upto_epoch);
	free(a);
	*pa = NULL;
}

/* ---- its end ---- */

static bool no_chat(struct slice room, void *arg)
{
	(void)arg;
	return room_family(room) != ROOM_CHAT;
}

static void recover_note(const struct client *c, uint64_t row, bool sent)
{
	struct trace *t = row ? c->people->trace : NULL;
	trace_event(t, row, c->people->fence_value, clock_wall_ms());
	trace_client(t, c->number, sent ? TRACE_CAUGHT_UP : TRACE_DROPPED);
	trace_event_over(t);
}

static void recover_send(struct client *c, const struct held_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		bool sent = sio_send(c->sio, l->all[i].packet);
		c->people->fence_value++;
		recover_note(c, l->all[i].row, sent);
		if (sent && l->all[i].delivery)
			confirm_expect(c, l->all[i].delivery, c->people->fence_value);
	}
}

/* The attempt is over: the client opens, as a recovered one or as a new one. */
static void attempt_end(struct client *c, bool recovered)
{
	struct attempt *a = c->recoverable->attempt;
	char *reason = a->reason;
	recover_done *done = a->done;
	a->reason = NULL;
	attempt_free(&c->recoverable->attempt);
	done(c, slice_str(reason), recovered);
	free(reason);
}

void attempt_fail(struct client *c, enum refused_cause cause)
{
	struct slice lines = buf_view(&c->recoverable->former), id;
	c->people->counts.recoveries[RECOVERY_REFUSED]++;
	log_info(sio_ident(c->sio), "not recovered", LS("why", refused_why(cause)));
	client_keep(c, no_chat, NULL);
	while (hub_next_name(&lines, &id))
		client_leave(c, id);
	buf_fini(&c->recoverable->former);
	attempt_end(c, false);
}

static void attempt_succeed(struct client *c, struct held_list *missed)
{
	struct attempt *a = c->recoverable->attempt;
	struct buf extra = {0};
	memcpy(c->recoverable->pid, a->pid, PID_LEN);
	recover_reply(&extra, c);
	sio_accept(c->sio, buf_view(&extra));
	buf_fini(&extra);
	c->people->counts.recoveries[RECOVERY_RECOVERED]++;
	c->people->counts.recovered_events += missed->n + a->held.n;
	c->caught_up = true;
	recover_send(c, missed);
	recover_send(c, &a->held);
	attempt_end(c, true);
}

/* ---- up to where: the pump's next position ---- */

struct client *attempt_client(const struct people *p, const char id[SIO_ID_LEN])
{
	struct client *c = client_of(p, slice_of(id, SIO_ID_LEN));
	return c && c->state == CLIENT_RECOVERING ? c : NULL;
}

static void attempt_positioned(void *arg)
{
	struct ticket *t = arg;
	struct recovery *rec = t->recovery;
	struct client *c = attempt_client(rec->people, t->id);
	struct attempt *a = c ? c->recoverable->attempt : NULL;
	struct db_position at;
	free(t);
	if (!c)
		return;
	/* What is ahead of it was sent to others before this client began to hold. */
	if (a->broken || !db_pump_position(rec->db, &at) || !at.live || at.nahead) {
		attempt_fail(c, a->broken ? a->broken : REFUSED_PUMP);
		return;
	}
	a->upto = mem_strndup(at.snapshot, strlen(at.snapshot));
	a->upto_epoch = mem_strndup(at.epoch, strlen(at.epoch));
	a->holding = true;
	missed_ask(rec, c);
}

static void attempt_round(struct client *c)
{
	struct recovery *rec = c->recoverable->recovery;
	struct attempt *a = c->recoverable->attempt;
	struct ticket *t = NEW(struct ticket);
	free(a->upto);
	free(a->upto_epoch);
	a->upto = a->upto_epoch = NULL;
	a->holding = false;
	held_free(&a->held);
	t->recovery = rec;
	memcpy(t->id, client_id(c).p, SIO_ID_LEN);
	client_stand(c, PLACE_PUMP, NULL);
	db_pump_after(rec->db, attempt_positioned, t);
}

/* ---- where it was ---- */

/* Enters the room of a joined chat, if today's rows grant it. */
static void enter_chat(struct client *c, struct slice uuid)
{
	struct buf room = {0};
	room_put(&room, ROOM_PARTICIPANTS, uuid);
	if (hub_is_in(c->people->hub, &c->member, buf_view(&room))) {
		room.n = 0;
		room_put(&room, ROOM_CHAT, uuid);
		hub_join(c->people->hub, &c->member, buf_view(&room));
	}
	buf_fini(&room);
}

static void enter_former(struct client *c, struct slice id)
{
	struct buf *former = &c->recoverable->former;
	if (rooms_have(buf_view(former), id))
		return;
	if (former->n)
		buf_char(former, '\n');
	buf_slice(former, id);
	hub_join(c->people->hub, &c->member, id);
}

void attempt_start(struct client *c)
{
	struct recoverable *r = c->recoverable;
	struct attempt *a = r->attempt;
	const unsigned char *key = offsets_key(r->recovery);
	if (!key) {
		attempt_fail(c, REFUSED_KEY);
		return;
	}
	if (!token_read(&a->token, key, user_id(c->user), slice_str(a->pid), slice_str(a->offset))) {
		attempt_fail(c, REFUSED_FORGED);
		return;
	}
	for (size_t i = 0; i < a->token.messages.n; i += UUID_LEN)
		confirm_covered(r->recovery->events, c, slice_of(a->token.messages.p + i, UUID_LEN));
	for (size_t i = 0; i < a->token.chats.n; i += UUID_LEN)
		enter_chat(c, slice_of(a->token.chats.p + i, UUID_LEN));
	enter_former(c, slice_of(a->token.socket, SIO_ID_LEN));
	attempt_round(c);
}

/* ---- where the walk ends ---- */

struct comparison {
	const struct walk *walk;
	bool same;
};

static bool in_walk(struct slice room, void *arg)
{
	struct comparison *m = arg;
	bool wrong = room_family(room) == ROOM_CHAT && !hub_is_in(m->walk->hub, &m->walk->member, room);
	m->same = m->same && !wrong;
	return !wrong;
}

/*
 * Compares the client's chats with those where the walk ended. If they differ, the client leaves the chats that the
 * walk did not end in, and enters the missing ones that today's rows grant.
 */
static bool same_chats(struct client *c, const struct walk *k)
{
	struct comparison m = {k, true};
	struct hub *hub = c->people->hub;
	struct slice room;
	client_keep(c, in_walk, &m);
	for (uint32_t i = 0; hub_room_of(k->hub, &k->member, i, &room); i++)
		if (room_family(room) == ROOM_CHAT && !hub_is_in(hub, &c->member, room)) {
			enter_chat(c, room_rest(room, ROOM_CHAT));
			m.same = m.same && !hub_is_in(hub, &c->member, room);
		}
	return m.same;
}

static bool same_former(struct client *c, struct slice former)
{
	size_t n = c->recoverable->former.n;
	struct slice id;
	while (hub_next_name(&former, &id))
		enter_former(c, id);
	return c->recoverable->former.n == n;
}

/* After the walk: the client opens, or another round begins. */
void attempt_walked(struct client *c, struct walk *k, struct slice former)
{
	struct attempt *a = c->recoverable->attempt;
	bool same = same_chats(c, k);
	if (same_former(c, former) && same)
		attempt_succeed(c, &k->missed);
	else if (++a->round < ROUNDS_MAX)
		attempt_round(c);
	else
		attempt_fail(c, REFUSED_CHATS);
}
