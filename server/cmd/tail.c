/*
 * `bellwire tail`: the rows of the outbox as they become visible.
 */
#include "cmd/question.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LOOK_MS 250
#define LOOK_MOST 1000   /* rows in one look, */
#define LOOK_ROWS "1000" /* as text */

struct tail {
	PGconn *pg;
	const char *user, *room, *event, *last, *bodies;
	bool json;
	char *cursor; /* owned; NULL: the first look */
};

#define LINE_SQL                                                                                                                        \
	"select e.xid, e.id is null, case when $7::boolean then pg_catalog.jsonb_strip_nulls(pg_catalog.to_jsonb(e))::text "            \
	"else pg_catalog.concat_ws('  ', pg_catalog.to_char(e.at, 'HH24:MI:SS.MS'), e.id, coalesce(e.event, '[' || e.control || ']'), " \
	"coalesce(pg_catalog.array_to_string(e.rooms, ' '), 'everyone'), "                                                              \
	"'but ' || nullif(pg_catalog.array_to_string(e.except_rooms, ' '), ''), e.bytes || ' bytes', e.data) end "                      \
	"from rt.events($1, $2::uuid, $3, $4, $5::int, $6::boolean) e"

static void tail_print(const struct tail *t, const PGresult *r)
{
	struct buf line = {0};
	for (int row = 0; row < PQntuples(r); row++) {
		if (PQgetvalue(r, row, 1)[0] == 't')
			continue;
		line.n = 0;
		if (t->json)
			buf_str(&line, PQgetvalue(r, row, 2));
		else
			table_text(&line, PQgetvalue(r, row, 2));
		buf_char(&line, '\n');
		fwrite(line.p, 1, line.n, stdout);
	}
	buf_fini(&line);
}

/* The first row has the cursor. */
static bool tail_look(struct tail *t)
{
	const char *values[] = {t->cursor,
	                        t->user,
	                        t->room,
	                        t->event,
	                        t->cursor ? LOOK_ROWS : t->last ? t->last : "1",
	                        t->bodies ? "t" : "f",
	                        t->json ? "t" : "f"};
	PGresult *r = question_rows(t->pg, LINE_SQL, values, 7);
	if (!r)
		return false;
	if (t->cursor || t->last)
		tail_print(t, r);
	if (t->cursor && PQntuples(r) > LOOK_MOST)
		cmd_error("more than " LOOK_ROWS " rows since the last look: the oldest are not shown");
	free(t->cursor);
	t->cursor = strdup(PQgetvalue(r, 0, 0));
	PQclear(r);
	return cmd_finish(EXIT_DONE) == EXIT_DONE;
}

static int tail_follow(struct tail *t)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
	while (tail_look(t))
		nanosleep(&pause, NULL);
	free(t->cursor);
	return EXIT_FAILED;
}

int cmd_tail(int argc, char **argv)
{
	const char *file = NULL, *json = NULL;
	struct tail t = {0};
	const struct cmd_option options[] = {
		{"user", "UUID", "what this user may hear, and how the user is moved", &t.user},
		{"room", "NAME", "what goes to this room", &t.room},
		{"event", "NAME", "events of this name", &t.event},
		{"last", "N", "begin with the last so many, up to 1000", &t.last},
		{"bodies", NULL, "with what they say", &t.bodies},
		{"json", NULL, "for programs: an object a line", &json},
		CMD_CONFIG(&file),
		{0},
	};
	int code;
	if (!cmd_options(options,
	                 "Follows what is written into the outbox, until it is ended: envelopes, unless --bodies.\n"
	                 "Example: bellwire tail --event chat:message:new --last 10\n" QUESTION_LOGIN,
	                 argc, argv, &code))
		return code;
	t.json = json;
	t.pg = question_open(file);
	code = t.pg ? tail_follow(&t) : EXIT_FAILED;
	PQfinish(t.pg);
	return code;
}
