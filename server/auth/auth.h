/*
 * The check of a token: whether it is good, and whose it is. A token is a JWT. Its algorithm must be that of the
 * setting, `exp` is required, `nbf` is honoured, `iss` and `aud` are checked when they are set, and `sub` is a uuid.
 * Whether the user exists is not known here.
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "base/slice.h"

struct auth;

struct auth_config {
	const char *algorithm;       /* HS256 (default), RS256, ES256, EdDSA */
	const char *secret;          /* of HS256: 32 bytes at least */
	const char *public_key_file; /* of the others: PEM */
	const char *issuer;          /* NULL: not checked */
	const char *audience;        /* NULL: not checked; else the string of the token, or one in its array */
	uint32_t leeway_s;
};

enum auth_result {
	AUTH_OK,
	AUTH_MALFORMED, /* not three parts in base64url, over 8 KiB, a claim of the wrong type, a crit header */
	AUTH_ALGORITHM,
	AUTH_SIGNATURE,
	AUTH_EXPIRED, /* nothing else is wrong: claims->sub is set */
	AUTH_NOT_YET,
	AUTH_CLAIMS, /* iss or aud is another, exp is missing, or sub is no uuid */
};

struct auth_claims {
	char sub[37];      /* a uuid in lower case, terminated */
	uint64_t exp_ms;   /* wall clock */
	uint64_t until_ms; /* the same and the leeway: when the token's socket ends */
};

struct auth *auth_new(const struct auth_config *cfg, char *error, size_t n); /* NULL: error has the reason */
void auth_free(struct auth **a);
enum auth_result auth_check(const struct auth *a, struct slice token, uint64_t wall_ms,
                            struct auth_claims *claims) MUST_CHECK;
const char *auth_result_label(enum auth_result r);

/* A signed token (HS256 only), which the caller frees. NULL: error has the reason. */
char *auth_sign(const struct auth_config *cfg, const char *sub, uint64_t exp_s, char *error, size_t n);

#endif
