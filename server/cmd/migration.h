/*
 * A file of migrations/ as text: its version and name, its two parts, and the statements of a part that runs without a
 * transaction. Nothing here talks to Postgres.
 */
#ifndef CMD_MIGRATION_H
#define CMD_MIGRATION_H

#include "app/embedded.h"
#include "base/slice.h"

enum migration_part { MIGRATION_UP, MIGRATION_DOWN };

struct slice migration_name(const struct embedded_file *f);    /* "0001_bellwire", within the file's name */
struct slice migration_version(const struct embedded_file *f); /* "0001" */

/* A terminated copy of a part, which the caller frees; *line: of its first byte. */
char *migration_text(const struct embedded_file *f, enum migration_part part, unsigned *line);

/* A file that has the line `-- transaction: false` above `-- migrate:up` runs statement by statement, each for itself,
 * as `create index concurrently` wants it. Where one fails, those before it stay and the migration begins again with
 * the next run, so each has to bear a repeat. */
bool migration_is_loose(const struct embedded_file *f);

/* Takes the next statement from *rest: up to a `;` that ends a line. *line is that of *rest, and becomes that of the
 * statement's first byte; the caller adds the statement's own lines. False: only blanks and comments are left. */
bool migration_statement(const char **rest, unsigned *line, struct slice *statement);

/* Does the statement wait for other transactions by itself, holding nobody up? */
bool migration_is_concurrent(struct slice statement);

#endif
