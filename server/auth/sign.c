/*
 * Signing a token. Called by `bellwire token` and the demo.
 */
#include "auth/auth.h"

#include "auth/key.h"
#include "base/text.h"
#include <jwt.h>
#include <stdio.h>
#include <string.h>

static bool grants_add(jwt_t *jwt, const struct auth_config *cfg, const char *sub, uint64_t exp_s)
{
	return jwt_add_grant(jwt, cfg->user_claim ? cfg->user_claim : "sub", sub) == 0 &&
	       jwt_add_grant_int(jwt, "exp", (long)exp_s) == 0 &&
	       (!cfg->issuer || jwt_add_grant(jwt, "iss", cfg->issuer) == 0) &&
	       (!cfg->audience || jwt_add_grant(jwt, "aud", cfg->audience) == 0);
}

char *auth_sign(const struct auth_config *cfg, const char *sub, uint64_t exp_s, char *error, size_t n)
{
	const char *algorithm = auth_algorithm_or_default(cfg);
	if (strcmp(algorithm, "HS256") != 0) {
		snprintf(error, n, "tokens are signed with HS256 only, not %s", algorithm);
		return NULL;
	}
	if (!auth_secret_usable(slice_str(cfg->secret), error, n))
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
	if (jwt_new(&jwt) == 0 &&
	    jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)cfg->secret, (int)strlen(cfg->secret)) == 0 &&
	    grants_add(jwt, cfg, sub, exp_s))
		token = jwt_encode_str(jwt);
	jwt_free(jwt);
	if (!token)
		snprintf(error, n, "the token could not be encoded: is every claim valid UTF-8?");
	return token;
}
