#include "db/batch.h"

#include "base/number.h"

static enum batch_verdict batch_verdict_of(struct slice s)
{
	if (slice_eq(s, SLICE("ok")))
		return VERDICT_OK;
	if (slice_eq(s, SLICE("error")))
		return VERDICT_ERROR;
	return slice_eq(s, SLICE("deferred")) ? VERDICT_DEFERRED : VERDICT_NONE;
}

static void batch_read_end(struct batch_answer *out, struct slice outcome, struct slice body)
{
	out->asleep = slice_eq(outcome, SLICE("asleep"));
	out->published = out->asleep || slice_eq(outcome, SLICE("published"));
	out->moved = slice_eq(body, SLICE("moved"));
}

/* Up to the next separator, or all that is left. */
static struct slice lone_next(struct slice *left)
{
	const char *end = left->n ? memchr(left->p, LONE_SEPARATOR, left->n) : NULL;
	struct slice part = {left->p, end ? (size_t)(end - left->p) : left->n};
	size_t taken = part.n + (end ? 1 : 0);
	*left = (struct slice){left->p + taken, left->n - taken};
	return part;
}

static const char *lone_read(struct slice text, struct batch_answer *out)
{
	struct slice outcome = lone_next(&text), body = lone_next(&text);
	batch_read_end(out, outcome, body);
	out->lone = true;
	for (int col = COL_OUTCOME; col < COL_DETAIL; col++)
		out->cells[col] = lone_next(&text);
	out->cells[COL_DETAIL] = text;
	out->verdict[0] = batch_verdict_of(out->cells[COL_OUTCOME]);
	if (out->verdict[0] == VERDICT_OK)
		out->lone_row = out->cells[COL_DETAIL];
	return out->verdict[0] == VERDICT_NONE ? "rt.dispatch_lone returned an unknown outcome" : NULL;
}

const char *batch_read(const PGresult *res, size_t n, struct batch_answer *out)
{
	*out = (struct batch_answer){0};
	if (n == 1 && PQnfields(res) == 1 && PQntuples(res) == 1)
		return lone_read(db_cell(res, 0, 0), out);
	if (PQnfields(res) != COLS)
		return "rt.dispatch returned another number of columns";
	for (int row = 0; row < PQntuples(res); row++) {
		struct slice outcome = db_cell(res, row, COL_OUTCOME);
		uint64_t ord;
		if (!db_cell_u64(res, row, COL_ORD, &ord) || ord > n)
			return "rt.dispatch returned a row for no item";
		if (ord == 0) {
			batch_read_end(out, outcome, db_cell(res, row, COL_BODY));
			continue;
		}
		enum batch_verdict v = batch_verdict_of(outcome);
		if (v == VERDICT_NONE || out->verdict[ord - 1] != VERDICT_NONE)
			return v ? "rt.dispatch returned two rows for one item"
			         : "rt.dispatch returned an unknown outcome";
		out->verdict[ord - 1] = v;
		out->row[ord - 1] = row;
	}
	return NULL;
}

static struct slice batch_cell(const PGresult *res, const struct batch_answer *a, size_t i, enum batch_column col)
{
	return a->lone ? a->cells[col] : db_cell(res, a->row[i], col);
}

void batch_item(const PGresult *res, const struct batch_answer *a, size_t i, struct db_item_result *out)
{
	*out = (struct db_item_result){.outcome = DB_OK, .published = a->published, .moved = a->moved};
	if (a->verdict[i] == VERDICT_NONE) {
		/* the function says nothing of this item: it may have run */
		*out = (struct db_item_result){.outcome = DB_UNCERTAIN,
		                               .detail = SLICE("rt.dispatch returned no row for this item")};
		return;
	}
	if (a->verdict[i] == VERDICT_OK) {
		out->body = batch_cell(res, a, i, COL_BODY);
		if (out->body.n == 0)
			out->body = SLICE("null");
		return;
	}
	out->outcome = DB_ERROR;
	out->published = out->moved = false;
	out->code = batch_cell(res, a, i, COL_CODE);
	out->message = batch_cell(res, a, i, COL_MESSAGE);
	out->sqlstate = batch_cell(res, a, i, COL_SQLSTATE);
	out->detail = batch_cell(res, a, i, COL_DETAIL);
	if (out->code.n == 0)
		out->code = SLICE("INTERNAL");
	if (slice_eq(out->code, SLICE("RATE_LIMIT")) &&
	    !u64_parse(batch_cell(res, a, i, COL_BODY), &out->retry_after_ms))
		out->retry_after_ms = 0;
}

void batch_failure(const PGresult *res, struct db_item_result *out)
{
	const char *sqlstate = db_sqlstate(res), *why = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	bool passing = db_is_passing(sqlstate);
	*out = (struct db_item_result){
		.outcome = DB_ERROR,
		.code = passing ? SLICE("UNAVAILABLE") : SLICE("INTERNAL"),
		.message = passing ? SLICE("temporarily unavailable") : SLICE("internal error"),
		.sqlstate = slice_str(sqlstate),
		.detail = slice_str(why ? why : "no message"),
	};
}

bool batch_is_serialization(struct slice sqlstate)
{
	return slice_eq(sqlstate, SLICE("40P01")) || slice_eq(sqlstate, SLICE("40001"));
}

void batch_count(struct db_stats *s, size_t n)
{
	size_t bucket = 0;
	while (bucket + 1 < ARRAY_LEN(s->batch_size_hist) && n > (size_t)1 << bucket)
		bucket++;
	s->batches++;
	s->items += n;
	s->batch_size_hist[bucket]++;
}
