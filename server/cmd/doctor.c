#include "cmd/doctor.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/pg.h"
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
	DAYS_LEFT = 14,
	SKEW_MS = 1000,
	DESCRIPTORS_LEAST = 1024,
	OTHER_LINKS = 4, /* of an edge, besides those of client events */
};

extern char **environ;

/* ---- findings ---- */

static void say_remedy(const char *remedy)
{
	fprintf(stderr, "  remedy: %s\n", remedy);
}

static void doctor_say(const char *level, const char *remedy, const char *fmt, va_list args)
{
	fprintf(stderr, "bellwire: %s", level);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	say_remedy(remedy);
}

void doctor_error(const char *remedy, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	doctor_say("", remedy, fmt, args);
	va_end(args);
}

void doctor_warn(const char *remedy, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	doctor_say("warning: ", remedy, fmt, args);
	va_end(args);
}

/* ---- the machine ---- */

static unsigned distance_least(unsigned a, unsigned b, unsigned c)
{
	return a < b ? (a < c ? a : c) : b < c ? b : c;
}

/* How many letters apart two names are. */
static unsigned name_distance(struct slice a, struct slice b)
{
	unsigned row[64];
	if (a.n >= ARRAY_LEN(row) || b.n >= ARRAY_LEN(row))
		return UINT32_MAX;
	for (unsigned j = 0; j <= b.n; j++)
		row[j] = j;
	for (unsigned i = 1; i <= a.n; i++) {
		unsigned before = row[0];
		row[0] = i;
		for (unsigned j = 1; j <= b.n; j++) {
			unsigned above = row[j];
			row[j] = distance_least(above + 1, row[j - 1] + 1, before + (a.p[i - 1] != b.p[j - 1]));
			before = above;
		}
	}
	return row[b.n];
}

static const char *const names[] = {
#define X(member, NAME, ...) #NAME,
	CONFIG_SETTINGS(X)
#undef X
};

static const char *nearest_name(struct slice name)
{
	const char *best = NULL;
	unsigned least = 4; /* more letters apart: another word */
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		unsigned d = name_distance(name, slice_str(names[i]));
		if (d < least) {
			least = d;
			best = names[i];
		}
	}
	return best;
}

static bool is_ours(struct slice name)
{
	return (slice_starts(name, SLICE("BELLWIRE_")) || slice_starts(name, SLICE("JWT_"))) &&
	       !slice_starts(name, SLICE("BELLWIRE_TEST_")) && !slice_starts(name, SLICE("BELLWIRE_DEV_")) &&
	       !slice_eq(name, SLICE("BELLWIRE_BIN"));
}

static void doctor_variables(void)
{
	for (char **v = environ; *v; v++) {
		struct slice name = slice_of(*v, strcspn(*v, "="));
		if (!is_ours(name) || config_has(name))
			continue;
		const char *near = nearest_name(name);
		char remedy[128] = "unset it; `bellwire check --offline` prints every setting";
		if (near)
			snprintf(remedy, sizeof remedy, "%s is meant?", near);
		doctor_warn(remedy, "the environment has %.*s, which is no setting", (int)name.n, name.p);
	}
}

static void doctor_descriptors(const struct config *c)
{
	struct rlimit l;
	uint64_t wanted = c->max_connections ? c->max_connections + 64 : DESCRIPTORS_LEAST;
	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_max < wanted)
		doctor_warn("raise LimitNOFILE of the service, or `ulimit -Hn`; each client takes a descriptor",
		            "the limit of descriptors is %llu: %llu are wanted", (unsigned long long)l.rlim_max,
		            (unsigned long long)wanted);
}

static void doctor_certificate(const struct config *c)
{
	FILE *f = c->tls_cert_file ? fopen(c->tls_cert_file, "re") : NULL;
	char no_passphrase[] = "";
	X509 *x = f ? PEM_read_X509(f, NULL, NULL, no_passphrase) : NULL;
	int days = 0, seconds = 0;
	if (x && ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x)) == 1 && days < DAYS_LEFT)
		doctor_warn("renew the certificate, then SIGHUP to each edge", "%s: the certificate %s",
		            c->tls_cert_file, days < 0 || seconds < 0 ? "has ended" : "ends within two weeks");
	X509_free(x);
	if (f)
		fclose(f);
}

void doctor_machine(const struct config *c)
{
	doctor_variables();
	doctor_descriptors(c);
	doctor_certificate(c);
}

/* ---- the way to Postgres ---- */

