/*
 * From the members of a JSON Web Key to a key of OpenSSL. Called by key.c, and by `bellwire keys import`.
 */
#include "auth/jwk.h"

#include "auth/auth.h"
#include "base/text.h"
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#define P256_BYTES 32
#define MEMBER_MAX 2048 /* bytes of a number: RSA keys of 16384 bits */

static bool jwk_says(const json_t *jwk, const char *member, const char *text)
{
	const char *s = json_string_value(json_object_get(jwk, member));
	return s && strcmp(s, text) == 0;
}

const char *jwk_algorithm(const json_t *jwk)
{
	static const struct {
		const char *algorithm, *kty, *crv;
	} rows[] = {
		{"HS256", "oct", NULL}, {"RS256", "RSA", NULL}, {"ES256", "EC", "P-256"}, {"EdDSA", "OKP", "Ed25519"}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (jwk_says(jwk, "kty", rows[i].kty) && (!rows[i].crv || jwk_says(jwk, "crv", rows[i].crv)) &&
		    (!json_object_get(jwk, "alg") || jwk_says(jwk, "alg", rows[i].algorithm)))
			return rows[i].algorithm;
	return NULL;
}

bool jwk_is_private(const json_t *jwk)
{
	return !jwk_says(jwk, "kty", "oct") && json_object_get(jwk, "d");
}

static bool jwk_bytes(const json_t *jwk, const char *member, struct buf *out)
{
	const char *s = json_string_value(json_object_get(jwk, member));
	return s && base64url_decode(out, slice_str(s)) && out->n <= MEMBER_MAX;
}

bool jwk_secret(const json_t *jwk, struct buf *secret)
{
	return jwk_says(jwk, "kty", "oct") && jwk_bytes(jwk, "k", secret);
}

/* ---- public keys ---- */

static EVP_PKEY *pkey_of_params(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;
	if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static EVP_PKEY *jwk_rsa(const json_t *jwk)
{
	struct buf n = {0}, e = {0};
	EVP_PKEY *pkey = NULL;
	if (jwk_bytes(jwk, "n", &n) && jwk_bytes(jwk, "e", &e)) {
		BIGNUM *bn = BN_bin2bn((unsigned char *)n.p, (int)n.n, NULL);
		BIGNUM *be = BN_bin2bn((unsigned char *)e.p, (int)e.n, NULL);
		OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
		OSSL_PARAM *params = NULL;
		if (bn && be && bld && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn) == 1 &&
		    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, be) == 1 &&
		    (params = OSSL_PARAM_BLD_to_param(bld)))
			pkey = pkey_of_params("RSA", params);
		OSSL_PARAM_free(params);
		OSSL_PARAM_BLD_free(bld);
		BN_free(bn);
		BN_free(be);
	}
	buf_fini(&n);
	buf_fini(&e);
	return pkey;
}

static EVP_PKEY *jwk_p256(const json_t *jwk)
{
	struct buf x = {0}, y = {0};
	EVP_PKEY *pkey = NULL;
	if (jwk_bytes(jwk, "x", &x) && jwk_bytes(jwk, "y", &y) && x.n == P256_BYTES && y.n == P256_BYTES) {
		unsigned char point[1 + 2 * P256_BYTES] = {POINT_CONVERSION_UNCOMPRESSED};
		char group[] = "prime256v1";
		memcpy(point + 1, x.p, P256_BYTES);
		memcpy(point + 1 + P256_BYTES, y.p, P256_BYTES);
		OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		                       OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
		                       OSSL_PARAM_construct_end()};
		pkey = pkey_of_params("EC", params); /* refuses a point that is not on the curve */
	}
	buf_fini(&x);
	buf_fini(&y);
	return pkey;
}

static EVP_PKEY *jwk_ed25519(const json_t *jwk)
{
	struct buf x = {0};
	EVP_PKEY *pkey = NULL;
	if (jwk_bytes(jwk, "x", &x))
		pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (unsigned char *)x.p, x.n);
	buf_fini(&x);
	return pkey;
}

EVP_PKEY *jwk_public_key(const json_t *jwk)
{
	if (jwk_says(jwk, "kty", "RSA"))
		return jwk_rsa(jwk);
	if (jwk_says(jwk, "kty", "EC") && jwk_says(jwk, "crv", "P-256"))
		return jwk_p256(jwk);
	if (jwk_says(jwk, "kty", "OKP") && jwk_says(jwk, "crv", "Ed25519"))
		return jwk_ed25519(jwk);
	return NULL;
}
