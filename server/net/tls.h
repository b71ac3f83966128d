/*
 * TLS for connections that end here, through OpenSSL. A context is counted: connections keep the one they began with.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/base.h"

struct tls_context;

/* PEM certificate chain and key. NULL with the reason in error (at most n bytes). */
struct tls_context *tls_context_new(const char *cert_file, const char *key_file, char *error, size_t n);
struct tls_context *tls_context_ref(struct tls_context *t);
void tls_context_unref(struct tls_context **t);

#endif
