/*
 * A failed check says so on stderr and ends its process. Used by unit tests (test.h) and fuzz targets, which define UNIT_END.
 */
#ifndef UNIT_CHECK_H
#define UNIT_CHECK_H

#include "base/slice.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef UNIT_END
#define UNIT_END() _exit(1)
#endif

static const char *unit_row = "";

#define UNIT_FAIL(...)                                                                               \
	do {                                                                                         \
		fprintf(stderr, "%s:%d: %s%s", __FILE__, __LINE__, unit_row, *unit_row ? ": " : ""); \
		fprintf(stderr, __VA_ARGS__);                                                        \
		fputc('\n', stderr);                                                                 \
		UNIT_END();                                                                          \
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

#endif
