#include "people/errors.h"

#include "test.h"

TEST(an_sqlstate_means_the_code_that_clients_are_told)
{
	static const struct {
		const char *sqlstate, *code;
		int status;
	} rows[] = {
		{"RT400", "INVALID_DATA", 400}, {"RT404", "CHAT_NOT_FOUND", 404}, {"RT503", "UNAVAILABLE", 503},
		{"23505", "INVALID_DATA", 400}, {"22P02", "INVALID_DATA", 400},   {"08006", "UNAVAILABLE", 503},
		{"40P01", "UNAVAILABLE", 503},  {"55P03", "UNAVAILABLE", 503},    {"57014", "UNAVAILABLE", 503},
		{"RT999", "INTERNAL", 500},     {"42883", "INTERNAL", 500},       {"XX000", "INTERNAL", 500},
		{"", "INTERNAL", 500},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].sqlstate);
		enum error_code code = error_of_sqlstate(rows[i].sqlstate);
		CHECK_SLICE(error_name(code), slice_str(rows[i].code));
		CHECK_INT(error_status(code), rows[i].status);
	}
}

TEST(every_code_is_found_by_its_name)
{
	enum error_code found;
	for (int i = 0; i < ERROR_MAX; i++) {
		CHECK(error_find(error_name((enum error_code)i), &found));
		CHECK_INT(found, i);
	}
	CHECK(!error_find(SLICE("INTERNA"), &found));
	CHECK(!error_find(SLICE("INTERNAL_"), &found));
	CHECK_INT(ERROR_COUNTED, ERROR_INTERNAL + 1);
	CHECK(ERROR_NOT_FOUND >= ERROR_COUNTED);
}
