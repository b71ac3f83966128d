/*
 * Signing a token. Called by `bellwire token`, `bellwire verify` and the demo.
 */
#include "auth/auth.h"

#include "auth/key.h"
#include "base/text.h"
#include <jwt.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

static bool grants_add(jwt_t *jwt, const struct auth_config *cfg, const char *sub, uint64_t exp_s)
{
	return jwt_add_grant(jwt, cfg->user_claim ? cfg->user_claim : "sub", sub) == 0 &&
	       jwt_add_grant_int(jwt, "exp", (long)exp_s) == 0 &&
	       (!cfg->issuer || jwt_add_grant(jwt, "iss", cfg->issuer) == 0) &&
	       (!cfg->audience || jwt_add_grant(jwt, "aud", cfg->audience) == 0);
}

/* JWT_ALG_INVAL: it is no private key, or none that libjwt signs with. */
static jwt_alg_t private_algorithm(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"") : NULL;
	int type = key ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE;
	EVP_PKEY_free(key);
	BIO_free(bio);
	return type == EVP_PKEY_RSA ? JWT_ALG_RS256 : type == EVP_PKEY_EC ? JWT_ALG_ES256 : JWT_ALG_INVAL;
}

/* The algorithm to sign with; JWT_ALG_INVAL: error says why there is none. */
static jwt_alg_t sign_algorithm(const struct auth_config *cfg, char *error, size_t n)
{
	if (cfg->private_key) {
		jwt_alg_t alg = private_algorithm(cfg->private_key);
		if (alg == JWT_ALG_INVAL)
			snprintf(error, n, "no private key of RSA or P-256 in PEM");
		return alg;
	}
	const char *algorithm = auth_algorithm_or_default(cfg);
	if (strcmp(algorithm, "HS256") != 0) {
		snprintf(error, n, "tokens are signed with HS256 only, not %s", algorithm);
		return JWT_ALG_INVAL;
	}
	return auth_secret_usable(slice_str(cfg->secret), error, n) ? JWT_ALG_HS256 : JWT_ALG_INVAL;
}

char *auth_sign(const struct auth_config *cfg, const char *sub, uint64_t exp_s, char *error, size_t n)
{
	jwt_alg_t alg = sign_algorithm(cfg, error, n);
	if (alg == JWT_ALG_INVAL)
		return NULL;
	if (!sub || !uuid_valid(slice_str(sub))) {
		snprintf(error, n, "sub is no uuid");
		return NULL;
	}
	if ((double)exp_s > TIME_MAX_S) {
		snprintf(error, n, "exp is after the year 9999");
		return NULL;
	}
	jwt_t *jwt = NULL;
	char *token = NULL;
	const char *key = cfg->private_key ? cfg->private_key : cfg->secret;
	if (jwt_new(&jwt) == 0 && jwt_set_alg(jwt, alg, (const unsigned char *)key, (int)strlen(key)) == 0 &&
	    (!cfg->kid || jwt_add_header(jwt, "kid", cfg->kid) == 0) && grants_add(jwt, cfg, sub, exp_s))
		token = jwt_encode_str(jwt);
	jwt_free(jwt);
	if (!token)
		snprintf(error, n, "the token could not be encoded: is every claim valid UTF-8?");
	return token;
}
