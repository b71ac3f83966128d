/*
 * Signs tokens for the tests, with any algorithm and any header, right or wrong. Independent of server/auth.
 */
#ifndef UNIT_AUTH_ISSUER_H
#define UNIT_AUTH_ISSUER_H

#include "base/mem.h"
#include "base/text.h"
#include "check.h"
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define OTHER_SECRET "fedcba9876543210fedcba9876543210"

static inline void base64url(struct buf *out, struct slice s)
{
	size_t from = out->n;
	base64_encode(out, s);
	while (out->n > from && out->p[out->n - 1] == '=')
		out->n--;
	for (size_t i = from; i < out->n; i++)
		out->p[i] = out->p[i] == '+' ? '-' : out->p[i] == '/' ? '_' : out->p[i];
}

static inline void sign_mac(struct buf *out, const EVP_MD *md, struct slice secret, struct slice text)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	CHECK(HMAC(md, secret.p, (int)secret.n, (const unsigned char *)text.p, text.n, mac, &n));
	buf_add(out, mac, n);
}

static inline void sign_pkey(struct buf *out, EVP_PKEY *pkey, const EVP_MD *md, int rsa_padding, struct slice text)
{
	unsigned char sig[1024];
	size_t n = sizeof sig;
	EVP_PKEY_CTX *pc;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	CHECK(EVP_DigestSignInit(ctx, &pc, md, NULL, pkey) == 1);
	CHECK(!rsa_padding || EVP_PKEY_CTX_set_rsa_padding(pc, rsa_padding) == 1);
	CHECK(EVP_DigestSign(ctx, sig, &n, (const unsigned char *)text.p, text.n) == 1);
	EVP_MD_CTX_free(ctx);
	buf_add(out, sig, n);
}

/* DER to r and s side by side. */
static inline void sign_ecdsa(struct buf *out, EVP_PKEY *pkey, struct slice text)
{
	struct buf der = {0};
	sign_pkey(&der, pkey, EVP_sha256(), 0, text);
	const unsigned char *p = (const unsigned char *)der.p;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)der.n);
	unsigned char raw[64];
	CHECK(sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32) == 32 &&
	      BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32) == 32);
	ECDSA_SIG_free(sig);
	buf_fini(&der);
	buf_add(out, raw, sizeof raw);
}

static inline void put_head(struct buf *out, const char *header, struct slice payload)
{
	base64url(out, slice_str(header));
	buf_char(out, '.');
	base64url(out, payload);
}

static inline void put_signature(struct buf *out, struct slice signature)
{
	buf_char(out, '.');
	base64url(out, signature);
}

/* A token whose MAC is right. */
static inline struct buf hs256_token(const char *header, struct slice payload)
{
	struct buf t = {0}, mac = {0};
	put_head(&t, header, payload);
	sign_mac(&mac, EVP_sha256(), slice_str(SECRET), buf_view(&t));
	put_signature(&t, buf_view(&mac));
	buf_fini(&mac);
	return t;
}

/* The caller unlinks and frees the path. */
static inline char *pem_file(EVP_PKEY *pkey, bool private)
{
	char *path = mem_printf("/tmp/auth_test.XXXXXX");
	int fd = mkstemp(path);
	CHECK(fd >= 0);
	FILE *f = fdopen(fd, "w");
	if (pkey)
		CHECK((private ? PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL)
		               : PEM_write_PUBKEY(f, pkey)) == 1);
	fclose(f);
	return path;
}

static inline void pem_remove(char *path)
{
	unlink(path);
	free(path);
}

#endif
