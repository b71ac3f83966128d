/* Which statement a poll is, and which answers will do. */
#include "db/poll.h"

#include "fake_binary.h"
#include "fake_result.h"

static struct poll ready(void)
{
	return (struct poll){.knows = {true, true, true, true, true, true},
	                     .fetched = true,
	                     .counted = true,
	                     .written = 5,
	                     .since = 80};
}

static struct fetch cursor(void)
{
	return (struct fetch){.snapshot = (char *)"90:100:", .low = 90, .high = 100};
}

TEST(a_statement_is_chosen_by_what_is_known)
{
	static const struct {
		const char *name;
		enum poll_kind kind;
		bool unknown, no_look, no_ids, no_few, no_kept, no_both; /* of the session */
		bool still, news, nobody;
		uint64_t since, light, light_ids, low, high, rows;
	} rows[] = {
		{"the twin is left away", POLL_FEW, .since = 80},
		{"from there on", POLL_FEW, .since = 90},
		{"it brought few before", POLL_FEW, .since = 80, .rows = FEW_ROWS},
		{"it brought more before", POLL_KEPT, .since = 80, .rows = FEW_ROWS + 1},
		{"no poll of few", POLL_KEPT, .no_few = true, .since = 80},
		{"not before", POLL_BOTH, .since = 91},
		{"not known since when", POLL_BOTH, .since = 0},
		{"a new session", POLL_FETCH, .unknown = true, .since = 80},
		{"nothing was new", POLL_LOOK, .still = true, .since = 80},
		{"nothing was, but something is", POLL_FEW, .still = true, .news = true, .since = 80},
		{"no look", POLL_FEW, .still = true, .no_look = true, .since = 80},
		{"no poll", POLL_FETCH, .no_few = true, .no_kept = true, .since = 80},
		{"no other poll", POLL_FEW, .no_both = true, .since = 80},
		{"no poll with the twin", POLL_FETCH, .no_both = true},
		{"many rows are behind the cursor's xmin", POLL_FETCH, .since = 80, .light = 91},
		{"they are before it", POLL_FEW, .since = 80, .light = 90},
		{"an old transaction", POLL_FETCH, .since = 20, .low = 35},
		{"not that old", POLL_FEW, .since = 20, .low = 36},
		{"nobody is here", POLL_IDS, .nobody = true, .since = 80},
		{"and the twin is written", POLL_IDS, .nobody = true},
		{"and nothing was new", POLL_LOOK, .nobody = true, .still = true},
		{"and many rows are behind it", POLL_IDS, .nobody = true, .since = 80, .light = 91},
		{"and very many", POLL_FETCH, .nobody = true, .since = 80, .light = 91, .light_ids = 91},
		{"they are before it", POLL_IDS, .nobody = true, .since = 80, .light = 90, .light_ids = 90},
		{"very many, and somebody is here", POLL_FETCH, .since = 80, .light = 91, .light_ids = 91},
		{"it brought many before", POLL_IDS, .nobody = true, .since = 80, .rows = IDS_ROWS},
		{"it brought very many", POLL_KEPT, .nobody = true, .since = 80, .rows = IDS_ROWS + 1},
		{"no poll of ids", POLL_FEW, .nobody = true, .no_ids = true, .since = 80},
		{"no poll of ids, and the twin is written", POLL_BOTH, .nobody = true, .no_ids = true},
		{"nobody, in a new session", POLL_FETCH, .nobody = true, .unknown = true, .since = 80},
		{"nobody, and an old transaction", POLL_IDS, .nobody = true, .low = 35},
		{"a very old one", POLL_FETCH, .nobody = true, .low = 35, .high = 1036},
		{"not that old, for ids", POLL_IDS, .nobody = true, .low = 35, .high = 1035},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].name);
		struct poll p = ready();
		struct fetch f = cursor();
		p.fetched = !rows[i].unknown;
		p.since = rows[i].since;
		p.knows[POLL_LOOK] = !rows[i].no_look;
		p.nobody = rows[i].nobody;
		p.knows[POLL_IDS] = !rows[i].no_ids;
		p.knows[POLL_FEW] = !rows[i].no_few;
		p.knows[POLL_KEPT] = !rows[i].no_kept;
		p.knows[POLL_BOTH] = !rows[i].no_both;
		f.still = rows[i].still;
		f.light = rows[i].light;
		f.light_ids = rows[i].light_ids;
		f.rows = rows[i].rows;
		f.low = rows[i].low ? rows[i].low : f.low;
		f.high = rows[i].high ? rows[i].high : f.high;
		CHECK_INT(poll_choose(&p, &f, rows[i].news), rows[i].kind);
	}
	struct poll p = ready();
	struct fetch f = {0};
	CHECK_INT(poll_choose(&p, &f, true), POLL_FETCH); /* no position */
}

