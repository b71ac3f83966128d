/*
 * Clients: one for each edge and transport, one for each edge that asks for recovery and is cut, and one that comes
 * and goes.
 */
#include "verify/run.h"

#include "base/json.h"
#include "base/json_write.h"
#include "base/mem.h"

#define JOIN_MS 1000   /* until one is asked for again */
#define NEVER_MS 60000 /* nobody may be kept out for longer */

void witness_name(const struct witness *w, struct buf *out)
{
	buf_printf(out, "person %u by %s at %s%s", w->person, client_transport_label(w->transport),
	           place_url(w->v->places[w->at_edge]), w->recovers ? ", with recovery" : "");
}

/* ---- what it hears ---- */

static void witness_rejoined(struct witness *w)
{
	w->here_ms = now_ms(w->v);
	for (unsigned c = 0; c < CHATS; c++)
		w->here[c] = w->in[c] ? w->v->nsaid : UINT32_MAX;
}

static void witness_arrived(struct witness *w)
{
	struct verify *v = w->v;
	w->present = w->ever = true;
	w->attempts = 0;
	w->wanted_ms = 0;
	w->present_ms = now_ms(v);
	w->wanderer = -1;
	judge_compared(v, PROMISE_REACHED, KIND_MAX);
	if (w->opened_recovered) {
		v->counts.recovered++;
	} else {
		w->from = v->nsaid;
		w->twice_n = 0;
		memset(w->in, 0, sizeof w->in);
	}
	w->resuming = false;
	witness_rejoined(w);
	/* Behind a lost connection nothing may be told: who comes back in time was never away. */
	if (w->person == WANDERER && v->wander_clean) {
		v->wanderer = 1;
		v->wanderer_ms = now_ms(v);
	}
}

static void witness_told_error(struct witness *w, struct slice data)
{
	struct slice code;
	if (json_get(data, "code", &code) && slice_eq(code, SLICE("\"UNAUTHORIZED\"")))
		judge_fail(w->v, PROMISE_TAKEN, w, NO_SAYING,
		           "the token was refused: is it the key of the edges (--token-key, JWT_SECRET)?");
}

static void witness_presence(struct witness *w, struct slice data, bool online)
{
	struct slice user;
	int person = json_get(data, "user_id", &user) ? person_of(w->v, user) : -1;
	if (person < 0)
		return;
	w->v->counts.presence++;
	judge_told_presence(w, (unsigned)person, online);
	if (person == WANDERER)
		w->wanderer = online;
}

/* Whatever names a chat is for its people. */
static void witness_check_chat(struct witness *w, struct slice name, struct slice data)
{
	struct slice chat;
	if (json_kind_of(data) != JSON_OBJECT || !json_get(data, "chat_id", &chat) || chat.n != 38)
		return;
	int c = chat_of(w->v, chat);
	if (c >= 0 && person_in(w->v, (unsigned)c, w->person))
		return;
	judge_fail(w->v, PROMISE_OWN, w, NO_SAYING, "%.*s of a chat of others was delivered", (int)name.n, name.p);
}

static void witness_told(struct witness *w, struct slice name, struct slice data)
{
	bool online = slice_eq(name, SLICE("user:online"));
	if (slice_eq(name, SLICE("connected")))
		witness_arrived(w);
	else if (slice_eq(name, SLICE("error")))
		witness_told_error(w, data);
	else if (online || slice_eq(name, SLICE("user:offline")))
		witness_presence(w, data, online);
	else if (data.n)
		witness_check_chat(w, name, data);
}

static void witness_on_event(void *owner, struct slice name, struct slice data)
{
	struct witness *w = owner;
	enum kind kind;
	w->upgraded |= caller_upgraded(w->caller);
	if (slice_eq(name, SLICE("$o")))
		w->offset_at = w->log.n;
	else if (kind_of_event(name, &kind))
		judge_heard(w, kind, data);
	else
		witness_told(w, name, data);
}

