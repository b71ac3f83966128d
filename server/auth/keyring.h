/*
 * Keys that are rows of bellwire.token_keys: several at once, chosen by the `kid` of a token. A row fixes the algorithm
 * of its key, so that no token can have a public key taken for a secret.
 */
#ifndef AUTH_KEYRING_H
#define AUTH_KEYRING_H

#include "auth/auth.h"

struct auth_keys;
struct auth_key;

struct auth_key_row {
	struct slice kid, algorithm;
	struct slice text;          /* a PEM public key, a JSON Web Key, or the secret of HS256 */
	uint64_t from_ms, until_ms; /* wall clock, in between it is valid; until_ms 0: no end */
};

/* read: whether the rows are known. Without them no token with a `kid` can be judged. */
struct auth_keys *auth_keys_new(bool read);
void auth_keys_free(struct auth_keys **keys);
bool auth_keys_add(struct auth_keys *keys, const struct auth_key_row *row, char *error,
                   size_t n) MUST_CHECK; /* False: error says why it is no key */

/* For auth.c. AUTH_OK: *key is the row's; NULL: no row has this kid. AUTH_KEY: it is not valid now. */
enum auth_result auth_keys_find(const struct auth_keys *keys, struct slice kid, uint64_t wall_ms,
                                const struct auth_key **key) MUST_CHECK;

#endif
