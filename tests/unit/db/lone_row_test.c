#include "db/lone_row.h"

#include "test.h"

#define ROW "900:900:|900|901|17|3|1796020781062253|participants:c|chat:message:new|{\"a\":1}"

/* A bar stands for the separator. */
static bool read_row(const char *text, struct lone_row *out)
{
	static char copy[200];
	size_t n = strlen(text);
	CHECK(n < sizeof copy);
	for (size_t i = 0; i < n; i++)
		copy[i] = text[i] == '|' ? '\x1e' : text[i];
	return lone_row_read(slice_of(copy, n), out);
}

TEST(a_row)
{
	struct lone_row r;
	CHECK(read_row(ROW "|{\"wanted\":\"all\"}", &r));
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
	CHECK(read_row(ROW, &r));
	CHECK_SLICE(r.event.data, SLICE("{\"a\":1}"));
	CHECK_SLICE(r.event.confirm, SLICE(""));
	CHECK(r.event.confirm.p && r.event.except_rooms.p && r.event.control.p);
}

TEST(whose_row_it_is)
{
	static const struct {
		const char *text;
		unsigned transactions;
	} rows[] = {
		{"1:1:|900|900|17|3|5|room|event|{}", 1},
		{"1:1:|900|901|17|3|5|room|event|{}", 2},
		/* a block within a block, or somebody else's began between: not known to be its own */
		{"1:1:|900|902|17|3|5|room|event|{}", 1},
		/* a row has the lower half of a number */
		{"1:1:|4294967295|0|17|3|5|room|event|{}", 2},
		{"1:1:|4294967300|5|17|3|5|room|event|{}", 2},
		{"1:1:|4294967300|4|17|3|5|room|event|{}", 1},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct lone_row r;
		CHECK_ROW(rows[i].text);
		CHECK(read_row(rows[i].text, &r));
		CHECK_INT(r.transactions, rows[i].transactions);
	}
}

TEST(no_row)
{
	static const char *const bad[] = {
		"",
		"900:900:|",                           /* nothing was published */
		"900:900:|900",                        /* not one row */
		"1:1:|9|9|17|3|5|room|event",          /* cut */
		"1:1:|9|9|17|3|5|room|event|",         /* no data */
		"1:1:|9|9|17|3|5||event|{}",           /* no room */
		"1:1:|9|9|17|3|5|room||{}",            /* no event */
		"1:1:|9|9|17|3|5|room|event|{}|{}|{}", /* more parts */
		"1:1:|9|9|17|3|-5|room|event|{}",
		"1:1:|9|9|17|3|5.5|room|event|{}",
		"1:1:|9|9|17|3|9223372036854775808|room|event|{}",
		"1:1:|x|9|17|3|5|room|event|{}",
		"1:1:|9|x|17|3|5|room|event|{}",
		"1:1:|9|9|x|3|5|room|event|{}",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct lone_row r;
		CHECK_ROW(bad[i]);
		CHECK(!read_row(bad[i], &r));
	}
}
