/*
 * A borrowed run of bytes: text or binary, not terminated. A function that is given one may use it until it returns;
 * where a slice may be kept longer, the declaration says so.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include "base/base.h"
#include <string.h>

struct slice {
	const char *p;
	size_t n;
};

#define SLICE(lit) ((struct slice){(lit), sizeof(lit) - 1})
#define SLICE_INIT(lit)                \
	{                              \
		(lit), sizeof(lit) - 1 \
	} /* where a constant is wanted: tables */

static inline struct slice slice_of(const void *p, size_t n)
{
	return (struct slice){p, n};
}

static inline struct slice slice_str(const char *s)
{
	return (struct slice){s, s ? strlen(s) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool slice_starts(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

static inline bool slice_ends(struct slice s, struct slice suffix)
{
	return s.n >= suffix.n && memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0;
}

/* Without the leading and trailing characters that are in `blanks`, e.g. " \t". */
static inline struct slice slice_trim(struct slice s, const char *blanks)
{
	while (s.n && *s.p && strchr(blanks, *s.p))
		s = slice_of(s.p + 1, s.n - 1);
	while (s.n && s.p[s.n - 1] && strchr(blanks, s.p[s.n - 1]))
		s.n--;
	return s;
}

#endif
