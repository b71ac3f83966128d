/*
 * The key, and the signature algorithms. Called by auth.c for each token, by sign.c for the rules of a secret.
 */
#include "auth/key.h"

#include "auth/jwk.h"
#include "base/mem.h"
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>

#define HS256_BYTES 32
#define ES256_BYTES 64 /* r and s, 32 each (RFC 7518 3.4) */
#define ES256_DER_MAX 72
#define RSA_BITS_MIN 2048

struct algorithm {
	const char *name;
	const char *key_type; /* OpenSSL's name of the public key's type; NULL: a secret */
	const char *hash;     /* NULL: it is part of the signature scheme */
	bool (*key_fits)(const EVP_PKEY *pkey);
	bool (*verify)(const struct auth_key *k, struct slice text, struct slice signature);
	const char *needs; /* named when a key does not fit */
};

struct auth_key {
	const struct algorithm *algorithm;
	EVP_MAC_CTX *mac; /* has the secret; copied for each token */
	EVP_PKEY *pkey;
	EVP_MD *hash;
};

/* ---- signatures ---- */

static bool verify_mac(const struct auth_key *k, struct slice text, struct slice signature)
{
	unsigned char mac[HS256_BYTES];
	size_t n = 0;
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(k->mac);
	bool ok = ctx && EVP_MAC_update(ctx, (const unsigned char *)text.p, text.n) == 1 &&
	          EVP_MAC_final(ctx, mac, &n, sizeof mac) == 1 && n == sizeof mac && signature.n == n &&
	          CRYPTO_memcmp(mac, signature.p, n) == 0;
	EVP_MAC_CTX_free(ctx);
	OPENSSL_cleanse(mac, sizeof mac);
	return ok;
}

static bool verify_with_pkey(const struct auth_key *k, struct slice text, struct slice signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestVerifyInit(ctx, NULL, k->hash, NULL, k->pkey) == 1 &&
	          EVP_DigestVerify(ctx, (const unsigned char *)signature.p, signature.n, (const unsigned char *)text.p,
	                           text.n) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

/* A JWT has r and s side by side; OpenSSL wants them in DER. */
static bool verify_ecdsa(const struct auth_key *k, struct slice text, struct slice signature)
{
	if (signature.n != ES256_BYTES)
		return false;
	const unsigned char *raw = (const unsigned char *)signature.p;
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, ES256_BYTES / 2, NULL), *s = BN_bin2bn(raw + ES256_BYTES / 2, ES256_BYTES / 2, NULL);
	if (!sig || !r || !s || ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		ECDSA_SIG_free(sig);
		return false;
	}
	unsigned char der[ES256_DER_MAX], *end = der;
	int n = i2d_ECDSA_SIG(sig, NULL);
	bool ok = n > 0 && n <= (int)sizeof der && i2d_ECDSA_SIG(sig, &end) == n &&
	          verify_with_pkey(k, text, slice_of(der, (size_t)n));
	ECDSA_SIG_free(sig);
	return ok;
}

/* ---- algorithms ---- */

static bool rsa_fits(const EVP_PKEY *pkey)
{
	return EVP_PKEY_get_bits(pkey) >= RSA_BITS_MIN;
}

static bool ec_fits(const EVP_PKEY *pkey)
{
	char group[32];
	return EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, NULL) == 1 &&
	       OBJ_sn2nid(group) == NID_X9_62_prime256v1;
}

static bool always_fits(const EVP_PKEY *pkey UNUSED)
{
	return true;
}

static const struct algorithm algorithms[] = {
	{"HS256", NULL, NULL, NULL, verify_mac, NULL},
	{"RS256", "RSA", "SHA256", rsa_fits, verify_with_pkey, "an RSA key of at least 2048 bits"},
	{"ES256", "EC", "SHA256", ec_fits, verify_ecdsa, "an EC key on P-256"},
	{"EdDSA", "ED25519", NULL, always_fits, verify_with_pkey, "an Ed25519 key"},
};

static const struct algorithm *algorithm_find(struct slice name, char *error, size_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
		if (slice_eq(slice_str(algorithms[i].name), name))
			return &algorithms[i];
	snprintf(error, n, "algorithm %.*s is none of HS256, RS256, ES256, EdDSA", (int)name.n, name.p);
	return NULL;
}

const char *auth_algorithm_or_default(const struct auth_config *cfg)
{
	return cfg->algorithm ? cfg->algorithm : "HS256";
}

/* ---- keys ---- */

bool auth_secret_usable(struct slice secret, char *error, size_t n)
{
	if (secret.n >= SECRET_MIN)
		return true;
	snprintf(error, n,
	         secret.p ? "the secret is shorter than %d bytes" : "HS256 needs a secret of at least %d bytes",
	         SECRET_MIN);
	return false;
}

static bool load_secret(struct auth_key *k, struct slice secret, char *error, size_t n)
{
	if (!auth_secret_usable(secret, error, n))
		return false;
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
	                       OSSL_PARAM_construct_end()};
	k->mac = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
	EVP_MAC_free(hmac);
	if (k->mac && EVP_MAC_init(k->mac, (const unsigned char *)secret.p, secret.n, params) == 1)
		return true;
	snprintf(error, n, "HMAC-SHA256 is not available");
	return false;
}

