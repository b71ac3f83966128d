#include "base/mem.h"
#include "cmd/cmd.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const struct {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
} commands[] = {
#define X(name, summary) {#name, summary, cmd_##name},
	COMMANDS(X)
#undef X
};

static int help(void)
{
	puts("usage: bellwire COMMAND [options]\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		printf("  %-8s  %s\n", commands[i].name, commands[i].summary);
	puts("\n`bellwire COMMAND --help` lists the options of one. Settings come from the environment and from --config FILE.");
	return cmd_finish(EXIT_DONE);
}

/*
 * Input, output and errors are open, whatever started the program: else the first connection would get the number of the log, and be
 * sent its lines.
 */
static bool standard_descriptors_open(void)
{
	int fd;
	do {
		if ((fd = open("/dev/null", O_RDWR)) < 0)
			return false;
	} while (fd <= STDERR_FILENO);
	return close(fd) == 0;
}

int main(int argc, char **argv)
{
	if (!standard_descriptors_open())
		return EXIT_FAILED;
	mem_for_libraries();
	const char *name = argc > 1 ? argv[1] : "";
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
		return help();
	if (strcmp(name, "--version") == 0)
		return cmd_version(1, (char *[]){(char[]){"version"}, NULL});
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "bellwire: %s%s\n`bellwire --help` lists the commands.\n",
	        *name ? "there is no command " : "a command is missing", name);
	return EXIT_USAGE;
}
