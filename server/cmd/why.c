/*
 * `bellwire why`: the steps of an event on its way to a user, up to the first that said no.
 */
#include "cmd/question.h"
#include <stdio.h>

#define EXPLAIN_SQL                                                                                                          \
	"select 'row', w.step, w.verdict, coalesce(iso.at, '') as at, w.evidence from rt.explain($1, $2::uuid, $3::uuid) w " \
	"cross join lateral (select pg_catalog.to_char(w.at at time zone 'UTC', "                                            \
	"'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') as at) iso"
#define JSON_SQL \
	"select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(w)), '[]') from rt.explain($1, $2::uuid, $3::uuid) w"

/* What the last step says, as a sentence. */
static void why_print(const PGresult *r, struct buf *out)
{
	int last = PQntuples(r) - 1;
	const char *verdict = last < 0 ? "" : PQgetvalue(r, last, 2);
	table_put(out, r, 1, "row");
	if (last < 0)
		return;
	if (strcmp(verdict, "yes") == 0)
		buf_str(out, "\nIt was delivered: ");
	else if (strcmp(verdict, "unasked") == 0)
		buf_str(out, "\nIt was written to the client: ");
	else
		buf_printf(out,
		           "\n%s at the step \"%s\": ", strcmp(verdict, "no") == 0 ? "It ended" : "It is not known",
		           PQgetvalue(r, last, 1));
	table_text(out, PQgetvalue(r, last, 4));
	buf_str(out, ".\n");
}

static int why_explain(PGconn *pg, const char *event, const char *user, bool json)
{
	const char *values[3] = {event, user, NULL};
	PGresult *asked = question_rows(pg, "select rt.ask_recall($1, $2::uuid)", values, 2);
	values[2] = asked ? PQgetvalue(asked, 0, 0) : NULL;
	PGresult *r = asked ? question_rows(pg, json ? JSON_SQL : EXPLAIN_SQL, values, 3) : NULL;
	struct buf out = {0};
	if (r && json)
		buf_printf(&out, "%s\n", PQgetvalue(r, 0, 0));
	else if (r)
		why_print(r, &out);
	fwrite(out.p, 1, out.n, stdout);
	int code = r ? cmd_finish(EXIT_DONE) : EXIT_FAILED;
	buf_fini(&out);
	PQclear(r);
	PQclear(asked);
	return code;
}

int cmd_why(int argc, char **argv)
{
	const char *file = NULL, *json = NULL, *event = NULL, *user = NULL;
	const struct cmd_option options[] = {
		{"", "EVENT", "the id of a message or notification, or the number of a row of the outbox", &event},
		{"", "USER", "the id of the user who should have got it", &user},
		{"json", NULL, "for programs: the steps as JSON", &json},
		CMD_CONFIG(&file),
		{0},
	};
	int code;
	if (!cmd_options(
		    options,
		    "Names the first step that said no, with its evidence, or says when each step happened (docs/why.md).\n"
		    "Example: bellwire why 5120 66c5d439-0000-4000-8000-00000000f533\n" QUESTION_LOGIN,
		    argc, argv, &code))
		return code;
	if (!event || !user)
		return cmd_usage("why", event ? "USER is missing" : "EVENT is missing");
	PGconn *pg = question_open(file);
	code = pg ? why_explain(pg, event, user, json) : EXIT_FAILED;
	PQfinish(pg);
	return code;
}
