#include "cmd/cmd.h"

#include "base/buf.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define FILE_MOST (1u << 20)

static const char *summary_of(const char *command)
{
#define X(name, summary)                 \
	if (strcmp(command, #name) == 0) \
		return summary;
	COMMANDS(X)
#undef X
	return "";
}

static void print_help(const struct cmd_option *options, const char *about, const char *command)
{
	printf("usage: bellwire %s [options]", command);
	for (const struct cmd_option *o = options; o->name; o++)
		if (!*o->name)
			printf(" %s", o->arg);
	printf("\n\n  %s\n\n", summary_of(command));
	for (const struct cmd_option *o = options; o->name; o++) {
		char head[64];
		snprintf(head, sizeof head, "%s%s%s%s", *o->name ? "--" : "", o->name, *o->name && o->arg ? " " : "",
		         o->arg ? o->arg : "");
		printf("  %-18s %s\n", head, o->text);
	}
	printf("  %-18s %s\n", "--help", "this text");
	if (*about)
		printf("\n%s", about);
}

static int option_wrong(const char *command, const char *what, const char *argument)
{
	fprintf(stderr, "bellwire %s: %s %s\n`bellwire %s --help` shows what there is.\n", command, what, argument,
	        command);
	return EXIT_USAGE;
}

static const struct cmd_option *find(const struct cmd_option *options, const char *argument)
{
	size_t n = strcspn(argument, "=");
	for (; options->name; options++)
		if (n && strlen(options->name) == n && memcmp(options->name, argument, n) == 0)
			return options;
	return NULL;
}

/* The next argument that stands alone; NULL: there are enough. */
static const struct cmd_option *next_alone(const struct cmd_option *options, const struct cmd_option *last)
{
	for (const struct cmd_option *o = last ? last + 1 : options; o->name; o++)
		if (!*o->name)
			return o;
	return NULL;
}

bool cmd_options(const struct cmd_option *options, const char *about, int argc, char **argv, int *code)
{
	const struct cmd_option *last = NULL; /* that stands alone */
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			print_help(options, about, argv[0]);
			*code = cmd_finish(EXIT_DONE);
			return false;
		}
		const struct cmd_option *o = strncmp(argv[i], "--", 2) == 0 ? find(options, argv[i] + 2) : NULL;
		const struct cmd_option *alone = argv[i][0] == '-' ? NULL : next_alone(options, last);
		if (alone) {
			last = alone;
			*alone->value = argv[i];
			continue;
		}
		const char *equals = strchr(argv[i], '=');
		if (!o || (!o->arg && equals)) {
			*code = option_wrong(argv[0], argv[i][0] == '-' ? "there is no option" : "unexpected argument",
			                     argv[i]);
			return false;
		}
		if (o->arg && !equals && i + 1 == argc) {
			*code = option_wrong(argv[0], "there is no argument behind", argv[i]);
			return false;
		}
		*o->value = !o->arg ? "" : equals ? equals + 1 : argv[++i];
	}
	return true;
}

bool cmd_load(struct config *c, const char *file)
{
	char error[512] = "";
	if (config_load(c, file, error, sizeof error))
		return true;
	cmd_error("%s", error);
	return false;
}

void cmd_error(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	fputs("bellwire: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
}

bool cmd_read_file(const char *path, struct buf *out)
{
	bool standard = strcmp(path, "-") == 0;
	FILE *f = standard ? stdin : fopen(path, "re");
	size_t n = 1;
	while (f && n && out->n <= FILE_MOST) {
		n = fread(buf_room(out, 4096), 1, 4096, f);
		out->n += n;
	}
	bool good = f && !ferror(f) && out->n <= FILE_MOST;
	if (!good)
		cmd_error("%s: %s", path, out->n > FILE_MOST ? "over a megabyte" : strerror(errno));
	if (f && !standard)
		fclose(f);
	return good;
}

int cmd_finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	cmd_error("standard output: %s", strerror(errno));
	return EXIT_FAILED;
}
