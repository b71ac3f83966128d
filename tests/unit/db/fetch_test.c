#include "db/fetch.h"

#include "fake_binary.h"
#include "fake_result.h"

struct heard {
	struct fetch f;
	struct db_stats stats;
	int batches, cursors, gaps;
	size_t events, takes; /* at most so many of a batch; 0: all */
	uint64_t last_id;
	bool last;
	char snapshot[64], why[64];
	struct db_event first;
	size_t bare;
	char controls[64]; /* their verbs and data, as they came */
};

static void hear_control(struct heard *h, const struct db_event *e)
{
	size_t n = strlen(h->controls);
	if (e->control.n)
		snprintf(h->controls + n, sizeof h->controls - n, "%.*s%.*s ", (int)e->control.n, e->control.p,
		         (int)e->data.n, e->data.p);
}

static size_t on_batch(void *ctx, const struct db_batch *b)
{
	struct heard *h = ctx;
	size_t n = h->takes && h->takes < b->n ? h->takes : b->n;
	h->batches++;
	h->events += n;
	for (size_t i = 0; i < n; i++) {
		CHECK(b->events[i].id > h->last_id);
		h->last_id = b->events[i].id;
		h->bare += b->events[i].bare;
		hear_control(h, &b->events[i]);
	}
	if (b->n && h->batches == 1)
		h->first = b->events[0];
	return n;
}

static void on_cursor(void *ctx)
{
	struct heard *h = ctx;
	h->cursors++;
	h->last = true;
	snprintf(h->snapshot, sizeof h->snapshot, "%s", h->f.snapshot);
}

static void on_gap(void *ctx, const char *why)
{
	struct heard *h = ctx;
	h->gaps++;
	snprintf(h->why, sizeof h->why, "%s", why);
}

static void begin(struct heard *h)
{
	*h = (struct heard){0};
	h->f = (struct fetch){
		.stats = &h->stats, .ev = {.on_batch = on_batch, .on_cursor = on_cursor, .on_gap = on_gap}, .ctx = h};
}

static PGresult *header(const char *snapshot, const char *epoch, const char *control)
{
	PGresult *res = result_begin(COLS);
	result_row(res, (const char *[COLS]){NULL, "90", "5000", snapshot, epoch, NULL, control, "the reason"});
	return res;
}

static void event(PGresult *res, uint64_t id)
{
	char text[24];
	snprintf(text, sizeof text, "%llu", (unsigned long long)id);
	result_row(res, (const char *[COLS]){text, "95", "4000", "chat:1\nuser:2", "sock", "chat:message:new", NULL,
	                                     "{\"a\":1}", NULL, "f"});
}

static const char *take(struct heard *h, PGresult *res)
{
	const char *wrong = fetch_take(&h->f, res, 777);
	PQclear(res);
	return wrong;
}

/* The first position, at snapshot 90:100: of epoch e1. */
static void position(struct heard *h)
{
	begin(h);
	CHECK(take(h, header("90:100:", "e1", "ok")) == NULL);
}

TEST(the_first_position_is_taken_without_rows_and_without_a_gap)
{
	struct heard h;
	position(&h);
	CHECK_STR(h.f.snapshot, "90:100:");
	CHECK_STR(h.f.epoch, "e1");
	CHECK(h.f.upto == NULL && h.f.done);
	CHECK_INT(h.f.xmin, 90);
	CHECK_INT(h.f.now_us, 5000);
	CHECK_INT(h.batches + h.gaps, 0);
	CHECK_INT(h.stats.fetches, 1);
	CHECK_INT(h.stats.fetched_ms, 777);
	fetch_fini(&h.f);
}

TEST(rows_are_delivered_and_the_cursor_moves)
{
	struct heard h;
	position(&h);
	PGresult *res = header("90:110:", "e1", "ok");
	event(res, 7);
	event(res, 9);
	CHECK(fetch_take(&h.f, res, 1) == NULL);
	CHECK_INT(h.batches, 1);
	CHECK_INT(h.events, 2);
	CHECK(h.last && h.f.done);
	CHECK_STR(h.snapshot, "90:110:"); /* the cursor after it */
	CHECK_STR(h.f.snapshot, "90:110:");
	CHECK_SLICE(h.first.rooms, SLICE("chat:1\nuser:2"));
	CHECK_SLICE(h.first.except_rooms, SLICE("sock"));
	CHECK_SLICE(h.first.event, SLICE("chat:message:new"));
	CHECK_SLICE(h.first.data, SLICE("{\"a\":1}"));
	CHECK_INT(h.first.xid, 95);
	CHECK_INT(h.first.at_us, 4000);
	CHECK(!h.first.everyone && !h.first.ephemeral);
	CHECK_INT(h.stats.pump_lag_us, 1000);
	CHECK_INT(h.f.rows, 2);
	CHECK_INT(h.stats.rows, 2);
	PQclear(res);
	fetch_fini(&h.f);
}

TEST(a_control_row_and_a_row_for_everyone)
{
	struct heard h;
	position(&h);
	PGresult *res = header("90:110:", "e1", "ok");
	result_row(res, (const char *[COLS]){"7", "95", "4000", NULL, NULL, NULL, "join", NULL, NULL, "t"});
	CHECK(fetch_take(&h.f, res, 1) == NULL);
	CHECK(h.first.everyone && h.first.ephemeral);
	CHECK_SLICE(h.first.control, SLICE("join"));
	CHECK_SLICE(h.first.data, SLICE("null"));
	PQclear(res);
	fetch_fini(&h.f);
}

