/* The last that was seen: rows that count, and marks. */
#include "db/marks.h"

#include "test.h"

static struct db_event row(uint64_t id, const char *control)
{
	return (struct db_event){.id = id,
	                         .xid = 700,
	                         .at_us = 1764083167123456,
	                         .event = slice_str(control ? "" : "e"),
	                         .control = slice_str(control ? control : "")};
}

static void array_is(struct marks *m, const char *want)
{
	struct buf b = {0};
	marks_array(m, &b);
	buf_char(&b, '\0');
	CHECK_STR(b.p, want);
	buf_fini(&b);
}

TEST(nothing_seen)
{
	struct marks m = {0};
	CHECK(!marks_last(&m));
	array_is(&m, "{}");
}

TEST(the_rows_of_the_last_answer)
{
	struct marks m = {0};
	struct db_event first[] = {row(4, NULL)}, next[] = {row(5, NULL), row(7, "user_join")};
	marks_rows(&m, first, 1, false);
	marks_rows(&m, next, 2, false);
	CHECK_STR(marks_last(&m), "row.7.700.1764083167123456");
	array_is(&m, "{\"row.5.700.1764083167123456\",\"row.7.700.1764083167123456\"}");
}

TEST(what_a_crash_may_undo_does_not_count)
{
	struct marks m = {0};
	struct db_event rows[] = {row(5, NULL), row(6, NULL), row(7, "socket_join")};
	rows[1].ephemeral = true;
	marks_rows(&m, rows, 3, false);
	array_is(&m, "{\"row.5.700.1764083167123456\"}");
	marks_rows(&m, rows + 1, 2, false);
	CHECK_STR(marks_last(&m), "row.5.700.1764083167123456");
}

TEST(a_mark_takes_the_place_of_rows_and_rows_that_of_a_mark)
{
	struct marks m = {0};
	struct db_event e = row(5, NULL);
	marks_rows(&m, &e, 1, false);
	CHECK(marks_set(&m, SLICE("mark.1.ab")));
	CHECK_STR(marks_last(&m), "mark.1.ab");
	array_is(&m, "{\"mark.1.ab\"}");
	marks_rows(&m, &e, 1, false);
	array_is(&m, "{\"row.5.700.1764083167123456\"}");
}

TEST(no_mark_and_one_that_is_too_long)
{
	struct marks m = {0};
	char text[MARK_TEXT];
	memset(text, 'm', sizeof text);
	CHECK(!marks_set(&m, SLICE("")));
	CHECK(!marks_set(&m, slice_of(text, sizeof text)));
	CHECK(marks_set(&m, slice_of(text, sizeof text - 1)));
}

TEST(of_a_long_fetch_the_last)
{
	static struct db_event rows[MARKS_ROWS + 5];
	static struct marks m;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		rows[i] = row(i, NULL);
	marks_rows(&m, rows, 2, false);
	marks_rows(&m, rows + 2, ARRAY_LEN(rows) - 2, true);
	CHECK_INT(m.n, MARKS_ROWS / 2 + 5);
	CHECK_INT(m.rows[0].id, MARKS_ROWS / 2);
	CHECK_STR(marks_last(&m), "row.1004.700.1764083167123456");
	marks_rows(&m, rows, 2, false);
	CHECK_INT(m.n, 2);
}
