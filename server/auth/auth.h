/*
 * Is this token good, and whose is it? JWT with a pinned algorithm (contract 2.2, design section 4 "Tokens").
 * Knows no user table and no socket.
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "base/slice.h"

struct auth;

struct auth_config {
	const char *algorithm;       /* HS256 (default), RS256, ES256, EdDSA */
	const char *secret;          /* HS256: at least 32 bytes */
	const char *public_key_file; /* PEM, the others */
	const char *issuer;          /* NULL: not checked */
	const char *audience;        /* NULL: not checked; a string or an array member */
	uint32_t leeway_s;
};

enum auth_result {
	AUTH_OK,
	AUTH_MALFORMED, /* not three base64url parts, over 8 KiB, claims of the wrong type, unknown crit */
	AUTH_ALGORITHM,
	AUTH_SIGNATURE,
	AUTH_EXPIRED, /* authentic in everything else: claims->sub is set (contract 2.6) */
	AUTH_NOT_YET,
	AUTH_CLAIMS, /* iss, aud, missing exp, sub no uuid */
};

struct auth_claims {
	char sub[37];      /* uuid in lower case, terminated */
	uint64_t exp_ms;   /* wall clock */
	uint64_t until_ms; /* the same with leeway: the end of what the token grants */
};

struct auth *auth_new(const struct auth_config *cfg, char *error, size_t n); /* NULL with the reason */
void auth_free(struct auth **a);
enum auth_result auth_check(const struct auth *a, struct slice token, uint64_t wall_ms,
                            struct auth_claims *claims) MUST_CHECK;
const char *auth_result_label(enum auth_result r);

/* A signed token for `bellwire token` and the demo (HS256 only); NULL with the reason. The caller frees it. */
char *auth_sign(const struct auth_config *cfg, const char *sub, uint64_t exp_s, char *error, size_t n);

#endif
