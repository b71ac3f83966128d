/*
 * Unit tests register themselves; each runs in a process of its own with a timeout.
 *
 *   TEST(room_is_gone_with_its_last_member) { CHECK(...); CHECK_INT(a, b); CHECK_STR(a, b); }
 *
 * A table of cases names its row on failure with CHECK_ROW. `binary [substring]` runs the tests whose name has it.
 */
#ifndef UNIT_TEST_H
#define UNIT_TEST_H

#include "base/slice.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct unit_test {
	const char *name;
	void (*run)(void);
	struct unit_test *next;
};

static struct unit_test *unit_first, **unit_last = &unit_first;
static const char *unit_row = "";

#define TEST(fn)                                                     \
	static void fn(void);                                        \
	__attribute__((constructor)) static void fn##_register(void) \
	{                                                            \
		static struct unit_test t = {#fn, fn, NULL};         \
		*unit_last = &t;                                     \
		unit_last = &t.next;                                 \
	}                                                            \
	static void fn(void)

#define UNIT_FAIL(...)                                                                               \
	do {                                                                                         \
		fprintf(stderr, "%s:%d: %s%s", __FILE__, __LINE__, unit_row, *unit_row ? ": " : ""); \
		fprintf(stderr, __VA_ARGS__);                                                        \
		fputc('\n', stderr);                                                                 \
		_exit(1);                                                                            \
	} while (0)
#define CHECK(cond)                                       \
	do {                                              \
		if (!(cond))                              \
			UNIT_FAIL("not true: %s", #cond); \
	} while (0)
#define CHECK_INT(a, b)                                                        \
	do {                                                                   \
		long long unit_a = (long long)(a), unit_b = (long long)(b);    \
		if (unit_a != unit_b)                                          \
			UNIT_FAIL("%s is %lld, not %lld", #a, unit_a, unit_b); \
	} while (0)
#define CHECK_SLICE(a, b)                                                                                     \
	do {                                                                                                  \
		struct slice unit_a = (a), unit_b = (b);                                                      \
		if (!slice_eq(unit_a, unit_b))                                                                \
			UNIT_FAIL("%s is \"%.*s\", not \"%.*s\"", #a, (int)unit_a.n, unit_a.p, (int)unit_b.n, \
			          unit_b.p);                                                                  \
	} while (0)
#define CHECK_STR(a, b) CHECK_SLICE(slice_str(a), slice_str(b))
#define CHECK_ROW(name) (unit_row = (name))

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
