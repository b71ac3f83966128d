/* The answer of rt.poll_ids, cut and changed in each way. */
#include "db/ids.h"

#include "db/fetch.h"
#include "fake_binary.h"
#include "fake_result.h"

/* A header and a row; `length` bytes of one value, of null where it is -1. All of it for length INT32_MAX. */
static PGresult *answer(const struct fake_ids *row, int at, int col, int length)
{
	PGresult *res = result_begin(IDS_COLS);
	for (int i = 0; i < 2; i++) {
		struct buf values[IDS_COLS] = {0};
		binary_put_ids(values, i ? row : &(struct fake_ids){9, 0, 5000, "70:80:", "90:110:95"});
		for (int c = 0; c < IDS_COLS; c++) {
			int n = values[c].n ? (int)values[c].n : -1;
			if (i == at && c == col && length < n)
				n = length;
			CHECK(PQsetvalue(res, i, c, values[c].n ? values[c].p : (char *)"", n));
			buf_fini(&values[c]);
		}
	}
	return res;
}

static const struct fake_ids event = {7, 95, 4000, NULL, NULL}, control = {8, 95, 4001, "asked", "{\"a\": 1}"};

TEST(an_event_is_bare_and_a_control_row_is_whole)
{
	struct ids_header h;
	struct db_event e;
	PGresult *res = answer(&event, 0, 0, INT32_MAX);
	CHECK(ids_header(res, &h));
	CHECK(slice_eq(h.snapshot, SLICE("90:110:95")));
	CHECK_INT(h.low, 90);
	CHECK_INT(h.high, 110);
	CHECK_INT(h.dropped, 80);
	CHECK_INT(h.written, 9);
	CHECK_INT(h.now_us, 5000);
	CHECK(ids_row(res, 1, &e));
	CHECK(e.bare && !e.everyone && e.event.n == 0 && e.control.n == 0);
	CHECK_INT(e.id, 7);
	CHECK_INT(e.xid, 95);
	CHECK_INT(e.at_us, 4000);
	CHECK(!ids_row(res, 2, &e)); /* there is none */
	PQclear(res);
	res = answer(&control, 0, IDS_COL_CONTROL, -1);
	CHECK(ids_header(res, &h));
	CHECK_INT(h.dropped, 0);
	CHECK(ids_row(res, 1, &e));
	CHECK(!e.bare && !e.everyone && e.event.n == 0);
	CHECK(slice_eq(e.control, SLICE("asked")));
	CHECK(slice_eq(e.data, SLICE("{\"a\": 1}")));
	PQclear(res);
	res = answer(&control, 1, IDS_COL_DATA, -1);
	CHECK(ids_row(res, 1, &e));
	CHECK(slice_eq(e.data, SLICE("null")));
	PQclear(res);
}

TEST(a_value_that_is_cut_is_no_answer)
{
	static const struct {
		int row, col, lengths;
		bool null; /* may be missing */
	} cells[] = {
		{0, IDS_COL_ID, 8, false},     {0, IDS_COL_AT, 8, false},  {0, IDS_COL_CONTROL, 6, true},
		{0, IDS_COL_DATA, 6, false}, /* "90:110", and before; from there on it is a snapshot */
		{1, IDS_COL_ID, 8, false},     {1, IDS_COL_XID, 8, false}, {1, IDS_COL_AT, 8, false},
		{1, IDS_COL_CONTROL, 1, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(cells); i++)
		for (int length = cells[i].null ? 0 : -1; length < cells[i].lengths; length++) {
			char name[40];
			struct ids_header h;
			struct db_event e;
			snprintf(name, sizeof name, "row %d, column %d, %d bytes", cells[i].row, cells[i].col, length);
			CHECK_ROW(name);
			PGresult *res = answer(&control, cells[i].row, cells[i].col, length);
			bool good = ids_header(res, &h);
			CHECK(good == (cells[i].row == 1));
			if (cells[i].row == 1)
				CHECK(!ids_row(res, 1, &e));
			PQclear(res);
		}
}

TEST(a_header_is_the_first_row_and_has_no_transaction)
{
	struct ids_header h;
	PGresult *res = result_begin(IDS_COLS);
	CHECK(!ids_header(res, &h));
	PQclear(res);
	res = answer(&event, 0, 0, INT32_MAX);
	CHECK(PQsetvalue(res, 0, IDS_COL_XID, (char *)"12345678", 8));
	CHECK(!ids_header(res, &h));
	PQclear(res);
	res = result_begin(IDS_COLS - 1);
	CHECK(!ids_header(res, &h));
	PQclear(res);
}