static PGresult *header(const char *xid, const char *snapshot, const char *written, const char *dropped)
{
	PGresult *res = result_begin(POLL_COLS);
	const char *row[POLL_COLS] = {xid ? "1" : NULL,          xid,
	                              [COL_SNAPSHOT] = snapshot, [COL_NOW] = "5000",
	                              [COL_WRITTEN] = written,   [COL_DROPPED] = dropped,
	                              [COL_NEXT_XID] = "155"};
	result_row(res, row);
	return res;
}

static enum poll_kind judge(struct poll *p, enum poll_kind kind, PGresult *res)
{
	struct fetch f = cursor();
	enum poll_kind next = poll_judge(p, &f, kind, res);
	PQclear(res);
	return next;
}

TEST(an_answer_is_judged_by_its_header)
{
	static const struct {
		const char *name, *xid, *snapshot, *written, *dropped;
		enum poll_kind kept, both; /* what is asked after one, after the other */
	} rows[] = {
		{"no row", NULL, "90:110:", "5", NULL, POLL_KEPT, POLL_BOTH},
		{"a row", "109", "90:110:", "5", NULL, POLL_KEPT, POLL_BOTH},
		{"the twin was written", "109", "90:110:", "6", NULL, POLL_BOTH, POLL_BOTH},
		{"dropped long ago", NULL, "90:110:", "5", "80:90:", POLL_KEPT, POLL_BOTH},
		{"dropped what the cursor may lack", NULL, "90:110:", "5", "80:91:", POLL_FETCH, POLL_FETCH},
		{"that, and the twin", NULL, "90:110:", "6", "80:91:", POLL_FETCH, POLL_FETCH},
		{"a restored row", "110", "90:110:", "5", NULL, POLL_FETCH, POLL_FETCH},
		{"no snapshot", NULL, NULL, "5", NULL, POLL_KINDS, POLL_KINDS},
		{"no count", NULL, "90:110:", NULL, NULL, POLL_KINDS, POLL_KINDS},
		{"dropped nonsense", NULL, "90:110:", "5", "x", POLL_KINDS, POLL_KINDS},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].name);
		struct poll p = ready();
		CHECK_INT(judge(&p, POLL_KEPT, header(rows[i].xid, rows[i].snapshot, rows[i].written, rows[i].dropped)),
		          rows[i].kept);
		p = ready();
		CHECK_INT(judge(&p, POLL_BOTH, header(rows[i].xid, rows[i].snapshot, rows[i].written, rows[i].dropped)),
		          rows[i].both);
	}
	struct poll p = ready();
	CHECK_INT(judge(&p, POLL_KEPT, result_begin(POLL_COLS)), POLL_KINDS);
	CHECK_INT(judge(&p, POLL_KEPT, result_begin(COLS)), POLL_KINDS);
	CHECK_INT(judge(&p, POLL_FETCH, result_begin(COLS)), POLL_FETCH); /* fetch_take looks at it */
	p.knows[POLL_BOTH] = false;
	CHECK_INT(judge(&p, POLL_KEPT, header(NULL, "90:110:", "6", NULL)), POLL_FETCH);
}

