#include "app/embedded.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/migrate.h"
#include "cmd/migration.h"
#include <stdio.h>
#include <unistd.h>

#define TRIES 10
#define FIRST_PAUSE_MS 500 /* between two tries; then twice as long each time, up to the last */
#define LAST_PAUSE_MS 8000
#define LOCK_KEY \
	"7090192401312606066" /* the bytes of "bellmigr"; those of "bellwire" are the bell, which sleeping edges hold */

/* Whoever comes behind a session that waits for a lock waits with it, readers too: no wait may be long. */
#define LOCK_TIMEOUT "lock_timeout = '300ms'"
#define BEGIN "begin; set local role bellwire_owner; set local " LOCK_TIMEOUT

struct migrate {
	PGconn *pg;
	unsigned done; /* number of transactions that this run has applied */
};

/* A transaction: its first statements, the files, its last ones and the commit. Loose: the same without one. */
struct work {
	const char *what; /* for messages */
	const char *first;
	const struct pg_text *files;
	size_t n;
	const char *last;
	bool loose;
};

/* Names and checksums have letters, digits, '_' and '-' only, so they need no quoting. */
static char *record_sql(const struct embedded_file *f)
{
	struct slice version = migration_version(f), name = migration_name(f);
	return mem_printf(
		"insert into bellwire.migrations (version, name, checksum) values ('%.*s', '%.*s', '%s'); commit",
		(int)version.n, version.p, (int)name.n, name.p, f->sha256);
}

static char *code_end_sql(void)
{
	return mem_printf("select bellwire.code_end('%s'); commit", embedded_code_sha256);
}

static char *testing_end_sql(void)
{
	return mem_printf("comment on schema rt_test is '" MIGRATE_TESTS_COMMENT "%s'; commit",
	                  embedded_testing_sha256);
}

/* ---- transactions ---- */

static enum pg_outcome run(PGconn *pg, const char *sql, const char *what)
{
	return pg_run(pg, (struct pg_text){what, sql, 1});
}

static enum pg_outcome try_work(PGconn *pg, const struct work *w)
{
	enum pg_outcome o = run(pg, w->first, w->what);
	for (size_t i = 0; o == PG_DONE && i < w->n; i++) {
		o = pg_run(pg, w->files[i]);
		if (o == PG_DONE && PQtransactionStatus(pg) != (w->loose ? PQTRANS_IDLE : PQTRANS_INTRANS)) {
			cmd_error("%s %s", w->files[i].file,
			          w->loose ? "begins a transaction and does not end it"
			                   : "ends the transaction that it runs in");
			o = PG_FAILED;
		}
	}
	if (o == PG_DONE)
		o = run(pg, w->last, w->what);
	if (PQtransactionStatus(pg) != PQTRANS_IDLE)
		PQclear(PQexec(pg, "rollback"));
	if (o == PG_DENIED)
		fputs("  The first time migrate's login has to own the database, and to be a member of bellwire_owner or one who may create\n"
		      "  roles; later it has to be a member of bellwire_owner.\n",
		      stderr);
	return o;
}

static bool do_work(struct migrate *m, const struct work *w)
{
	useconds_t pause_ms = FIRST_PAUSE_MS;
	for (int i = 1; i <= TRIES; i++) {
		enum pg_outcome o = try_work(m->pg, w);
		if (o != PG_BUSY)
			return o == PG_DONE;
		fprintf(stderr, "%s: waiting for locks of others (try %d of %d)\n", w->what, i, TRIES);
		if (i < TRIES)
			usleep(pause_ms * 1000);
		pause_ms = 2 * pause_ms < LAST_PAUSE_MS ? 2 * pause_ms : LAST_PAUSE_MS;
	}
	cmd_error("%s: others held locks for too long; nothing of it was done", w->what);
	return false;
}

static bool bootstrap(struct migrate *m)
{
	struct pg_text text = {embedded_bootstrap.name, embedded_bootstrap.text, 1};
	return do_work(m, &(struct work){"bootstrap", "begin; set local " LOCK_TIMEOUT, &text, 1, "commit", false}) &&
	       run(m->pg, "set role bellwire_owner", "bootstrap") == PG_DONE;
}

/* ---- migrations ---- */

/* Each statement for itself. One that waits by itself may do so as long as it likes. */
static bool run_loose(struct migrate *m, const char *what, struct pg_text part)
{
	const char *rest = part.text;
	struct slice s;
	bool good = true;
	while (good && migration_statement(&rest, &part.line, &s)) {
		char *one = mem_strndup(s.p, s.n);
		struct pg_text text = {part.file, one, part.line};
		const char *first = migration_is_concurrent(s) ? "set lock_timeout = 0" : "set " LOCK_TIMEOUT;
		good = do_work(m, &(struct work){what, first, &text, 1, "set lock_timeout = 0", true});
		for (size_t i = 0; i < s.n; i++)
			part.line += s.p[i] == '\n';
		free(one);
	}
	return good;
}

