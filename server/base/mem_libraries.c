/*
 * Memory of the libraries that let their program choose it. A library that is left alone reports a lack of memory as
 * any other failure: a token whose signature could not be computed looks like a token with a wrong one.
 */
#include "base/mem.h"
#include <ev.h>
#include <jansson.h>
#include <openssl/crypto.h>

/* What realloc(p, 0) means differs; libev and OpenSSL mean free. */
static void *resize(void *p, size_t n)
{
	if (n)
		return mem_realloc(p, n);
	free(p);
	return NULL;
}

static void *ev_resize(void *p, long n)
{
	return resize(p, (size_t)n);
}

static void *ssl_alloc(size_t n, const char *file UNUSED, int line UNUSED)
{
	return n ? mem_alloc(n) : NULL;
}

static void *ssl_resize(void *p, size_t n, const char *file UNUSED, int line UNUSED)
{
	return resize(p, n);
}

static void ssl_free(void *p, const char *file UNUSED, int line UNUSED)
{
	free(p);
}

void mem_for_libraries(void)
{
	ev_set_allocator(ev_resize);
	json_set_alloc_funcs(mem_alloc, free);
	CRYPTO_set_mem_functions(ssl_alloc, ssl_resize, ssl_free);
}
