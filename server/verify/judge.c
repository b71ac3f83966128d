/*
 * Sayings and their fates. What a witness hears is judged when it hears it; what it does not hear, and what the rows
 * say, in each turn.
 */
#include "verify/run.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"
#include <stdarg.h>
#include <stdio.h>

#define LIST_LINES 24 /* of each list of a failure */
#define PRESENCE_DISTURBED_MS 90000

const char *promise_label(enum promise p)
{
	static const char *const labels[] = {
#define X(NAME, label, text) #label,
		PROMISES(X)
#undef X
	};
	return labels[p];
}

const char *promise_text(enum promise p)
{
	static const char *const texts[] = {
#define X(NAME, label, text) text,
		PROMISES(X)
#undef X
	};
	return texts[p];
}

/* ---- sayings ---- */

struct saying *saying_new(struct verify *v, unsigned chat, unsigned sender, bool by_client, uint32_t *n)
{
	if (v->nsaid == v->said_cap) {
		v->said_cap = v->said_cap ? 2 * v->said_cap : 1024;
		v->said = mem_realloc(v->said, v->said_cap * sizeof(*v->said));
	}
	*n = v->nsaid++;
	v->said[*n] = (struct saying){.chat = (uint8_t)chat, .sender = (uint8_t)sender, .by_client = by_client};
	v->said[*n].asked_us = loop_clock_us();
	return &v->said[*n];
}

/* The number makes the text: every sixteenth is emoji up to the limit, every fifth in several scripts, the rest
 * short. */
void saying_content(const struct verify *v, uint32_t n, struct buf *out)
{
	static const char emoji[] = "\xf0\x9f\x94\x94", words[] = " \"\\ тест, 試験, اختبار \n\t";
	out->n = 0;
	buf_printf(out, "verify %s %u", v->tag, n);
	if (n % 16 == 7) {
		buf_char(out, ' ');
		while (out->n + 4 <= v->content_max)
			buf_add(out, emoji, 4);
	} else if (n % 5 == 0) {
		buf_str(out, words);
		buf_str(out, ".");
	}
}

void saying_decide(struct verify *v, uint32_t n, enum fate fate)
{
	struct saying *s = &v->said[n];
	if (s->fate == FATE_KEPT || s->fate == FATE_UNDONE)
		return;
	s->fate = fate;
	s->decided_ms = now_ms(v);
	if (fate == FATE_UNDONE && s->heard)
		judge_fail(v, PROMISE_COMMITTED, NULL, n, "message %u was rolled back, and heard", n);
}

/* ---- the first broken promise ---- */

static void list_saying(const struct verify *v, struct buf *out, uint32_t n)
{
	static const char *const fates[] = {"not decided", "unsure", "committed", "rolled back"};
	const struct saying *s = &v->said[n];
	buf_printf(out, "message %u", n);
	if (s->seq)
		buf_printf(out, " seq %llu", (unsigned long long)s->seq);
	buf_printf(out, " from person %u, %s, %s\n", s->sender, s->by_client ? "by a client" : "by SQL",
	           fates[s->fate]);
}

static bool expects(const struct witness *w, const struct saying *s, uint32_t n)
{
	return n >= w->from && (s->fate == FATE_KEPT || s->heard >> w->i & 1);
}

static void fill_expected(struct verify *v, const struct witness *w, unsigned chat, uint32_t around)
{
	uint32_t from = around > LIST_LINES / 2 ? around - LIST_LINES / 2 : 0, lines = 0;
	for (uint32_t n = from; n < v->nsaid && lines < LIST_LINES; n++) {
		const struct saying *s = &v->said[n];
		if (s->chat != chat || (w ? !expects(w, s, n) : s->fate != FATE_KEPT))
			continue;
		list_saying(v, &v->failure.expected, n);
		lines++;
	}
}

static void fill_got(struct verify *v, const struct witness *w, unsigned chat)
{
	size_t from = w->log.n > LIST_LINES * CHATS ? w->log.n - LIST_LINES * CHATS : 0;
	for (size_t i = from; i < w->log.n; i++)
		if (v->said[w->log.at[i]].chat == chat)
			list_saying(v, &v->failure.got, w->log.at[i]);
}

static void fill_people(struct verify *v, const struct saying *s)
{
	for (unsigned i = 0; i < v->nwitnesses; i++) {
		if (!(s->heard >> i & 1))
			continue;
		buf_str(&v->failure.got, "heard by ");
		witness_name(&v->witnesses[i], &v->failure.got);
		buf_char(&v->failure.got, '\n');
	}
	for (unsigned p = 0; p < PEOPLE; p++)
		if (s->confirmed >> p & 1)
			buf_printf(&v->failure.expected, "confirmed for person %u\n", p);
}