TEST(nothing_new_is_no_batch_but_a_moved_cursor_is)
{
	struct heard h;
	position(&h);
	CHECK(take(&h, header("90:100:", "e1", "ok")) == NULL);
	CHECK_INT(h.cursors, 0);
	CHECK_INT(h.stats.pump_lag_us, 0);
	CHECK(take(&h, header("95:100:", "e1", "ok")) == NULL);
	CHECK_INT(h.cursors, 1);
	CHECK_INT(h.batches, 0);
	CHECK_INT(h.events, 0);
	fetch_fini(&h.f);
}

TEST(a_gap_takes_the_position_and_tells_why)
{
	struct heard h;
	position(&h);
	CHECK(take(&h, header("200:200:", "e9", "gap")) == NULL);
	CHECK_INT(h.gaps, 1);
	CHECK_STR(h.why, "the reason");
	CHECK_STR(h.f.snapshot, "200:200:");
	CHECK_INT(h.stats.gaps, 1);
	CHECK_INT(h.stats.epochs, 1);
	fetch_void(&h.f, "voided");
	CHECK(h.f.snapshot == NULL);
	CHECK(take(&h, header("210:210:", "e9", "ok")) == NULL);
	CHECK_INT(h.gaps, 2);
	CHECK_STR(h.why, "voided");
	CHECK(take(&h, header("211:211:", "e9", "ok")) == NULL); /* once */
	CHECK_INT(h.gaps, 2);
	fetch_fini(&h.f);
}

TEST(another_epoch_is_counted)
{
	struct heard h;
	position(&h);
	CHECK(take(&h, header("90:110:", "e2", "ok")) == NULL);
	CHECK_INT(h.stats.epochs, 1);
	CHECK_INT(h.gaps, 0);
	CHECK_STR(h.f.epoch, "e2");
	fetch_fini(&h.f);
}

/* ---- cut fetches ---- */

static void events_from(PGresult *res, uint64_t first, size_t n)
{
	for (size_t i = 0; i < n; i++)
		event(res, first + i);
}

TEST(a_full_page_cuts_the_fetch_and_the_cursor_moves_with_the_last_page)
{
	struct heard h;
	position(&h);
	PGresult *res = header("90:110:", "e1", "ok");
	events_from(res, 1, PAGE_ROWS);
	CHECK(take(&h, res) == NULL);
	CHECK(!h.f.done && !h.last);
	CHECK_STR(h.f.snapshot, "90:100:");
	CHECK_STR(h.f.upto, "90:110:");
	CHECK_STR(h.f.upto_epoch, "e1");
	CHECK_INT(h.f.after, PAGE_ROWS);
	CHECK(h.f.limit > PAGE_ROWS && h.f.limit <= PAGE_ROWS_MOST);

	res = result_begin(COLS); /* a page of two and a half turns */
	events_from(res, PAGE_ROWS + 1, PAGE_ROWS * 2 + 500);
	h.f.limit = PAGE_ROWS * 2 + 500;
	for (int turn = 1; turn <= 3; turn++) {
		CHECK((turn == 1 ? fetch_take_page(&h.f, res) : fetch_take_rest(&h.f, res)) == NULL);
		CHECK(!h.f.done); /* it was full: one more page is asked for */
		CHECK_INT(h.f.row, turn < 3 ? turn * PAGE_ROWS : PAGE_ROWS * 2 + 500);
	}
	PQclear(res);
	CHECK_INT(h.f.after, PAGE_ROWS * 3 + 500);

	res = result_begin(COLS);
	events_from(res, PAGE_ROWS * 3 + 501, 3);
	CHECK(fetch_take_page(&h.f, res) == NULL);
	PQclear(res);
	CHECK(h.f.done && h.last);
	CHECK_STR(h.f.snapshot, "90:110:");
	CHECK(h.f.upto == NULL);
	CHECK_INT(h.f.rows, PAGE_ROWS * 3 + 503);
	CHECK_INT(h.events, PAGE_ROWS * 3 + 503);
	fetch_fini(&h.f);
}

TEST(big_rows_make_small_pages)
{
	struct heard h;
	position(&h);
	char *big = malloc(70001);
	memset(big, 'x', 70000);
	big[70000] = '\0';
	PGresult *res = header("90:110:", "e1", "ok");
	for (int i = 0; i < 200; i++)
		result_row(res, (const char *[COLS]){"1", "95", "4000", big, NULL, "e", NULL, "1", NULL, "f"});
	h.f.ev.on_batch = NULL;
	CHECK(take(&h, res) == NULL);
	CHECK_INT(h.f.limit, PAGE_ROWS); /* at least as many as one turn delivers */
	free(big);
	fetch_fini(&h.f);
}

static void event_of(PGresult *res, uint64_t id, size_t n)
{
	char text[24], *data = malloc(n + 1);
	snprintf(text, sizeof text, "%llu", (unsigned long long)id);
	memset(data, '1', n);
	data[n] = '\0';
	result_row(res, (const char *[COLS]){text, "95", "4000", "r", NULL, "e", NULL, data, NULL, "f"});
	free(data);
}

/* An answer that is full of bytes is cut, however few its rows are; a turn delivers a part of it. */
TEST(an_answer_is_full_of_bytes_and_delivered_in_pieces)
{
	enum { ROW = 256 << 10, ROWS = PAGE_BYTES / ROW, PIECE = PIECE_BYTES / ROW };
	struct heard h;
	position(&h);
	PGresult *res = header("90:110:", "e1", "ok");
	for (uint64_t id = 1; id <= ROWS; id++)
		event_of(res, id, ROW);
	CHECK(fetch_take(&h.f, res, 1) == NULL);
	CHECK_INT(h.events, PIECE);
	for (int turn = 2; turn <= ROWS / PIECE; turn++) {
		CHECK(!h.f.done && h.f.row < PQntuples(res));
		CHECK(fetch_take_rest(&h.f, res) == NULL);
		CHECK_INT(h.events, turn * PIECE);
	}
	CHECK_INT(h.f.row, PQntuples(res));
	CHECK(!h.f.done && !h.last); /* full: a page is asked for */
	PQclear(res);
	res = result_begin(COLS);
	event_of(res, ROWS + 1, 1);
	CHECK(fetch_take_page(&h.f, res) == NULL);
	CHECK(h.f.done && h.last);
	PQclear(res);
	fetch_fini(&h.f);
}

