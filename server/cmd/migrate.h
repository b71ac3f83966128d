/*
 * What `bellwire migrate` asks of a database before it changes something, and its plan, which changes nothing.
 */
#ifndef CMD_MIGRATE_H
#define CMD_MIGRATE_H

#include "app/embedded.h"
#include "base/slice.h"
#include "cmd/pg.h"

/* The first statements of a session. */
#define MIGRATE_SESSION \
	"set search_path = pg_catalog, pg_temp; set client_min_messages = warning; set statement_timeout = 0; set lock_timeout = 0"
#define MIGRATE_APPLIED "select version, name, checksum from bellwire.migrations order by version"

/* A primary, new enough, in UTF8; else stderr says what is wrong. */
bool migrate_usable(PGconn *pg);
/* NULL: there is none. */
const struct embedded_file *migrate_find(const char *version);

/* applied: the result of MIGRATE_APPLIED. */
bool migrate_verify(const PGresult *applied); /* is each known, and as it was applied? Else stderr says which is not */
bool migrate_is_applied(const PGresult *applied, const struct embedded_file *f);

/* The schema rt_test of `--with-tests`. Its comment ends with the checksum of the files that made it. */
#define MIGRATE_TESTS_COMMENT "Tests in SQL (docs/testing.md), "
enum migrate_tests {
	MIGRATE_TESTS_UNKNOWN, /* the database did not say; stderr has it */
	MIGRATE_TESTS_NONE,
	MIGRATE_TESTS_FOREIGN, /* somebody else's schema has the name */
	MIGRATE_TESTS_OLD,
	MIGRATE_TESTS_CURRENT,
};
enum migrate_tests migrate_tests(PGconn *pg);

/* Prints what `bellwire migrate` would do, or with tests `bellwire migrate --with-tests`. */
bool migrate_plan(PGconn *pg, bool with_tests);

#endif
