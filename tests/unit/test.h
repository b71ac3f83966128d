/*
 * Unit tests register themselves; each runs in a process of its own with a timeout.
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

struct unit_test {
	const char *name;
	void (*run)(void);
	struct unit_test *next;
};

static struct unit_test *unit_first, **unit_last = &unit_first;

#define TEST(fn)                                                     \
	static void fn(void);                                        \
	__attribute__((constructor)) static void fn##_register(void) \
	{                                                            \
		static struct unit_test t = {#fn, fn, NULL};         \
		*unit_last = &t;                                     \
		unit_last = &t.next;                                 \
	}                                                            \
	static void fn(void)

int main(int argc, char **argv)
{
	int passed = 0, failed = 0;
	for (struct unit_test *t = unit_first; t; t = t->next) {
		if (argc > 1 && !strstr(t->name, argv[1]))
			continue;
		fflush(NULL);
		pid_t pid = fork();
		if (pid == 0) {
			alarm(30);
			t->run();
			exit(0); /* leak checkers report at exit */
		}
		int status = 0;
		if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
			passed++;
			continue;
		}
		failed++;
		fprintf(stderr, "FAIL %s%s\n", t->name,
		        WIFSIGNALED(status) ? WTERMSIG(status) == SIGALRM ? " (timeout)" : " (signal)" : "");
	}
	printf("%s: %d passed, %d failed\n", argv[0], passed, failed);
	return failed != 0;
}

#endif