/* The receiver may have no time for all rows: the others come again, and the cursor waits for them. */
TEST(rows_that_were_not_taken_come_again)
{
	struct heard h;
	position(&h);
	h.takes = 2;
	PGresult *res = header("90:110:", "e1", "ok");
	events_from(res, 1, 5);
	CHECK(fetch_take(&h.f, res, 1) == NULL);
	for (int turn = 1; turn < 3; turn++) {
		CHECK_INT(h.events, 2 * turn);
		CHECK_INT(h.f.after, 2 * turn);
		CHECK(!h.f.done && h.f.upto);
		CHECK(fetch_take_rest(&h.f, res) == NULL);
	}
	CHECK(h.f.done && h.last);
	CHECK_INT(h.events, 5);
	CHECK_INT(h.stats.rows, 5);
	PQclear(res);
	fetch_fini(&h.f);
}

/* ---- plain polls ---- */

static PGresult *poll_row(PGresult *res, const char *id, const char *data)
{
	result_row(res, (const char *[POLL_COLS]){id, id ? "95" : NULL, "4000", "r", "", "e", NULL, data, NULL, "f",
	                                          "90:110:95", "5000", "1", NULL, "112"});
	return res;
}

TEST(a_poll_brings_rows_and_moves_the_cursor)
{
	struct heard h;
	position(&h);
	CHECK_INT(h.f.light, 100); /* what is older may be many rows */
	PGresult *res = poll_row(poll_row(result_begin(POLL_COLS), "7", "1"), "9", "2");
	CHECK(fetch_take_poll(&h.f, res, 778) == NULL);
	CHECK(h.f.done && h.last && !h.f.still);
	CHECK_INT(h.events, 2);
	CHECK_STR(h.f.snapshot, "90:110:95");
	CHECK_STR(h.f.epoch, "e1");
	CHECK_INT(h.f.xmin, 90);
	CHECK_INT(h.f.low, 90);
	CHECK_INT(h.f.high, 110);
	CHECK_INT(h.f.light, 100);
	CHECK_INT(h.stats.fetched_ms, 778);
	PQclear(res);
	res = poll_row(result_begin(POLL_COLS), NULL, NULL);
	CHECK(fetch_take_poll(&h.f, res, 779) == NULL);
	CHECK(h.f.done && h.f.still);
	CHECK_INT(h.events, 2);
	PQclear(res);
	fetch_fini(&h.f);
}

static void few_cell(PGresult *res, int row, int col, struct buf *b)
{
	CHECK(PQsetvalue(res, row, col, b->p, b->n ? (int)b->n : -1));
	buf_fini(b);
}

/* A row of rt.poll_few's answer at snapshot 90:110:95; id 0: none. */
static void few_row(PGresult *res, uint64_t id, const char *data)
{
	int row = PQntuples(res);
	struct buf event = {0}, snapshot = {0}, now = {0}, written = {0};
	if (id)
		binary_put_event(&event, &(struct fake_event){id, 95, 4000, "a\nb", "s", "e", NULL, data, NULL});
	binary_put_snapshot(&snapshot, 90, 110, 95);
	binary_put(&now, (uint64_t)(5000 - FAKE_2000_US), 8);
	binary_put(&written, 1, 8);
	few_cell(res, row, FEW_COL_EVENT, &event);
	few_cell(res, row, FEW_COL_SNAPSHOT, &snapshot);
	few_cell(res, row, FEW_COL_AT, &now);
	few_cell(res, row, FEW_COL_WRITTEN, &written);
}

/* on_batch checks the order. */
TEST(a_few_rows_come_in_any_order_and_are_delivered_by_their_ids)
{
	struct heard h;
	position(&h);
	PGresult *res = result_begin(FEW_COLS);
	few_row(res, 12, "1");
	few_row(res, 7, "2");
	few_row(res, 11, "3");
	few_row(res, 30, "4");
	CHECK(fetch_take_few(&h.f, res, 778) == NULL);
	PQclear(res);
	CHECK(h.f.done && h.last && !h.f.still);
	CHECK_INT(h.events, 4);
	CHECK_INT(h.last_id, 30);
	CHECK_STR(h.f.snapshot, "90:110:95");
	CHECK_STR(h.f.epoch, "e1");
	CHECK_INT(h.f.xmin, 90);
	CHECK_INT(h.f.now_us, 5000);
	CHECK_INT(h.stats.fetched_ms, 778);
	CHECK_INT(h.stats.pump_lag_us, 1000);
	res = result_begin(FEW_COLS);
	few_row(res, 0, NULL);
	CHECK(fetch_take_few(&h.f, res, 779) == NULL);
	PQclear(res);
	CHECK(h.f.done && h.f.still);
	CHECK_INT(h.events, 4);
	fetch_fini(&h.f);
}

