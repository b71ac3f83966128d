/*
 * What clients do. Messages and reads as a client with an outbox sends them: again until there is an ack; a second time
 * may come from another socket of the same person. Typing is of a moment, and is not repeated.
 */
#include "verify/run.h"

#include "base/json.h"
#include "base/json_write.h"
#include "base/mem.h"

#define ACK_MS 8000    /* after it it is sent again; an edge answers before (BELLWIRE_DB_TIMEOUT_MS) */
#define AGAIN_MS 400   /* the same, of one that was refused for now */
#define ASKED_MOST 64  /* that wait for an ack; with more, nothing new is done */
#define TYPING_MS 5000 /* between two times of the same person in the same chat, as the event has no number */

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

static void member_uuid(struct buf *b, const struct verify *v, const char *key, uint32_t n)
{
	char id[37];
	saying_uuid(v, n, id);
	json_member_str(b, key, slice_str(id));
}

static void put_message(struct buf *b, const struct verify *v, uint32_t n)
{
	struct buf content = {0};
	saying_content(v, n, &content);
	json_member_str(b, "type", SLICE("text"));
	json_member_str(b, "content", buf_view(&content));
	json_member(b, "client_id");
	buf_printf(b, "\"%s-%u\"", v->tag, n);
	buf_fini(&content);
}

static void put_payload(struct buf *b, const struct verify *v, uint32_t n)
{
	const struct saying *s = &v->said[n];
	json_open(b);
	if (s->kind == KIND_SEEN)
		member_uuid(b, v, "notification_id", s->about);
	else
		json_member_str(b, "chat_id", slice_str(v->chats[s->chat]));
	if (s->kind == KIND_MESSAGE)
		put_message(b, v, n);
	else if (s->kind == KIND_READ)
		json_member_str(b, "message_id", slice_str(v->said[s->about].id));
	else if (s->kind == KIND_TYPING)
		json_member_bool(b, "is_typing", s->about == NO_SAYING);
	json_close(b);
}

/* The numbers of acks are the caller's: which saying one belongs to is kept beside it. */
static void speaker_emit(struct witness *w, uint32_t n)
{
	static const char *const events[KIND_MAX] = {[KIND_MESSAGE] = "chat:message:send",
	                                             [KIND_READ] = "chat:message:read",
	                                             [KIND_SEEN] = "notification:read",
	                                             [KIND_TYPING] = "chat:typing"};
	struct verify *v = w->v;
	struct saying *s = &v->said[n];
	struct buf b = {0};
	uint64_t ack;
	put_payload(&b, v, n);
	if (caller_emit(w->caller, events[s->kind], buf_view(&b), &ack)) {
		s->asked_us = loop_clock_us();
		s->ack = ack;
		s->asker = (uint8_t)w->i;
		s->askers |= UINT64_C(1) << w->i;
		s->asker_life = w->life;
		s->waits = true;
	}
	buf_fini(&b);
}

static void speaker_ask(struct witness *w, uint32_t n)
{
	w->v->said[n].by_client = true;
	numbers_add(&w->v->asked, n);
	speaker_emit(w, n);
}

/* ---- what is done ---- */

void speaker_speak(struct verify *v)
{
	struct witness *w = v->asked.n < ASKED_MOST ? speaker_find(v, -1) : NULL;
	if (!w)
		return;
	unsigned chat = chance(CHATS);
	while (!person_in(v, chat, w->person))
		chat = (chat + 1) % CHATS;
	uint32_t n;
	struct saying *s = saying_new(v, KIND_MESSAGE, w->person, &n);
	s->chat = (uint8_t)chat;
	s->people = (uint8_t)v->members[chat];
	v->counts.by_client++;
	speaker_ask(w, n);
}

static bool speaker_reads(struct witness *w)
{
	struct verify *v = w->v;
	uint32_t m = deed_readable(v, w->person, UINT64_C(1) << w->i);
	if (m != NO_SAYING)
		speaker_ask(w, receipt_saying(v, KIND_READ, m, w->person, false));
	return m != NO_SAYING;
}

static bool speaker_sees(struct witness *w)
{
	struct verify *v = w->v;
	uint32_t n = deed_unseen(v, w->person);
	if (n != NO_SAYING)
		speaker_ask(w, sequel_saying(v, KIND_SEEN, n, false));
	return n != NO_SAYING;
}

/* Who entered the room since may hear of the time before, and later than others: its poll may have waited. */
static bool typing_may_come(const struct verify *v, uint32_t n)
{
	const struct saying *s = &v->said[n];
	for (unsigned i = 0; i < v->nwitnesses; i++) {
		const struct witness *w = &v->witnesses[i];
		bool entered = w->present && w->in[s->chat] && w->here[s->chat] > n;
		if (entered && (w->here[s->chat] == UINT32_MAX || !judge_is_past(v, w->here_ms, v->o->within_ms)))
			return true;
	}
	return false;
}

