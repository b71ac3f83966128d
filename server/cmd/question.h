/*
 * A command that asks all edges (docs/operating.md): it connects as an operator, asks, waits for the answers, and
 * prints them as a table or as JSON.
 */
#ifndef CMD_QUESTION_H
#define CMD_QUESTION_H

#include "cmd/cmd.h"
#include "cmd/table.h"
#include <libpq-fe.h>

#define QUESTION_WAIT "2 seconds"

/* How all of them connect; the last line of their --help. */
#define QUESTION_LOGIN "It connects by OPERATOR_DATABASE_URL, as a member of bellwire_operator (docs/operating.md).\n"

/* Options that all of them have. */
#define CMD_JSON(v)                                                                 \
	{                                                                           \
		"json", NULL, "for programs: the answers of the edges as JSON", (v) \
	}

/* How the SQL of a table begins: a has the answers (name, answered, more, body, problem). */
#define QUESTION_ANSWERS "with a as materialized (select * from rt.answers($1::uuid, $2::interval)) "

struct question {
	const char *ask; /* SQL: one value, the question's id */
	const char *const *values;
	int n;
	/* SQL: $1 is the id, $2 the wait. Columns: kind (row, problem, none), then those of the table; of a problem the
	 * first has the edge's name and the second the problem. A last one of kind none: no edge runs. */
	const char *table;
	bool json;
	struct screen *screen; /* borrowed; left before stderr says anything. NULL: there is none */
};

/* The table of rt.ask_rooms: the rooms of all edges together. */
extern const char question_rooms[];

/* OPERATOR_DATABASE_URL of the settings in file. NULL: stderr says why. */
PGconn *question_open(const char *file);

/* A result of any number of rows, which the caller clears. NULL: stderr says why, in one line. */
PGresult *question_rows(PGconn *pg, const char *sql, const char *const *values, int n);

/* Asks. The result has kind and the columns of the table; NULL: stderr says why. */
PGresult *question_ask(PGconn *pg, const struct question *q);

/* Connects, asks and prints. The exit code: 1 also where an edge did not answer or none runs, which stderr says. */
int question_run(const char *file, const struct question *q);

int cmd_usage(const char *command, const char *wrong); /* EXIT_USAGE */

#endif