TEST(a_few_large_rows_are_delivered_in_pieces)
{
	enum { ROW = 256 << 10, PIECE = PIECE_BYTES / ROW };
	struct heard h;
	char *data = calloc(1, ROW + 1);
	memset(data, '1', ROW);
	position(&h);
	PGresult *res = result_begin(FEW_COLS);
	for (uint64_t id = FEW_ROWS; id > 0; id--)
		few_row(res, id, data);
	free(data);
	CHECK(fetch_take_few(&h.f, res, 1) == NULL);
	for (int turn = 1; turn < FEW_ROWS / PIECE; turn++) {
		CHECK_INT(h.events, turn * PIECE);
		CHECK(!h.f.done && h.f.row < h.f.behind);
		CHECK_INT(h.f.after, turn * PIECE);
		CHECK(fetch_take_rest(&h.f, res) == NULL);
	}
	PQclear(res);
	CHECK(h.f.done);
	CHECK_INT(h.events, FEW_ROWS);
	fetch_fini(&h.f);
}

TEST(a_few_rows_that_are_none_deliver_nothing)
{
	struct heard h;
	position(&h);
	PGresult *res = result_begin(FEW_COLS);
	few_row(res, 7, "1");
	CHECK(PQsetvalue(res, 0, FEW_COL_EVENT, (char *)"x", 1));
	CHECK(fetch_take_few(&h.f, res, 1) != NULL);
	CHECK(h.f.upto == NULL);
	CHECK(PQsetvalue(res, 0, FEW_COL_SNAPSHOT, (char *)"x", 1));
	CHECK_STR(fetch_take_few(&h.f, res, 1), "no header");
	PQclear(res);
	res = result_begin(FEW_COLS);
	for (uint64_t id = 1; id <= FEW_ROWS + 1; id++)
		few_row(res, id, "1"); /* there may be more: not for this one */
	CHECK(fetch_take_few(&h.f, res, 1) != NULL);
	PQclear(res);
	CHECK_INT(h.batches, 0);
	CHECK_STR(h.f.snapshot, "90:100:");
	fetch_fini(&h.f);
}

/* A row of rt.poll_ids, or the header at snapshot 90:110:95. */
static PGresult *ids_row_of(PGresult *res, const struct fake_ids *r)
{
	int row = PQntuples(res);
	struct buf values[IDS_COLS] = {0};
	binary_put_ids(values, r);
	for (int col = 0; col < IDS_COLS; col++)
		few_cell(res, row, col, &values[col]);
	return res;
}

static PGresult *ids_begin(void)
{
	return ids_row_of(result_begin(IDS_COLS), &(struct fake_ids){0, 0, 5000, NULL, "90:110:95"});
}

/* on_batch checks the order. */
TEST(ids_are_taken_in_order_with_the_control_rows_between_them)
{
	static const struct fake_ids rows[] = {{12, 105, 4100, NULL, NULL},
	                                       {14, 105, 4100, "user_renamed", "{}"},
	                                       {7, 95, 4000, NULL, NULL},
	                                       {9, 96, 4050, "asked", "1"}};
	struct heard h;
	struct buf marks = {0};
	position(&h);
	PGresult *res = ids_begin();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		ids_row_of(res, &rows[i]);
	CHECK(fetch_take_ids(&h.f, res, 778) == NULL);
	PQclear(res);
	CHECK(h.f.done && h.last && !h.f.still);
	CHECK_INT(h.events, 4);
	CHECK_INT(h.bare, 2);
	CHECK_INT(h.last_id, 14);
	CHECK_STR(h.controls, "asked1 user_renamed{} ");
	CHECK_STR(h.f.snapshot, "90:110:95");
	CHECK_STR(h.f.epoch, "e1");
	CHECK_INT(h.f.xmin, 90);
	CHECK_INT(h.f.now_us, 5000);
	CHECK_INT(h.f.rows, 4);
	CHECK_INT(h.f.transactions, 3);
	CHECK_INT(h.stats.rows, 4);
	CHECK_INT(h.stats.fetched_ms, 778);
	CHECK_INT(h.stats.pump_lag_us, 1000);
	marks_array(&h.f.marks, &marks); /* each of them shows the history */
	CHECK(slice_eq(buf_view(&marks),
	               SLICE("{\"row.7.95.4000\",\"row.9.96.4050\",\"row.12.105.4100\",\"row.14.105.4100\"}")));
	buf_fini(&marks);
	res = ids_begin();
	CHECK(fetch_take_ids(&h.f, res, 779) == NULL);
	PQclear(res);
	CHECK(h.f.done && h.f.still);
	CHECK_INT(h.events, 4);
	fetch_fini(&h.f);
}

/* As many as an answer has, of which 400 are taken in a turn. */
static PGresult *take_most_ids(struct heard *h)
{
	PGresult *res = ids_begin();
	for (uint64_t id = 1; id <= IDS_ROWS; id++)
		ids_row_of(res, &(struct fake_ids){id, 95, 4000, NULL, NULL});
	h->takes = 400;
	CHECK(fetch_take_ids(&h->f, res, 778) == NULL);
	return res;
}

TEST(so_many_ids_are_one_answer_and_may_be_read_again)
{
	struct heard h;
	position(&h);
	PGresult *res = take_most_ids(&h);
	for (int turns = 1; !h.f.done; turns++) { /* rows that were not taken come again */
		CHECK_INT(h.f.after, turns * 400);
		CHECK_STR(h.f.snapshot, "90:100:");
		CHECK(fetch_take_rest(&h.f, res) == NULL);
	}
	CHECK_INT(h.bare, IDS_ROWS);
	CHECK_INT(h.f.light, 110);     /* many for a poll that brings them whole */
	CHECK_INT(h.f.light_ids, 100); /* and not for this one */
	ids_row_of(res, &(struct fake_ids){IDS_ROWS + 1, 95, 4000, NULL, NULL});
	CHECK(fetch_take_ids(&h.f, res, 779) != NULL); /* there may be more: not for this one */
	PQclear(res);
	CHECK_INT(h.bare, IDS_ROWS);
	fetch_fini(&h.f);
}

