/*
 * Things that run one after the other in processes, some in each, since with a leak checker the end of a process takes
 * as long as many of them. Where a process fails, each of its things runs again by itself. Used by unit tests (test.h)
 * and by what replays the corpus of a fuzz target.
 */
#ifndef UNIT_TOGETHER_H
#define UNIT_TOGETHER_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOGETHER_SECONDS 30 /* of one thing, at most */
#define TOGETHER_ALL_RAN 7  /* the exit status; a thing that ends the process hides none behind it */

struct together {
	void (*run)(int i);
	const char *(*name)(int i);
};

static bool together_child(const struct together *t, int from, int n, int *status)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = from; i < from + n; i++) {
			alarm(TOGETHER_SECONDS);
			t->run(i);
		}
		exit(TOGETHER_ALL_RAN); /* leak checkers report at exit */
	}
	return pid > 0 && waitpid(pid, status, 0) == pid && WIFEXITED(*status) &&
	       WEXITSTATUS(*status) == TOGETHER_ALL_RAN;
}

/* How many of n fail; where none does by itself, all of them: they fail together alone. */
static int together_failures(const struct together *t, int from, int n)
{
	int status = 0, failed = 0;
	if (together_child(t, from, n, &status))
		return 0;
	for (int i = 0; n > 1 && i < n; i++)
		failed += together_failures(t, from + i, 1);
	if (!failed)
		fprintf(stderr, "FAIL %s%s%s%s\n", t->name(from), n > 1 ? " up to " : "",
		        n > 1 ? t->name(from + n - 1) : "",
		        WIFSIGNALED(status) ? WTERMSIG(status) == SIGALRM ? " (timeout)" : " (signal)" : "");
	return failed ? failed : n;
}

/* Runs things 0 to n - 1, `each` of them in a process, and says how many passed; what main returns. */
static int together_run(const struct together *t, const char *program, int n, int each)
{
	int failed = 0;
	for (int i = 0; i < n; i += each)
		failed += together_failures(t, i, n - i < each ? n - i : each);
	printf("%s: %d passed, %d failed\n", program, n - failed, failed);
	return failed != 0;
}

#endif
