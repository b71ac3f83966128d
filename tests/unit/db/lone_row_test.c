#include "db/lone_row.h"

#include "test.h"

#define ROW "900:900:\x1e" "900\x1e" "901\x1e" "17\x1e" "3\x1e" "1796020781.062253\x1e" "participants:c\x1e" "chat:message:new\x1e" "{\"a\":1}"

TEST(a_row)
{
	struct lone_row r;
	CHECK(lone_row_read(SLICE(ROW "\x1e{\"wanted\":\"all\"}"), &r));
	CHECK_SLICE(r.snapshot, SLICE("900:900:"));
	CHECK_SLICE(r.epoch, SLICE("3"));
	CHECK_INT(r.transactions, 2);
	CHECK_INT(r.event.xid, 900);
	CHECK_INT(r.event.id, 17);
	CHECK_INT(r.event.at_us, 1796020781062253);
	CHECK_SLICE(r.event.rooms, SLICE("participants:c"));
	CHECK_SLICE(r.event.except_rooms, SLICE(""));
	CHECK_SLICE(r.event.event, SLICE("chat:message:new"));
	CHECK_SLICE(r.event.control, SLICE(""));
	CHECK_SLICE(r.event.data, SLICE("{\"a\":1}"));
	CHECK_SLICE(r.event.confirm, SLICE("{\"wanted\":\"all\"}"));
	CHECK(!r.event.everyone && !r.event.ephemeral);
}

TEST(nothing_is_to_be_confirmed)
{
	struct lone_row r;
	CHECK(lone_row_read(SLICE(ROW), &r));
	CHECK_SLICE(r.event.data, SLICE("{\"a\":1}"));
	CHECK_SLICE(r.event.confirm, SLICE(""));
}

TEST(whose_row_it_is)
{
	static const struct {
		const char *ids;
		unsigned transactions;
	} rows[] = {
		{"900\x1e" "900", 1},
		{"900\x1e" "901", 2},
		{"900\x1e" "902", 1}, /* a block within a block, or another one began between: not known to be its own */
		{"4294967295\x1e" "0", 2}, /* a row has the lower half of a number */
		{"4294967300\x1e" "5", 2},
		{"4294967300\x1e" "4", 1},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[200];
		struct lone_row r;
		CHECK_ROW(rows[i].ids);
		int n = snprintf(text, sizeof text, "1:1:\x1e%s\x1e" "17\x1e" "3\x1e" "5\x1eroom\x1e" "event\x1e{}", rows[i].ids);
		CHECK(lone_row_read(slice_of(text, (size_t)n), &r));
		CHECK_INT(r.transactions, rows[i].transactions);
	}
}

TEST(times)
{
	static const struct {
		const char *seconds;
		int64_t us; /* -1: none */
	} rows[] = {
		{"5", 5000000},
		{"5.1", 5100000},
		{"5.000001", 5000001},
		{"0.000001", 1},
		{"5.0000001", -1},
		{"5.", -1},
		{".5", -1},
		{"5x1", -1},
		{"5.-1", -1},
		{"-5", -1},
		{"5e3", -1},
		{"infinity", -1},
		{"", -1},
		{"9223372036853", 9223372036853000000},
		{"9223372036855", -1},
		{"18446744073709551615", -1},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[200];
		struct lone_row r;
		CHECK_ROW(rows[i].seconds);
		int n = snprintf(text, sizeof text, "1:1:\x1e" "9\x1e" "9\x1e" "17\x1e" "3\x1e%s\x1eroom\x1e" "event\x1e{}", rows[i].seconds);
		CHECK(lone_row_read(slice_of(text, (size_t)n), &r) == (rows[i].us >= 0));
		if (rows[i].us >= 0)
			CHECK_INT(r.event.at_us, rows[i].us);
	}
}

TEST(no_row)
{
	static const char *const bad[] = {
		"",
		"900:900:\x1e",                                                 /* nothing was published */
		"900:900:\x1e" "900",                                           /* not one row */
		"1:1:\x1e" "9\x1e" "9\x1e" "17\x1e" "3\x1e" "5\x1eroom\x1e" "event",       /* cut */
		"1:1:\x1e" "9\x1e" "9\x1e" "17\x1e" "3\x1e" "5\x1eroom\x1e" "event\x1e",    /* no data */
		"1:1:\x1e" "9\x1e" "9\x1e" "17\x1e" "3\x1e" "5\x1e\x1e" "event\x1e{}",      /* no room */
		"1:1:\x1e" "9\x1e" "9\x1e" "17\x1e" "3\x1e" "5\x1eroom\x1e\x1e{}",         /* no event */
		"1:1:\x1e" "x\x1e" "9\x1e" "17\x1e" "3\x1e" "5\x1eroom\x1e" "event\x1e{}",
		"1:1:\x1e" "9\x1e" "x\x1e" "17\x1e" "3\x1e" "5\x1eroom\x1e" "event\x1e{}",
		"1:1:\x1e" "9\x1e" "9\x1e" "x\x1e" "3\x1e" "5\x1eroom\x1e" "event\x1e{}",
		"1:1:\x1e" "9\x1e" "9\x1e" "17\x1e" "3\x1e" "5\x1eroom\x1e" "event\x1e{}\x1e{}\x1e{}", /* more parts */
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct lone_row r;
		CHECK_ROW(bad[i]);
		CHECK(!lone_row_read(slice_str(bad[i]), &r));
	}
}
