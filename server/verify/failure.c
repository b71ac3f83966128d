/*
 * The first promise that is broken, and what shows it: what the client should have heard beside what it heard.
 */
#include "verify/run.h"

#include "base/mem.h"
#include <stdarg.h>
#include <stdio.h>

#define LIST_LINES 24 /* of each list */

static const struct {
	const char *label, *text, *other;
} promises[] = {
#define X(NAME, label, text, other) {#label, text, other},
	PROMISES(X)
#undef X
};

const char *promise_label(enum promise p)
{
	return promises[p].label;
}

const char *promise_text(enum promise p)
{
	return promises[p].text;
}

const char *promise_other(enum promise p)
{
	return promises[p].other;
}

/* Both lists are of one chat's messages, or of one kind. */
static bool listed_with(const struct verify *v, uint32_t n, uint32_t around)
{
	const struct saying *s = &v->said[n], *a = &v->said[around];
	return s->kind == a->kind && (s->kind != KIND_MESSAGE || s->chat == a->chat);
}

static void fill_expected(struct verify *v, const struct witness *w, uint32_t around)
{
	uint32_t from = around > LIST_LINES / 2 ? around - LIST_LINES / 2 : 0, lines = 0;
	for (uint32_t n = from; n < v->nsaid && lines < LIST_LINES; n++) {
		const struct saying *s = &v->said[n];
		if (!listed_with(v, n, around) || !expect_has(w, n) ||
		    (s->fate != FATE_KEPT && !(s->heard >> w->i & 1)))
			continue;
		saying_line(v, n, &v->failure.expected);
		lines++;
	}
}

/* The last ones. */
static void fill_got(struct verify *v, const struct witness *w, uint32_t around)
{
	size_t from = w->log.n;
	for (unsigned lines = 0; from > 0 && lines < LIST_LINES; from--)
		lines += listed_with(v, w->log.at[from - 1], around);
	for (size_t i = from; i < w->log.n; i++)
		if (listed_with(v, w->log.at[i], around))
			saying_line(v, w->log.at[i], &v->failure.got);
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

static void failure_text(struct verify *v, const struct witness *w, char *what)
{
	struct buf all = {0};
	buf_str(&all, what);
	if (w) {
		buf_str(&all, "; ");
		witness_name(w, &all);
	}
	v->failure.what = buf_steal(&all, &(size_t){0});
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
	failure_text(v, w, what);
	free(what);
	v->failure.found = true;
	v->failure.promise = p;
	if (n != NO_SAYING && (p == PROMISE_UNTAKEN || p == PROMISE_CONFIRMED || !w))
		fill_people(v, &v->said[n]);
	else if (n != NO_SAYING) {
		fill_expected(v, w, n);
		fill_got(v, w, n);
	}
	verify_stop(v, NULL);
}