/* The session was lost in the middle: the next one goes on with rows. */
TEST(a_page_follows_ids_of_which_some_were_delivered)
{
	struct heard h;
	position(&h);
	PGresult *res = take_most_ids(&h);
	PQclear(res);
	CHECK_INT(h.f.after, 400);
	res = result_begin(COLS);
	event(res, 401);
	event(res, 402);
	CHECK(fetch_take_page(&h.f, res) == NULL);
	PQclear(res);
	CHECK(h.f.done);
	CHECK_INT(h.bare, 400);
	CHECK_INT(h.events, 402);
	CHECK_STR(h.f.snapshot, "90:110:95");
	fetch_fini(&h.f);
}

TEST(writers_of_the_twin_count_where_its_rows_are_not_read)
{
	static const struct {
		uint64_t written, transactions;
	} answers[] = {{5, 5}, {5, 0}, {12, 7}, {1, 1}}; /* the last one: a crash has set it back */
	struct heard h;
	position(&h);
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		PGresult *res = ids_row_of(result_begin(IDS_COLS),
		                           &(struct fake_ids){answers[i].written, 0, 5000, NULL, "90:110:95"});
		CHECK(fetch_take_ids(&h.f, res, 778) == NULL);
		PQclear(res);
		CHECK_INT(h.f.transactions, answers[i].transactions);
	}
	fetch_fini(&h.f);
}

TEST(ids_that_are_none_deliver_nothing)
{
	struct heard h;
	position(&h);
	PGresult *res = ids_row_of(ids_begin(), &(struct fake_ids){7, 95, 4000, NULL, NULL});
	ids_row_of(res, &(struct fake_ids){8, 0, 4000, NULL, NULL});
	CHECK(fetch_take_ids(&h.f, res, 1) != NULL);
	CHECK(h.f.upto == NULL);
	PQclear(res);
	res = ids_row_of(ids_begin(), &(struct fake_ids){8, 95, 4000, NULL, NULL});
	CHECK(PQsetvalue(res, 1, IDS_COL_ID, (char *)"1234567", 7));
	CHECK(fetch_take_ids(&h.f, res, 1) != NULL);
	CHECK(PQsetvalue(res, 0, IDS_COL_DATA, (char *)"90:110:95,", 10));
	CHECK_STR(fetch_take_ids(&h.f, res, 1), "no header");
	PQclear(res);
	CHECK_INT(h.batches, 0);
	CHECK_STR(h.f.snapshot, "90:100:");
	fetch_fini(&h.f);
}

TEST(a_look_leaves_the_cursor_and_knows_the_time)
{
	struct heard h;
	position(&h);
	PGresult *res = result_begin(LOOK_COLS);
	result_row(res, (const char *[LOOK_COLS]){"90:100:", "6000"});
	CHECK(fetch_take_look(&h.f, res, 778) == NULL);
	CHECK(h.f.done && h.f.still && !h.f.upto);
	CHECK_INT(h.f.row, 1);
	CHECK_INT(h.f.now_us, 6000);
	CHECK_INT(h.f.xmin, 90);
	CHECK_INT(h.cursors, 0);
	CHECK_STR(h.f.snapshot, "90:100:");
	PQclear(res);
	fetch_fini(&h.f);
}

TEST(a_full_poll_is_cut_and_its_transactions_are_many_rows)
{
	struct heard h;
	position(&h);
	PGresult *res = result_begin(POLL_COLS);
	for (int i = 1; i <= POLL_ROWS; i++) {
		char id[12];
		snprintf(id, sizeof id, "%d", i);
		poll_row(res, id, "1");
	}
	CHECK(fetch_take_poll(&h.f, res, 1) == NULL);
	PQclear(res);
	CHECK(!h.f.done && h.f.upto);
	CHECK_INT(h.f.after, POLL_ROWS);
	CHECK(h.f.limit >= PAGE_ROWS);
	res = result_begin(COLS);
	event(res, POLL_ROWS + 1);
	CHECK(fetch_take_page(&h.f, res) == NULL);
	PQclear(res);
	CHECK(h.f.done);
	CHECK_INT(h.events, POLL_ROWS + 1);
	CHECK_INT(h.f.light, 110);
	fetch_fini(&h.f);
}

/* Its text was shortened, or may have been. */
TEST(a_poll_ends_before_a_long_row)
{
	char *data = calloc(1, POLL_DATA + 1);
	for (int first = 0; first < 2; first++) {
		struct heard h;
		position(&h);
		PGresult *res = result_begin(POLL_COLS);
		memset(data, '1', POLL_DATA);
		data[POLL_DATA - 1] = '\0';
		if (!first)
			poll_row(res, "7", data);
		data[POLL_DATA - 1] = '1';
		poll_row(poll_row(res, "8", data), "9", "1");
		CHECK(fetch_take_poll(&h.f, res, 1) == NULL);
		CHECK_INT(h.events, !first);
		CHECK_INT(h.f.row, h.f.behind);
		CHECK(!h.f.done && h.f.upto);
		CHECK_INT(h.f.after, first ? 0 : 7);
		PQclear(res);
		res = result_begin(COLS);
		event(res, 8);
		event(res, 9);
		CHECK(fetch_take_page(&h.f, res) == NULL);
		CHECK(h.f.done);
		CHECK_INT(h.events, 3 - first);
		PQclear(res);
		fetch_fini(&h.f);
	}
	free(data);
}

/* ---- answers that are none ---- */

