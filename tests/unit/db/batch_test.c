#include "db/batch.h"

#include "fake_result.h"

static PGresult *answer_of(const char *const (*rows)[COLS], size_t n)
{
	PGresult *res = result_begin(COLS);
	for (size_t i = 0; i < n; i++)
		result_row(res, rows[i]);
	return res;
}

TEST(each_item_has_its_own_row_in_any_order)
{
	static const char *const rows[][COLS] = {
		{"2", "error", NULL, "FORBIDDEN", "not yours", "RT403", "inside"},
		{"1", "ok", "{\"a\":1}", NULL, NULL, NULL, NULL},
		{"4", "ok", NULL, NULL, NULL, NULL, NULL},
		{"3", "deferred", NULL, NULL, NULL, NULL, NULL},
		{"5", "error", NULL, NULL, NULL, NULL, NULL},
		{"0", "published", "moved", NULL, NULL, NULL, NULL},
	};
	PGresult *res = answer_of(rows, ARRAY_LEN(rows));
	struct batch_answer a;
	struct db_item_result r;
	CHECK(batch_read(res, 6, &a) == NULL);
	CHECK(a.published && a.moved && !a.asleep);
	CHECK_INT(a.verdict[2], VERDICT_DEFERRED);

	batch_item(res, &a, 0, &r);
	CHECK_INT(r.outcome, DB_OK);
	CHECK_SLICE(r.body, SLICE("{\"a\":1}"));
	CHECK(r.moved);

	batch_item(res, &a, 1, &r);
	CHECK_INT(r.outcome, DB_ERROR);
	CHECK_SLICE(r.code, SLICE("FORBIDDEN"));
	CHECK_SLICE(r.message, SLICE("not yours"));
	CHECK_SLICE(r.sqlstate, SLICE("RT403"));
	CHECK_SLICE(r.detail, SLICE("inside"));
	CHECK(!r.moved); /* its part was undone */

	batch_item(res, &a, 3, &r); /* a function that returns null */
	CHECK_SLICE(r.body, SLICE("null"));

	batch_item(res, &a, 4, &r);
	CHECK_SLICE(r.code, SLICE("INTERNAL"));

	batch_item(res, &a, 5, &r); /* no row: nobody says what became of it */
	CHECK_INT(r.outcome, DB_UNCERTAIN);
	PQclear(res);
}

TEST(the_last_row_says_whether_something_was_published_and_an_edge_sleeps)
{
	static const struct {
		const char *word;
		bool published, asleep;
	} rows[] = {{"quiet", false, false}, {"published", true, false}, {"asleep", true, true}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].word);
		const char *const row[1][COLS] = {{"0", rows[i].word, NULL, NULL, NULL, NULL, NULL}};
		PGresult *res = answer_of(row, 1);
		struct batch_answer a;
		CHECK(batch_read(res, 1, &a) == NULL);
		CHECK_INT(a.published, rows[i].published);
		CHECK_INT(a.asleep, rows[i].asleep);
		PQclear(res);
	}
}

TEST(an_answer_that_is_none_is_refused_as_a_whole)
{
	static const struct {
		const char *name, *ord, *outcome, *ord2, *outcome2, *wrong;
	} rows[] = {
		{"no number", "x", "ok", "1", "ok", "rt.dispatch returned a row for no item"},
		{"null", NULL, "ok", "1", "ok", "rt.dispatch returned a row for no item"},
		{"more than there are", "3", "ok", "1", "ok", "rt.dispatch returned a row for no item"},
		{"twice", "1", "ok", "1", "error", "rt.dispatch returned two rows for one item"},
		{"a new word", "1", "fine", "2", "ok", "rt.dispatch returned an unknown outcome"},
	};
	struct batch_answer a;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].name);
		const char *const two[2][COLS] = {{rows[i].ord, rows[i].outcome}, {rows[i].ord2, rows[i].outcome2}};
		PGresult *res = answer_of(two, 2);
		CHECK_STR(batch_read(res, 2, &a), rows[i].wrong);
		PQclear(res);
	}
	PGresult *res = result_begin(COLS - 1);
	CHECK_STR(batch_read(res, 1, &a), "rt.dispatch returned another number of columns");
	PQclear(res);
}

