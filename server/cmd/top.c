/*
 * `bellwire top`: edges and their busiest rooms.
 */
#include "cmd/question.h"
#include "cmd/screen.h"
#include <stdio.h>
#include <stdlib.h>

#define EVERY_MS 2000

#define EDGES_SQL                                                                                                            \
	QUESTION_ANSWERS                                                                                                     \
	"select 'row' as kind, a.name as edge, b ->> 'pump' as pump, b ->> 'lag_ms' as lag_ms, b ->> 'sockets' as sockets, " \
	"b ->> 'users' as users, b ->> 'rooms' as rooms, b ->> 'rows_per_s' as \"rows/s\", "                                 \
	"b ->> 'events_in_per_s' as \"in/s\", b ->> 'packets_out_per_s' as \"out/s\", "                                      \
	"b ->> 'waiting_events' as waiting, b ->> 'version' as version "                                                     \
	"from a, lateral (select a.body) x (b) where a.answered "                                                            \
	"union all select 'problem', a.name, a.problem, '', '', '', '', '', '', '', '', '' from a where not a.answered "     \
	"union all select 'sum', null, pg_catalog.to_char(pg_catalog.clock_timestamp(), 'HH24:MI:SS'), "                     \
	"pg_catalog.count(*)::text, pg_catalog.count(*) filter (where not a.answered)::text, "                               \
	"coalesce(pg_catalog.sum((a.body ->> 'sockets')::bigint), 0)::text, "                                                \
	"coalesce(pg_catalog.sum((a.body ->> 'users')::bigint), 0)::text, '', '', '', '', '' from a"

/* The line above the table, from the row of sums. */
static void top_head(struct buf *out, const PGresult *r)
{
	for (int row = 0; row < PQntuples(r); row++)
		if (strcmp(PQgetvalue(r, row, 0), "sum") == 0)
			buf_printf(out, "bellwire %s  edges %s (%s without an answer)  sockets %s  users %s\n\n",
			           PQgetvalue(r, row, 2), PQgetvalue(r, row, 3), PQgetvalue(r, row, 4),
			           PQgetvalue(r, row, 5), PQgetvalue(r, row, 6));
}

static void top_problems(struct buf *out, const PGresult *r)
{
	for (int row = 0; row < PQntuples(r); row++) {
		if (strcmp(PQgetvalue(r, row, 0), "problem") != 0)
			continue;
		table_text(out, PQgetvalue(r, row, 1));
		buf_printf(out, "  %s\n", PQgetvalue(r, row, 2));
	}
}

/* Some edge runs, and all have answered. */
static bool top_is_whole(const PGresult *edges)
{
	for (int row = 0; row < PQntuples(edges); row++)
		if (strcmp(PQgetvalue(edges, row, 0), "problem") == 0)
			return false;
	return PQntuples(edges) > 1; /* beside the sums */
}

/* False: stderr says why. */
static bool top_frame(PGconn *pg, struct buf *out, struct screen *screen, bool *whole)
{
	static const char *const largest[] = {"", "30"};
	PGresult *edges = question_ask(
		pg, &(struct question){.ask = "select rt.ask_edges()", .table = EDGES_SQL, .screen = screen});
	PGresult *rooms = edges ? question_ask(pg, &(struct question){.ask = "select rt.ask_rooms($1, $2::int)",
	                                                              .values = largest,
	                                                              .n = 2,
	                                                              .table = question_rooms,
	                                                              .screen = screen})
	                        : NULL;
	if (rooms) {
		top_head(out, edges);
		table_put(out, edges, 1, "row");
		top_problems(out, edges);
		buf_char(out, '\n');
		table_put(out, rooms, 1, "row");
		*whole = top_is_whole(edges);
	}
	PQclear(rooms);
	PQclear(edges);
	return rooms;
}

static int top_once(PGconn *pg)
{
	struct buf frame = {0};
	bool whole = false, good = top_frame(pg, &frame, NULL, &whole);
	fwrite(frame.p, 1, frame.n, stdout);
	buf_fini(&frame);
	return good && whole ? cmd_finish(EXIT_DONE) : EXIT_FAILED;
}

/* What fails is said on the terminal as it was before. */
static int top_watch(PGconn *pg)
{
	struct screen s = {0};
	struct buf frame = {0};
	bool good, whole;
	if (!screen_open(&s))
		return cmd_usage("top", "standard output is no terminal: --once");
	do {
		frame.n = 0;
		good = top_frame(pg, &frame, &s, &whole);
		if (good)
			screen_draw(&s, buf_view(&frame));
	} while (good && screen_wait(&s, EVERY_MS));
	screen_close(&s);
	buf_fini(&frame);
	return good ? EXIT_DONE : EXIT_FAILED;
}

int cmd_top(int argc, char **argv)
{
	const char *file = NULL, *once = NULL, *json = NULL;
	const struct cmd_option options[] = {
		{"once", NULL, "print it once, for scripts", &once},
		CMD_JSON(&json),
		CMD_CONFIG(&file),
		{0},
	};
	int code;
	if (!cmd_options(
		    options,
		    "Edges with pump, lag, sockets and rates, and the largest rooms; anew every two seconds. q ends it.\n"
		    "Example: bellwire top --once\n" QUESTION_LOGIN,
		    argc, argv, &code))
		return code;
	if (json)
		return question_run(file, &(struct question){.ask = "select rt.ask_edges()", .json = true});
	PGconn *pg = question_open(file);
	code = !pg ? EXIT_FAILED : once ? top_once(pg) : top_watch(pg);
	PQfinish(pg);
	return code;
}