TEST(a_wrong_answer_delivers_nothing_and_the_cursor_stands)
{
	static const struct {
		const char *name, *xid, *now, *snapshot, *epoch, *control;
	} headers[] = {
		{"xid", "x", "5000", "90:110:", "e1", "ok"},
		{"clock", "90", "", "90:110:", "e1", "ok"},
		{"clock too far", "90", "9223372036854775808", "90:110:", "e1", "ok"},
		{"snapshot", "90", "5000", "90:80:", "e1", "ok"},
		{"no epoch", "90", "5000", "90:110:", "", "ok"},
		{"control word", "90", "5000", "90:110:", "e1", "maybe"},
	};
	struct heard h;
	position(&h);
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		CHECK_ROW(headers[i].name);
		PGresult *res = result_begin(COLS);
		result_row(res, (const char *[COLS]){NULL, headers[i].xid, headers[i].now, headers[i].snapshot,
		                                     headers[i].epoch, NULL, headers[i].control});
		CHECK(take(&h, res) != NULL);
	}
	CHECK_STR(take(&h, result_begin(COLS)), "no header");
	CHECK_STR(take(&h, result_begin(COLS - 1)), "another number of columns");
	PGresult *res = result_begin(COLS - 1);
	CHECK_STR(fetch_take_page(&h.f, res), "another number of columns");
	PQclear(res);
	CHECK_STR(h.f.snapshot, "90:100:");
	CHECK(h.f.upto == NULL);
	CHECK_INT(h.batches, 0);
	fetch_fini(&h.f);
}

TEST(a_row_that_is_no_event_delivers_nothing)
{
	static const struct {
		const char *name, *id, *event, *control;
	} rows[] = {{"no id", NULL, "e", NULL},
	            {"neither", "8", NULL, NULL},
	            {"both", "8", "e", "join"},
	            {"order", "6", "e", NULL}};
	struct heard h;
	position(&h);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].name);
		PGresult *res = header("90:110:", "e1", "ok");
		event(res, 7);
		result_row(res, (const char *[COLS]){rows[i].id, "95", "4000", "r", NULL, rows[i].event,
		                                     rows[i].control, "1"});
		CHECK_STR(take(&h, res), "an event row that is none");
		CHECK(h.f.upto == NULL);
		CHECK_STR(h.f.snapshot, "90:100:");
	}
	CHECK_INT(h.batches, 0);
	CHECK_INT(h.stats.rows, 0);
	fetch_fini(&h.f);
}

/* ---- rows that come with the ack of the event which wrote them ---- */

static struct slice written(const char *snapshot, const char *xid, const char *xmin, const char *epoch, int id,
                            int at_us)
{
	static char text[200];
	const char *form = "%s\x1e%s\x1e%s\x1e%d\x1e%s\x1e%d\x1e%s\x1e%s\x1e%s";
	int n = snprintf(text, sizeof text, form, snapshot, xid, xmin, id, epoch, at_us, "participants:c",
	                 "chat:message:new", "{\"a\":1}");
	return slice_of(text, (size_t)n);
}

static struct slice lone(const char *snapshot, const char *xid, const char *xmin, const char *epoch)
{
	return written(snapshot, xid, xmin, epoch, 31, 5250000);
}

static void position_at(struct heard *h, const char *snapshot)
{
	begin(h);
	CHECK(take(h, header(snapshot, "1.2.3/71.abc", "ok")) == NULL);
}

TEST(a_row_of_this_edge_that_saw_what_the_cursor_sees_is_delivered)
{
	struct heard h;
	position_at(&h, "100:100:");
	CHECK(fetch_take_lone(&h.f, lone("100:100:", "100", "101", "71")));
	CHECK_INT(h.events, 1);
	CHECK_INT(h.last_id, 31);
	CHECK_INT(h.first.xid, 100);
	CHECK_SLICE(h.first.rooms, SLICE("participants:c"));
	CHECK_INT(h.cursors, 1);
	CHECK_STR(h.snapshot, "102:102:"); /* its block had an id as well */
	CHECK_STR(h.f.snapshot, "102:102:");
	CHECK_STR(h.f.epoch, "1.2.3/71.abc");
	CHECK_INT(h.f.low, 102);
	CHECK_INT(h.f.high, 102);
	CHECK(h.f.upto == NULL);
	CHECK_STR(marks_last(&h.f.marks), "row.31.100.5250000");
	CHECK_INT(h.stats.rows, 1);
	CHECK_INT(h.stats.lone_rows, 1);
	CHECK_INT(h.stats.fetches, 1); /* the first position */
	fetch_fini(&h.f);
}

TEST(it_leaves_to_a_fetch_what_the_cursor_has_not_seen)
{
	struct heard h;
	position_at(&h, "98:100:98");
	CHECK(fetch_take_lone(&h.f, lone("98:100:98", "103", "103", "71")));
	CHECK_STR(h.f.snapshot, "98:104:98,100,101,102");
	CHECK_INT(h.f.low, 98);
	CHECK_INT(h.f.high, 104);
	fetch_fini(&h.f);
}

