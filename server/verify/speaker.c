/*
 * Messages of clients, as a client with an outbox sends them: with a client_id, again until there is an ack. A second
 * time may come from another socket of the same person.
 */
#include "verify/run.h"

#include "base/json.h"
#include "base/json_write.h"
#include "base/mem.h"

#define ACK_MS 8000   /* after it the message is sent again; an edge answers before (BELLWIRE_DB_TIMEOUT_MS) */
#define AGAIN_MS 400  /* the same, of one that was refused for now */
#define ASKED_MOST 64 /* that wait for an ack; with more, nothing new is said */

/* A random witness of a person, or of anybody but the wanderer, who may not come back to send again. NULL: none is
 * there. */
static struct witness *speaker_find(struct verify *v, int person)
{
	unsigned from = chance(v->nwitnesses);
	for (unsigned i = 0; i < v->nwitnesses; i++) {
		struct witness *w = &v->witnesses[(from + i) % v->nwitnesses];
		bool meant = person < 0 ? w->person != WANDERER : w->person == (unsigned)person;
		if (w->present && meant)
			return w;
	}
	return NULL;
}

/* The numbers of acks are the caller's: which saying one belongs to is kept beside it. */
static void speaker_emit(struct witness *w, uint32_t n)
{
	struct verify *v = w->v;
	struct saying *s = &v->said[n];
	struct buf b = {0}, content = {0};
	uint64_t ack;
	saying_content(v, n, &content);
	json_open(&b);
	json_member_str(&b, "chat_id", slice_str(v->chats[s->chat]));
	json_member_str(&b, "type", SLICE("text"));
	json_member_str(&b, "content", buf_view(&content));
	json_member(&b, "client_id");
	buf_printf(&b, "\"%s-%u\"", v->tag, n);
	json_close(&b);
	if (caller_emit(w->caller, "chat:message:send", buf_view(&b), &ack)) {
		s->asked_us = loop_clock_us();
		s->ack = ack;
		s->asker = (uint8_t)w->i;
		s->waits = true;
	}
	buf_fini(&b);
	buf_fini(&content);
}

void speaker_speak(struct verify *v)
{
	struct witness *w = v->asked.n < ASKED_MOST ? speaker_find(v, -1) : NULL;
	if (!w)
		return;
	unsigned chat = chance(CHATS);
	while (!person_in(v, chat, w->person))
		chat = (chat + 1) % CHATS;
	uint32_t n;
	saying_new(v, chat, w->person, true, &n);
	v->counts.by_client++;
	numbers_add(&v->asked, n);
	speaker_emit(w, n);
}

/* ---- answers ---- */

static void speaker_sent(struct verify *v, size_t i, struct slice data)
{
	uint32_t n = v->asked.at[i];
	struct slice id;
	if (json_get(data, "message_id", &id) && id.n == 38)
		memcpy(v->said[n].id, id.p + 1, 36);
	v->asked.at[i] = v->asked.at[--v->asked.n];
	saying_decide(v, n, FATE_KEPT);
}

static void speaker_refused(struct witness *w, uint32_t n, struct slice data)
{
	struct verify *v = w->v;
	struct slice code = SLICE("\"none\"");
	json_get(data, "code", &code);
	v->said[n].waits = false;
	if (slice_eq(code, SLICE("\"UNAVAILABLE\"")) || slice_eq(code, SLICE("\"RATE_LIMIT\"")))
		return;
	judge_fail(v, PROMISE_TAKEN, w, NO_SAYING, "message %u was refused: %.*s", n, (int)code.n, code.p);
}

void speaker_ack(struct witness *w, uint64_t id, struct slice data)
{
	struct verify *v = w->v;
	struct slice status;
	for (size_t i = 0; i < v->asked.n; i++) {
		struct saying *s = &v->said[v->asked.at[i]];
		if (!s->waits || s->ack != id || s->asker != w->i)
			continue;
		if (json_get(data, "status", &status) && slice_eq(status, SLICE("\"sent\"")))
			speaker_sent(v, i, data);
		else
			speaker_refused(w, v->asked.at[i], data);
		return;
	}
}

/* An ack of a connection that has ended does not come any more. */
static bool speaker_waits(const struct verify *v, const struct saying *s)
{
	uint64_t past = (loop_clock_us() - s->asked_us) / 1000;
	return s->waits ? v->witnesses[s->asker].present && past < ACK_MS : past < AGAIN_MS;
}

void speaker_turn(struct verify *v)
{
	for (size_t i = 0; i < v->asked.n; i++) {
		uint32_t n = v->asked.at[i];
		struct saying *s = &v->said[n];
		struct witness *w = speaker_waits(v, s) ? NULL : speaker_find(v, s->sender);
		if (!w)
			continue;
		s->retried = true;
		v->counts.retried++;
		speaker_emit(w, n);
	}
}