static void witness_on_open(void *owner, bool recovered)
{
	struct witness *w = owner;
	w->opened_recovered = w->resuming = recovered;
	if (recovered)
		w->v->counts.elsewhere += w->at_edge != w->last_edge;
	if (!recovered && w->ever && w->recovers)
		w->v->counts.renewed++;
}

static void witness_entered(struct witness *w, unsigned chat)
{
	w->here[chat] = w->v->nsaid;
	w->here_ms = now_ms(w->v);
}

static void witness_on_ack(void *owner, uint64_t id, struct slice data)
{
	struct witness *w = owner;
	struct slice status;
	if (speaker_ack(w, id, data))
		return;
	for (unsigned c = 0; c < CHATS; c++) {
		if (!w->join_ack[c] || w->join_ack[c] != id)
			continue;
		w->join_ack[c] = 0;
		if (json_get(data, "status", &status) && slice_eq(status, SLICE("\"joined\"")))
			witness_entered(w, c);
	}
}

/* ---- coming and going ---- */

/* Its own edge by turns with another one, which may be alive. */
void witness_open(struct witness *w)
{
	struct verify *v = w->v;
	bool other = w->ever && v->o->nedges > 1 && (w->recovers || w->attempts % 2);
	w->last_edge = w->at_edge;
	w->at_edge = other ? chance(v->o->nedges) : w->edge;
	w->attempts++;
	w->leaving = false;
	w->engaged = true;
	w->life++;
	w->opened_us = loop_clock_us();
	if (w->recovers && w->ever)
		w->transport = w->transport == CLIENT_POLLING ? CLIENT_WEBSOCKET : CLIENT_POLLING;
	if (!w->wanted_ms)
		w->wanted_ms = now_ms(v);
	caller_open(w->caller, v->places[w->at_edge], w->transport);
}

static void witness_on_again(struct timer *t)
{
	witness_open(container_of(t, struct witness, again));
}

static void witness_lost(struct witness *w)
{
	struct verify *v = w->v;
	saying_lost(v, UINT64_C(1) << w->i);
	w->hangs = false;
	w->twice = w->offset_at;
	w->twice_n = w->log.n - w->offset_at;
	w->resuming = false;
	memset(w->here, 0xff, sizeof w->here); /* nowhere */
	memset(w->join_ack, 0, sizeof w->join_ack);
	if (!w->recovers)
		w->from = UINT32_MAX;
	if (w->person == WANDERER)
		v->wanderer = -1;
	w->present = false;
}

static void witness_on_end(void *owner, const char *why, bool by_server)
{
	struct witness *w = owner;
	struct verify *v = w->v;
	(void)by_server;
	free(w->why);
	w->why = mem_strndup(why, strlen(why));
	bool left = w->leaving;
	v->counts.ended += w->present && !left && strcmp(why, CUT_BY_US) != 0;
	w->engaged = false;
	uint64_t wanted = w->wanted_ms ? w->wanted_ms : now_ms(v);
	w->wanted_ms = 0;
	witness_lost(w);
	if (w->person == WANDERER)
		v->wander_clean = left;
	if (left && w->person == WANDERER) {
		v->wanderer = 0;
		v->wanderer_ms = now_ms(v);
	}
	if (left || v->leaving)
		return;
	w->wanted_ms = wanted; /* since it was there last */
	timer_set(v->loop, &w->again, now_ms(v) + 100 + chance(500));
}

/* What it heard meanwhile it takes when it goes on. */
void witness_hang(struct witness *w, bool hang)
{
	struct verify *v = w->v;
	uint64_t me = UINT64_C(1) << w->i;
	w->hangs = hang;
	w->free_us = loop_clock_us();
	for (uint32_t n = v->unsettled; n < v->nsaid && !hang; n++)
		v->said[n].taken |= v->said[n].heard & me;
	caller_hang(w->caller, hang);
}

void witness_leave(struct witness *w)
{
	w->leaving = true;
	w->from = UINT32_MAX;
	w->present = false;
	if (w->person == WANDERER)
		w->v->wanderer = -1;
	timer_stop(w->v->loop, &w->again);
	caller_leave(w->caller);
}

