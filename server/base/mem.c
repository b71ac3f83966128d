/*
 * Allocation that succeeds or ends the process. Used everywhere instead of malloc.
 */
#include "base/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ZEROED_HERE 1024 /* bytes; whole pages come zeroed */

void mem_exhausted(void)
{
	fputs("out of memory\n", stderr);
	abort();
}

static void *or_abort(void *p)
{
	if (!p)
		mem_exhausted();
	return p;
}

void *mem_alloc(size_t n)
{
	return or_abort(malloc(n ? n : 1));
}

/* glibc's calloc passes by the thread's cache of small pieces, so they go through the arena both ways. */
void *mem_zalloc(size_t n)
{
	return n < ZEROED_HERE ? memset(mem_alloc(n), 0, n) : or_abort(calloc(1, n));
}

void *mem_realloc(void *p, size_t n)
{
	return or_abort(realloc(p, n ? n : 1));
}

void *mem_dup(const void *p, size_t n)
{
	void *copy = mem_alloc(n);
	if (n)
		memcpy(copy, p, n);
	return copy;
}

char *mem_strndup(const char *s, size_t n)
{
	char *copy = mem_alloc(n + 1);
	if (n)
		memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

char *mem_printf(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *s = NULL;
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return or_abort(s);
}

void mem_give_back(void)
{
	malloc_trim(0);
}
