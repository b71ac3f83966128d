/*
 * What a run has found: for people, or as one JSON object.
 */
#include "verify/run.h"

#include "base/json_write.h"
#include <stdio.h>
#include <stdlib.h>

/* X(field, "what it says") */
#define COUNTS(X)                                                \
	X(by_sql, "messages written by SQL")                     \
	X(by_client, "messages sent by clients")                 \
	X(undone, "things rolled back, or refused for a moment") \
	X(bursts, "bursts in one statement")                     \
	X(late, "transactions that ended late")                  \
	X(retried, "requests repeated for want of an ack")       \
	X(deliveries, "deliveries heard")                        \
	X(again, "heard again, as docs/recovery.md allows")      \
	X(confirmed, "deliveries confirmed")                     \
	X(presence, "events of presence")                        \
	X(cuts, "connections cut")                               \
	X(ended, "connections that ended otherwise")             \
	X(hangs, "clients that hung for a moment")               \
	X(recovered, "recovered completely")                     \
	X(elsewhere, "of them at another edge than before")      \
	X(renewed, "refused recovery, and told to synchronise")  \
	X(sessions_ended, "sessions of Postgres ended")          \
	X(commands, "commands run")                              \
	X(commands_failed, "of them that failed")

static const char *column_label(enum promise p, unsigned k)
{
	return k < KIND_MAX ? kind_label((enum kind)k) : promise_other(p);
}

static int number_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static double quantile_ms(const struct verify *v, double q)
{
	return v->latencies.n ? v->latencies.at[(size_t)((double)(v->latencies.n - 1) * q)] / 10.0 : 0;
}

static bool report_is_good(const struct verify *v)
{
	return !v->failure.found && !v->trouble;
}

/* ---- for people ---- */

static void text_list(struct buf *b, const char *head, const struct buf *list)
{
	buf_printf(b, "\n%s\n", head);
	if (!list->n)
		buf_str(b, "  nothing\n");
	for (struct slice rest = buf_view(list); rest.n;) {
		size_t n = strcspn(rest.p, "\n");
		buf_printf(b, "  %.*s\n", (int)n, rest.p);
		rest = slice_of(rest.p + n + 1, rest.n - n - 1);
	}
}

static void text_counts(const struct verify *v, struct buf *b)
{
#define X(field, text)       \
	if (v->counts.field) \
		buf_printf(b, "%8llu  %s\n", (unsigned long long)v->counts.field, text);
	COUNTS(X)
#undef X
	for (unsigned k = KIND_MESSAGE + 1; k < KIND_MAX; k++)
		if (v->counts.done[k])
			buf_printf(b, "%8llu  %s\n", (unsigned long long)v->counts.done[k], kind_text((enum kind)k));
	if (v->latencies.n)
		buf_printf(b, "%8.1f  ms from write to client, the middle; %.1f ms for 99 of 100, %.1f ms at most\n",
		           quantile_ms(v, 0.5), quantile_ms(v, 0.99), quantile_ms(v, 1));
}

/* A line for each promise: how often what was compared. */
static void text_compared(const struct verify *v, struct buf *b)
{
	if (!v->counts.compared[PROMISE_REACHED][KIND_MAX])
		return; /* nobody has come */
	buf_str(b, "\ncompared:\n");
	for (unsigned p = 0; p < PROMISE_MAX; p++) {
		const char *sep = "";
		buf_printf(b, "%10s  ", promise_label((enum promise)p));
		for (unsigned k = 0; k <= KIND_MAX; k++) {
			uint64_t n = v->counts.compared[p][k];
			if (!n)
				continue;
			buf_printf(b, "%s%s %llu", sep, column_label((enum promise)p, k), (unsigned long long)n);
			sep = ", ";
		}
		buf_str(b, *sep ? "\n" : "nothing\n");
	}
}

void report_text(const struct verify *v, struct buf *b)
{
	const struct failure *f = &v->failure;
	text_counts(v, b);
	text_compared(v, b);
	if (!f->found) {
		buf_printf(b, "\n%s\n",
		           v->trouble ? "it could not be shown that every promise was kept" : "every promise was kept");
		return;
	}
	buf_printf(b, "\nBROKEN: %s\n%s\n", promise_text(f->promise), f->what);
	if (f->expected.n || f->got.n) {
		text_list(b, "expected:", &f->expected);
		text_list(b, "heard:", &f->got);
	}
}

/* ---- for programs ---- */

static void json_list(struct buf *b, const char *key, const struct buf *list)
{
	json_member(b, key);
	buf_char(b, '[');
	for (struct slice rest = buf_view(list); rest.n;) {
		size_t n = strcspn(rest.p, "\n");
		if (rest.p != list->p)
			buf_char(b, ',');
		buf_json_str(b, slice_of(rest.p, n));
		rest = slice_of(rest.p + n + 1, rest.n - n - 1);
	}
	buf_char(b, ']');
}

static void json_counts(const struct verify *v, struct buf *b)
{
#define X(field, text) json_member_u64(b, #field, v->counts.field);
	COUNTS(X)
#undef X
	json_member(b, "done");
	json_open(b);
	for (unsigned k = 0; k < KIND_MAX; k++)
		json_member_u64(b, kind_label((enum kind)k), v->counts.done[k]);
	json_close(b);
}

static void json_compared(const struct verify *v, struct buf *b)
{
	json_member(b, "compared");
	json_open(b);
	for (unsigned p = 0; p < PROMISE_MAX; p++) {
		json_member(b, promise_label((enum promise)p));
		json_open(b);
		for (unsigned k = 0; k <= KIND_MAX; k++)
			if (v->counts.compared[p][k])
				json_member_u64(b, column_label((enum promise)p, k), v->counts.compared[p][k]);
		json_close(b);
	}
	json_close(b);
}

void report_json(const struct verify *v, struct buf *b)
{
	const struct failure *f = &v->failure;
	json_open(b);
	json_member_bool(b, "kept", report_is_good(v));
	json_counts(v, b);
	json_compared(v, b);
	json_member(b, "latency_ms");
	buf_printf(b, "{\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f}", quantile_ms(v, 0.5), quantile_ms(v, 0.99),
	           quantile_ms(v, 1));
	if (v->trouble)
		json_member_str(b, "trouble", slice_str(v->trouble));
	if (f->found) {
		json_member_str(b, "broken", slice_str(promise_label(f->promise)));
		json_member_str(b, "promise", slice_str(promise_text(f->promise)));
		json_member_str(b, "what", slice_str(f->what));
		json_list(b, "expected", &f->expected);
		json_list(b, "heard", &f->got);
	}
	json_close(b);
	buf_char(b, '\n');
}

void report_sort(struct verify *v)
{
	if (v->latencies.n)
		qsort(v->latencies.at, v->latencies.n, sizeof(uint32_t), number_order);
}
