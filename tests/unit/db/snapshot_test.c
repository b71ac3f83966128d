#include "db/snapshot.h"

#include "base/buf.h"
#include "test.h"

TEST(malformed)
{
	static const char *const bad[] = {
		"",
		":",
		"::",
		"1",
		"1:2",
		"1:2,",
		"a:2:",
		"1:b:",
		"1:2:c",
		"5:4:",
		"0:1:",
		"-1:2:",
		"+1:2:",
		" 1:2:",
		"1:2: ",
		"10:20:9",
		"10:20:20",
		"10:20:12,",
		"10:20:,12",
		"10:20:12,12",
		"10:20:13,12",
		"10:20:12;13",
		"10:20:12,13x",
		"18446744073709551616:18446744073709551617:",
		"1:99999999999999999999:",
	};
	CHECK(!db_snapshot_parse((struct slice){0}));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK_ROW(bad[i]);
		struct db_snapshot *s = db_snapshot_parse(slice_str(bad[i]));
		CHECK(!s);
	}
}

TEST(bounds)
{
	uint64_t xmin = 0, xmax = 0;
	CHECK(db_snapshot_bounds(SLICE("10:20:12,15"), &xmin, &xmax));
	CHECK_INT(xmin, 10);
	CHECK_INT(xmax, 20);
	static const char *const bad[] = {"", "1", "1:2", "a:2:", "1:b:", "5:4:", "0:1:"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK_ROW(bad[i]);
		CHECK(!db_snapshot_bounds(slice_str(bad[i]), &xmin, &xmax));
	}
}

