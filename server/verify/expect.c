/*
 * Who has to hear something, and who may: what is promised, and no more.
 */
#include "verify/run.h"

uint64_t witnesses_of(const struct verify *v, unsigned people)
{
	uint64_t set = 0;
	for (unsigned i = 0; i < v->nwitnesses; i++)
		if (people >> v->witnesses[i].person & 1)
			set |= UINT64_C(1) << i;
	return set;
}

/* `chat:typing` and `notification:read` do not come back to the socket that sent them. */
static bool kind_comes_back(enum kind k)
{
	return k != KIND_TYPING && k != KIND_SEEN;
}

static bool expect_asked(const struct witness *w, const struct saying *s)
{
	return !kind_comes_back(s->kind) && s->askers >> w->i & 1;
}

/* A socket that asks twice, or has another connection since, may hear of the first time. */
static bool expect_is_asker(const struct witness *w, const struct saying *s)
{
	return expect_asked(w, s) && !s->retried && s->asker == w->i && s->asker_life == w->life;
}

bool expect_has(const struct witness *w, uint32_t n)
{
	const struct saying *s = &w->v->said[n];
	if (!(s->people >> w->person & 1) || expect_asked(w, s))
		return false;
	return s->kind == KIND_TYPING ? n >= w->here[s->chat] : s->since >= w->from;
}

bool expect_may(const struct witness *w, uint32_t n)
{
	const struct saying *s = &w->v->said[n];
	if (!(s->people >> w->person & 1) || expect_is_asker(w, s))
		return false;
	return s->kind != KIND_TYPING || w->in[s->chat];
}

/* What came before it was there, or behind the last offset before its connection was cut (docs/recovery.md). Typing
 * is never brought again. */
bool expect_again(const struct witness *w, uint32_t n)
{
	const struct saying *s = &w->v->said[n];
	if (s->kind == KIND_TYPING)
		return false;
	if (s->since < w->from)
		return true;
	for (size_t i = 0; i < w->twice_n; i++)
		if (w->log.at[w->twice + i] == n)
			return true;
	return false;
}

/* ---- order ---- */

static bool heard_by(const struct witness *w, uint32_t n)
{
	return n != NO_SAYING && w->v->said[n].heard >> w->i & 1;
}

static uint32_t message_before(struct witness *w, uint32_t n)
{
	const struct saying *s = &w->v->said[n];
	uint32_t *last = &w->last[s->chat];
	bool late = *last != NO_SAYING && s->seq < w->v->said[*last].seq;
	uint32_t before = late ? *last : NO_SAYING;
	if (!late)
		*last = n;
	return before;
}

/* One that came before this one, and was begun when this one had been committed, or follows it in its statement. */
static bool notice_follows(const struct saying *s, uint32_t n, const struct saying *later, uint32_t l)
{
	return (s->decided_us && s->decided_us < later->born_us) || (s->deed == later->deed && n < l);
}

static uint32_t notice_before(struct witness *w, uint32_t n)
{
	const struct verify *v = w->v;
	uint32_t last = w->last_notice;
	bool late = last != NO_SAYING && notice_follows(&v->said[n], n, &v->said[last], last);
	if (last == NO_SAYING || v->said[n].born_us >= v->said[last].born_us)
		w->last_notice = n;
	return late ? last : NO_SAYING;
}

bool expect_has_order(enum kind k)
{
	return k == KIND_MESSAGE || k == KIND_NOTICE || k == KIND_LIKED || k == KIND_TYPING;
}

uint32_t expect_before(struct witness *w, uint32_t n)
{
	const struct saying *s = &w->v->said[n];
	switch (s->kind) {
	case KIND_MESSAGE:
		return message_before(w, n);
	case KIND_NOTICE:
		return notice_before(w, n);
	case KIND_LIKED:
	case KIND_TYPING:
		return heard_by(w, s->next) ? s->next : NO_SAYING;
	default:
		return NO_SAYING;
	}
}
