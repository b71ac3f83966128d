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
#include "together.h"

/* A program whose tests leave something in statics, signals or descriptors defines it as 1. */
#if defined UNIT_TOGETHER
#elif defined __SANITIZE_ADDRESS__
#define UNIT_TOGETHER 32
#else
#define UNIT_TOGETHER 1
#endif
#define UNIT_TESTS_MAX 1000

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

static void unit_run(int i)
{
	unit_row = "";
	unit_tests[i].run();
}

static const char *unit_name(int i)
{
	return unit_tests[i].name;
}

int main(int argc, char **argv)
{
	static const struct together tests = {unit_run, unit_name};
	int n = 0;
	for (int i = 0; i < unit_n; i++)
		if (argc < 2 || strstr(unit_tests[i].name, argv[1]))
			unit_tests[n++] = unit_tests[i];
	return together_run(&tests, argv[0], n, UNIT_TOGETHER);
}

#endif