TEST(what_one_sees_within_another)
{
	static const struct {
		const char *inner, *outer;
		bool within, besides; /* and with 12 and 25 besides */
	} rows[] = {
		{"10:20:12", "10:20:12", true, true},
		{"10:20:12,15", "10:20:12", true, true},
		{"10:20:", "12:20:12", false, true},
		{"10:20:", "10:20:12,15", false, false},
		{"10:12:", "10:20:12,15", true, true},
		{"10:13:", "10:20:12,15", false, true},
		{"5:5:", "10:20:12", true, true},
		{"10:26:20,21,22,23,24", "20:20:", false, true},
		{"10:27:20,21,22,23,24", "20:20:", false, false},
		{"10:26:20,21,22,23,24,25", "20:20:", true, true},
		{"20:5000:", "20:20:", false, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct db_snapshot *inner = db_snapshot_parse(slice_str(rows[i].inner)),
				   *outer = db_snapshot_parse(slice_str(rows[i].outer));
		CHECK_ROW(rows[i].inner);
		CHECK(db_snapshot_within(inner, outer, NULL, 0) == rows[i].within);
		CHECK(db_snapshot_within(inner, outer, (uint64_t[]){12, 25}, 2) == rows[i].besides);
		db_snapshot_free(&inner);
		db_snapshot_free(&outer);
	}
}

TEST(it_is_told_what_it_sees_besides)
{
	static const struct {
		const char *text;
		uint64_t xid;
		unsigned n;
		const char *then; /* NULL: it cannot be told */
	} rows[] = {
		{"10:10:", 10, 1, "11:11:"},
		{"10:10:", 10, 2, "12:12:"},
		{"8:10:", 10, 1, "11:11:"},
		{"8:10:8", 10, 1, "8:11:8"},
		{"8:10:8,9", 10, 2, "8:12:8,9"},
		{"10:10:", 11, 1, "10:12:10"},
		{"10:10:", 13, 2, "10:15:10,11,12"},
		{"8:10:8", 12, 1, "8:13:8,10,11"},
		{"10:10:", 26, 1, "10:27:10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25"},
		{"10:10:", 27, 1, NULL}, /* too many between */
		{"10:10:", 9, 1, NULL},
		{"8:10:8", 8, 1, NULL}, /* it had begun */
		{"10:10:", UINT64_MAX, 1, NULL},
		{"10:18446744073709551615:", UINT64_MAX, 1, NULL},
		{"10:", 10, 1, NULL},
		{"", 10, 1, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf out = {0};
		CHECK_ROW(rows[i].text);
		CHECK(db_snapshot_add(&out, rows[i].text, rows[i].xid, rows[i].n) == (rows[i].then != NULL));
		CHECK_SLICE(buf_view(&out), slice_str(rows[i].then ? rows[i].then : ""));
		struct db_snapshot *s = rows[i].then ? db_snapshot_parse(slice_str(rows[i].then)) : NULL;
		CHECK((s != NULL) == (rows[i].then != NULL));
		for (unsigned k = 0; s && k < rows[i].n; k++)
			CHECK(db_snapshot_sees(s, rows[i].xid + k));
		db_snapshot_free(&s);
		buf_fini(&out);
	}
}

TEST(sees)
{
	static const struct {
		const char *text;
		uint64_t xid;
		bool seen;
	} rows[] = {
		{"10:10:", 9, true},
		{"10:10:", 10, false},
		{"10:10:", 11, false},
		{"10:20:10", 9, true},
		{"10:20:10", 10, false},
		{"10:20:10", 11, true},
		{"10:20:10,14,19", 14, false},
		{"10:20:10,14,19", 13, true},
		{"10:20:10,14,19", 15, true},
		{"10:20:10,14,19", 19, false},
		{"10:20:10,14,19", 18, true},
		{"10:20:10,14,19", 20, false},
		{"10:20:10,14,19", UINT64_MAX, false},
		{"10:20:10,14,19", 0, true},
		{"18446744073709551614:18446744073709551615:18446744073709551614", UINT64_MAX - 1, false},
		{"18446744073709551614:18446744073709551615:18446744073709551614", UINT64_MAX - 2, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].text);
		struct db_snapshot *s = db_snapshot_parse(slice_str(rows[i].text));
		CHECK(s);
		CHECK_INT(db_snapshot_sees(s, rows[i].xid), rows[i].seen);
		db_snapshot_free(&s);
		CHECK(!s);
		db_snapshot_free(&s);
	}
}

TEST(many_in_flight)
{
	char text[20000];
	int n = sprintf(text, "1000:9000:");
	for (int x = 1000; x < 9000; x += 3)
		n += sprintf(text + n, "%s%d", x > 1000 ? "," : "", x);
	struct db_snapshot *s = db_snapshot_parse(slice_str(text));
	CHECK(s);
	for (int x = 900; x < 9100; x++)
		CHECK_INT(db_snapshot_sees(s, (uint64_t)x), x < 1000 || (x < 9000 && (x - 1000) % 3 != 0));
	db_snapshot_free(&s);
}

/* ---- few bytes ---- */

TEST(packed_and_unpacked)
{
	static const char *const good[] = {
		"1:1:",
		"10:10:",
		"10:20:",
		"10:20:10",
		"10:20:10,14,19",
		"1000000:1000003:1000000,1000002",
		"18446744073709551614:18446744073709551615:18446744073709551614",
		"1:18446744073709551615:1,18446744073709551614",
	};
	struct buf packed = {0}, text = {0};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CHECK_ROW(good[i]);
		packed.n = text.n = 0;
		CHECK(db_snapshot_pack(&packed, good[i]));
		buf_str(&packed, "rest");
		struct slice in = buf_view(&packed);
		CHECK(db_snapshot_unpack(&in, &text, 3));
		CHECK_SLICE(buf_view(&text), slice_str(good[i]));
		CHECK_SLICE(in, SLICE("rest"));
		for (size_t n = 0; n < packed.n - 4; n++) { /* cut anywhere */
			in = slice_of(packed.p, n);
			text.n = 0;
			CHECK(!db_snapshot_unpack(&in, &text, 3));
		}
	}
	packed.n = 0;
	CHECK(!db_snapshot_pack(&packed, "10:20:13,12"));
	CHECK_INT(packed.n, 0);
	CHECK(db_snapshot_pack(&packed, "10:20:11,12,13"));
	CHECK_INT(packed.n, 6);
	struct slice in = buf_view(&packed);
	text.n = 0;
	CHECK(!db_snapshot_unpack(&in, &text, 2));
	buf_fini(&packed);
	buf_fini(&text);
}

/* All bytes that unpack takes are a snapshot, and pack gives the same bytes. */
TEST(any_bytes)
{
	uint64_t x = 88172645463325252u;
	size_t taken = 0;
	struct buf text = {0}, again = {0};
	for (int round = 0; round < 300000; round++) {
		char raw[12];
		size_t n = 3 + (size_t)(x >> 40) % (sizeof(raw) - 2);
		for (size_t i = 0; i < n; i++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			raw[i] = (char)((x >> 20) % 7 ? x >> 32 & 15 : x >> 32);
		}
		char *copy = memcpy(malloc(n), raw, n);
		struct slice in = slice_of(copy, n);
		text.n = again.n = 0;
		if (db_snapshot_unpack(&in, &text, 8)) {
			taken++;
			buf_char(&text, '\0');
			CHECK(db_snapshot_pack(&again, text.p));
			CHECK_SLICE(buf_view(&again), slice_of(raw, n - in.n));
		}
		free(copy);
	}
	CHECK(taken > 1000);
	buf_fini(&text);
	buf_fini(&again);
}