void judge_fail(struct verify *v, enum promise p, const struct witness *w, uint32_t n, const char *fmt, ...)
{
	va_list args;
	if (v->failure.found)
		return;
	char *what = NULL;
	va_start(args, fmt);
	if (vasprintf(&what, fmt, args) < 0)
		mem_exhausted();
	va_end(args);
	struct buf all = {0};
	buf_str(&all, what);
	free(what);
	if (w) {
		buf_str(&all, "; ");
		witness_name(w, &all);
	}
	v->failure.found = true;
	v->failure.promise = p;
	v->failure.what = buf_steal(&all, &(size_t){0});
	if (n != NO_SAYING && (p == PROMISE_UNTAKEN || p == PROMISE_CONFIRMED || !w))
		fill_people(v, &v->said[n]);
	else if (n != NO_SAYING) {
		fill_expected(v, w, v->said[n].chat, n);
		fill_got(v, w, v->said[n].chat);
	}
	verify_stop(v, NULL);
}

/* ---- what is heard ---- */

static bool message_text(struct slice object, const char *key, struct buf *out)
{
	struct slice v;
	out->n = 0;
	return json_get(object, key, &v) && json_unescape(out, v);
}

/* The number in the content of one of our messages. */
static bool number_said(const struct verify *v, struct slice content, uint32_t *n)
{
	char head[32];
	uint64_t x;
	int len = snprintf(head, sizeof head, "verify %s ", v->tag);
	if (!slice_starts(content, slice_of(head, (size_t)len)))
		return false;
	struct slice rest = slice_of(content.p + len, content.n - (size_t)len);
	if (!u64_take(&rest, &x) || x >= v->nsaid)
		return false;
	*n = (uint32_t)x;
	return true;
}

static bool may_come_twice(struct witness *w, uint32_t n)
{
	if (n < w->from)
		return true;
	for (size_t i = 0; i < w->twice_n; i++)
		if (w->log.at[w->twice + i] == n)
			return true;
	return false;
}

static void heard_again(struct witness *w, uint32_t n)
{
	if (may_come_twice(w, n))
		w->v->counts.again++;
	else
		judge_fail(w->v, PROMISE_ONCE, w, n, "message %u came twice", n);
}

static void heard_first(struct witness *w, struct saying *s, uint32_t n)
{
	struct verify *v = w->v;
	s->heard |= UINT64_C(1) << w->i;
	s->heard_ms = now_ms(v);
	v->counts.heard++;
	uint64_t us = loop_clock_us() - s->asked_us;
	if (n >= w->from && w->present && !s->retried && !w->hangs && s->asked_us > w->free_us)
		numbers_add(&v->latencies, us / 100 > UINT32_MAX ? UINT32_MAX : (uint32_t)(us / 100));
	if (s->seq < w->last_seq[s->chat] && n >= w->from)
		judge_fail(v, PROMISE_ORDER, w, n, "message %u, seq %llu, came behind seq %llu", n,
		           (unsigned long long)s->seq, (unsigned long long)w->last_seq[s->chat]);
	if (s->seq > w->last_seq[s->chat])
		w->last_seq[s->chat] = s->seq;
	if (s->fate == FATE_UNDONE)
		judge_fail(v, PROMISE_COMMITTED, w, n, "message %u was rolled back, and heard", n);
}

/* What belongs to the message: who may hear it, and that it is as it was written. */
static bool heard_rightly(struct witness *w, uint32_t n, struct slice message, const struct buf *content)
{
	struct verify *v = w->v;
	struct saying *s = &v->said[n];
	struct buf want = {0};
	struct slice seq;
	uint64_t x = 0;
	if (!person_in(v, s->chat, w->person)) {
		judge_fail(v, PROMISE_OWN, w, n, "message %u of chat %u was delivered to a stranger", n, s->chat);
		return false;
	}
	saying_content(v, n, &want);
	bool whole = slice_eq(buf_view(&want), buf_view(content)) && json_get(message, "seq", &seq) &&
	             u64_parse(seq, &x) && (!s->seq || s->seq == x);
	buf_fini(&want);
	if (!whole) {
		judge_fail(v, PROMISE_WHOLE, w, n, "message %u came with another text or another seq", n);
		return false;
	}
	s->seq = x;
	return true;
}

void judge_heard(struct witness *w, struct slice message)
{
	struct buf content = {0};
	uint32_t n;
	if (!message_text(message, "content", &content) || !number_said(w->v, buf_view(&content), &n)) {
		judge_fail(w->v, PROMISE_OWN, w, NO_SAYING, "a message that is none of ours: %.*s",
		           content.n > 60 ? 60 : (int)content.n, content.p ? content.p : "");
	} else if (heard_rightly(w, n, message, &content)) {
		struct saying *s = &w->v->said[n];
		numbers_add(&w->log, n);
		if (s->heard >> w->i & 1)
			heard_again(w, n);
		else
			heard_first(w, s, n);
		s->steady |= UINT64_C(1) << w->i;
		if (!w->hangs)
			s->taken |= UINT64_C(1) << w->i;
	}
	buf_fini(&content);
}

