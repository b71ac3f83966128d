/*
 * The commands of the program. Each reads its options, does one thing, and returns the exit code: 0 done, 1 failed, 2
 * called wrongly.
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include "app/config.h"

/* clang-format off: one row a line */
#define COMMANDS(X)                                                              \
	X(serve, "run the edge")                                                 \
	X(migrate, "bring the database to the schema and code of this binary")   \
	X(check, "print the settings in force and verify them and the database") \
	X(token, "print a signed token for a user")                              \
	X(keys, "add, list and retire the keys of tokens")                       \
	X(version, "print the versions of this binary and its libraries")        \
	X(health, "ask a running edge whether it is ready")                      \
	X(sockets, "show who is connected, on all edges")                        \
	X(rooms, "show the rooms of all edges with their sizes")                 \
	X(kick, "end sockets, with a reason that the client sees")               \
	X(emit, "send an event")                                                 \
	X(tail, "follow the events as they are written")                         \
	X(why, "explain why a user did or did not get an event")                 \
	X(top, "watch the edges on a screen")                                    \
	X(verify, "check every promise against a running installation")
/* clang-format on */

#define X(name, summary) int cmd_##name(int argc, char **argv); /* argv[0] is the command */
COMMANDS(X)
#undef X

enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE };

struct cmd_option {
	const char *name; /* without dashes; "": an argument that stands alone, in their order; NULL ends the list */
	const char *arg;  /* name of the argument in --help; NULL: a flag, whose value becomes "" */
	const char *text;
	const char **value;
};

#define CMD_CONFIG(v)                                                                  \
	{                                                                              \
		"config", "FILE", "read settings from FILE; the environment wins", (v) \
	}

/* False: the command ends with *code, after --help or because it was called wrongly. */
bool cmd_options(const struct cmd_option *options, const char *about, int argc, char **argv, int *code) MUST_CHECK;
/* False: stderr says why. */
bool cmd_load(struct config *c, const char *file) MUST_CHECK;
void cmd_error(const char *fmt, ...) PRINTF_LIKE(1, 2); /* "bellwire: ..." to stderr */
/* Appends a file, or standard input for "-". False: stderr says why; a megabyte is the most. */
bool cmd_read_file(const char *path, struct buf *out) MUST_CHECK;
int cmd_finish(int code); /* code, or 1 if stdout could not be written */

#endif
