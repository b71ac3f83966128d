/*
 * What a client hears is judged when it hears it; what it does not hear, in each turn, and when it has been resumed.
 */
#include "verify/run.h"

#include "base/mem.h"
#include <stdio.h>

#define DISTURBED_MS 90000 /* behind a command presence is not judged */
#define SHADOW_MS 6000     /* ... nor, around it, is typing that is missing: a crash of Postgres loses it */

void judge_compared(struct verify *v, enum promise p, enum kind k)
{
	v->counts.compared[p][k]++;
}

void judge_decide(struct verify *v, uint32_t n, enum fate fate)
{
	struct saying *s = &v->said[n];
	if (s->fate == FATE_KEPT || s->fate == FATE_UNDONE || s->fate == FATE_LOST)
		return;
	s->fate = fate;
	s->decided_ms = now_ms(v);
	s->decided_us = loop_clock_us();
	if (fate == FATE_UNDONE && s->heard)
		judge_fail(v, PROMISE_COMMITTED, NULL, n, "%u was rolled back, and heard: %s", n, kind_label(s->kind));
}

/* ---- what is heard ---- */

static void heard_again(struct witness *w, uint32_t n)
{
	if (expect_again(w, n))
		w->v->counts.again++;
	else
		judge_fail(w->v, PROMISE_ONCE, w, n, "%s %u came twice", kind_label(w->v->said[n].kind), n);
}

static void heard_in_time(struct witness *w, const struct saying *s)
{
	struct verify *v = w->v;
	uint64_t us = loop_clock_us() - s->asked_us;
	bool counts = s->kind != KIND_DELIVERED && !s->claimed && w->present && !s->retried && !w->hangs;
	if (counts && s->asked_us > w->free_us)
		numbers_add(&v->latencies, us / 100 > UINT32_MAX ? UINT32_MAX : (uint32_t)(us / 100));
}

static void heard_first(struct witness *w, uint32_t n)
{
	struct verify *v = w->v;
	struct saying *s = &v->said[n];
	bool due = expect_has(w, n);
	s->heard |= UINT64_C(1) << w->i;
	s->heard_ms = now_ms(v);
	v->counts.deliveries++;
	uint32_t before = expect_before(w, n);
	if (due) {
		heard_in_time(w, s);
		judge_compared(v, PROMISE_DELIVERED, s->kind);
		if (expect_has_order(s->kind))
			judge_compared(v, PROMISE_ORDER, s->kind);
	}
	if (w->resuming)
		judge_compared(v, PROMISE_RECOVERED, s->kind);
	if (due && before != NO_SAYING)
		judge_fail(v, PROMISE_ORDER, w, n, "%s %u came behind %u", kind_label(s->kind), n, before);
	if (s->fate == FATE_UNDONE)
		judge_fail(v, PROMISE_COMMITTED, w, n, "%s %u was rolled back, and heard", kind_label(s->kind), n);
}

static void heard_marks(struct witness *w, uint32_t n)
{
	struct saying *s = &w->v->said[n];
	uint64_t me = UINT64_C(1) << w->i;
	s->steady |= me;
	if (!w->hangs)
		s->taken |= me;
	if (s->kind == KIND_DELIVERED)
		judge_receipt(w->v, s->about, s->doer);
}

static void heard_known(struct witness *w, uint32_t n, struct slice data)
{
	struct verify *v = w->v;
	const char *label = kind_label(v->said[n].kind);
	if (!expect_may(w, n)) {
		judge_fail(v, PROMISE_OWN, w, n, "%s %u was delivered to a stranger", label, n);
		return;
	}
	if (!saying_is_whole(v, n, data)) {
		judge_fail(v, PROMISE_WHOLE, w, n, "%s %u came with other contents than were written", label, n);
		return;
	}
	for (enum promise p = PROMISE_ONCE; p <= PROMISE_OWN; p++)
		if (p != PROMISE_ORDER)
			judge_compared(v, p, v->said[n].kind);
	numbers_add(&w->log, n);
	if (v->said[n].heard >> w->i & 1)
		heard_again(w, n);
	else
		heard_first(w, n);
	heard_marks(w, n);
}

