/*
 * TLS on a descriptor, through OpenSSL. Called by conn.c in place of transport.c; contexts are made by app/ from
 * settings.
 */
#include "net/transport.h"

#include "base/mem.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct tls_context {
	uint32_t refs;
	SSL_CTX *ctx;
	char *host; /* of the server that is connected to; NULL: we are the server */
};

struct tls {
	struct tls_context *context;
	SSL *ssl;
	bool established; /* the handshake was completed; asked after a failure, OpenSSL would not tell */
};

static struct tls_context *tls_refuse(SSL_CTX *ctx, const char *what, const char *file, char *error, size_t n)
{
	char reason[128];
	/* The first error of the queue says why; the last one says only where it ended. */
	ERR_error_string_n(ERR_peek_error(), reason, sizeof reason);
	snprintf(error, n, "%s %s: %s", what, file, reason);
	ERR_clear_error();
	SSL_CTX_free(ctx);
	return NULL;
}

/* Without this an encrypted key makes OpenSSL ask on the terminal, and the loop waits for the answer. */
static int no_passphrase(char *buf, int n, int writing, void *arg)
{
	(void)buf, (void)n, (void)writing, (void)arg;
	return 0;
}

static struct tls_context *tls_context_of(SSL_CTX *ctx)
{
	struct tls_context *t = NEW(struct tls_context);
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                              SSL_MODE_RELEASE_BUFFERS);
	t->refs = 1;
	t->ctx = ctx;
	return t;
}

struct tls_context *tls_context_to(const char *host, char *error, size_t n)
{
	ERR_clear_error();
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx)
		return tls_refuse(NULL, "TLS", "context", error, n);
	if (SSL_CTX_set_default_verify_paths(ctx) != 1)
		return tls_refuse(ctx, "certificates of the system, for", host, error, n);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	struct tls_context *t = tls_context_of(ctx);
	t->host = mem_strndup(host, strlen(host));
	return t;
}

struct tls_context *tls_context_new(const char *cert_file, const char *key_file, char *error, size_t n)
{
	ERR_clear_error();
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	if (!ctx)
		return tls_refuse(NULL, "TLS", "context", error, n);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
		return tls_refuse(ctx, "certificate", cert_file, error, n);
	if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1)
		return tls_refuse(ctx, "key", key_file, error, n);
	if (SSL_CTX_check_private_key(ctx) != 1)
		return tls_refuse(ctx, "certificate does not fit the key", key_file, error, n);
	return tls_context_of(ctx);
}

static int64_t certificate_end_s(const X509 *certificate)
{
	struct tm end = {0};
	return ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) == 1 ? timegm(&end) : 0;
}

int64_t tls_context_end_s(const struct tls_context *t)
{
	STACK_OF(X509) *chain = NULL;
	int64_t first = certificate_end_s(SSL_CTX_get0_certificate(t->ctx));
	SSL_CTX_get0_chain_certs(t->ctx, &chain);
	for (int i = 0; i < sk_X509_num(chain); i++) {
		int64_t end = certificate_end_s(sk_X509_value(chain, i));
		first = end < first ? end : first;
	}
	return first;
}

struct tls_context *tls_context_ref(struct tls_context *t)
{
	t->refs++;
	return t;
}

void tls_context_unref(struct tls_context **t)
{
	struct tls_context *gone = *t;
	*t = NULL;
	if (!gone || --gone->refs)
		return;
	SSL_CTX_free(gone->ctx);
	free(gone->host);
	free(gone);
}

/* The server's name is said (SNI), and its certificate has to have it, or the address. */
static bool tls_name_host(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	SSL_set_connect_state(ssl);
	if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
		return true;
	return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

struct tls *tls_new(struct tls_context *ctx, int fd)
{
	struct tls *t = NEW(struct tls);
	t->ssl = SSL_new(ctx->ctx);
	if (!t->ssl || SSL_set_fd(t->ssl, fd) != 1)
		mem_exhausted(); /* nothing else can be missing here */
	if (!ctx->host)
		SSL_set_accept_state(t->ssl);
	else if (!tls_name_host(t->ssl, ctx->host))
		mem_exhausted();
	t->context = tls_context_ref(ctx);
	return t;
}

void tls_free(struct tls **t)
{
	struct tls *gone = *t;
	*t = NULL;
	if (!gone)
		return;
	SSL_free(gone->ssl);
	tls_context_unref(&gone->context);
	free(gone);
}

/* Our word for OpenSSL's. natural: the readiness that this operation waits for as a rule. */
static ssize_t tls_outcome(struct tls *t, int ret, int natural, bool *wants_other)
{
	int why = SSL_get_error(t->ssl, ret);
	ERR_clear_error();
	switch (why) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		*wants_other = why != natural;
		return TRANSPORT_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return TRANSPORT_EOF;
	case SSL_ERROR_SYSCALL:
		return natural == SSL_ERROR_WANT_READ && ret == 0 ? TRANSPORT_EOF : TRANSPORT_BROKEN;
	default:
		return TRANSPORT_BROKEN;
	}
}

ssize_t tls_read(struct tls *t, char *p, size_t n, bool *wants_other)
{
	*wants_other = false;
	ERR_clear_error();
	int got = SSL_read(t->ssl, p, n > 1 << 30 ? 1 << 30 : (int)n);
	t->established |= SSL_is_init_finished(t->ssl);
	return got > 0 ? got : tls_outcome(t, got, SSL_ERROR_WANT_READ, wants_other);
}

/*
 * Small parts are gathered into one record. A write that has to be repeated is gathered again from the same queue: it
 * begins with the same bytes and is at least as long, as OpenSSL demands of a repetition.
 */
ssize_t tls_writev(struct tls *t, const struct iovec *iov, int n, char *scratch, size_t scratch_n, bool *wants_other)
{
	size_t have = transport_gather(iov, n, scratch, scratch_n);
	*wants_other = false;
	ERR_clear_error();
	int put = SSL_write(t->ssl, scratch, (int)have);
	return put > 0 ? put : tls_outcome(t, put, SSL_ERROR_WANT_WRITE, wants_other);
}

bool tls_established(const struct tls *t)
{
	return t->established;
}

bool tls_pending(const struct tls *t)
{
	return SSL_pending(t->ssl) > 0;
}

void tls_shutdown(struct tls *t)
{
	ERR_clear_error();
	SSL_shutdown(t->ssl);
	ERR_clear_error();
}