/* last: SQL that notes in the same transaction what was done; where there is none, behind it. */
static bool run_part(struct migrate *m, const struct embedded_file *f, enum migration_part part, const char *last)
{
	unsigned line = 0;
	bool loose = migration_is_loose(f);
	char *sql = migration_text(f, part, &line);
	struct slice name = migration_name(f);
	char *what = mem_printf("migration %.*s", (int)name.n, name.p);
	struct pg_text text = {f->name, sql, line};
	bool good = (!loose || run_loose(m, what, text)) &&
	            do_work(m, &(struct work){what, BEGIN, &text, loose ? 0 : 1, last, false});
	if (good) {
		printf("%s: %s\n", what, part == MIGRATION_UP ? "applied" : "taken back");
		fflush(stdout);
		m->done++;
	}
	free(what);
	free(sql);
	return good;
}

static bool apply(struct migrate *m, const struct embedded_file *f)
{
	char *last = record_sql(f);
	bool good = run_part(m, f, MIGRATION_UP, last);
	free(last);
	return good;
}

/* The code goes on the list of what is missing: its triggers may have gone with the tables. */
static bool take_back(struct migrate *m, const struct embedded_file *f)
{
	struct slice version = migration_version(f);
	char *last = mem_printf(
		"delete from bellwire.migrations where version = '%.*s'; delete from bellwire.deploys; commit",
		(int)version.n, version.p);
	bool good = run_part(m, f, MIGRATION_DOWN, last);
	free(last);
	return good;
}

static bool apply_missing(struct migrate *m)
{
	PGresult *applied = pg_query(m->pg, MIGRATE_APPLIED);
	bool good = applied && migrate_verify(applied);
	for (const struct embedded_file *f = embedded_migrations; good && f->name; f++)
		if (!migrate_is_applied(applied, f))
			good = apply(m, f);
	PQclear(applied);
	return good;
}

/* The newest first. What an older program needs is there then, except for its functions, which it brings itself. */
static bool apply_down_to(struct migrate *m, const struct embedded_file *to)
{
	PGresult *applied = pg_query(m->pg, MIGRATE_APPLIED);
	bool good = applied && migrate_verify(applied);
	const struct embedded_file *f = to;
	while (f[1].name)
		f++;
	for (; good && f > to; f--)
		if (migrate_is_applied(applied, f))
			good = take_back(m, f);
	PQclear(applied);
	return good;
}

/* ---- code ---- */

/* what: "code" or "tests"; list: its files, one transaction for all. */
static bool deploy_files(struct migrate *m, const char *what, const struct embedded_file *list, const char *sha256,
                         const char *first, const char *last)
{
	size_t n = 0;
	while (list[n].name)
		n++;
	struct pg_text *files = mem_alloc(n * sizeof *files);
	for (size_t i = 0; i < n; i++)
		files[i] = (struct pg_text){list[i].name, list[i].text, 1};
	bool good = do_work(m, &(struct work){what, first, files, n, last, false});
	if (good) {
		printf("%s %.12s: deployed\n", what, sha256);
		m->done++;
	}
	free(files);
	return good;
}

static bool deploy(struct migrate *m)
{
	char *last = code_end_sql();
	bool good = deploy_files(m, "code", embedded_code, embedded_code_sha256, BEGIN "; select bellwire.code_begin()",
	                         last);
	free(last);
	return good;
}

static bool deploy_changed(struct migrate *m, bool force)
{
	PGresult *now = pg_query(m->pg, "select checksum from bellwire.deploys");
	if (!now)
		return false;
	bool same = PQntuples(now) == 1 && strcmp(PQgetvalue(now, 0, 0), embedded_code_sha256) == 0;
	PQclear(now);
	/* After a migration the code is always applied: triggers are code, and a table that was made anew has none. */
	return (same && !force && !m->done) || deploy(m);
}

/* ---- functions for tests ---- */

static bool deploy_tests(struct migrate *m)
{
	char *last = testing_end_sql();
	bool good = deploy_files(m, "tests", embedded_testing, embedded_testing_sha256, BEGIN, last);
	free(last);
	return good;
}

/* A database that has them once keeps them up to date, since they call what the code has now. */
static bool deploy_tests_changed(struct migrate *m, bool wanted, bool force)
{
	enum migrate_tests now = migrate_tests(m->pg);
	if (now == MIGRATE_TESTS_FOREIGN && wanted)
		cmd_error("there is a schema rt_test that bellwire_owner does not own: rename it");
	if (now == MIGRATE_TESTS_UNKNOWN || (now == MIGRATE_TESTS_FOREIGN && wanted))
		return false;
	bool missing = now == MIGRATE_TESTS_NONE ? wanted : now == MIGRATE_TESTS_OLD;
	return (!missing && !(force && now == MIGRATE_TESTS_CURRENT)) || deploy_tests(m);
}

/* ---- the command ---- */