void judge_heard(struct witness *w, enum kind kind, struct slice data)
{
	enum promise p = kind == KIND_MESSAGE     ? PROMISE_OWN
	                 : kind == KIND_DELIVERED ? PROMISE_UNTAKEN
	                                          : PROMISE_COMMITTED;
	uint32_t n;
	switch (saying_find(w->v, kind, data, &n)) {
	case FINDING_KNOWN:
		heard_known(w, n, data);
		break;
	case FINDING_FALSE:
		judge_fail(w->v, p, w, NO_SAYING, "%s of what was never done: %.*s", kind_label(kind),
		           data.n > 160 ? 160 : (int)data.n, data.p ? data.p : "");
		break;
	case FINDING_FOREIGN:
		break;
	}
}

/* ---- receipts ---- */

void judge_receipt(struct verify *v, uint32_t n, unsigned person)
{
	struct saying *s = &v->said[n];
	if (s->confirmed >> person & 1)
		return;
	s->confirmed |= 1u << person;
	v->counts.confirmed++;
	judge_compared(v, PROMISE_UNTAKEN, KIND_MAX);
	if (!(s->taken & witnesses_of(v, 1u << person)))
		judge_fail(v, PROMISE_UNTAKEN, NULL, n,
		           "message %u was claimed delivered to person %u, whose clients had not taken it", n, person);
}

/* ---- what should have happened by now ---- */

/* No promise is broken by a database that is away: while it is, and before it came back, no time goes by. */
bool judge_is_past(const struct verify *v, uint64_t since, uint64_t ms)
{
	return v->database_up && now_ms(v) > (since > v->database_up_ms ? since : v->database_up_ms) + ms;
}

static bool judge_is_late(const struct verify *v, uint64_t since)
{
	return judge_is_past(v, since, v->o->within_ms);
}

static bool judge_is_shadowed(const struct verify *v, const struct saying *s)
{
	return s->kind == KIND_TYPING && v->disturbed_ms && s->decided_ms + SHADOW_MS > v->disturbed_ms &&
	       s->decided_ms < v->disturbed_ms + SHADOW_MS;
}

/* What was committed before its connection was begun comes before `connected`, where that says `recovered`. An ack of
 * what is not stored is another promise's. */
static bool judge_was_missed(const struct witness *w, const struct saying *s)
{
	return w->present && w->opened_recovered && s->found && s->decided_us && s->decided_us < w->opened_us;
}

static bool judge_delivery(struct verify *v, uint32_t n)
{
	const struct saying *s = &v->said[n];
	bool settled = true;
	for (unsigned i = 0; i < v->nwitnesses; i++) {
		const struct witness *w = &v->witnesses[i];
		if (s->heard >> i & 1 || !expect_has(w, n))
			continue;
		if (judge_was_missed(w, s))
			judge_fail(v, PROMISE_RECOVERED, w, n, "%s %u was missed, and not brought by the recovery",
			           kind_label(s->kind), n);
		uint64_t since = s->decided_ms > w->present_ms ? s->decided_ms : w->present_ms;
		bool late = w->present && judge_is_late(v, since);
		if (late && !judge_is_shadowed(v, s))
			judge_fail(v, PROMISE_DELIVERED, w, n, "%s %u was not delivered within %llu ms",
			           kind_label(s->kind), n, (unsigned long long)v->o->within_ms);
		settled &= late;
	}
	return settled;
}

static bool judge_confirmation(struct verify *v, uint32_t n)
{
	const struct saying *s = &v->said[n];
	bool settled = true;
	if ((unsigned)__builtin_popcount(v->members[s->chat]) > v->receipts_max)
		return true;
	for (unsigned p = 0; p < PEOPLE; p++) {
		if (p == s->doer || s->confirmed >> p & 1 || !(s->steady & witnesses_of(v, 1u << p)))
			continue;
		settled = false;
		if (judge_is_late(v, s->heard_ms) && judge_is_late(v, s->decided_ms))
			judge_fail(v, PROMISE_CONFIRMED, NULL, n,
			           "message %u was taken by person %u, and not confirmed within %llu ms", n, p,
			           (unsigned long long)v->o->within_ms);
	}
	return settled;
}

