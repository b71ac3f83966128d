/* Values in Postgres' binary form. */
#include "db/binary.h"

#include "fake_binary.h"

static const struct fake_event plain = {7, 95, 4000, "chat:1", "", "chat:message:new", NULL, "{\"a\": 1}", NULL};

TEST(a_snapshot_is_written_as_its_text)
{
	struct buf b = {0}, text = {0};
	binary_put_snapshot(&b, 90, 18446744073709551615u, 0);
	CHECK(binary_snapshot(buf_view(&b), &text));
	CHECK_SLICE(buf_view(&text), SLICE("90:18446744073709551615:"));
	b.n = text.n = 0;
	binary_put(&b, 2, 4), binary_put(&b, 90, 8), binary_put(&b, 110, 8), binary_put(&b, 90, 8);
	CHECK(!binary_snapshot(buf_view(&b), &text)); /* one is missing */
	binary_put(&b, 95, 8);
	CHECK(binary_snapshot(buf_view(&b), &text));
	CHECK_SLICE(buf_view(&text), SLICE("90:110:90,95"));
	buf_char(&b, 'x');
	CHECK(!binary_snapshot(buf_view(&b), &text));
	CHECK(!binary_snapshot(SLICE(""), &text));
	buf_fini(&b);
	buf_fini(&text);
}

TEST(numbers_and_times)
{
	struct buf b = {0};
	uint64_t v;
	int64_t us;
	binary_put(&b, 0x0102030405060708, 8);
	CHECK(binary_u64(buf_view(&b), &v));
	CHECK_INT(v, 0x0102030405060708);
	CHECK(!binary_u64(slice_of(b.p, 7), &v));
	CHECK(!binary_u64(SLICE(""), &v));
	b.n = 0;
	binary_put(&b, (uint64_t)-FAKE_2000_US, 8);
	CHECK(binary_time(buf_view(&b), &us));
	CHECK_INT(us, 0); /* 1970 */
	b.n = 0;
	binary_put(&b, (uint64_t)-FAKE_2000_US - 1, 8);
	CHECK(!binary_time(buf_view(&b), &us));
	b.n = 0;
	binary_put(&b, INT64_MAX, 8); /* infinity */
	CHECK(!binary_time(buf_view(&b), &us));
	buf_fini(&b);
}

TEST(a_row_is_an_event)
{
	struct buf b = {0}, names = {0};
	struct db_event e;
	uint64_t xid, id;
	binary_put_event(&b, &plain);
	CHECK(binary_row_ids(buf_view(&b), &xid, &id));
	CHECK_INT(xid, 95);
	CHECK_INT(id, 7);
	CHECK(binary_row(buf_view(&b), &e, &names));
	CHECK_INT(e.xid, 95);
	CHECK_INT(e.id, 7);
	CHECK_INT(e.at_us, 4000);
	CHECK(!e.everyone && !e.ephemeral);
	CHECK_SLICE(e.rooms, SLICE("chat:1"));
	CHECK_SLICE(e.except_rooms, SLICE(""));
	CHECK_SLICE(e.event, SLICE("chat:message:new"));
	CHECK_SLICE(e.control, SLICE(""));
	CHECK_SLICE(e.data, SLICE("{\"a\": 1}"));
	CHECK_SLICE(e.confirm, SLICE(""));
	CHECK_INT(names.n, 0); /* nothing was copied */
	buf_fini(&b);
}

TEST(a_row_of_many_rooms_or_for_everyone)
{
	struct buf b = {0}, names = {0};
	struct db_event e;
	binary_put_event(&b, &(struct fake_event){8, 95, 1, "a\nroom b\nc", "s1\ns2", "e", NULL, "1", "{\"c\": 1}"});
	buf_room(&names, b.n);
	const char *at = names.p;
	CHECK(binary_row(buf_view(&b), &e, &names));
	CHECK_SLICE(e.rooms, SLICE("a\nroom b\nc"));
	CHECK_SLICE(e.except_rooms, SLICE("s1\ns2"));
	CHECK_SLICE(e.confirm, SLICE("{\"c\": 1}"));
	CHECK(names.p == at);
	b.n = 0;
	binary_put_event(&b, &(struct fake_event){9, 95, 1, NULL, "", NULL, "rooms_stale", "{}", NULL});
	CHECK(binary_row(buf_view(&b), &e, &names));
	CHECK(e.everyone);
	CHECK_SLICE(e.event, SLICE(""));
	CHECK_SLICE(e.control, SLICE("rooms_stale"));
	buf_fini(&b);
	buf_fini(&names);
}

TEST(a_row_that_is_cut_anywhere_is_none)
{
	struct buf b = {0}, names = {0};
	struct db_event e;
	binary_put_event(&b, &plain);
	buf_room(&names, b.n);
	for (size_t n = 0; n < b.n; n++) {
		char *cut = mem_strndup(b.p, n); /* what reads behind it is seen by ASan */
		CHECK(!binary_row(slice_of(cut, n), &e, &names));
		free(cut);
	}
	binary_put(&b, 0, 8); /* a column that a later migration has added */
	b.p[3] = 12;
	CHECK(binary_row(buf_view(&b), &e, &names));
	b.p[3] = 10;
	CHECK(!binary_row(buf_view(&b), &e, &names));
	buf_fini(&b);
	buf_fini(&names);
}

TEST(a_row_is_an_event_or_a_control_row)
{
	static const struct fake_event rows[] = {{7, 95, 1, "r", "", NULL, NULL, "1", NULL},
	                                         {7, 95, 1, "r", "", "e", "join", "1", NULL}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf b = {0}, names = {0};
		struct db_event e;
		binary_put_event(&b, &rows[i]);
		CHECK(!binary_row(buf_view(&b), &e, &names));
		buf_fini(&b);
	}
}