TEST(a_batch_that_failed_without_a_reason_is_internal)
{
	PGresult *res = PQmakeEmptyPGresult(NULL, PGRES_FATAL_ERROR);
	struct db_item_result r;
	batch_failure(res, &r);
	CHECK_INT(r.outcome, DB_ERROR);
	CHECK_SLICE(r.code, SLICE("INTERNAL"));
	CHECK_SLICE(r.sqlstate, SLICE("XX000"));
	CHECK_SLICE(r.detail, SLICE("no message"));
	PQclear(res);
	CHECK(batch_is_serialization(SLICE("40P01")));
	CHECK(batch_is_serialization(SLICE("40001")));
	CHECK(!batch_is_serialization(SLICE("40003")));
}

TEST(one_item_is_answered_by_a_text)
{
	static const struct {
		const char *text;
		enum db_outcome outcome;
		bool published, moved;
		const char *body, *code, *message, *sqlstate, *detail;
		uint64_t retry_after_ms;
	} rows[] = {
		{"published\x1fmoved\x1fok\x1f{\"a\": 1}", DB_OK, true, true, "{\"a\": 1}", "", "", "", "", 0},
		{"quiet\x1f\x1fok", DB_OK, false, false, "null", "", "", "", "", 0},
		{"quiet\x1f\x1f"
	         "error\x1f\x1f"
	         "FORBIDDEN\x1fno\x1fRT403\x1fone\x1ftwo\n",
	         DB_ERROR, false, false, "", "FORBIDDEN", "no", "RT403", "one\x1ftwo\n", 0},
		{"quiet\x1f\x1f"
	         "error\x1f"
	         "1500\x1fRATE_LIMIT\x1f\x1fRT429\x1f",
	         DB_ERROR, false, false, "", "RATE_LIMIT", "", "RT429", "", 1500},
		{"quiet\x1f\x1f"
	         "error",
	         DB_ERROR, false, false, "", "INTERNAL", "", "", "", 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		PGresult *res = result_begin(1);
		struct batch_answer a;
		struct db_item_result r;
		result_row(res, (const char *[]){rows[i].text});
		CHECK(batch_read(res, 1, &a) == NULL);
		CHECK(a.published == rows[i].published);
		batch_item(res, &a, 0, &r);
		CHECK_INT(r.outcome, rows[i].outcome);
		CHECK(r.moved == rows[i].moved);
		CHECK_SLICE(r.body, slice_str(rows[i].body));
		CHECK_SLICE(r.code, slice_str(rows[i].code));
		CHECK_SLICE(r.message, slice_str(rows[i].message));
		CHECK_SLICE(r.sqlstate, slice_str(rows[i].sqlstate));
		CHECK_SLICE(r.detail, slice_str(rows[i].detail));
		CHECK_INT(r.retry_after_ms, rows[i].retry_after_ms);
		CHECK(batch_read(res, 2, &a) != NULL); /* a text is of one item */
		PQclear(res);
	}
}

TEST(a_text_that_is_no_answer)
{
	static const char *const texts[] = {
		NULL, "", "ok", "quiet\x1f\x1f", "quiet\x1f\x1fOK\x1f{}", "\x1f\x1f\x1f\x1f\x1f\x1f\x1f\x1f"};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		PGresult *res = result_begin(1);
		struct batch_answer a;
		result_row(res, &texts[i]);
		CHECK(batch_read(res, 1, &a) != NULL);
		PQclear(res);
	}
}

TEST(batches_are_counted_by_size)
{
	static const struct {
		size_t n, bucket;
	} rows[] = {{1, 0}, {2, 1}, {3, 2}, {4, 2}, {5, 3}, {16, 4}, {17, 5}, {32, 5}};
	struct db_stats s = {0};
	size_t items = 0;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t before = s.batch_size_hist[rows[i].bucket];
		batch_count(&s, rows[i].n);
		items += rows[i].n;
		CHECK_INT(s.batch_size_hist[rows[i].bucket], before + 1);
	}
	CHECK_INT(s.batches, ARRAY_LEN(rows));
	CHECK_INT(s.items, items);
}
