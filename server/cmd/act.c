/*
 * `bellwire kick` and `bellwire emit`.
 */
#include "cmd/question.h"
#include <stdio.h>

#define KICK_SQL                                                                              \
	QUESTION_ANSWERS                                                                      \
	"select case when a.answered then 'row' else 'problem' end as kind, a.name as edge, " \
	"coalesce(a.body ->> 'ended', a.problem) as ended from a "                            \
	"union all select 'none', '', '' where not exists (select from a)"

int cmd_kick(int argc, char **argv)
{
	const char *file = NULL, *json = NULL, *values[4] = {NULL, NULL, NULL, "Disconnected by an operator"};
	const struct cmd_option options[] = {
		{"user", "UUID", "all sockets of this user", &values[0]},
		{"socket", "ID", "this socket", &values[1]},
		{"room", "NAME", "all sockets in this room", &values[2]},
		{"reason", "TEXT", "what the client is shown; default Disconnected by an operator", &values[3]},
		CMD_JSON(&json),
		CMD_CONFIG(&file),
		{0},
	};
	int code;
	if (!cmd_options(
		    options,
		    "Ends sockets on every edge. The client is told the reason (error FORBIDDEN), and does not come back by itself.\n"
		    "Example: bellwire kick --user 66c5d439-0000-4000-8000-00000000f533 --reason \"Please update the app\"\n" QUESTION_LOGIN,
		    argc, argv, &code))
		return code;
	if (!!values[0] + !!values[1] + !!values[2] != 1)
		return cmd_usage("kick", "one of --user, --socket and --room is needed");
	return question_run(file, &(struct question){.ask = "select rt.kick($1::uuid, $2, $3, $4)",
	                                             .values = values,
	                                             .n = 4,
	                                             .table = KICK_SQL,
	                                             .json = json});
}

static int act_emit(const char *file, const char *const values[4])
{
	PGconn *pg = question_open(file);
	PGresult *r = pg ? question_rows(
				   pg,
				   "select rt.emit(case when $1::text is not null then array['user:' || $1::uuid] "
				   "when $2::text is not null then array[$2] end, $3, $4::jsonb)",
				   values, 4)
	                 : NULL;
	int code = r ? EXIT_DONE : EXIT_FAILED;
	PQclear(r);
	PQfinish(pg);
	return code;
}

int cmd_emit(int argc, char **argv)
{
	const char *file = NULL, *everyone = NULL, *values[4] = {0};
	const struct cmd_option options[] = {
		{"", "EVENT", "its name", &values[2]},
		{"", "DATA", "an object, as JSON", &values[3]},
		{"user", "UUID", "to the sockets of this user", &values[0]},
		{"room", "NAME", "to the sockets in this room", &values[1]},
		{"everyone", NULL, "to every socket", &everyone},
		CMD_CONFIG(&file),
		{0},
	};
	int code;
	if (!cmd_options(
		    options,
		    "Sends an event of your own (rt.emit). Ends with 0 once it is committed: every edge sends it then.\n"
		    "Example: bellwire emit --everyone ops:maintenance '{\"at\": \"22:00\"}'\n" QUESTION_LOGIN,
		    argc, argv, &code))
		return code;
	if (!!values[0] + !!values[1] + !!everyone != 1)
		return cmd_usage("emit", "one of --user, --room and --everyone is needed");
	if (!values[2] || !values[3])
		return cmd_usage("emit", values[2] ? "DATA is missing" : "EVENT is missing");
	return act_emit(file, values);
}
