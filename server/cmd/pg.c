#include "cmd/pg.h"

#include "cmd/cmd.h"
#include <stdio.h>
#include <stdlib.h>

#define CONNECT_TIMEOUT_S "5"

static void print_notice(void *ctx, const PGresult *r)
{
	(void)ctx;
	fprintf(stderr, "postgres: %s", PQresultErrorMessage(r));
}

/* Whether libpq can read the URL. The message is our own: that of libpq would show the password. */
static bool readable(const char *url)
{
	char *error = NULL;
	PQconninfoOption *parsed = PQconninfoParse(url, &error);
	PQfreemem(error);
	PQconninfoFree(parsed);
	return parsed;
}

/* What libpq and the server say of a connection that did not come about, and what to do then. The first that fits. */
static const char *connection_remedy(const char *why)
{
	static const struct {
		const char *says, *remedy;
	} known[] = {
		{"password authentication failed",
	         "give the role a password (\\password in psql; `bellwire migrate` makes bellwire_edge), and the same in the URL"},
		{"no password supplied", "put the role's password into the URL"},
		{"no pg_hba.conf entry", "let the role in from this host: pg_hba.conf of the server"},
		{"\" does not exist", "create it, or name another one in the URL"},
		{"could not translate host name", "look at the host in the URL, and at the resolver of this machine"},
		{"too many connections", "alter role ... connection limit, or fewer connections"},
		{"connection slots", "a larger max_connections of the server, a pooler, or fewer connections"},
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strstr(why, known[i].says))
			return known[i].remedy;
	return "look at host and port in the URL, whether Postgres runs there, its listen_addresses, and firewalls";
}

PGconn *pg_open(const char *url, const char *setting)
{
	if (!url) {
		cmd_error("%s is not set", setting);
		return NULL;
	}
	if (!readable(url)) {
		cmd_error("%s is no connection string, such as postgresql://user:password@host/database", setting);
		return NULL;
	}
	/* A later key wins over an earlier one, so the URL may set a timeout of its own. */
	const char *const keys[] = {"connect_timeout", "fallback_application_name", "dbname", "client_encoding", NULL};
	const char *const values[] = {CONNECT_TIMEOUT_S, "bellwire", url, "UTF8", NULL};
	PGconn *pg = PQconnectdbParams(keys, values, 1);
	if (PQstatus(pg) != CONNECTION_OK) {
		const char *why = PQerrorMessage(pg);
		cmd_error("%s: %.*s", setting, (int)strcspn(why, "\n"), why);
		fprintf(stderr, "  remedy: %s\n", connection_remedy(why));
		PQfinish(pg);
		return NULL;
	}
	PQsetNoticeReceiver(pg, print_notice, NULL);
	return pg;
}

/* The line of a position, which counts characters. */
static unsigned line_at(const char *text, unsigned long position)
{
	unsigned line = 0;
	for (unsigned long i = 1; *text && i < position; text++) {
		line += *text == '\n';
		i += ((unsigned char)text[1] & 0xc0) != 0x80;
	}
	return line;
}

static void print_field(const PGresult *r, int field, const char *head)
{
	const char *value = PQresultErrorField(r, field);
	if (value)
		fprintf(stderr, "  %s: %s\n", head, value);
}

static void print_error(PGconn *pg, const PGresult *r, struct pg_text t)
{
	const char *position = PQresultErrorField(r, PG_DIAG_STATEMENT_POSITION);
	const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	fprintf(stderr, "bellwire: %s", t.file);
	if (position)
		fprintf(stderr, ":%u", t.line + line_at(t.text, strtoul(position, NULL, 10)));
	if (message) {
		fprintf(stderr, ": %s\n", message);
	} else {
		const char *why = PQerrorMessage(pg); /* the connection broke */
		fprintf(stderr, ": %.*s\n", (int)strcspn(why, "\n"), why);
	}
	print_field(r, PG_DIAG_MESSAGE_DETAIL, "detail");
	print_field(r, PG_DIAG_MESSAGE_HINT, "hint");
	print_field(r, PG_DIAG_INTERNAL_QUERY, "query");
	print_field(r, PG_DIAG_CONTEXT, "in");
}

/* Busy: lock_not_available, deadlock_detected, and "tuple concurrently updated". The last one comes when another
 * database of the cluster is migrated at the same moment, since databases share roles. */
static bool is_busy(const PGresult *r)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	return state && (strcmp(state, "55P03") == 0 || strcmp(state, "40P01") == 0 ||
	                 (strcmp(state, "XX000") == 0 &&
	                  strstr(PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY), "concurrently")));
}

static bool is_denied(const PGresult *r)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	return state && strcmp(state, "42501") == 0;
}

enum pg_outcome pg_run(PGconn *pg, struct pg_text t)
{
	PGresult *r = PQexec(pg, t.text);
	ExecStatusType status = PQresultStatus(r);
	enum pg_outcome outcome = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY
	                                  ? PG_DONE
	                          : is_busy(r)   ? PG_BUSY
	                          : is_denied(r) ? PG_DENIED
	                                         : PG_FAILED;
	if (outcome == PG_DENIED || outcome == PG_FAILED)
		print_error(pg, r, t);
	PQclear(r);
	return outcome;
}

PGresult *pg_query(PGconn *pg, const char *sql)
{
	return pg_query_with(pg, sql, NULL, 0);
}

PGresult *pg_query_with(PGconn *pg, const char *sql, const char *const *values, int n)
{
	PGresult *r = PQexecParams(pg, sql, n, NULL, values, NULL, NULL, 0);
	if (PQresultStatus(r) == PGRES_TUPLES_OK)
		return r;
	print_error(pg, r, (struct pg_text){"query", sql, 1});
	PQclear(r);
	return NULL;
}
