/*
 * Results as libpq makes them, without a server.
 */
#ifndef UNIT_FAKE_RESULT_H
#define UNIT_FAKE_RESULT_H

#include "test.h"
#include <libpq-fe.h>

#define RESULT_COLS_MOST 16

static inline PGresult *result_begin(int cols)
{
	PGresAttDesc columns[RESULT_COLS_MOST] = {0};
	PGresult *res = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	for (int i = 0; i < cols; i++)
		columns[i].name = (char *)"x";
	CHECK(PQsetResultAttrs(res, cols, columns));
	return res;
}

/* One more row; NULL is null. */
static inline void result_row(PGresult *res, const char *const *values)
{
	int row = PQntuples(res), cols = PQnfields(res);
	for (int i = 0; i < cols; i++)
		CHECK(PQsetvalue(res, row, i, (char *)values[i], values[i] ? (int)strlen(values[i]) : -1));
}

#endif
