/*
 * What a run has found: for people, or as one JSON object.
 */
#include "verify/run.h"

#include "base/json_write.h"
#include <stdio.h>
#include <stdlib.h>

/* X(field, "what it says") */
#define COUNTS(X)                                                 \
	X(by_sql, "messages written by SQL")                      \
	X(by_client, "messages sent by clients")                  \
	X(undone, "of them rolled back, or refused for a moment") \
	X(bursts, "bursts in one statement")                      \
	X(late, "transactions that ended late")                   \
	X(retried, "sends repeated for want of an ack")           \
	X(heard, "deliveries heard")                              \
	X(again, "heard again, as docs/recovery.md allows")       \
	X(confirmed, "deliveries confirmed")                      \
	X(presence, "events of presence")                         \
	X(cuts, "connections cut")                                \
	X(hangs, "clients that hung for a moment")                \
	X(recovered, "recovered completely")                      \
	X(renewed, "refused recovery, and told to synchronise")   \
	X(sessions_ended, "sessions of Postgres ended")           \
	X(commands, "commands run")

static int number_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static double quantile_ms(const struct verify *v, double q)
{
	return v->latencies.n ? v->latencies.at[(size_t)((double)(v->latencies.n - 1) * q)] / 10.0 : 0;
}

static void list_text(const char *head, const struct buf *list)
{
	printf("\n%s\n", head);
	if (!list->n)
		printf("  nothing\n");
	for (struct slice rest = buf_view(list); rest.n;) {
		size_t n = strcspn(rest.p, "\n");
		printf("  %.*s\n", (int)n, rest.p);
		rest = slice_of(rest.p + n + 1, rest.n - n - 1);
	}
}

static void report_text(const struct verify *v)
{
	const struct failure *f = &v->failure;
#define X(field, text)       \
	if (v->counts.field) \
		printf("%8llu  %s\n", (unsigned long long)v->counts.field, text);
	COUNTS(X)
#undef X
	printf("%8.1f  ms from write to client, the middle; %.1f ms for 99 of 100, %.1f ms at most\n",
	       quantile_ms(v, 0.5), quantile_ms(v, 0.99), quantile_ms(v, 1));
	if (!f->found) {
		puts(v->trouble ? "\nit could not be shown that every promise was kept" : "\nevery promise was kept");
		return;
	}
	printf("\nBROKEN: %s\n%s\n", promise_text(f->promise), f->what);
	if (f->expected.n || f->got.n) {
		list_text("expected:", &f->expected);
		list_text("heard:", &f->got);
	}
}

static void list_json(struct buf *b, const char *key, const struct buf *list)
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

static void report_json(const struct verify *v)
{
	const struct failure *f = &v->failure;
	struct buf b = {0};
	json_open(&b);
	json_member_bool(&b, "kept", !f->found && !v->trouble);
#define X(field, text) json_member_u64(&b, #field, v->counts.field);
	COUNTS(X)
#undef X
	json_member(&b, "latency_ms");
	buf_printf(&b, "{\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f}", quantile_ms(v, 0.5), quantile_ms(v, 0.99),
	           quantile_ms(v, 1));
	if (v->trouble)
		json_member_str(&b, "trouble", slice_str(v->trouble));
	if (f->found) {
		json_member_str(&b, "broken", slice_str(promise_label(f->promise)));
		json_member_str(&b, "promise", slice_str(promise_text(f->promise)));
		json_member_str(&b, "what", slice_str(f->what));
		list_json(&b, "expected", &f->expected);
		list_json(&b, "heard", &f->got);
	}
	json_close(&b);
	printf("%.*s\n", (int)b.n, b.p);
	buf_fini(&b);
}

void report_print(const struct verify *v)
{
	if (v->latencies.n)
		qsort(v->latencies.at, v->latencies.n, sizeof(uint32_t), number_order);
	if (v->o->json)
		report_json(v);
	else
		report_text(v);
	if (v->trouble)
		fprintf(stderr, "bellwire: verify: %s\n", v->trouble);
}