static EVP_PKEY *read_public_key(const char *path, char *error, size_t n)
{
	FILE *f = fopen(path, "re");
	if (!f) {
		snprintf(error, n, "%s: %s", path, strerror(errno));
		return NULL;
	}
	char no_passphrase[] = ""; /* without it an encrypted file makes OpenSSL ask on the terminal */
	EVP_PKEY *pkey = PEM_read_PUBKEY(f, NULL, NULL, no_passphrase);
	fclose(f);
	if (!pkey)
		snprintf(error, n, "%s: no public key in PEM", path);
	return pkey;
}

/* from: where k->pkey comes from, for messages: a path and ": ", or nothing. */
static bool take_public_key(struct auth_key *k, const char *from, char *error, size_t n)
{
	const struct algorithm *a = k->algorithm;
	if (!EVP_PKEY_is_a(k->pkey, a->key_type) || !a->key_fits(k->pkey)) {
		snprintf(error, n, "%s%s%s needs %s", from, *from ? ": " : "", a->name, a->needs);
		return false;
	}
	k->hash = a->hash ? EVP_MD_fetch(NULL, a->hash, NULL) : NULL;
	if (!a->hash || k->hash)
		return true;
	snprintf(error, n, "%s is not available", a->hash);
	return false;
}

static bool load_public_key(struct auth_key *k, const char *path, char *error, size_t n)
{
	if (!path) {
		snprintf(error, n, "%s needs a public key file", k->algorithm->name);
		return false;
	}
	k->pkey = read_public_key(path, error, n);
	return k->pkey && take_public_key(k, path, error, n);
}

struct auth_key *auth_key_new(const struct auth_config *cfg, char *error, size_t n)
{
	const struct algorithm *a = algorithm_find(slice_str(auth_algorithm_or_default(cfg)), error, n);
	if (!a)
		return NULL;
	struct auth_key *k = NEW(struct auth_key);
	k->algorithm = a;
	if (!(a->key_type ? load_public_key(k, cfg->public_key_file, error, n)
	                  : load_secret(k, slice_str(cfg->secret), error, n)))
		auth_key_free(&k);
	ERR_clear_error();
	return k;
}

/* ---- keys as text ---- */

/* Whether the text is that of a public key. As a secret it would be known to everybody. */
static bool is_pem(struct slice text)
{
	return memmem(text.p, text.n, "-----BEGIN ", 11);
}

static EVP_PKEY *parse_pem(struct slice text)
{
	char no_passphrase[] = "";
	BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, no_passphrase) : NULL;
	BIO_free(bio);
	return pkey;
}

static bool load_text(struct auth_key *k, struct slice text, char *error, size_t n)
{
	if (!k->algorithm->key_type && !is_pem(text))
		return load_secret(k, text, error, n);
	if (!k->algorithm->key_type) {
		snprintf(error, n, "%s needs a secret, and this is a key in PEM", k->algorithm->name);
		return false;
	}
	k->pkey = parse_pem(text);
	if (k->pkey)
		return take_public_key(k, "", error, n);
	snprintf(error, n, "there is no public key in PEM and no JSON Web Key");
	return false;
}

static bool load_jwk(struct auth_key *k, const json_t *jwk, char *error, size_t n)
{
	const char *says = jwk_algorithm(jwk), *wants = k->algorithm->name;
	struct buf secret = {0};
	bool good = false;
	if (jwk_is_private(jwk))
		snprintf(error, n, "this is a private key: an edge takes the public part");
	else if (!says || strcmp(says, wants) != 0)
		snprintf(error, n, "the JSON Web Key is not one for %s", wants);
	else if (!k->algorithm->key_type)
		good = jwk_secret(jwk, &secret) && load_secret(k, buf_view(&secret), error, n);
	else
		good = (k->pkey = jwk_public_key(jwk)) && take_public_key(k, "", error, n);
	if (!good && !*error)
		snprintf(error, n, "the JSON Web Key is damaged");
	buf_fini(&secret);
	return good;
}

struct auth_key *auth_key_parse(struct slice algorithm, struct slice text, char *error, size_t n)
{
	*error = '\0';
	const struct algorithm *a = algorithm_find(algorithm, error, n);
	if (!a)
		return NULL;
	struct auth_key *k = NEW(struct auth_key);
	k->algorithm = a;
	json_t *jwk = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
	if (!(json_object_get(jwk, "kty") ? load_jwk(k, jwk, error, n) : load_text(k, text, error, n)))
		auth_key_free(&k);
	json_decref(jwk);
	ERR_clear_error();
	return k;
}

void auth_key_free(struct auth_key **k)
{
	if (!*k)
		return;
	EVP_MAC_CTX_free((*k)->mac);
	EVP_PKEY_free((*k)->pkey);
	EVP_MD_free((*k)->hash);
	free(*k);
	*k = NULL;
}

const char *auth_key_algorithm(const struct auth_key *k)
{
	return k->algorithm->name;
}

bool auth_key_verify(const struct auth_key *k, struct slice text, struct slice signature)
{
	bool ok = k->algorithm->verify(k, text, signature);
	ERR_clear_error(); /* TLS connections of this thread read the same queue of errors */
	return ok;
}
