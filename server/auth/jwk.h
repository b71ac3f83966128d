/*
 * JSON Web Keys (RFC 7517), for the algorithms of auth.h: the public part, or a secret. A private key is refused, since
 * whoever only checks tokens must not be able to sign them.
 */
#ifndef AUTH_JWK_H
#define AUTH_JWK_H

#include "base/buf.h"
#include <jansson.h>

struct evp_pkey_st;

/* What `alg` says, else what `kty` and `crv` allow. NULL: none of ours. */
const char *jwk_algorithm(const json_t *jwk);
bool jwk_is_private(const json_t *jwk);                            /* it has the private part of a pair */
bool jwk_secret(const json_t *jwk, struct buf *secret) MUST_CHECK; /* of kty oct */
struct evp_pkey_st *jwk_public_key(const json_t *jwk);             /* the caller frees it; NULL: it is none */

#endif