void witnesses_leave(struct verify *v)
{
	for (unsigned i = 0; i < v->nwitnesses; i++)
		witness_leave(&v->witnesses[i]);
}

bool witnesses_gone(const struct verify *v)
{
	for (unsigned i = 0; i < v->nwitnesses; i++)
		if (v->witnesses[i].engaged)
			return false;
	return true;
}

/* ---- each turn ---- */

/* The wanderer has no chat on its screen, and hears no typing. */
static void witness_join(struct witness *w)
{
	struct verify *v = w->v;
	if (!w->present || w->person == WANDERER || now_ms(v) < w->join_ms)
		return;
	w->join_ms = now_ms(v) + JOIN_MS;
	for (unsigned c = 0; c < CHATS; c++) {
		if (w->here[c] != UINT32_MAX || !person_in(v, c, w->person))
			continue;
		struct buf b = {0};
		json_open(&b);
		json_member_str(&b, "chat_id", slice_str(v->chats[c]));
		json_close(&b);
		w->in[c] |= caller_emit(w->caller, "chat:join", buf_view(&b), &w->join_ack[c]);
		buf_fini(&b);
	}
}

static void witness_turn(struct witness *w)
{
	struct verify *v = w->v;
	uint64_t most = w->ever ? NEVER_MS : v->o->within_ms;
	if (!w->present && w->wanted_ms && !w->leaving && judge_is_past(v, w->wanted_ms, most))
		judge_fail(v, PROMISE_REACHED, w, NO_SAYING, "nobody could connect for %llu ms: %s",
		           (unsigned long long)most, w->why ? w->why : "no answer");
	if (w->transport == CLIENT_UPGRADE && w->present && !w->upgraded && now_ms(v) > w->present_ms + v->o->within_ms)
		judge_fail(v, PROMISE_REACHED, w, NO_SAYING, "polling was not upgraded to a WebSocket");
}

void witnesses_turn(struct verify *v)
{
	for (unsigned i = 0; i < v->nwitnesses; i++) {
		struct witness *w = &v->witnesses[i];
		w->upgraded |= caller_upgraded(w->caller);
		witness_turn(w);
		witness_join(w);
	}
}

/* ---- life ---- */

static void witness_add(struct verify *v, unsigned person, unsigned edge, enum client_transport t, bool recovers)
{
	static const struct caller_events events = {.on_open = witness_on_open,
	                                            .on_event = witness_on_event,
	                                            .on_ack = witness_on_ack,
	                                            .on_end = witness_on_end};
	struct witness *w = &v->witnesses[v->nwitnesses];
	const struct caller_config cfg = {v->loop, &v->budget, v->people[person].token, recovers};
	*w = (struct witness){
		.v = v, .i = v->nwitnesses++, .person = person, .edge = edge, .transport = t, .recovers = recovers};
	w->again.fire = witness_on_again;
	w->from = w->last_notice = UINT32_MAX;
	memset(w->here, 0xff, sizeof w->here);
	memset(w->last, 0xff, sizeof w->last);
	w->wanderer = -1;
	w->caller = caller_new(&cfg, &events, w);
}

void witnesses_begin(struct verify *v)
{
	for (unsigned e = 0; e < v->o->nedges; e++) {
		for (unsigned t = 0; t < CLIENT_TRANSPORT_MAX; t++)
			witness_add(v, v->nwitnesses % WANDERER, e, (enum client_transport)t, false);
		witness_add(v, v->nwitnesses % WANDERER, e, e % 2 ? CLIENT_POLLING : CLIENT_WEBSOCKET, true);
	}
	witness_add(v, WANDERER, 0, CLIENT_WEBSOCKET, false);
	for (unsigned i = 0; i < v->nwitnesses; i++)
		witness_open(&v->witnesses[i]);
}

void witnesses_end(struct verify *v)
{
	for (unsigned i = 0; i < v->nwitnesses; i++) {
		struct witness *w = &v->witnesses[i];
		timer_stop(v->loop, &w->again);
		caller_free(&w->caller);
		free(w->log.at);
		free(w->why);
	}
}
