/*
 * Questions to all edges.
 */
#include "cmd/question.h"
#include "cmd/pg.h"
#include "cmd/screen.h"
#include <stdio.h>

PGconn *question_open(const char *file)
{
	struct config c;
	if (!cmd_load(&c, file))
		return NULL;
	bool own = !c.operator_database_url || c.operator_database_url != c.database_url;
	PGconn *pg = pg_open(c.operator_database_url, own ? "OPERATOR_DATABASE_URL" : "DATABASE_URL");
	config_free(&c);
	return pg;
}

/* The message, and the hint if there is one: no position and no context, which are about SQL that nobody has typed. */
static void question_failed(PGconn *pg, const PGresult *r)
{
	const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	const char *hint = PQresultErrorField(r, PG_DIAG_MESSAGE_HINT);
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	if (!message)
		message = PQerrorMessage(pg);
	cmd_error("%.*s%s%s", (int)strcspn(message, "\n"), message, hint ? ". " : "", hint ? hint : "");
	if (state && strcmp(state, "42501") == 0)
		cmd_error("%s is no member of bellwire_operator, which this needs", PQuser(pg));
}

static PGresult *question_get(PGconn *pg, const char *sql, const char *const *values, int n, struct screen *screen)
{
	PGresult *r = PQexecParams(pg, sql, n, NULL, values, NULL, NULL, 0);
	if (PQresultStatus(r) == PGRES_TUPLES_OK)
		return r;
	if (screen)
		screen_close(screen);
	question_failed(pg, r);
	PQclear(r);
	return NULL;
}

PGresult *question_rows(PGconn *pg, const char *sql, const char *const *values, int n)
{
	return question_get(pg, sql, values, n, NULL);
}

#define JSON_SQL                                                                                                \
	"select case when a.answered then 'row' else 'problem' end, pg_catalog.to_jsonb(a), a.name, a.problem " \
	"from rt.answers($1::uuid, $2::interval) a"

PGresult *question_ask(PGconn *pg, const struct question *q)
{
	PGresult *asked = question_get(pg, q->ask, q->values, q->n, q->screen);
	if (!asked)
		return NULL;
	const char *values[] = {PQgetvalue(asked, 0, 0), QUESTION_WAIT};
	PGresult *r = question_get(pg, q->json ? JSON_SQL : q->table, values, 2, q->screen);
	PQclear(asked);
	return r;
}

/* An array, an edge a line. */
static void question_json(struct buf *out, const PGresult *r)
{
	for (int row = 0; row < PQntuples(r); row++) {
		buf_str(out, row ? ",\n" : "[");
		buf_str(out, PQgetvalue(r, row, 1));
	}
	buf_str(out, PQntuples(r) ? "]\n" : "[]\n");
}

/* No edge runs. Rows of JSON are edges; a table says so by a row of its own. */
static bool question_is_alone(const PGresult *r, bool json)
{
	int last = PQntuples(r) - 1;
	return last < 0 ? json : strcmp(PQgetvalue(r, last, 0), "none") == 0;
}

static int question_problems(const PGresult *r, bool json)
{
	int problems = 0, edge = json ? 2 : 1;
	for (int row = 0; row < PQntuples(r); row++) {
		if (strcmp(PQgetvalue(r, row, 0), "problem") != 0)
			continue;
		cmd_error("edge %s %s", PQgetvalue(r, row, edge), PQgetvalue(r, row, edge + 1));
		problems++;
	}
	if (problems == 0 && question_is_alone(r, json)) {
		cmd_error("no edge runs");
		problems++;
	}
	return problems;
}

int question_run(const char *file, const struct question *q)
{
	PGconn *pg = question_open(file);
	PGresult *r = pg ? question_ask(pg, q) : NULL;
	struct buf out = {0};
	int code = EXIT_FAILED;
	if (r) {
		if (q->json)
			question_json(&out, r);
		else
			table_put(&out, r, 1, "row");
		fwrite(out.p, 1, out.n, stdout);
		code = cmd_finish(EXIT_DONE);
		if (question_problems(r, q->json))
			code = EXIT_FAILED;
	}
	buf_fini(&out);
	PQclear(r);
	PQfinish(pg);
	return code;
}

int cmd_usage(const char *command, const char *wrong)
{
	fprintf(stderr, "bellwire %s: %s\n`bellwire %s --help` shows what there is.\n", command, wrong, command);
	return EXIT_USAGE;
}
