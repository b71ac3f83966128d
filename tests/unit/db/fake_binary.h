/*
 * Values in Postgres' binary form, and answers of rt.poll_few, without a server.
 */
#ifndef UNIT_FAKE_BINARY_H
#define UNIT_FAKE_BINARY_H

#include "base/buf.h"
#include "base/mem.h"
#include "test.h"

#define FAKE_2000_US 946684800000000

struct fake_event {
	uint64_t id, xid;
	int64_t at_us;
	const char *rooms, *except; /* names joined by line breaks; rooms NULL: null */
	const char *event, *control, *data, *confirm;
};

static inline void binary_put(struct buf *b, uint64_t v, int bytes)
{
	while (bytes-- > 0)
		buf_char(b, (char)(v >> 8 * bytes));
}

static inline void binary_put_column(struct buf *b, uint32_t type, const struct buf *value)
{
	binary_put(b, type, 4);
	binary_put(b, value ? value->n : UINT32_MAX, 4);
	if (value)
		buf_slice(b, buf_view(value));
}

static inline void binary_put_number(struct buf *b, uint32_t type, uint64_t v, int bytes)
{
	struct buf value = {0};
	binary_put(&value, v, bytes);
	binary_put_column(b, type, &value);
	buf_fini(&value);
}

static inline void binary_put_text(struct buf *b, uint32_t type, const char *before, const char *text)
{
	struct buf value = {0};
	buf_str(&value, before);
	buf_str(&value, text ? text : "");
	binary_put_column(b, type, text ? &value : NULL);
	buf_fini(&value);
}

static inline void binary_put_names(struct buf *b, const char *names)
{
	struct buf value = {0};
	uint64_t n = names && *names ? 1 : 0;
	for (const char *c = names; n && *c; c++)
		n += *c == '\n';
	binary_put(&value, n ? 1 : 0, 4), binary_put(&value, 0, 4), binary_put(&value, 25, 4);
	if (n)
		binary_put(&value, n, 4), binary_put(&value, 1, 4);
	for (const char *c = names; n--; c += strcspn(c, "\n") + 1) {
		binary_put(&value, strcspn(c, "\n"), 4);
		buf_add(&value, c, strcspn(c, "\n"));
	}
	binary_put_column(b, 1009, names ? &value : NULL);
	buf_fini(&value);
}

static inline void binary_put_event(struct buf *b, const struct fake_event *e)
{
	binary_put(b, 11, 4);
	binary_put_number(b, 5069, e->xid, 8);
	binary_put_number(b, 20, e->id, 8);
	binary_put_number(b, 21, 2, 2);
	binary_put_number(b, 23, 7, 4);
	binary_put_number(b, 1184, (uint64_t)(e->at_us - FAKE_2000_US), 8);
	binary_put_names(b, e->rooms);
	binary_put_names(b, e->except);
	binary_put_text(b, 25, "", e->event);
	binary_put_text(b, 3802, "\1", e->data);
	binary_put_text(b, 3802, "\1", e->confirm);
	binary_put_text(b, 25, "", e->control);
}

/* The values of a row of rt.poll_ids, or of its header; empty ones are null. */
struct fake_ids {
	uint64_t id, xid; /* 0: null */
	int64_t at_us;
	const char *control, *data;
};

static inline void binary_put_ids(struct buf values[5], const struct fake_ids *r)
{
	binary_put(&values[0], r->id, 8);
	if (r->xid)
		binary_put(&values[1], r->xid, 8);
	binary_put(&values[2], (uint64_t)(r->at_us - FAKE_2000_US), 8);
	buf_str(&values[3], r->control ? r->control : "");
	buf_str(&values[4], r->data ? r->data : "");
}

/* Without transactions in flight but for xip, where it is not 0. */
static inline void binary_put_snapshot(struct buf *b, uint64_t xmin, uint64_t xmax, uint64_t xip)
{
	binary_put(b, xip ? 1 : 0, 4);
	binary_put(b, xmin, 8);
	binary_put(b, xmax, 8);
	if (xip)
		binary_put(b, xip, 8);
}

#endif
