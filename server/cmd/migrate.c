#include "app/embedded.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/pg.h"
#include <stdio.h>
#include <unistd.h>

#define TRIES 10
#define TRY_PAUSE_S 1
#define LOCK_KEY \
	"7090192401312606066" /* the bytes of "bellmigr"; those of "bellwire" are the bell, which sleeping edges hold */
#define OLDEST 150000

#define PREPARE \
	"set search_path = pg_catalog, pg_temp; set client_min_messages = warning; set statement_timeout = 0; set lock_timeout = 0"
#define BEGIN "begin; set local role bellwire_owner; set local lock_timeout = '5s'"

struct migrate {
	PGconn *pg;
	unsigned done; /* number of transactions that this run has applied */
};

/* A transaction: its first statements, the files, and its last ones, the commit included. */
struct work {
	const char *what; /* for messages */
	const char *first;
	const struct pg_text *files;
	size_t n;
	const char *last;
};

/* ---- the parts of a migration ---- */

static struct slice base_name(const struct embedded_file *f)
{
	const char *slash = strrchr(f->name, '/');
	const char *start = slash ? slash + 1 : f->name;
	return slice_of(start, strcspn(start, "."));
}

static struct slice version_of(const struct embedded_file *f)
{
	struct slice name = base_name(f);
	const char *end = memchr(name.p, '_', name.n);
	return slice_of(name.p, end ? (size_t)(end - name.p) : name.n);
}

/* A terminated copy of the text between the two marks. */
static char *up_part(const struct embedded_file *f, unsigned *line)
{
	const char *mark = "-- migrate:up\n", *up = f->text;
	*line = 2;
	for (; strncmp(up, mark, strlen(mark)) != 0; ++*line) {
		up = strchr(up, '\n');
		if (!up)
			return mem_strndup("", 0);
		up++;
	}
	up += strlen(mark);
	const char *down = strstr(up, "\n-- migrate:down");
	return mem_strndup(up, down ? (size_t)(down + 1 - up) : strlen(up));
}

/* Names and checksums have letters, digits, '_' and '-' only, so they need no quoting. */
static char *record_sql(const struct embedded_file *f)
{
	struct slice version = version_of(f), name = base_name(f);
	return mem_printf(
		"insert into bellwire.migrations (version, name, checksum) values ('%.*s', '%.*s', '%s'); commit",
		(int)version.n, version.p, (int)name.n, name.p, f->sha256);
}

