/*
 * Allocation that cannot fail: the process ends when there is no memory, so no caller has to check. A length that came
 * from outside has met a limit before it comes here. Free the result with free().
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/base.h"
#include <stdlib.h>

void *mem_alloc(size_t n) __attribute__((malloc, alloc_size(1)));
void *mem_zalloc(size_t n) __attribute__((malloc, alloc_size(1)));
void *mem_realloc(void *p, size_t n) __attribute__((alloc_size(2)));
void *mem_dup(const void *p, size_t n);
char *mem_strndup(const char *s, size_t n); /* a terminated copy of n bytes */
char *mem_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);

_Noreturn void mem_exhausted(void); /* for a library that says so; ends the process as the others do */

/*
 * Lets libev, jansson and OpenSSL allocate as we do. For main() to call before any of them is used. libpq and wslay
 * have no such way in; their callers look at what they return.
 */
void mem_for_libraries(void);
/* Freed memory goes back to the system, as far as whole pages of it are free. Takes milliseconds. */
void mem_give_back(void);

#define NEW(type) ((type *)mem_zalloc(sizeof(type)))

#endif