static int backend_of(PGconn *pg)
{
	PGresult *r = pg_query(pg, "select pg_catalog.pg_backend_pid()");
	int pid = r ? atoi(PQgetvalue(r, 0, 0)) : 0;
	PQclear(r);
	return pid;
}

/*
 * A pooler gives its clients pids of its own. In transaction mode it puts two clients onto one backend, one after the
 * other.
 */
bool doctor_pooler(const struct config *c, PGconn *pg)
{
	if (strcmp(c->listen_database_url, c->database_url) != 0 || backend_of(pg) == PQbackendPID(pg))
		return true;
	PGconn *other = pg_open(c->database_url, "DATABASE_URL");
	bool shared = other && backend_of(other) == backend_of(pg);
	PQfinish(other);
	if (shared)
		doctor_error(
			"set LISTEN_DATABASE_URL to Postgres itself, past the pooler",
			"DATABASE_URL leads through a transaction pooler, and the pump needs a session of its own");
	else
		doctor_warn("set LISTEN_DATABASE_URL to Postgres itself, unless the pooler is in session mode",
		            "DATABASE_URL leads through a pooler");
	return !shared;
}

#define SESSION_SQL                                                                                                       \
	"select s.name, s.setting, s.source from pg_catalog.pg_settings s where s.name in ('transaction_read_only', "     \
	"'default_transaction_read_only', 'default_transaction_isolation', 'statement_timeout', 'idle_session_timeout', " \
	"'transaction_timeout') order by s.name"

static bool session_setting(const char *setting, const char *name, const char *value, uint64_t call_ms)
{
	unsigned long long ms = strtoull(value, NULL, 10);
	char remedy[160];
	snprintf(remedy, sizeof remedy, "take it from the role, the database or the URL: alter role ... reset %s",
	         name);
	if (strcmp(name, "transaction_read_only") == 0 && strcmp(value, "on") == 0)
		doctor_error(
			"take it from the role, the database or the URL: alter role ... reset default_transaction_read_only",
			"%s: the session is read-only, and an edge writes", setting);
	else if (strcmp(name, "default_transaction_isolation") == 0 && strcmp(value, "read committed") != 0)
		doctor_error(remedy, "%s: transactions are %s: read committed is needed", setting, value);
	else if (strcmp(name, "idle_session_timeout") == 0 && ms > 0)
		doctor_error(remedy, "%s: idle_session_timeout is %llu ms: it would end the links of an edge", setting,
		             ms);
	else if ((strcmp(name, "statement_timeout") == 0 || strcmp(name, "transaction_timeout") == 0) && ms > 0 &&
	         ms < call_ms)
		doctor_error(remedy, "%s: %s is %llu ms: a call of an edge may take %llu ms", setting, name, ms,
		             (unsigned long long)call_ms);
	else
		return true;
	return false;
}

bool doctor_session(const struct config *c, PGconn *pg, const char *setting)
{
	PGresult *r = pg_query(pg, SESSION_SQL);
	bool good = r;
	for (int i = 0; r && i < PQntuples(r); i++)
		good &= session_setting(setting, PQgetvalue(r, i, 0), PQgetvalue(r, i, 1), c->db_timeout_ms);
	PQclear(r);
	return good;
}

bool doctor_hook(const struct config *c, PGconn *pg)
{
	if (!c->jwt_user_hook)
		return true;
	PGresult *r = pg_query(pg, "select problem from rt.users_of(array['{}'])");
	bool good = r && (PQgetisnull(r, 0, 0) || strncmp(PQgetvalue(r, 0, 0), "42883", 5) != 0);
	if (r && !good)
		doctor_error("create function rt.user_of as docs/tokens.md says, or JWT_USER_HOOK = off",
		             "JWT_USER_HOOK is on: %s", PQgetvalue(r, 0, 0));
	PQclear(r);
	return good;
}

/* ---- Postgres itself ---- */

static void doctor_clock(PGconn *pg)
{
	uint64_t before = clock_wall_ms();
	PGresult *r = pg_query(
		pg, "select (pg_catalog.extract('epoch', pg_catalog.clock_timestamp()) * 1000)::pg_catalog.int8");
	uint64_t after = clock_wall_ms(), there = r ? strtoull(PQgetvalue(r, 0, 0), NULL, 10) : before;
	PQclear(r);
	uint64_t ahead = there > after ? there - after : 0, behind = there < before ? before - there : 0;
	if (ahead > SKEW_MS || behind > SKEW_MS)
		doctor_warn(
			"let a time daemon (chrony) set both clocks: tokens end by this one, events have the other one's time",
			"the clock of Postgres is %llu ms %s this one", (unsigned long long)(ahead ? ahead : behind),
			ahead ? "ahead of" : "behind");
}