TEST(a_row_that_may_belong_behind_another_is_for_a_fetch)
{
	static const struct {
		const char *what, *snapshot, *xid, *epoch;
	} rows[] = {
		{"somebody has committed since", "101:101:", "101", "71"},
		{"the transaction in flight was over", "100:100:", "100", "71"},
		{"a later one has committed", "98:102:98", "100", "71"},
		{"another epoch", "98:100:98", "100", "81"},
		{"no epoch", "98:100:98", "100", ""},
		{"the start of its number", "98:100:98", "100", "7"},
		{"a longer number", "98:100:98", "100", "711"},
		{"it was there before", "98:100:98", "99", "71"},
		{"too many are between", "98:100:98", "200", "71"},
		{"no row", "98:100:98", "", "71"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct heard h;
		CHECK_ROW(rows[i].what);
		position_at(&h, "98:100:98");
		CHECK(!fetch_take_lone(&h.f, lone(rows[i].snapshot, rows[i].xid, rows[i].xid, rows[i].epoch)));
		CHECK_STR(h.f.snapshot, "98:100:98");
		CHECK_INT(h.events + h.stats.rows + h.stats.lone_rows, 0);
		CHECK_INT(h.cursors, 0);
		fetch_fini(&h.f);
	}
	struct heard h;
	begin(&h); /* no position */
	CHECK(!fetch_take_lone(&h.f, lone("98:100:98", "100", "100", "71")));
	fetch_fini(&h.f);
}

TEST(a_row_beside_a_cut_fetch_is_for_a_fetch)
{
	struct heard h;
	position_at(&h, "100:100:");
	PGresult *res = header("100:110:", "1.2.3/71.abc", "ok");
	for (uint64_t i = 0; i < PAGE_ROWS; i++)
		event(res, i + 1);
	CHECK(take(&h, res) == NULL);
	CHECK(h.f.upto != NULL);
	size_t events = h.events;
	CHECK(!fetch_take_lone(&h.f, lone("100:100:", "100", "100", "71")));
	CHECK_INT(h.events, events);
	fetch_fini(&h.f);
}

/* ---- rows that came with a bell ---- */

static void row_of(PGresult *res, const char *id, const char *xid, const char *at)
{
	result_row(res, (const char *[COLS]){id, xid, at, "participants:c", NULL, "chat:message:new", NULL, "{\"a\":1}",
	                                     NULL, "f"});
}

static enum carried_fate carried(struct heard *h, const char *snapshot, const char *xid, int id)
{
	int64_t at_us = 0;
	enum carried_fate fate = fetch_take_carried(&h->f, written(snapshot, xid, xid, "71", id, 6000), &at_us);
	CHECK_INT(at_us, fate == CARRIED_NOW ? 6000 : 0);
	return fate;
}

static bool brings(struct heard *h, const char *snapshot, const char *xid, int id)
{
	return carried(h, snapshot, xid, id) == CARRIED_NOW;
}

TEST(a_row_that_a_bell_has_carried_is_delivered_once)
{
	struct heard h;
	position_at(&h, "100:100:");
	CHECK(brings(&h, "100:100:", "101", 31));
	CHECK_SLICE(h.first.rooms, SLICE("participants:c"));
	CHECK(brings(&h, "100:102:100", "102", 32)); /* it has seen the first one, which was delivered */
	CHECK_INT(h.events, 2);
	CHECK_STR(h.f.snapshot, "100:100:"); /* the cursor is for polls to move */
	CHECK_INT(h.cursors, 0);
	struct buf marks = {0};
	marks_array(&h.f.marks, &marks);
	CHECK_SLICE(buf_view(&marks), SLICE("{\"row.31.101.6000\",\"row.32.102.6000\"}"));
	buf_fini(&marks);
	CHECK_INT(h.stats.carried_rows, 2);
	CHECK_INT(h.stats.rows, 2);
	PGresult *res = header("104:104:", "1.2.3/71.abc", "ok");
	row_of(res, "31", "101", "6000");
	row_of(res, "32", "102", "6000");
	row_of(res, "33", "103", "4000");
	CHECK(take(&h, res) == NULL);
	CHECK_INT(h.events, 3);
	CHECK_INT(h.stats.rows, 3);
	CHECK_INT(h.last_id, 33);
	CHECK_STR(h.f.snapshot, "104:104:");
	CHECK_INT(h.f.transactions, 1); /* the pace knows of the others */
	CHECK_INT(h.f.lag_us, 1000);
	CHECK_INT(h.stats.pump_lag_us, 1000);
	CHECK_INT(h.f.rows, 3);
	CHECK_INT(h.f.carried.n, 0);
	fetch_fini(&h.f);
}

TEST(of_a_transaction_whose_row_a_bell_has_carried_the_others_come_with_the_poll)
{
	struct heard h;
	position_at(&h, "100:100:");
	CHECK(brings(&h, "100:100:", "101", 31));
	CHECK(!brings(&h, "100:100:", "101", 32));
	PGresult *res = header("102:102:", "1.2.3/71.abc", "ok");
	row_of(res, "31", "101", "6000");
	row_of(res, "32", "101", "6000");
	CHECK(take(&h, res) == NULL);
	CHECK_INT(h.events, 2);
	CHECK_INT(h.last_id, 32);
	fetch_fini(&h.f);
}

/* Numbers that a crash has given back. */
TEST(another_row_with_the_numbers_of_one_that_was_carried_is_delivered)
{
	struct heard h;
	position_at(&h, "100:100:");
	CHECK(brings(&h, "100:100:", "101", 31));
	CHECK(brings(&h, "100:100:", "102", 32));
	h.last_id = 0;
	PGresult *res = header("104:104:", "1.2.3/72.abc", "ok");
	row_of(res, "31", "101", "6001");
	row_of(res, "32", "103", "6000");
	CHECK(take(&h, res) == NULL);
	CHECK_INT(h.events, 4);
	fetch_fini(&h.f);
}

/* Whatever a fetch is, the row is known until its last piece. */
TEST(rows_that_were_carried_are_forgotten_with_the_answer_that_reads_them)
{
	struct heard h;
	position_at(&h, "100:100:");
	CHECK(brings(&h, "100:100:", "1101", 500));
	h.last_id = 0;
	PGresult *res = header("1102:1102:", "1.2.3/71.abc", "ok");
	for (int i = 0; i < PAGE_ROWS; i++)
		event(res, (uint64_t)i + 1 < 500 ? (uint64_t)i + 1 : (uint64_t)i + 1001);
	CHECK(take(&h, res) == NULL);
	CHECK(h.f.upto != NULL);
	CHECK_INT(h.f.carried.n, 1);
	CHECK(!brings(&h, "100:100:", "1102", 5000)); /* nor is any taken beside it */
	size_t events = h.events;
	res = result_begin(COLS);
	row_of(res, "5001", "1101", "6000"); /* another row of it */
	CHECK(fetch_take_page(&h.f, res) == NULL);
	PQclear(res);
	CHECK_INT(h.events, events + 1);
	CHECK_INT(h.f.carried.n, 0);
	CHECK_STR(h.f.snapshot, "1102:1102:");
	fetch_fini(&h.f);
}

/* Their numbers may be given again there. */
TEST(rows_that_were_carried_are_forgotten_with_the_history_that_they_were_of)
{
	static const char *const controls[] = {"ok", "gap"};
	for (size_t i = 0; i < ARRAY_LEN(controls); i++) {
		struct heard h;
		CHECK_ROW(controls[i]);
		position_at(&h, "100:100:");
		CHECK(brings(&h, "100:100:", "103", 31));
		CHECK(take(&h, header("50:50:", "1.2.3/72.abc", controls[i])) == NULL);
		CHECK_INT(h.f.carried.n, 0);
		fetch_fini(&h.f);
	}
}

TEST(an_answer_of_ids_leaves_out_what_a_bell_has_brought)
{
	struct heard h;
	position_at(&h, "100:100:");
	CHECK(brings(&h, "100:100:", "101", 31));
	PGresult *res = ids_row_of(result_begin(IDS_COLS), &(struct fake_ids){0, 0, 5000, NULL, "102:102:"});
	ids_row_of(res, &(struct fake_ids){31, 101, 6000, NULL, NULL});
	ids_row_of(res, &(struct fake_ids){32, 101, 6000, NULL, NULL});
	CHECK(fetch_take_ids(&h.f, res, 777) == NULL);
	PQclear(res);
	CHECK_INT(h.events, 2);
	CHECK_INT(h.last_id, 32);
	fetch_fini(&h.f);
}

TEST(a_row_that_may_belong_behind_another_waits_for_the_poll)
{
	static const struct {
		const char *what, *snapshot, *xid, *epoch;
	} rows[] = {
		{"somebody has committed since", "101:101:", "101", "71"},
		{"the transaction in flight was over", "100:100:", "101", "71"},
		{"a later one has committed", "98:102:98,100", "102", "71"},
		{"another epoch", "98:100:98", "100", "81"},
		{"too far behind the cursor", "98:5000:98", "5000", "71"},
		{"a snapshot that is none", "98:100:98,", "100", "71"},
		{"no row", "98:100:98", "", "71"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct heard h;
		CHECK_ROW(rows[i].what);
		position_at(&h, "98:100:98");
		int64_t at_us;
		CHECK_INT(fetch_take_carried(&h.f, lone(rows[i].snapshot, rows[i].xid, rows[i].xid, rows[i].epoch),
		                             &at_us),
		          CARRIED_LATER);
		CHECK_INT(h.events + h.stats.rows + h.stats.carried_rows + h.f.carried.n, 0);
		fetch_fini(&h.f);
	}
	struct heard h;
	begin(&h); /* no position */
	CHECK(!brings(&h, "98:100:98", "100", 31));
	position_at(&h, "98:100:98");
	CHECK(!brings(&h, "101:102:", "101", 31)); /* it has seen what was in flight */
	CHECK(brings(&h, "100:100:", "98", 31));   /* that one, whose snapshot does not have itself */
	CHECK(brings(&h, "100:101:", "100", 32));  /* it has seen that one, and an id behind its own is over */
	CHECK(brings(&h, "90:90:", "104", 33));    /* what it has not seen does not matter */
	fetch_fini(&h.f);
}

TEST(a_row_that_was_read_before_its_bell_came_is_no_reason_for_a_poll)
{
	struct heard h;
	position_at(&h, "98:100:98");
	CHECK_INT(carried(&h, "90:90:", "99", 31), CARRIED_READ);
	CHECK_INT(carried(&h, "200:200:", "97", 31), CARRIED_READ);
	CHECK_INT(h.events + h.stats.rows + h.stats.carried_rows + h.f.carried.n, 0);
	fetch_fini(&h.f);
}

TEST(more_rows_than_are_kept_wait_for_the_poll)
{
	struct heard h;
	char xid[24];
	position_at(&h, "100:100:");
	for (int i = 0; i < CARRIED_MOST; i++) {
		snprintf(xid, sizeof xid, "%d", 101 + i);
		CHECK(brings(&h, "100:100:", xid, 31 + i));
	}
	CHECK(!brings(&h, "100:100:", "300", 300));
	fetch_fini(&h.f);
}

/* A batch that is taken in part is gone on with where it stopped. */
TEST(rows_around_one_that_was_carried_come_in_their_order)
{
	struct heard h;
	position_at(&h, "100:100:");
	CHECK(brings(&h, "100:100:", "102", 32));
	h.last_id = 0;
	h.takes = 1;
	PGresult *res = header("105:105:", "1.2.3/71.abc", "ok");
	row_of(res, "30", "101", "4000");
	row_of(res, "31", "101", "4000");
	row_of(res, "32", "102", "6000");
	row_of(res, "33", "103", "4000");
	CHECK(fetch_take(&h.f, res, 777) == NULL);
	while (h.f.row < h.f.behind)
		CHECK(fetch_take_rest(&h.f, res) == NULL);
	PQclear(res);
	CHECK_INT(h.events, 4);
	CHECK_INT(h.last_id, 33);
	CHECK_INT(h.f.carried.n, 0);
	fetch_fini(&h.f);
}
