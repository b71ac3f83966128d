#include "db/result.h"

#include "test.h"
#include <fcntl.h>

/* A result as libpq makes them, without a server: one column of texts, NULL for null. */
static PGresult *rows_of(const char *const *texts, int n)
{
	PGresult *res = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	CHECK(PQsetResultAttrs(res, 1, &(PGresAttDesc){.name = "x"}));
	for (int row = 0; row < n; row++) {
		const char *text = texts[row];
		CHECK(PQsetvalue(res, row, 0, (char *)text, text ? (int)strlen(text) : -1));
	}
	return res;
}

TEST(a_number_is_digits_and_nothing_else)
{
	static const struct {
		const char *text;
		bool good;
		uint64_t value;
	} rows[] = {
		{"0", true, 0},
		{"007", true, 7},
		{"18446744073709551615", true, UINT64_MAX},
		{"18446744073709551616", false, 0},
		{"99999999999999999999999", false, 0},
		{"", false, 0},
		{"-1", false, 0},
		{"+1", false, 0},
		{" 1", false, 0},
		{"1 ", false, 0},
		{"1e3", false, 0},
		{NULL, false, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].text ? rows[i].text : "null");
		PGresult *res = rows_of(&rows[i].text, 1);
		uint64_t v = 0;
		CHECK_INT(db_cell_u64(res, 0, 0, &v), rows[i].good);
		if (rows[i].good)
			CHECK(v == rows[i].value);
		PQclear(res);
	}
}

TEST(a_cell_that_is_not_there_is_empty_and_null)
{
	PGresult *res = rows_of((const char *[]){"a", NULL}, 2);
	struct db_result r = {.outcome = DB_OK, .pg = res, .nrows = 2, .ncols = 1};
	static const int outside[][2] = {{2, 0}, {0, 1}, {-1, 0}, {0, -1}};
	CHECK_SLICE(db_value(&r, 0, 0), SLICE("a"));
	CHECK(!db_is_null(&r, 0, 0));
	CHECK_SLICE(db_value(&r, 1, 0), SLICE(""));
	CHECK(db_is_null(&r, 1, 0));
	for (size_t i = 0; i < ARRAY_LEN(outside); i++) {
		CHECK_SLICE(db_value(&r, outside[i][0], outside[i][1]), SLICE(""));
		CHECK(db_is_null(&r, outside[i][0], outside[i][1]));
	}
	struct db_result none = {.outcome = DB_FAILED};
	CHECK_SLICE(db_value(&none, 0, 0), SLICE(""));
	CHECK(db_is_null(&none, 0, 0));
	PQclear(res);
}

TEST(a_number_with_a_point)
{
	char longest[80];
	memset(longest, '1', sizeof longest);
	longest[79] = '\0';
	PGresult *res = rows_of((const char *[]){"2.5", NULL, "x", longest}, 4);
	struct db_result r = {.outcome = DB_OK, .pg = res, .nrows = 4, .ncols = 1};
	CHECK(db_number(&r, 0, 0) == 2.5);
	CHECK(db_number(&r, 1, 0) == 0);
	CHECK(db_number(&r, 2, 0) == 0);
	CHECK(db_number(&r, 3, 0) == 0); /* longer than any number that Postgres prints here */
	PQclear(res);
}

TEST(rows_are_told_from_commands_and_errors)
{
	static const struct {
		ExecStatusType status;
		bool rows, unknown;
	} rows[] = {{PGRES_TUPLES_OK, true, false},
	            {PGRES_COMMAND_OK, false, false},
	            {PGRES_FATAL_ERROR, false, true}, /* libpq's own: memory, a broken protocol */
	            {PGRES_BAD_RESPONSE, false, true}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		PGresult *res = PQmakeEmptyPGresult(NULL, rows[i].status);
		CHECK_INT(db_rows_ok(res), rows[i].rows);
		CHECK_STR(db_sqlstate(res), "XX000"); /* the server gave none */
		CHECK_INT(db_outcome_unknown(res), rows[i].unknown);
		PQclear(res);
	}
	CHECK(db_has_nul(slice_of("a\0b", 3)));
	CHECK(!db_has_nul(SLICE("ab")));
	CHECK(!db_has_nul(slice_of(NULL, 0)));
}

/* ---- calls that failed ---- */

/* The lines that db_failed writes to stderr, from the level on; "" where there are none. */
static const char *told(const struct db_result *r)
{
	static char line[512];
	int ends[2], kept = dup(STDERR_FILENO);
	CHECK(pipe2(ends, O_NONBLOCK) == 0);
	dup2(ends[1], STDERR_FILENO);
	db_failed(LOG_NOBODY, "socket_open", r);
	dup2(kept, STDERR_FILENO);
	ssize_t n = read(ends[0], line, sizeof line - 1);
	close(ends[0]), close(ends[1]), close(kept);
	line[n > 0 ? n - 1 : 0] = '\0';
	char *from = strchr(line, ' ');
	return from ? from + 1 : "";
}

TEST(a_failed_call_is_one_line_and_may_be_repeated_when_it_passes)
{
	static const struct {
		const char *name;
		struct db_result r;
		bool repeat;
		const char *line;
	} rows[] = {
		{"passing",
	         {.outcome = DB_ERROR, .sqlstate = "53300", .message = "too many"},
	         true,
	         "warn socket_open failed sqlstate=53300 message=\"too many\""},
		{"lock",
	         {.outcome = DB_ERROR, .sqlstate = "55P03", .message = "m"},
	         true,
	         "warn socket_open failed sqlstate=55P03 message=m"},
		{"not that lock",
	         {.outcome = DB_ERROR, .sqlstate = "55000", .message = "m"},
	         false,
	         "error socket_open failed sqlstate=55000 message=m"},
		{"lasting",
	         {.outcome = DB_ERROR, .sqlstate = "42883", .message = "no such function"},
	         false,
	         "error socket_open failed sqlstate=42883 message=\"no such function\""},
		{"another shape",
	         {.outcome = DB_OK},
	         false,
	         "error socket_open failed sqlstate=\"\" message=\"unexpected result\""},
		{"never sent", {.outcome = DB_FAILED, .message = "away"}, true, ""},
		{"lost", {.outcome = DB_UNCERTAIN, .message = "died"}, true, ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].name);
		CHECK_INT(db_may_repeat(&rows[i].r), rows[i].repeat);
		CHECK_STR(told(&rows[i].r), rows[i].line);
	}
	log_threshold = LOG_DEBUG;
	CHECK_STR(told(&rows[6].r), "debug socket_open failed sqlstate=\"\" message=died");
}
