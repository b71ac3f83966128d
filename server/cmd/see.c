/*
 * `bellwire sockets` and `bellwire rooms`.
 */
#include "cmd/question.h"

#define SOCKETS_SQL                                                                                                   \
	QUESTION_ANSWERS                                                                                              \
	"select 'row' as kind, a.name as edge, s ->> 'user_id' as user, s ->> 'socket_id' as socket, "                \
	"s ->> 'state' as state, s ->> 'transport' as transport, s ->> 'since' as since, "                            \
	"coalesce(s ->> 'confirmed_at', '-') as confirmed, s ->> 'unconfirmed' as waiting, "                          \
	"s ->> 'queued_bytes' as queued, (s ->> 'nrooms') || ': ' || (select coalesce(pg_catalog.string_agg("         \
	"r, ' '), '') from pg_catalog.jsonb_array_elements_text(s -> 'rooms') r) as rooms "                           \
	"from a, pg_catalog.jsonb_array_elements(a.body -> 'sockets') s "                                             \
	"union all select 'problem', a.name, a.problem, '', '', '', '', '', '', '', '' from a where not a.answered "  \
	"union all select 'row', a.name, '...', 'more than --limit', '', '', '', '', '', '', '' from a where a.more " \
	"union all select 'none', '', '', '', '', '', '', '', '', '', '' where not exists (select from a)"

const char question_rooms[] = QUESTION_ANSWERS
	"select * from (select 'row' as kind, r ->> 'room' as room, pg_catalog.sum((r ->> 'sockets')::bigint)::text as sockets, "
	"pg_catalog.string_agg(a.name, ' ' order by a.name) as edges "
	"from a, pg_catalog.jsonb_array_elements(a.body -> 'rooms') r group by r ->> 'room' "
	"order by pg_catalog.sum((r ->> 'sockets')::bigint) desc, 2) x "
	"union all select 'row', '...', '', 'more than --limit: ' || a.name from a where a.more "
	"union all select 'problem', a.name, a.problem, '' from a where not a.answered "
	"union all select 'none', '', '', '' where not exists (select from a)";

int cmd_sockets(int argc, char **argv)
{
	const char *file = NULL, *json = NULL, *values[4] = {NULL, NULL, NULL, "100"};
	const struct cmd_option options[] = {
		{"user", "UUID", "of this user", &values[0]},
		{"socket", "ID", "this one", &values[1]},
		{"room", "NAME", "in this room", &values[2]},
		{"limit", "N", "so many of each edge at most, up to 1000; default 100", &values[3]},
		CMD_JSON(&json),
		CMD_CONFIG(&file),
		{0},
	};
	int code;
	if (!cmd_options(
		    options,
		    "Asks every edge who is connected, through the database. Ends with 1 where an edge did not answer.\n"
		    "Example: bellwire sockets --user 66c5d439-0000-4000-8000-00000000f533\n" QUESTION_LOGIN,
		    argc, argv, &code))
		return code;
	return question_run(file, &(struct question){.ask = "select rt.ask_sockets($1::uuid, $2, $3, $4::int)",
	                                             .values = values,
	                                             .n = 4,
	                                             .table = SOCKETS_SQL,
	                                             .json = json});
}

int cmd_rooms(int argc, char **argv)
{
	const char *file = NULL, *json = NULL, *values[2] = {"", "100"};
	const struct cmd_option options[] = {
		{"prefix", "TEXT", "rooms whose names begin so, as participants:", &values[0]},
		{"limit", "N", "the largest so many of each edge, up to 1000; default 100", &values[1]},
		CMD_JSON(&json),
		CMD_CONFIG(&file),
		{0},
	};
	int code;
	if (!cmd_options(options,
	                 "The rooms of all edges with the number of their sockets, the largest first.\n"
	                 "Example: bellwire rooms --prefix chat: --limit 20\n" QUESTION_LOGIN,
	                 argc, argv, &code))
		return code;
	return question_run(file, &(struct question){.ask = "select rt.ask_rooms($1, $2::int)",
	                                             .values = values,
	                                             .n = 2,
	                                             .table = question_rooms,
	                                             .json = json});
}
