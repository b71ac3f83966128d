/*
 * Once a second the counters of all floors become a sample.
 */
#include "operator/history.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/conn.h"
#include "sio/sio.h"
#include <sys/resource.h>

#define SECOND_MS 1000
#define STEP 5 /* seconds that a value of the kind `history` stands for */

struct history {
	struct timer second;
	struct operator* op;
	void (*on_second)(struct operator* op); /* NULL: nobody listens */
	uint64_t wall_ms;                       /* when the last sample was taken */
	struct samples samples;
};

/* ---- taking ---- */

static uint64_t history_cpu_us(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void tally_gauges(const struct operator* op, uint32_t *v)
{
	const struct sio_stats *s = sio_server_stats(op->people->sio);
	const struct db_stats *db = db_stats(op->db);
	v[HISTORY_CONNECTIONS] = op->budget ? (uint32_t)op->budget->open : 0;
	v[HISTORY_QUEUED_KB] = op->budget ? (uint32_t)(op->budget->total_bytes / 1024) : 0;
	v[HISTORY_SOCKETS] = (uint32_t)s->sockets;
	v[HISTORY_USERS] = people_present(op->people);
	v[HISTORY_WAITING] = (uint32_t)db->queue_items;
	v[HISTORY_PUMP] = (uint32_t)db->pump_state;
	v[HISTORY_LAG_MS] = (uint32_t)(db->pump_lag_us / 1000);
}

static void tally_take(const struct operator* op, struct tally *t)
{
	const struct counts *c = &op->people->counts;
	const struct sio_stats *s = sio_server_stats(op->people->sio);
	const struct db_stats *db = db_stats(op->db);
	*t = (struct tally){.events_in = s->events_in,
	                    .packets_out = s->packets_out,
	                    .rows = db->rows,
	                    .fetches = db->fetches,
	                    .bells = db->bells,
	                    .cpu_us = history_cpu_us(),
	                    .written = c->latency,
	                    .confirmed = c->confirmed};
	tally_gauges(op, t->gauges);
	memcpy(t->errors, c->errors, sizeof t->errors);
	memcpy(t->ended, c->disconnects, sizeof t->ended);
}

static void history_on_second(struct timer *timer)
{
	struct history *h = container_of(timer, struct history, second);
	struct loop *l = h->op->people->loop;
	struct tally now;
	tally_take(h->op, &now);
	samples_take(&h->samples, &now, loop_now(l));
	h->wall_ms = clock_wall_ms();
	timer_set(l, timer, h->samples.at_ms + SECOND_MS);
	if (h->on_second)
		h->on_second(h->op);
}

/* ---- life ---- */

void history_start(struct operator* op)
{
	struct history *h = op->history = NEW(struct history);
	h->op = op;
	h->second.fire = history_on_second;
	h->wall_ms = clock_wall_ms();
	struct tally now;
	tally_take(op, &now);
	samples_begin(&h->samples, &now, loop_now(op->people->loop));
	timer_set(op->people->loop, &h->second, h->samples.at_ms + SECOND_MS);
}

void history_stop(struct operator* op)
{
	if (op->history)
		timer_stop(op->people->loop, &op->history->second);
	free(op->history);
	op->history = NULL;
}

void history_set_listener(struct operator* op, void (*on_second)(struct operator* op))
{
	op->history->on_second = on_second;
}

/* ---- JSON ---- */

static const char *const history_columns[] = {
#define X(COLUMN, name) #name,
	HISTORY_COLUMNS(X)
#undef X
};

void history_put_columns(struct buf *b)
{
	for (int i = 0; i < HISTORY_COLUMN_MAX; i++)
		buf_printf(b, "%c\"%s\"", i ? ',' : '[', history_columns[i]);
	buf_char(b, ']');
}

static void history_put_row(const uint32_t *v, struct buf *b)
{
	for (int i = 0; i < HISTORY_COLUMN_MAX; i++) {
		buf_char(b, i ? ',' : '[');
		buf_u64(b, v[i]);
	}
	buf_char(b, ']');
}

void history_put_last(const struct operator* op, struct buf *b)
{
	const struct history *h = op->history;
	static const uint32_t none[HISTORY_COLUMN_MAX];
	json_open(b);
	json_member_time(b, "at", h->wall_ms);
	json_member(b, "row");
	history_put_row(h->samples.n ? samples_row(&h->samples, h->samples.n - 1) : none, b);
	json_close(b);
}

void history_put(const struct operator* op, struct buf *b)
{
	const struct samples *s = &op->history->samples;
	json_open(b);
	json_member_time(b, "at", op->history->wall_ms);
	json_member(b, "rows");
	buf_char(b, '[');
	for (uint64_t i = samples_oldest(s); i < s->n; i++) {
		if (i > samples_oldest(s))
			buf_char(b, ',');
		history_put_row(samples_row(s, i), b);
	}
	buf_char(b, ']');
	json_close(b);
}

static void reasons_put(struct buf *b, const char *key, const uint64_t *now, const uint64_t *then, size_t n,
                        struct slice (*word)(int i))
{
	json_member(b, key);
	json_open(b);
	for (size_t i = 0; i < n; i++) {
		if (now[i] == then[i])
			continue;
		json_member(b, word((int)i).p);
		buf_u64(b, now[i] - then[i]);
	}
	json_close(b);
}

static struct slice reason_error(int i)
{
	return error_name((enum error_code)i);
}

static struct slice reason_ended(int i)
{
	return slice_str(close_label((enum close_reason)i));
}

void history_put_reasons(const struct operator* op, struct buf *b)
{
	const struct counts *now = &op->people->counts;
	const struct reasons *then = samples_reasons(&op->history->samples);
	json_open(b);
	reasons_put(b, "errors", now->errors, then->errors, ERROR_COUNTED, reason_error);
	reasons_put(b, "ended", now->disconnects, then->ended, CLOSE_REASON_MAX, reason_ended);
	json_close(b);
}

/* ---- for other edges ---- */

/* Means of a column, each of STEP samples, the last of which ends with the last sample. */
static void history_put_means(const struct samples *s, enum history_column column, struct buf *b)
{
	uint64_t kept = s->n - samples_oldest(s), at = s->n - kept / STEP * STEP;
	json_member(b, history_columns[column]);
	buf_char(b, '[');
	for (bool first = true; at < s->n; first = false) {
		uint64_t sum = 0;
		for (int i = 0; i < STEP; i++)
			sum += samples_row(s, at++)[column];
		if (!first)
			buf_char(b, ',');
		buf_u64(b, (sum + STEP / 2) / STEP);
	}
	buf_char(b, ']');
}

bool history_work(struct operator* op, struct ask *a)
{
	const struct samples *s = &op->history->samples;
	json_open(&a->body);
	json_member_time(&a->body, "at", op->history->wall_ms);
	json_member_u64(&a->body, "step_ms", STEP * SECOND_MS);
	history_put_means(s, HISTORY_SOCKETS, &a->body);
	history_put_means(s, HISTORY_EVENTS_IN, &a->body);
	history_put_means(s, HISTORY_PACKETS_OUT, &a->body);
	json_close(&a->body);
	return true;
}
