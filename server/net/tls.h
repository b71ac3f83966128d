/*
 * TLS that ends or begins in this process, through OpenSSL. A context has a count of references: a connection keeps the
 * one it began with when another is loaded.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/base.h"

struct tls_context;

/* From a certificate chain and its key, both PEM. NULL: error has the reason, at most n bytes. */
struct tls_context *tls_context_new(const char *cert_file, const char *key_file, char *error, size_t n);
/* For connections to a server: its certificate must be good for `host`, by the authorities that OpenSSL finds by itself
 * (SSL_CERT_FILE names others). */
struct tls_context *tls_context_to(const char *host, char *error, size_t n);
/* The earliest end among the certificates that a server sends: seconds since 1970. */
int64_t tls_context_end_s(const struct tls_context *t);
struct tls_context *tls_context_ref(struct tls_context *t);
void tls_context_unref(struct tls_context **t);

#endif