TEST(the_count_of_the_twin_is_noted_and_then_from_when_on_it_stands)
{
	struct poll p = {.knows = {true, true, true, true, true, true}, .fetched = true};
	CHECK_INT(judge(&p, POLL_BOTH, header(NULL, "90:110:", "0", NULL)), POLL_BOTH);
	CHECK_INT(p.since, 0); /* one who had begun may write it after the count was read */
	CHECK_INT(judge(&p, POLL_BOTH, header(NULL, "95:120:", "0", NULL)), POLL_BOTH); /* the next one is 155 */
	CHECK_INT(p.since, 155);
	CHECK_INT(judge(&p, POLL_BOTH, header(NULL, "95:130:", "0", NULL)), POLL_BOTH);
	CHECK_INT(p.since, 155);
	CHECK_INT(judge(&p, POLL_BOTH, header(NULL, "95:140:", "1", NULL)), POLL_BOTH);
	CHECK_INT(p.since, 0);
	CHECK_INT(judge(&p, POLL_BOTH, header(NULL, "95:150:", "1", NULL)), POLL_BOTH);
	CHECK_INT(p.since, 155);
}

static PGresult *few(size_t rows, uint64_t xid, uint64_t written)
{
	PGresult *res = result_begin(FEW_COLS);
	for (size_t row = 0; row < rows; row++) {
		struct buf values[FEW_COLS] = {0};
		if (xid)
			binary_put_event(&values[FEW_COL_EVENT],
			                 &(struct fake_event){row + 1, xid, 4000, "r", "", "e", NULL, "1", NULL});
		binary_put_snapshot(&values[FEW_COL_SNAPSHOT], 90, 110, 0);
		binary_put(&values[FEW_COL_AT], 5000, 8);
		binary_put(&values[FEW_COL_WRITTEN], written, 8);
		for (int col = 0; col < FEW_COLS; col++) {
			CHECK(PQsetvalue(res, (int)row, col, values[col].p, values[col].n ? (int)values[col].n : -1));
			buf_fini(&values[col]);
		}
	}
	return res;
}

TEST(a_few_rows_are_judged_by_the_count)
{
	struct poll p = ready();
	CHECK_INT(judge(&p, POLL_FEW, few(1, 0, 5)), POLL_FEW); /* no row */
	CHECK_INT(judge(&p, POLL_FEW, few(3, 109, 5)), POLL_FEW);
	CHECK_INT(judge(&p, POLL_FEW, few(1, 109, 6)), POLL_BOTH);
	CHECK_INT(judge(&p, POLL_FEW, few(1, 110, 5)), POLL_FETCH); /* a restored row */
	CHECK_INT(judge(&p, POLL_FEW, few(FEW_ROWS, 109, 5)), POLL_FEW);
	CHECK_INT(judge(&p, POLL_FEW, few(FEW_ROWS + 1, 109, 5)), POLL_KEPT);
	CHECK_INT(judge(&p, POLL_FEW, few(0, 109, 5)), POLL_KINDS);
	CHECK_INT(judge(&p, POLL_FEW, header(NULL, "90:110:", "5", NULL)), POLL_KINDS);
	CHECK_INT(p.written, 5);
	CHECK_INT(p.since, 80);
	p.knows[POLL_BOTH] = p.knows[POLL_KEPT] = false;
	CHECK_INT(judge(&p, POLL_FEW, few(1, 109, 6)), POLL_FETCH);
	CHECK_INT(judge(&p, POLL_FEW, few(FEW_ROWS + 1, 109, 5)), POLL_FETCH);
	PGresult *odd = few(1, 109, 5);
	CHECK(PQsetvalue(odd, 0, FEW_COL_EVENT, (char *)"x", 1));
	CHECK_INT(judge(&p, POLL_FEW, odd), POLL_KINDS);
	odd = few(1, 109, 5);
	CHECK(PQsetvalue(odd, 0, FEW_COL_SNAPSHOT, (char *)"x", 1));
	CHECK_INT(judge(&p, POLL_FEW, odd), POLL_KINDS);
}

static PGresult *look(const char *snapshot, const char *now)
{
	PGresult *res = result_begin(LOOK_COLS);
	result_row(res, (const char *[LOOK_COLS]){snapshot, now});
	return res;
}

