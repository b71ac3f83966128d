#include "app/config_check.h"
#include "app/embedded.h"
#include "app/metrics.h"
#include "base/buf.h"
#include "base/close.h"
#include "cmd/cmd.h"
#include "cmd/doctor.h"
#include "cmd/pg.h"
#include "events/control.h"
#include "people/errors.h"
#include "recovery/refused.h"
#include <stdio.h>
#include <stdlib.h>

#define OLDEST 150000

/* The functions that the edge calls (docs/edge-sql.md). */
#define MISSING_SQL                                                                                                                                      \
	"select pg_catalog.string_agg('rt.' || f.name, ', '), "                                                                                          \
	"coalesce(pg_catalog.pg_has_role(pg_catalog.to_regrole('bellwire_edge'), 'member'), false) "                                                     \
	"from pg_catalog.unnest(array["                                                                                                                  \
	"'pump_open', 'fetch', 'fetch_page', 'poll', 'poll_both', 'poll_few', 'poll_ids', 'bell_arm', 'bell_disarm', 'bell_hear', 'ring', "              \
	"'dispatch', 'dispatch_lone', 'dispatch_one', "                                                                                                  \
	"'socket_open', 'socket_open_one', 'socket_register', 'socket_close', 'socket_close_one', 'rooms', 'token_expired', 'recover', 'recovery_key', " \
	"'routes', 'relays', 'relayed', 'names', 'version', 'user_state', 'token_keys', 'users_of', 'answer', 'mark', 'place', 'maintain', "             \
	"'sweep', 'monitor', 'edge_close', 'confirm', 'confirm_lone', 'emitter_attachment', 'get_chats', 'get_messages', "                               \
	"'page_ask', 'page_answer', "                                                                                                                    \
	"'get_notifications']) f(name) "                                                                                                                 \
	"where not exists (select from pg_catalog.pg_proc p "                                                                                            \
	"join pg_catalog.pg_namespace n on n.oid = p.pronamespace "                                                                                      \
	"where n.nspname = 'rt' and p.proname = f.name and pg_catalog.has_schema_privilege(n.oid, 'usage') "                                             \
	"and pg_catalog.has_function_privilege(p.oid, 'execute'))"

/* Tells two servers apart. The text has only such values as do not depend on the settings of a connection. */
#define PLACE_SQL                                                                                       \
	"select pg_catalog.concat_ws('/', s.system_identifier, "                                        \
	"pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8), d.oid) " \
	"from pg_catalog.pg_control_system() s, pg_catalog.pg_database d where d.datname = pg_catalog.current_database()"

static bool is_true(const PGresult *r, int column)
{
	return PQgetvalue(r, 0, column)[0] == 't';
}

static bool check_primary(PGconn *pg, const char *setting)
{
	if (PQserverVersion(pg) < OLDEST) {
		doctor_error("upgrade Postgres, or set another server", "%s: Postgres %d is too old: 15 is needed",
		             setting, PQserverVersion(pg) / 10000);
		return false;
	}
	PGresult *r = pg_query(pg, "select pg_catalog.pg_is_in_recovery()");
	bool standby = r && is_true(r, 0);
	PQclear(r);
	if (standby)
		doctor_error("set the primary's address, or a host list with target_session_attrs=read-write",
		             "%s leads to a standby", setting);
	return r && !standby;
}

static bool check_migrated(PGconn *pg)
{
	PGresult *r = pg_query(pg, "select exists (select from pg_catalog.pg_namespace where nspname = 'rt')");
	bool there = r && is_true(r, 0);
	PQclear(r);
	if (r && !there)
		doctor_error("MIGRATE_DATABASE_URL=... bellwire migrate, as the owner of the database",
		             "DATABASE_URL: the database is empty: run `bellwire migrate`");
	return there;
}

static const char inherit_remedy[] =
	"a member of bellwire_edge inherits its rights: `alter role ... inherit`, from Postgres 16 on "
	"`grant bellwire_edge to ... with inherit true`; run `bellwire migrate` after an upgrade";
static const char grant_remedy[] =
	"connect as bellwire_edge, or `grant bellwire_edge to ...`; run `bellwire migrate` after an upgrade";

static bool check_rights(PGconn *pg)
{
	PGresult *r = pg_query(pg, MISSING_SQL);
	bool good = r && PQgetisnull(r, 0, 0);
	const char *remedy = r && is_true(r, 1) ? inherit_remedy : grant_remedy;
	if (r && !good)
		doctor_error(remedy, "DATABASE_URL: %s may not call, or there is not: %s", PQuser(pg),
		             PQgetvalue(r, 0, 0));
	PQclear(r);
	return good;
}

/* Warns where the edge's role has more rights than it needs: the edge works with them, but the operator should know. */
static bool check_modesty(PGconn *pg)
{
	PGresult *r = pg_query(pg, "select pg_catalog.pg_has_role(current_user, 'bellwire_owner', 'member')");
	if (r && is_true(r, 0))
		doctor_warn("DATABASE_URL=postgresql://bellwire_edge:...@host/database",
		            "DATABASE_URL: %s may change the schema; the edge should connect as bellwire_edge",
		            PQuser(pg));
	PQclear(r);
	return r;
}

static const char migrate_remedy[] = "MIGRATE_DATABASE_URL=... bellwire migrate, with this binary";

