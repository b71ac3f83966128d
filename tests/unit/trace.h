/*
 * The lines of the log at trace level, between two points of a test.
 */
#ifndef UNIT_TRACE_H
#define UNIT_TRACE_H

#include "base/log.h"
#include "test.h"
#include <sys/mman.h>

struct trace {
	int stderr_fd, lines_fd;
};

static inline struct trace trace_begin(void)
{
	struct trace t = {dup(STDERR_FILENO), memfd_create("trace", 0)};
	CHECK(t.lines_fd >= 0 && dup2(t.lines_fd, STDERR_FILENO) == STDERR_FILENO);
	log_threshold = LOG_TRACE;
	return t;
}

/* The lines, terminated; the caller frees them. */
static inline char *trace_end(struct trace *t)
{
	log_threshold = LOG_INFO;
	CHECK(dup2(t->stderr_fd, STDERR_FILENO) == STDERR_FILENO);
	off_t n = lseek(t->lines_fd, 0, SEEK_END);
	char *text = calloc(1, (size_t)n + 1);
	CHECK_INT(pread(t->lines_fd, text, (size_t)n, 0), n);
	close(t->lines_fd);
	close(t->stderr_fd);
	return text;
}

/* Each piece stands behind the one before. */
static inline void trace_tells(const char *text, const char *const *pieces, size_t n)
{
	const char *at = text;
	for (size_t i = 0; i < n; i++) {
		const char *found = strstr(at, pieces[i]);
		if (!found)
			UNIT_FAIL("no \"%s\" in its place in:\n%s", pieces[i], text);
		at = found;
	}
}

#endif