static PGresult *ids(size_t rows, const struct fake_ids *row, const char *dropped)
{
	PGresult *res = result_begin(IDS_COLS);
	for (size_t i = 0; i <= rows; i++) {
		struct buf values[IDS_COLS] = {0};
		binary_put_ids(values, i ? row : &(struct fake_ids){0, 0, 5000, dropped, "90:110:"});
		for (int col = 0; col < IDS_COLS; col++) {
			CHECK(PQsetvalue(res, (int)i, col, values[col].p, values[col].n ? (int)values[col].n : -1));
			buf_fini(&values[col]);
		}
	}
	return res;
}

TEST(ids_are_judged_by_who_is_here_now)
{
	static const struct fake_ids event = {7, 109, 4000, NULL, NULL}, control = {7, 109, 4000, "asked", "{}"};
	static const struct fake_ids restored = {7, 110, 4000, NULL, NULL}, none = {7, 0, 4000, NULL, NULL};
	char text[IDS_DATA + 1] = {0};
	memset(text, 'x', IDS_DATA);
	const struct fake_ids cut = {7, 109, 4000, "asked", text}, whole = {7, 109, 4000, "asked", text + 1};
	const struct {
		const char *name;
		enum poll_kind nobody, somebody; /* what is asked then */
		size_t rows;
		const struct fake_ids *row;
		const char *dropped;
	} rows[] = {
		{"no row", POLL_IDS, POLL_FEW, 0, NULL, NULL},
		{"events", POLL_IDS, POLL_FEW, 3, &event, NULL},
		{"a control row", POLL_IDS, POLL_FEW, 1, &control, NULL},
		{"as many as it brings", POLL_IDS, POLL_FEW, IDS_ROWS, &event, NULL},
		{"there may be more", POLL_FETCH, POLL_FEW, IDS_ROWS + 1, &event, NULL},
		{"a control row that may be cut", POLL_FEW, POLL_FEW, 1, &cut, NULL},
		{"one that is not", POLL_IDS, POLL_FEW, 1, &whole, NULL},
		{"a restored row", POLL_FETCH, POLL_FEW, 1, &restored, NULL},
		{"no row of the outbox", POLL_KINDS, POLL_FEW, 1, &none, NULL},
		{"dropped long ago", POLL_IDS, POLL_FEW, 1, &event, "80:90:"},
		{"dropped what the cursor may lack", POLL_FETCH, POLL_FEW, 1, &event, "80:91:"},
		{"dropped nonsense", POLL_KINDS, POLL_KINDS, 1, &event, "x"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].name);
		struct poll p = ready();
		p.nobody = true;
		CHECK_INT(judge(&p, POLL_IDS, ids(rows[i].rows, rows[i].row, rows[i].dropped)), rows[i].nobody);
		p.nobody = false; /* somebody came while it was out: all of it is asked for again, whole */
		CHECK_INT(judge(&p, POLL_IDS, ids(rows[i].rows, rows[i].row, rows[i].dropped)), rows[i].somebody);
	}
	struct poll p = ready();
	p.nobody = true;
	CHECK_INT(judge(&p, POLL_IDS, result_begin(IDS_COLS)), POLL_KINDS);
	CHECK_INT(judge(&p, POLL_IDS, header(NULL, "90:110:", "5", NULL)), POLL_KINDS);
	CHECK_INT(judge(&p, POLL_LOOK, look("90:101:", "5000")), POLL_IDS);
	CHECK_INT(p.written, 5); /* what is noted of the twin stands */
	CHECK_INT(p.since, 80);
}

TEST(a_look_is_enough_for_the_same_snapshot)
{
	struct poll p = ready();
	CHECK_INT(judge(&p, POLL_LOOK, look("90:100:", "5000")), POLL_LOOK);
	CHECK_INT(judge(&p, POLL_LOOK, look("90:101:", "5000")), POLL_FEW);
	CHECK_INT(judge(&p, POLL_LOOK, look("90:100:90", "5000")), POLL_FEW);
	p.since = 0;
	CHECK_INT(judge(&p, POLL_LOOK, look("91:100:", "5000")), POLL_BOTH);
	CHECK_INT(judge(&p, POLL_LOOK, look("90:100:", "x")), POLL_KINDS);
	CHECK_INT(judge(&p, POLL_LOOK, result_begin(LOOK_COLS)), POLL_KINDS);
	CHECK_INT(judge(&p, POLL_LOOK, result_begin(COLS)), POLL_KINDS);
}
