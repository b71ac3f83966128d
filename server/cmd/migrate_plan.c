#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/migrate.h"
#include "cmd/migration.h"
#include <stdio.h>

#define OLDEST 150000

bool migrate_usable(PGconn *pg)
{
	if (PQserverVersion(pg) < OLDEST) {
		cmd_error("Postgres %d is too old: 15 is needed", PQserverVersion(pg) / 10000);
		return false;
	}
	const char *encoding = PQparameterStatus(pg, "server_encoding");
	if (!encoding || strcmp(encoding, "UTF8") != 0) { /* clients send all of Unicode */
		cmd_error("the database's encoding is %s: UTF8 is needed", encoding ? encoding : "unknown");
		return false;
	}
	PGresult *r = pg_query(pg, "select pg_catalog.pg_is_in_recovery()");
	bool standby = r && PQgetvalue(r, 0, 0)[0] == 't';
	PQclear(r);
	if (standby)
		cmd_error("MIGRATE_DATABASE_URL leads to a standby");
	return r && !standby;
}

/* ---- what was applied ---- */

const struct embedded_file *migrate_find(const char *version)
{
	for (const struct embedded_file *f = embedded_migrations; f->name; f++)
		if (slice_eq(migration_version(f), slice_str(version)))
			return f;
	return NULL;
}

/* If they differ from those of this binary, nothing in the database is touched. */
bool migrate_verify(const PGresult *applied)
{
	bool good = true;
	for (int i = 0; i < PQntuples(applied); i++) {
		const char *version = PQgetvalue(applied, i, 0), *name = PQgetvalue(applied, i, 1);
		const struct embedded_file *f = migrate_find(version);
		if (f && strcmp(PQgetvalue(applied, i, 2), f->sha256) == 0)
			continue;
		good = false;
		if (f)
			cmd_error(
				"migration %s was applied with another text than %s has now: applied migrations must not change",
				name, f->name);
		else
			cmd_error(
				"the database has the migration %s, which this binary does not know: the database is newer",
				name);
	}
	return good;
}

bool migrate_is_applied(const PGresult *applied, const struct embedded_file *f)
{
	for (int i = 0; i < PQntuples(applied); i++)
		if (slice_eq(slice_str(PQgetvalue(applied, i, 0)), migration_version(f)))
			return true;
	return false;
}

enum migrate_tests migrate_tests(PGconn *pg)
{
	PGresult *r = pg_query(pg, "select pg_catalog.pg_get_userbyid(n.nspowner) = 'bellwire_owner', "
	                           "pg_catalog.obj_description(n.oid, 'pg_namespace') "
	                           "from pg_catalog.pg_namespace n where n.nspname = 'rt_test'");
	enum migrate_tests now = MIGRATE_TESTS_UNKNOWN;
	char *current = mem_printf(MIGRATE_TESTS_COMMENT "%s", embedded_testing_sha256);
	if (r && PQntuples(r) == 0)
		now = MIGRATE_TESTS_NONE;
	else if (r && PQgetvalue(r, 0, 0)[0] != 't')
		now = MIGRATE_TESTS_FOREIGN;
	else if (r)
		now = strcmp(PQgetvalue(r, 0, 1), current) == 0 ? MIGRATE_TESTS_CURRENT : MIGRATE_TESTS_OLD;
	free(current);
	PQclear(r);
	return now;
}

/* ---- the plan ---- */

/* Lines of migrations/locks: version, table, mode. */
static void plan_locks(struct slice version)
{
	for (const char *line = embedded_locks; *line; line += strcspn(line, "\n") + 1) {
		size_t n = strcspn(line, "\n");
		if (slice_starts(slice_of(line, n), version))
			printf("  %.*s\n", (int)(n - version.n - 1), line + version.n + 1);
	}
}

static void plan_migration(const struct embedded_file *f)
{
	struct slice name = migration_name(f);
	printf("migration %.*s: %s\n", (int)name.n, name.p,
	       migration_is_loose(f) ? "statement by statement, without a transaction" : "one transaction");
	plan_locks(migration_version(f));
}

/* A query's answer with no rows where nothing was ever applied. NULL: stderr says why. */
static PGresult *plan_applied(PGconn *pg)
{
	PGresult *r = pg_query(pg,
	                       "select exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n "
	                       "on n.oid = c.relnamespace where c.relname = 'migrations' and n.nspname = 'bellwire')");
	bool known = r && PQgetvalue(r, 0, 0)[0] == 't', asked = r;
	PQclear(r);
	if (!asked || (known && pg_run(pg, (struct pg_text){"session", "set role bellwire_owner", 1}) != PG_DONE))
		return NULL;
	return pg_query(pg, known ? MIGRATE_APPLIED : "select '' as version, '' as name, '' as checksum limit 0");
}

static bool plan_code_is_there(PGconn *pg)
{
	PGresult *now = pg_query(pg, "select checksum from bellwire.deploys");
	bool same = now && PQntuples(now) == 1 && strcmp(PQgetvalue(now, 0, 0), embedded_code_sha256) == 0;
	PQclear(now);
	return same;
}

bool migrate_plan(PGconn *pg, bool with_tests)
{
	static const char session[] = MIGRATE_SESSION "; set default_transaction_read_only = on";
	if (!migrate_usable(pg) || pg_run(pg, (struct pg_text){"session", session, 1}) != PG_DONE)
		return false;
	PGresult *applied = plan_applied(pg);
	if (!applied || !migrate_verify(applied)) {
		PQclear(applied);
		return false;
	}
	bool missing = false;
	for (const struct embedded_file *f = embedded_migrations; f->name; f++)
		if (!migrate_is_applied(applied, f)) {
			plan_migration(f);
			missing = true;
		}
	PQclear(applied);
	bool code = missing || !plan_code_is_there(pg);
	enum migrate_tests now = migrate_tests(pg);
	bool tests = now == MIGRATE_TESTS_OLD || (now == MIGRATE_TESTS_NONE && with_tests);
	if (now == MIGRATE_TESTS_UNKNOWN)
		return false;
	if (code)
		printf("code %.12s: one transaction\n  tables whose triggers differ: AccessExclusiveLock\n",
		       embedded_code_sha256);
	if (tests)
		printf("tests %.12s: one transaction\n", embedded_testing_sha256);
	if (!code && !tests)
		printf("nothing to do: schema %d, code %.12s\n", embedded_schema_version, embedded_code_sha256);
	return true;
}