static bool check_version(PGconn *pg)
{
	PGresult *r = pg_query(pg, "select schema_version, coalesce(code_checksum, 'none') from rt.version()");
	if (!r)
		return false;
	int schema = atoi(PQgetvalue(r, 0, 0));
	const char *code = PQgetvalue(r, 0, 1);
	bool good = schema == embedded_schema_version && strcmp(code, embedded_code_sha256) == 0;
	printf("# database %s: Postgres %d.%d, schema %d, code %.12s\n", PQdb(pg), PQserverVersion(pg) / 10000,
	       PQserverVersion(pg) % 10000, schema, code);
	if (schema > embedded_schema_version)
		doctor_error("install the version of bellwire that has migrated this database",
		             "the database has schema %d, this binary needs %d: the binary is too old", schema,
		             embedded_schema_version);
	else if (schema < embedded_schema_version)
		doctor_error(migrate_remedy, "the database has schema %d, this binary needs %d: run `bellwire migrate`",
		             schema, embedded_schema_version);
	else if (!good)
		doctor_error(migrate_remedy,
		             "the database has code %.12s, this binary has %.12s: run `bellwire migrate`", code,
		             embedded_code_sha256);
	PQclear(r);
	return good;
}

static bool same_place(PGconn *a, PGconn *b)
{
	PGresult *x = pg_query(a, PLACE_SQL), *y = pg_query(b, PLACE_SQL);
	bool same = x && y && strcmp(PQgetvalue(x, 0, 0), PQgetvalue(y, 0, 0)) == 0;
	if (x && y && !same)
		doctor_error("LISTEN_DATABASE_URL is the direct way to the database behind DATABASE_URL",
		             "DATABASE_URL and LISTEN_DATABASE_URL lead to different databases");
	PQclear(x);
	PQclear(y);
	return same;
}

static bool check_listener(const struct config *c, PGconn *calls)
{
	if (strcmp(c->listen_database_url, c->database_url) == 0)
		return true;
	PGconn *pg = pg_open(c->listen_database_url, "LISTEN_DATABASE_URL");
	bool good = pg && check_primary(pg, "LISTEN_DATABASE_URL") && doctor_session(c, pg, "LISTEN_DATABASE_URL") &&
	            check_rights(pg) && same_place(calls, pg);
	PQfinish(pg);
	return good;
}

static bool check_database(const struct config *c)
{
	if (!c->database_url) {
		doctor_error("DATABASE_URL=postgresql://bellwire_edge:...@host/database", "DATABASE_URL is not set");
		return false;
	}
	PGconn *pg = pg_open(c->database_url, "DATABASE_URL");
	bool good = pg && check_primary(pg, "DATABASE_URL");
	/* each says what it finds, whatever the others have found */
	good = good && doctor_session(c, pg, "DATABASE_URL") & doctor_pooler(c, pg);
	good = good && check_migrated(pg) && check_rights(pg) && check_modesty(pg) && check_version(pg) &&
	       doctor_hook(c, pg) && check_listener(c, pg);
	if (good)
		doctor_server(c, pg);
	PQfinish(pg);
	return good;
}

static bool check(const struct config *c, bool offline)
{
	struct buf out = {0}, problems = {0};
	config_print(c, &out);
	fwrite(out.p, 1, out.n, stdout);
	fflush(stdout);
	bool good = config_check(c, &problems);
	if (!good)
		fprintf(stderr, "%.*sbellwire: these settings cannot work\n", (int)problems.n, problems.p);
	buf_fini(&out);
	buf_fini(&problems);
	doctor_machine(c);
	return good && (offline || check_database(c)); /* fails without DATABASE_URL, as serve does */
}

static int print_markdown(const char *table)
{
	static const struct {
		const char *name;
		void (*print)(struct buf *out);
	} tables[] = {{"settings", config_markdown}, {"metrics", metrics_markdown},  {"errors", errors_markdown},
	              {"reasons", close_markdown},   {"refusals", refused_markdown}, {"control", control_markdown}};
	struct buf out = {0};
	size_t i = 0;
	while (i < ARRAY_LEN(tables) && strcmp(table, tables[i].name) != 0)
		i++;
	if (i == ARRAY_LEN(tables)) {
		cmd_error("--markdown: there is no table %s", table);
		return EXIT_USAGE;
	}
	tables[i].print(&out);
	fwrite(out.p, 1, out.n, stdout);
	buf_fini(&out);
	return cmd_finish(EXIT_DONE);
}

int cmd_check(int argc, char **argv)
{
	const char *file = NULL, *offline = NULL, *markdown = NULL;
	const struct cmd_option options[] = {
		{"offline", NULL, "do not connect to the database", &offline},
		{"markdown", "TABLE",
	         "print a table of docs/ instead: settings, metrics, errors, reasons, refusals, control", &markdown},
		CMD_CONFIG(&file),
		{0},
	};
	int code;
	if (!cmd_options(
		    options,
		    "Prints every setting in the form of a settings file, secrets as (set) or (not set). Then verifies keys, certificates,\n"
		    "addresses, and in the database: a primary of version 15 or later, the rights of the role, schema and code; besides the\n"
		    "way there (pooler, timeouts), clocks and room. Each finding has its remedy; warnings leave the exit code 0.\n",
		    argc, argv, &code))
		return code;
	if (markdown)
		return print_markdown(markdown);
	struct config c;
	if (!cmd_load(&c, file))
		return EXIT_FAILED;
	code = check(&c, offline) ? EXIT_DONE : EXIT_FAILED;
	config_free(&c);
	return cmd_finish(code);
}
