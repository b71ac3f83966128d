#include "db/result.h"

#include "base/number.h"
#include <stdio.h>
#include <stdlib.h>

/* ---- cells ---- */

static bool has_cell(const PGresult *res, int row, int col)
{
	return res && row >= 0 && col >= 0 && row < PQntuples(res) && col < PQnfields(res);
}

struct slice db_cell(const PGresult *res, int row, int col)
{
	if (!has_cell(res, row, col))
		return slice_of("", 0);
	return slice_of(PQgetvalue(res, row, col), (size_t)PQgetlength(res, row, col));
}

bool db_cell_u64(const PGresult *res, int row, int col, uint64_t *out)
{
	return u64_parse(db_cell(res, row, col), out);
}

bool db_rows_ok(const PGresult *res)
{
	return PQresultStatus(res) == PGRES_TUPLES_OK;
}

bool db_has_nul(struct slice s)
{
	return s.n && memchr(s.p, '\0', s.n);
}

/* ---- of a call ---- */

struct slice db_value(const struct db_result *r, int row, int col)
{
	return db_cell(r->pg, row, col);
}

double db_number(const struct db_result *r, int row, int col)
{
	struct slice s = db_value(r, row, col);
	char text[64] = "";
	if (s.n < sizeof(text) && s.n)
		memcpy(text, s.p, s.n);
	return strtod(text, NULL);
}

bool db_is_null(const struct db_result *r, int row, int col)
{
	return !has_cell(r->pg, row, col) || PQgetisnull(r->pg, row, col);
}

struct slice db_bool(bool value)
{
	return value ? SLICE("t") : SLICE("f");
}

/* ---- errors ---- */

const char *db_sqlstate(const PGresult *res)
{
	const char *s = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	return s && strlen(s) == 5 ? s : "XX000";
}

bool db_outcome_unknown(const PGresult *res)
{
	const char *s = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	ExecStatusType status = PQresultStatus(res);
	if (!s) /* an error of libpq's own: Postgres may have committed and said so */
		return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE;
	return strncmp(s, "08", 2) == 0 || strcmp(s, "40003") == 0;
}

#define RETRY_AFTER_MS 1000

uint64_t db_retry_after_ms(const PGresult *res)
{
	static const int fields[] = {PG_DIAG_MESSAGE_DETAIL, PG_DIAG_MESSAGE_HINT};
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const char *text = PQresultErrorField(res, fields[i]);
		uint64_t ms;
		if (text && u64_parse(slice_str(text), &ms))
			return ms;
	}
	return RETRY_AFTER_MS;
}

bool db_is_passing(const char *sqlstate)
{
	static const char *const some[] = {"53", "57", "58", "40", "55P03", "25006", DB_UNREGISTERED};
	for (size_t i = 0; i < ARRAY_LEN(some); i++)
		if (strncmp(sqlstate, some[i], strlen(some[i])) == 0)
			return true;
	return false;
}

bool db_may_repeat(const struct db_result *r)
{
	return r->outcome == DB_FAILED || r->outcome == DB_UNCERTAIN ||
	       (r->outcome == DB_ERROR && db_is_passing(r->sqlstate));
}

void db_failed(struct log_ident who, const char *what, const struct db_result *r)
{
	enum log_level level = !db_may_repeat(r) ? LOG_ERROR : r->outcome == DB_ERROR ? LOG_WARN : LOG_DEBUG;
	const char *why = r->message ? r->message : r->outcome == DB_OK ? "unexpected result" : "";
	char event[64];
	snprintf(event, sizeof event, "%s failed", what);
	log_at(level, who, event, LS("sqlstate", r->sqlstate), LS("message", why));
}