static void doctor_connections(const struct config *c, PGconn *pg)
{
	PGresult *r = pg_query(
		pg,
		"select pg_catalog.current_setting('max_connections')::pg_catalog.int4 - "
		"pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int4 - "
		"(select pg_catalog.count(*) from pg_catalog.pg_stat_activity a where a.backend_type = 'client backend'), "
		"(select r.rolconnlimit from pg_catalog.pg_roles r where r.rolname = current_user)");
	int wanted = (int)c->db_connections + OTHER_LINKS;
	if (r && atoi(PQgetvalue(r, 0, 0)) < wanted)
		doctor_warn("raise max_connections, or put a pooler before DATABASE_URL",
		            "%s connections are left at Postgres: an edge takes up to %d", PQgetvalue(r, 0, 0), wanted);
	if (r && atoi(PQgetvalue(r, 0, 1)) >= 0 && atoi(PQgetvalue(r, 0, 1)) < wanted)
		doctor_warn("alter role ... connection limit -1", "%s may have %s connections: an edge takes up to %d",
		            PQuser(pg), PQgetvalue(r, 0, 1), wanted);
	PQclear(r);
}

/* What `bellwire migrate` gives every login of an edge that it finds (sql/bootstrap.sql). */
#define LOGIN_SQL                                                                                                         \
	"select pg_catalog.pg_has_role('bellwire_owner', r.oid, 'member'), "                                              \
	"(select pg_catalog.string_agg(s.name, ', ' order by s.name) from pg_catalog.pg_settings s where s.name in ( "    \
	"'statement_timeout', 'idle_in_transaction_session_timeout', 'lock_timeout') and s.setting = '0' "                \
	"and not exists (select from pg_catalog.unnest(r.rolconfig) c where pg_catalog.split_part(c, '=', 1) = s.name)) " \
	"from pg_catalog.pg_roles r where r.rolname = session_user "                                                      \
	"and not pg_catalog.pg_has_role(r.oid, 'bellwire_owner', 'member') "                                              \
	"and not pg_catalog.pg_has_role(r.oid, 'bellwire_service', 'member')"

static void doctor_login(PGconn *pg)
{
	const char *remedy =
		"MIGRATE_DATABASE_URL=... bellwire migrate, after the login was made: it gives both to every "
		"member of bellwire_edge";
	PGresult *r = pg_query(pg, LOGIN_SQL);
	bool there = r && PQntuples(r) == 1;
	if (there && PQgetvalue(r, 0, 0)[0] != 't')
		doctor_warn(remedy,
		            "%s is not granted to bellwire_owner: no edge can end a session of it that is stuck",
		            PQuser(pg));
	if (there && !PQgetisnull(r, 0, 1))
		doctor_warn(remedy, "%s has no %s: a leaked password could stop the database", PQuser(pg),
		            PQgetvalue(r, 0, 1));
	PQclear(r);
}

static void doctor_vacuum(PGconn *pg)
{
	PGresult *r = pg_query(
		pg,
		"select s.schemaname || '.' || s.relname, s.n_dead_tup from pg_catalog.pg_stat_user_tables s "
		"where s.schemaname in ('platform', 'bellwire') and s.n_dead_tup > 100000 and s.n_dead_tup > s.n_live_tup "
		"and coalesce(greatest(s.last_autovacuum, s.last_vacuum), '-infinity') < pg_catalog.now() - '1 hour'::interval "
		"and s.relname !~ '^outbox' order by s.n_dead_tup desc limit 3");
	for (int i = 0; r && i < PQntuples(r); i++)
		doctor_warn(
			"vacuum it, and look why autovacuum does not: a long transaction, or a setting of the table",
			"%s has %s dead rows and was not vacuumed in the last hour", PQgetvalue(r, i, 0),
			PQgetvalue(r, i, 1));
	PQclear(r);
	r = pg_query(pg, "select pg_catalog.current_setting('autovacuum')");
	if (r && strcmp(PQgetvalue(r, 0, 0), "off") == 0)
		doctor_warn("alter system set autovacuum = on", "autovacuum is off");
	PQclear(r);
}

void doctor_server(const struct config *c, PGconn *pg)
{
	doctor_clock(pg);
	doctor_login(pg);
	doctor_connections(c, pg);
	doctor_vacuum(pg);
}
