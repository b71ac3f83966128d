/*
 * Unit tests register themselves; each runs in a process of its own with a timeout. Under a leak checker, whose look at
 * the end of a process takes longer than a test, some share a process; where it fails, each of them runs again by itself.
 *
 *   TEST(room_is_gone_with_its_last_member) { CHECK(...); CHECK_INT(a, b); CHECK_STR(a, b); }
 *
 * A table of cases names its row on failure with CHECK_ROW. `binary [substring]` runs the tests whose name has it.
 */
#ifndef UNIT_TEST_H
#define UNIT_TEST_H

#include "check.h"
#include <signal.h>
#include <sys/wait.h>

/* A program whose tests leave something in statics, signals or descriptors defines it as 1. */
#if defined UNIT_TOGETHER
#elif defined __SANITIZE_ADDRESS__
#define UNIT_TOGETHER 32
#else
#define UNIT_TOGETHER 1
#endif
#define UNIT_TESTS_MAX 1000
#define UNIT_ALL_RAN 7 /* the exit status; a test that ends the process hides none behind it */

static struct unit_test {
	const char *name;
	void (*run)(void);
} unit_tests[UNIT_TESTS_MAX];

static int unit_n;

static void unit_register(const char *name, void (*run)(void))
{
	if (unit_n == UNIT_TESTS_MAX)
		abort();
	unit_tests[unit_n++] = (struct unit_test){name, run};
}

#define TEST(fn)                                                     \
	static void fn(void);                                        \
	__attribute__((constructor)) static void fn##_register(void) \
	{                                                            \
		unit_register(#fn, fn);                              \
	}                                                            \
	static void fn(void)

static bool unit_in_child(const struct unit_test *tests, int n, int *status)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; i < n; i++) {
			alarm(30);
			unit_row = "";
			tests[i].run();
		}
		exit(UNIT_ALL_RAN); /* leak checkers report at exit */
	}
	return pid > 0 && waitpid(pid, status, 0) == pid && WIFEXITED(*status) && WEXITSTATUS(*status) == UNIT_ALL_RAN;
}

/* How many fail; where none does by itself, all of them: they fail together alone. */
static int unit_failures(const struct unit_test *tests, int n)
{
	int status = 0, failed = 0;
	if (unit_in_child(tests, n, &status))
		return 0;
	for (int i = 0; n > 1 && i < n; i++)
		failed += unit_failures(tests + i, 1);
	if (!failed)
		fprintf(stderr, "FAIL %s%s%s%s\n", tests[0].name, n > 1 ? " up to " : "",
		        n > 1 ? tests[n - 1].name : "",
		        WIFSIGNALED(status) ? WTERMSIG(status) == SIGALRM ? " (timeout)" : " (signal)" : "");
	return failed ? failed : n;
}

int main(int argc, char **argv)
{
	int n = 0, failed = 0;
	for (int i = 0; i < unit_n; i++)
		if (argc < 2 || strstr(unit_tests[i].name, argv[1]))
			unit_tests[n++] = unit_tests[i];
	for (int i = 0; i < n; i += UNIT_TOGETHER)
		failed += unit_failures(unit_tests + i, n - i < UNIT_TOGETHER ? n - i : UNIT_TOGETHER);
	printf("%s: %d passed, %d failed\n", argv[0], n - failed, failed);
	return failed != 0;
}

#endif