/* ---- receipts ---- */

static uint64_t witnesses_of(const struct verify *v, unsigned person)
{
	uint64_t set = 0;
	for (unsigned i = 0; i < v->nwitnesses; i++)
		if (v->witnesses[i].person == person)
			set |= UINT64_C(1) << i;
	return set;
}

void judge_receipt(struct verify *v, uint32_t n, struct slice user)
{
	struct saying *s = &v->said[n];
	for (unsigned p = 0; p < PEOPLE; p++) {
		if (!slice_eq(user, slice_str(v->people[p].id)) || s->confirmed >> p & 1)
			continue;
		s->confirmed |= 1u << p;
		v->counts.confirmed++;
		if (!(s->taken & witnesses_of(v, p)))
			judge_fail(v, PROMISE_UNTAKEN, NULL, n,
			           "message %u was claimed delivered to person %u, whose clients had not taken it", n,
			           p);
	}
}

/* ---- what should have happened by now ---- */

static bool judge_is_late(const struct verify *v, uint64_t since)
{
	return now_ms(v) > since + v->o->within_ms;
}

static bool judge_delivery(struct verify *v, uint32_t n)
{
	struct saying *s = &v->said[n];
	bool settled = true;
	for (unsigned i = 0; i < v->nwitnesses; i++) {
		const struct witness *w = &v->witnesses[i];
		if (n < w->from || s->heard >> i & 1 || !person_in(v, s->chat, w->person))
			continue;
		settled = false;
		uint64_t since = s->decided_ms > w->present_ms ? s->decided_ms : w->present_ms;
		if (w->present && judge_is_late(v, since))
			judge_fail(v, PROMISE_DELIVERED, w, n, "message %u was not delivered within %llu ms", n,
			           (unsigned long long)v->o->within_ms);
	}
	return settled;
}

static bool judge_confirmation(struct verify *v, uint32_t n)
{
	struct saying *s = &v->said[n];
	bool settled = true;
	if ((unsigned)__builtin_popcount(v->members[s->chat]) > v->receipts_max)
		return true;
	for (unsigned p = 0; p < PEOPLE; p++) {
		if (p == s->sender || s->confirmed >> p & 1 || !(s->steady & witnesses_of(v, p)))
			continue;
		settled = false;
		if (judge_is_late(v, s->heard_ms) && judge_is_late(v, s->decided_ms))
			judge_fail(v, PROMISE_CONFIRMED, NULL, n,
			           "message %u was taken by person %u, and not confirmed within %llu ms", n, p,
			           (unsigned long long)v->o->within_ms);
	}
	return settled;
}

static bool judge_saying(struct verify *v, uint32_t n)
{
	struct saying *s = &v->said[n];
	if (s->fate == FATE_UNDONE)
		return true;
	if (s->fate != FATE_KEPT)
		return false;
	bool delivered = judge_delivery(v, n), confirmed = judge_confirmation(v, n);
	return delivered && confirmed && s->found;
}

/* Half of the time, since it has to be over before the wanderer goes on. Behind the end of an edge presence has its
 * lease and presence_grace_restart to be told in. */
static void judge_presence(struct verify *v)
{
	bool disturbed = v->disturbed_ms && now_ms(v) < v->disturbed_ms + PRESENCE_DISTURBED_MS;
	if (v->wanderer < 0 || disturbed || now_ms(v) < v->wanderer_ms + v->o->within_ms / 2)
		return;
	for (unsigned i = 0; i < v->nwitnesses; i++) {
		const struct witness *w = &v->witnesses[i];
		bool knows = w->present && w->present_ms < v->wanderer_ms && person_in(v, 0, w->person) &&
		             w->person != WANDERER;
		if (knows && w->wanderer != v->wanderer)
			judge_fail(v, PROMISE_PRESENCE, w, NO_SAYING,
			           "person %u is %s, and was not shown so within %llu ms", WANDERER,
			           v->wanderer ? "online" : "offline", (unsigned long long)v->o->within_ms / 2);
	}
}

void judge_turn(struct verify *v)
{
	for (uint32_t n = v->unsettled; n < v->nsaid && !v->failure.found; n++)
		if (!v->said[n].settled)
			v->said[n].settled = judge_saying(v, n);
	while (v->unsettled < v->nsaid && v->said[v->unsettled].settled)
		v->unsettled++;
	if (!v->failure.found)
		judge_presence(v);
}

bool judge_all_settled(const struct verify *v)
{
	return v->unsettled == v->nsaid;
}
