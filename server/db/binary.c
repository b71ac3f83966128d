/*
 * Numbers have their highest byte first. A row is the number of its columns, and for each column its type, its length
 * (-1: null) and its bytes. An array is the number of its dimensions, a flag, the type of its elements, for each
 * dimension its size and lower bound, and for each element its length and its bytes.
 */
#include "db/binary.h"

#define EPOCH_2000_US 946684800000000 /* from where Postgres counts */
#define TYPE_JSONB 3802               /* a version, which is 1, and the text */
#define JSONB_VERSION 1

/* Columns of bellwire.outbox. A later migration may add some behind them. */
enum {
	ROW_XID,
	ROW_ID,
	ROW_SLOT,
	ROW_EPOCH,
	ROW_AT,
	ROW_ROOMS,
	ROW_EXCEPT,
	ROW_EVENT,
	ROW_DATA,
	ROW_CONFIRM,
	ROW_CONTROL,
	ROW_COLS
};

struct column {
	uint32_t type;
	bool null;
	struct slice value; /* empty where it is null */
};

/* ---- numbers ---- */

static bool binary_take(struct slice *in, size_t n, struct slice *out)
{
	if (in->n < n)
		return false;
	*out = slice_of(in->p, n);
	*in = slice_of(in->p + n, in->n - n);
	return true;
}

static bool binary_take_number(struct slice *in, size_t n, uint64_t *out)
{
	struct slice bytes;
	if (!binary_take(in, n, &bytes))
		return false;
	*out = 0;
	for (size_t i = 0; i < n; i++)
		*out = *out << 8 | (unsigned char)bytes.p[i];
	return true;
}

/* A length, and so many bytes. */
static bool binary_take_value(struct slice *in, bool *null, struct slice *out)
{
	uint64_t n;
	if (!binary_take_number(in, 4, &n))
		return false;
	*null = n == UINT32_MAX;
	return binary_take(in, *null ? 0 : n, out);
}

bool binary_u64(struct slice value, uint64_t *out)
{
	return value.n == 8 && binary_take_number(&value, 8, out);
}

bool binary_time(struct slice value, int64_t *us)
{
	uint64_t since;
	if (!binary_u64(value, &since) || __builtin_add_overflow((int64_t)since, EPOCH_2000_US, us))
		return false;
	return *us >= 0;
}

bool binary_snapshot(struct slice value, struct buf *text)
{
	uint64_t n, xmin, xmax, xip;
	if (!binary_take_number(&value, 4, &n) || !binary_take_number(&value, 8, &xmin) ||
	    !binary_take_number(&value, 8, &xmax) || value.n != n * 8)
		return false;
	buf_u64(text, xmin);
	buf_char(text, ':');
	buf_u64(text, xmax);
	buf_char(text, ':');
	for (uint64_t i = 0; i < n && binary_take_number(&value, 8, &xip); i++) {
		if (i)
			buf_char(text, ',');
		buf_u64(text, xip);
	}
	return true;
}

/* ---- rows ---- */

static bool binary_columns(struct slice row, struct column *columns, size_t n)
{
	uint64_t count, type;
	if (!binary_take_number(&row, 4, &count) || count < n)
		return false;
	for (struct column *c = columns; c < columns + n; c++) {
		if (!binary_take_number(&row, 4, &type) || !binary_take_value(&row, &c->null, &c->value))
			return false;
		c->type = (uint32_t)type;
	}
	return true;
}

bool binary_row_ids(struct slice row, uint64_t *xid, uint64_t *id)
{
	struct column c[ROW_ID + 1];
	return binary_columns(row, c, ARRAY_LEN(c)) && binary_u64(c[ROW_XID].value, xid) &&
	       binary_u64(c[ROW_ID].value, id);
}

/* Names joined by line breaks. One name, the usual case, is where it was. */
static bool binary_names(struct slice array, struct slice *out, struct buf *names)
{
	uint64_t dimensions, skipped, n = 0;
	bool null;
	struct slice name;
	if (!binary_take_number(&array, 4, &dimensions) || dimensions > 1 || !binary_take_number(&array, 8, &skipped) ||
	    (dimensions && (!binary_take_number(&array, 4, &n) || !binary_take_number(&array, 4, &skipped))))
		return false;
	size_t from = names->n;
	for (uint64_t i = 0; i < n; i++) {
		if (!binary_take_value(&array, &null, &name) || null)
			return false;
		if (n == 1) {
			*out = name;
			return true;
		}
		if (i)
			buf_char(names, '\n');
		buf_slice(names, name);
	}
	*out = slice_of(names->p + from, names->n - from);
	return array.n == 0;
}

static bool binary_json(const struct column *c, struct slice *text)
{
	struct slice version;
	*text = c->value;
	if (c->null || c->type != TYPE_JSONB)
		return true;
	return binary_take(text, 1, &version) && version.p[0] == JSONB_VERSION;
}

bool binary_row(struct slice row, struct db_event *e, struct buf *names)
{
	struct column c[ROW_COLS];
	*e = (struct db_event){0};
	if (!binary_columns(row, c, ARRAY_LEN(c)) || !binary_u64(c[ROW_XID].value, &e->xid) ||
	    !binary_u64(c[ROW_ID].value, &e->id) || !binary_time(c[ROW_AT].value, &e->at_us))
		return false;
	e->everyone = c[ROW_ROOMS].null;
	e->event = c[ROW_EVENT].value;
	e->control = c[ROW_CONTROL].value;
	if (!e->everyone && !binary_names(c[ROW_ROOMS].value, &e->rooms, names))
		return false;
	return binary_names(c[ROW_EXCEPT].value, &e->except_rooms, names) && binary_json(&c[ROW_DATA], &e->data) &&
	       binary_json(&c[ROW_CONFIRM], &e->confirm) && (e->event.n == 0) != (e->control.n == 0);
}