/* The lock is on this database, and lasts as long as the connection. */
static bool take_lock(PGconn *pg)
{
	PGresult *r = pg_query(pg, "select pg_catalog.pg_try_advisory_lock(" LOCK_KEY ")");
	bool taken = r && PQgetvalue(r, 0, 0)[0] == 't', asked = r;
	PQclear(r);
	if (taken || !asked)
		return taken;
	fputs("waiting for another `bellwire migrate`\n", stderr);
	return run(pg, "select pg_catalog.pg_advisory_lock(" LOCK_KEY ")", "lock") == PG_DONE;
}

static bool migrate(PGconn *pg, bool force, bool with_tests)
{
	struct migrate m = {.pg = pg};
	bool good = migrate_usable(pg) && run(pg, MIGRATE_SESSION, "session") == PG_DONE && take_lock(pg) &&
	            bootstrap(&m) && apply_missing(&m) && deploy_changed(&m, force) &&
	            deploy_tests_changed(&m, with_tests, force);
	if (good && !m.done)
		printf("nothing to do: schema %d, code %.12s\n", embedded_schema_version, embedded_code_sha256);
	return good;
}

static bool migrate_to(PGconn *pg, const char *version)
{
	struct migrate m = {.pg = pg};
	const struct embedded_file *to = migrate_find(version);
	if (!to) {
		cmd_error("there is no migration %s: a version is meant, as in `0310`", version);
		return false;
	}
	bool good = migrate_usable(pg) && run(pg, MIGRATE_SESSION, "session") == PG_DONE && take_lock(pg) &&
	            bootstrap(&m) && apply_down_to(&m, to);
	if (good && m.done)
		printf("this is the schema of %s: the older program's `bellwire migrate` brings its functions\n",
		       to->name);
	else if (good)
		printf("nothing to do: no migration after %s was applied\n", version);
	return good;
}

/* ---- without a database ---- */

static void print_files(const struct embedded_file *f)
{
	for (; f->name; f++)
		printf("\n-- %s\n%s", f->name, f->text);
}

static void print_sql(bool with_tests)
{
	printf("-- bellwire %s, schema %d, for an empty database: psql -v ON_ERROR_STOP=1\n", BELLWIRE_VERSION,
	       embedded_schema_version);
	printf("set search_path = pg_catalog, pg_temp; set client_min_messages = warning;\n\n-- %s\n%s",
	       embedded_bootstrap.name, embedded_bootstrap.text);
	for (const struct embedded_file *f = embedded_migrations; f->name; f++) {
		unsigned line;
		char *up = migration_text(f, MIGRATION_UP, &line), *last = record_sql(f);
		if (migration_is_loose(f))
			printf("\n-- %s\nset role bellwire_owner;\n%s\nreset role;\n" BEGIN ";\n%s;\n", f->name, up,
			       last);
		else
			printf("\n-- %s\n" BEGIN ";\n%s\n%s;\n", f->name, up, last);
		free(last);
		free(up);
	}
	printf("\n" BEGIN "; select bellwire.code_begin();\n");
	print_files(embedded_code);
	char *last = code_end_sql();
	printf("\n%s;\n", last);
	free(last);
	if (!with_tests)
		return;
	printf("\n" BEGIN ";\n");
	print_files(embedded_testing);
	last = testing_end_sql();
	printf("\n%s;\n", last);
	free(last);
}

int cmd_migrate(int argc, char **argv)
{
	const char *file = NULL, *force = NULL, *print = NULL, *plan = NULL, *to = NULL, *tests = NULL;
	const struct cmd_option options[] = {
		{"force", NULL, "deploy the code again though it did not change", &force},
		{"plan", NULL, "print what would be done here, and the locks that it takes; change nothing", &plan},
		{"to", "VERSION", "take back the migrations after this one, for an older program", &to},
		{"with-tests", NULL, "add the schema rt_test, for tests in SQL (never in production)", &tests},
		{"print", NULL, "print the SQL for an empty database instead of running it", &print},
		CMD_CONFIG(&file),
		{0},
	};
	int code;
	if (!cmd_options(
		    options,
		    "Connects with MIGRATE_DATABASE_URL, directly to the primary. Applies each migration that is missing in a transaction\n"
		    "of its own, then the functions and triggers in one. Safe to repeat, and to run twice at once.\n",
		    argc, argv, &code))
		return code;
	if (print) {
		print_sql(tests);
		return cmd_finish(EXIT_DONE);
	}
	struct config c;
	if (!cmd_load(&c, file))
		return EXIT_FAILED;
	bool own = !c.migrate_database_url || c.migrate_database_url != c.database_url;
	PGconn *pg = pg_open(c.migrate_database_url, own ? "MIGRATE_DATABASE_URL" : "DATABASE_URL");
	bool good = pg && (plan ? migrate_plan(pg, tests) : to ? migrate_to(pg, to) : migrate(pg, force, tests));
	PQfinish(pg);
	config_free(&c);
	return cmd_finish(good ? EXIT_DONE : EXIT_FAILED);
}
