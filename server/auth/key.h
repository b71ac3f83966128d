/*
 * One key, with the one algorithm that it is used with. Checks signatures; claims are auth.c's. Private to auth/.
 */
#ifndef AUTH_KEY_H
#define AUTH_KEY_H

#include "auth/auth.h"

#define SECRET_MIN 32             /* bytes that HS256 asks for (RFC 7518 3.2) */
#define TIME_MAX_S 253402300799.0 /* the last second of the year 9999; a later one is milliseconds by mistake */

struct auth_key;

struct auth_key *auth_key_new(const struct auth_config *cfg, char *error, size_t n); /* NULL: error has the reason */
/* text: a PEM public key, a JSON Web Key, or the secret of HS256. */
struct auth_key *auth_key_parse(struct slice algorithm, struct slice text, char *error, size_t n);
void auth_key_free(struct auth_key **k);
const char *auth_key_algorithm(const struct auth_key *k); /* the `alg` that a header must have */
bool auth_key_verify(const struct auth_key *k, struct slice text, struct slice signature) MUST_CHECK;

bool auth_secret_usable(struct slice secret, char *error, size_t n) MUST_CHECK;
const char *auth_algorithm_or_default(const struct auth_config *cfg);

#endif