/* The time before is over: it was heard by all, or nobody will hear of it any more. */
static bool typing_is_over(const struct verify *v, uint32_t n)
{
	return n == NO_SAYING ||
	       (v->said[n].settled && v->said[v->said[n].next].settled &&
	        loop_clock_us() > v->said[n].asked_us + TYPING_MS * UINT64_C(1000) && !typing_may_come(v, n));
}

static bool speaker_types(struct witness *w)
{
	struct verify *v = w->v;
	unsigned chat = chance(CHATS);
	while (!person_in(v, chat, w->person))
		chat = (chat + 1) % CHATS;
	uint32_t n, *at = &v->typing[chat][w->person];
	if (!typing_is_over(v, *at))
		return false;
	struct saying *s = saying_new(v, KIND_TYPING, w->person, &n);
	s->chat = (uint8_t)chat;
	s->people = (uint8_t)v->members[chat];
	*at = n;
	uint32_t end = sequel_saying(v, KIND_TYPING, n, false);
	speaker_ask(w, n);
	speaker_ask(w, end);
	return true;
}

bool speaker_do(struct verify *v)
{
	static bool (*const deeds[])(struct witness * w) = {speaker_reads, speaker_sees, speaker_types};
	struct witness *w = v->asked.n < ASKED_MOST ? speaker_find(v, -1) : NULL;
	return w && deeds[chance(ARRAY_LEN(deeds))](w);
}

/* ---- answers ---- */

static void speaker_over(struct verify *v, size_t i, enum fate fate)
{
	uint32_t n = v->asked.at[i];
	v->said[n].waits = false;
	v->asked.at[i] = v->asked.at[--v->asked.n];
	judge_decide(v, n, fate);
}

static bool speaker_is_done(enum kind k, struct slice data)
{
	struct slice status;
	if (json_kind_of(data) != JSON_OBJECT)
		return false;
	if (k == KIND_READ || k == KIND_SEEN)
		return json_get(data, "read_at", &status) && json_kind_of(status) == JSON_STRING;
	return json_get(data, "status", &status) &&
	       slice_eq(status, k == KIND_TYPING ? SLICE("\"ok\"") : SLICE("\"sent\""));
}

static void speaker_done(struct verify *v, size_t i, struct slice data)
{
	struct saying *s = &v->said[v->asked.at[i]];
	struct slice id;
	if (s->kind == KIND_MESSAGE && json_get(data, "message_id", &id) && id.n == 38)
		memcpy(s->id, id.p + 1, 36);
	judge_compared(v, PROMISE_TAKEN, s->kind);
	speaker_over(v, i, FATE_KEPT);
}

static void speaker_refused(struct witness *w, size_t i, struct slice data)
{
	struct verify *v = w->v;
	uint32_t n = v->asked.at[i];
	struct saying *s = &v->said[n];
	struct slice code = SLICE("\"none\"");
	if (json_kind_of(data) == JSON_OBJECT)
		json_get(data, "code", &code);
	bool limited = slice_eq(code, SLICE("\"RATE_LIMIT\""));
	s->waits = false;
	if (!limited && !slice_eq(code, SLICE("\"UNAVAILABLE\"")))
		judge_fail(v, PROMISE_TAKEN, w, NO_SAYING, "%s %u was refused: %.*s", kind_label(s->kind), n,
		           (int)code.n, code.p);
	else if (s->kind == KIND_TYPING)
		speaker_over(v, i, limited ? FATE_UNDONE : FATE_LOST);
}

bool speaker_ack(struct witness *w, uint64_t id, struct slice data)
{
	struct verify *v = w->v;
	for (size_t i = 0; i < v->asked.n; i++) {
		const struct saying *s = &v->said[v->asked.at[i]];
		if (!s->waits || s->ack != id || s->asker != w->i)
			continue;
		if (speaker_is_done(s->kind, data))
			speaker_done(v, i, data);
		else
			speaker_refused(w, i, data);
		return true;
	}
	return false;
}

/* An ack of a connection that has ended does not come any more. */
static bool speaker_waits(const struct verify *v, const struct saying *s)
{
	const struct witness *w = &v->witnesses[s->asker];
	uint64_t past = (loop_clock_us() - s->asked_us) / 1000;
	return s->waits ? w->present && w->life == s->asker_life && past < ACK_MS : past < AGAIN_MS;
}

static void speaker_again(struct verify *v, uint32_t n)
{
	struct saying *s = &v->said[n];
	struct witness *w = speaker_find(v, s->doer);
	if (!w)
		return;
	s->retried = true;
	v->counts.retried++;
	speaker_emit(w, n);
}

void speaker_turn(struct verify *v)
{
	for (size_t i = v->asked.n; i-- > 0;) {
		uint32_t n = v->asked.at[i];
		if (speaker_waits(v, &v->said[n]))
			continue;
		if (v->said[n].kind == KIND_TYPING)
			speaker_over(v, i, FATE_LOST);
		else
			speaker_again(v, n);
	}
}