/* What was rolled back is settled once the rows were asked, typing when it has to have come or has not. */
static bool judge_undone(struct verify *v, const struct saying *s)
{
	if (s->kind != KIND_TYPING && v->rows_sent_ms <= s->decided_ms)
		return false;
	judge_compared(v, PROMISE_COMMITTED, s->kind);
	return true;
}

static bool judge_saying(struct verify *v, uint32_t n)
{
	struct saying *s = &v->said[n];
	if (s->fate == FATE_UNDONE)
		return judge_undone(v, s);
	if (s->fate == FATE_LOST)
		return v->ending || now_ms(v) > s->decided_ms + 3 * v->o->within_ms; /* nobody hears of it any more */
	if (s->fate != FATE_KEPT)
		return false;
	bool delivered = judge_delivery(v, n), confirmed = s->kind != KIND_MESSAGE || judge_confirmation(v, n);
	if (!delivered || !confirmed || !(s->found || s->kind == KIND_TYPING))
		return false;
	if (s->kind == KIND_MESSAGE)
		v->counts.compared[PROMISE_CONFIRMED][KIND_MAX] += (unsigned)__builtin_popcount(s->confirmed);
	return true;
}

/* ---- presence ---- */

static bool judge_is_disturbed(const struct verify *v)
{
	return v->disturbed_ms && now_ms(v) < v->disturbed_ms + DISTURBED_MS;
}

/* Some client of the person is there, or on its way; with `ms`, has been there for so long, and answers. */
static bool person_is_there(const struct verify *v, unsigned person, uint64_t ms)
{
	for (unsigned i = 0; i < v->nwitnesses; i++) {
		const struct witness *w = &v->witnesses[i];
		if (w->person == person &&
		    (ms ? w->present && !w->hangs && now_ms(v) > w->present_ms + ms : w->engaged))
			return true;
	}
	return false;
}

static bool judge_is_away(const struct verify *v, unsigned person)
{
	return person == WANDERER && v->wanderer == 0 && judge_is_late(v, v->wanderer_ms) &&
	       !person_is_there(v, person, 0);
}

/* Offline is false of a person who has a client that has been there all along; online of one who has left for good. */
void judge_told_presence(struct witness *w, unsigned person, bool online)
{
	struct verify *v = w->v;
	uint64_t within = v->o->within_ms;
	if (judge_is_disturbed(v))
		return;
	judge_compared(v, PROMISE_PRESENCE, KIND_MAX);
	if (!(online ? judge_is_away(v, person) : person_is_there(v, person, within)))
		return;
	judge_fail(v, PROMISE_PRESENCE, w, NO_SAYING, "person %u was told %s, and has been %s for longer than %llu ms",
	           person, online ? "online" : "offline", online ? "away" : "connected", (unsigned long long)within);
}

/* Behind the end of an edge presence has its lease and presence_grace_restart to be told in. While the wanderer is on
 * its way back others may know already. */
static void judge_presence(struct verify *v)
{
	bool comes = v->wanderer == 0 && person_is_there(v, WANDERER, 0);
	if (v->wanderer < 0 || comes || judge_is_disturbed(v) || !judge_is_late(v, v->wanderer_ms))
		return;
	for (unsigned i = 0; i < v->nwitnesses; i++) {
		const struct witness *w = &v->witnesses[i];
		bool knows = w->present && w->present_ms < v->wanderer_ms && person_in(v, 0, w->person) &&
		             w->person != WANDERER;
		if (knows && w->wanderer != v->wanderer)
			judge_fail(v, PROMISE_PRESENCE, w, NO_SAYING,
			           "person %u is %s, and was not shown so within %llu ms", WANDERER,
			           v->wanderer ? "online" : "offline", (unsigned long long)v->o->within_ms);
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
