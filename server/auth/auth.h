/*
 * The check of a token: whether it is good, and whose it is. A token is a JWT. Its algorithm must be that of the
 * setting, `exp` is required, `nbf` is honoured, `iss` and `aud` are checked when they are set, and one claim, `sub` where
 * no other is named, is the user's uuid. Whether the user exists is not known here.
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "base/buf.h"

struct auth;
struct auth_keys;

struct auth_config {
	const char *algorithm;       /* HS256 (default), RS256, ES256, EdDSA; "keys": none but those of keyring.h */
	const char *secret;          /* of HS256: 32 bytes at least */
	const char *public_key_file; /* of the others: PEM */
	const char *issuer;          /* NULL: not checked */
	const char *audience;        /* NULL: not checked; else the string of the token, or one in its array */
	const char *user_claim;      /* the claim with the user's uuid; NULL: sub */
	bool user_elsewhere;         /* no claim is the user's uuid: whoever checks has to find out */
	uint32_t leeway_s;
	/* For auth_sign alone. */
	const char *private_key; /* PEM, RSA or P-256; NULL: `secret` signs */
	const char *kid;         /* of the key that signs; NULL: the token names none */
};

/*
 * What is wrong with a token: X(NAME, label, "why"). The label is that of the metric and of the log; "why" is for those who
 * issue tokens. EXPIRED means that nothing else is wrong. Only the database can say the last three, so
 * auth_check does not.
 */
#define AUTH_RESULTS(X)                                                                                              \
	X(OK, ok, "it is good")                                                                                      \
	X(UNASKED, unasked, "rt.user_of has not said yet whose it is")                                               \
	X(UNREAD, unread, "the edge has not read the keys from the database yet")                                    \
	X(MALFORMED, malformed,                                                                                      \
	  "it is no JWT: not three parts in base64url, over 8 KiB, a claim of the wrong type, or a crit header")     \
	X(ALGORITHM, algorithm, "its alg is not the algorithm of the key")                                           \
	X(KEY, key, "no key has its kid, or that key is not valid now; without kid, no key is set for it")           \
	X(SIGNATURE, signature, "the signature is not of the key: it was signed with another one, or changed since") \
	X(EXPIRED, expired, "its exp has passed")                                                                    \
	X(NOT_YET, not_yet, "its nbf is still to come")                                                              \
	X(NO_EXP, no_exp, "it has no exp")                                                                           \
	X(NO_SUBJECT, no_subject, "it has no claim that names the user (JWT_USER_CLAIM)")                            \
	X(SUBJECT, subject, "the claim that names the user (JWT_USER_CLAIM) is no uuid")                             \
	X(ISSUER, issuer, "its iss is not JWT_ISSUER")                                                               \
	X(AUDIENCE, audience, "its aud is not JWT_AUDIENCE")                                                         \
	X(NOBODY, nobody, "rt.user_of knows no user for it")                                                         \
	X(USER, user, "platform.users has no row for its user")                                                      \
	X(DISABLED, disabled, "its user is disabled (platform.users.disabled_at)")
enum auth_result {
#define X(NAME, label, why) AUTH_##NAME,
	AUTH_RESULTS(X)
#undef X
		AUTH_RESULT_MAX
};

struct auth_claims {
	char sub[37];      /* a uuid in lower case, terminated; empty where the user is known elsewhere */
	uint64_t exp_ms;   /* wall clock */
	uint64_t until_ms; /* the same and the leeway: when the token's socket ends */
};

struct auth *auth_new(const struct auth_config *cfg, char *error, size_t n); /* NULL: error has the reason */
void auth_free(struct auth **a);
/* keys: rows besides the key of the settings (auth/keyring.h); NULL: there are none. */
enum auth_result auth_check_with(const struct auth *a, const struct auth_keys *keys, struct slice token,
                                 uint64_t wall_ms, struct auth_claims *claims) MUST_CHECK;
static inline enum auth_result auth_check(const struct auth *a, struct slice token, uint64_t wall_ms,
                                          struct auth_claims *claims)
{
	return auth_check_with(a, NULL, token, wall_ms, claims);
}
/* Not judged yet, and no refusal: the same token may be good in a moment. */
static inline bool auth_is_open(enum auth_result r)
{
	return r == AUTH_UNREAD || r == AUTH_UNASKED;
}
bool auth_payload(struct slice token,
                  struct buf *out) MUST_CHECK;               /* the claims of a token that was accepted, JSON text */
void auth_digest(struct slice token, unsigned char out[32]); /* SHA-256 */
const char *auth_result_label(enum auth_result r);
const char *auth_result_why(enum auth_result r);
struct slice auth_without_bearer(struct slice token); /* the same without "Bearer " and blanks in front */

/* A signed token, which the caller frees: HS256, or RS256 or ES256 as the private key is. NULL: error has the
 * reason. */
char *auth_sign(const struct auth_config *cfg, const char *sub, uint64_t exp_s, char *error, size_t n);

#endif