static char *code_end_sql(void)
{
	return mem_printf("select bellwire.code_end('%s'); commit", embedded_code_sha256);
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
		if (o == PG_DONE && PQtransactionStatus(pg) != PQTRANS_INTRANS) {
			cmd_error("%s ends the transaction that it runs in", w->files[i].file);
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
	for (int i = 1; i <= TRIES; i++) {
		enum pg_outcome o = try_work(m->pg, w);
		if (o != PG_BUSY)
			return o == PG_DONE;
		fprintf(stderr, "%s: waiting for locks of others (try %d of %d)\n", w->what, i, TRIES);
		if (i < TRIES)
			sleep(TRY_PAUSE_S);
	}
	cmd_error("%s: others held locks for too long; nothing of it was done", w->what);
	return false;
}

static bool bootstrap(struct migrate *m)
{
	struct pg_text text = {embedded_bootstrap.name, embedded_bootstrap.text, 1};
	return do_work(m, &(struct work){"bootstrap", "begin; set local lock_timeout = '5s'", &text, 1, "commit"}) &&
	       run(m->pg, "set role bellwire_owner", "bootstrap") == PG_DONE;
}

/* ---- migrations ---- */

static const struct embedded_file *find_version(const char *version)
{
	for (const struct embedded_file *f = embedded_migrations; f->name; f++)
		if (slice_eq(version_of(f), slice_str(version)))
			return f;
	return NULL;
}

/* Compares the applied migrations with those of this binary. If they differ, nothing in the database is touched. */
static bool verify_applied(const PGresult *applied)
{
	bool good = true;
	for (int i = 0; i < PQntuples(applied); i++) {
		const char *version = PQgetvalue(applied, i, 0), *name = PQgetvalue(applied, i, 1);
		const struct embedded_file *f = find_version(version);
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

static bool is_applied(const PGresult *applied, struct slice version)
{
	for (int i = 0; i < PQntuples(applied); i++)
		if (slice_eq(slice_str(PQgetvalue(applied, i, 0)), version))
			return true;
	return false;
}

static bool apply(struct migrate *m, const struct embedded_file *f)
{
	unsigned line = 0;
	char *up = up_part(f, &line), *last = record_sql(f);
	struct slice name = base_name(f);
	char *what = mem_printf("migration %.*s", (int)name.n, name.p);
	struct pg_text text = {f->name, up, line};
	bool good = do_work(m, &(struct work){what, BEGIN, &text, 1, last});
	if (good) {
		printf("%s: applied\n", what);
		fflush(stdout);
		m->done++;
	}
	free(what);
	free(last);
	free(up);
	return good;
}

static bool apply_missing(struct migrate *m)
{
	PGresult *applied = pg_query(m->pg, "select version, name, checksum from bellwire.migrations order by version");
	bool good = applied && verify_applied(applied);
	for (const struct embedded_file *f = embedded_migrations; good && f->name; f++)
		if (!is_applied(applied, version_of(f)))
			good = apply(m, f);
	PQclear(applied);
	return good;
}

/* ---- code ---- */

static bool deploy(struct migrate *m)
{
	size_t n = 0;
	while (embedded_code[n].name)
		n++;
	struct pg_text *files = mem_alloc(n * sizeof *files);
	for (size_t i = 0; i < n; i++)
		files[i] = (struct pg_text){embedded_code[i].name, embedded_code[i].text, 1};
	char *last = code_end_sql();
	bool good = do_work(m, &(struct work){"code", BEGIN "; select bellwire.code_begin()", files, n, last});
	if (good) {
		printf("code %.12s: deployed\n", embedded_code_sha256);
		m->done++;
	}
	free(last);
	free(files);
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

/* ---- the command ---- */

static bool server_usable(PGconn *pg)
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

static bool migrate(PGconn *pg, bool force)
{
	struct migrate m = {.pg = pg};
	bool good = server_usable(pg) && run(pg, PREPARE, "session") == PG_DONE && take_lock(pg) && bootstrap(&m) &&
	            apply_missing(&m) && deploy_changed(&m, force);
	if (good && !m.done)
		printf("nothing to do: schema %d, code %.12s\n", embedded_schema_version, embedded_code_sha256);
	return good;
}

static void print_sql(void)
{
	printf("-- bellwire %s, schema %d, for an empty database: psql -v ON_ERROR_STOP=1\n", BELLWIRE_VERSION,
	       embedded_schema_version);
	printf("set search_path = pg_catalog, pg_temp; set client_min_messages = warning;\n\n-- %s\n%s",
	       embedded_bootstrap.name, embedded_bootstrap.text);
	for (const struct embedded_file *f = embedded_migrations; f->name; f++) {
		unsigned line;
		char *up = up_part(f, &line), *last = record_sql(f);
		printf("\n-- %s\n" BEGIN ";\n%s\n%s;\n", f->name, up, last);
		free(last);
		free(up);
	}
	printf("\n" BEGIN "; select bellwire.code_begin();\n");
	for (const struct embedded_file *f = embedded_code; f->name; f++)
		printf("\n-- %s\n%s", f->name, f->text);
	char *last = code_end_sql();
	printf("\n%s;\n", last);
	free(last);
}

int cmd_migrate(int argc, char **argv)
{
	const char *file = NULL, *force = NULL, *print = NULL;
	const struct cmd_option options[] = {
		{"force", NULL, "deploy the code again though it did not change", &force},
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
		print_sql();
		return cmd_finish(EXIT_DONE);
	}
	struct config c;
	if (!cmd_load(&c, file))
		return EXIT_FAILED;
	bool own = !c.migrate_database_url || c.migrate_database_url != c.database_url;
	PGconn *pg = pg_open(c.migrate_database_url, own ? "MIGRATE_DATABASE_URL" : "DATABASE_URL");
	bool good = pg && migrate(pg, force);
	PQfinish(pg);
	config_free(&c);
	return cmd_finish(good ? EXIT_DONE : EXIT_FAILED);
}
