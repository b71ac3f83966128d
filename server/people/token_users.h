/*
 * Whose token it is, where only SQL knows (JWT_USER_HOOK): what rt.user_of has said, for the life of each token. The
 * oldest are forgotten when there are too many, and are asked for again.
 */
#ifndef PEOPLE_TOKEN_USERS_H
#define PEOPLE_TOKEN_USERS_H

#include "people/people.h"

#define DIGEST_LEN 32

struct token_users *token_users_new(size_t most);
void token_users_free(struct token_users **tu);
void token_users_add(struct token_users *tu, const unsigned char digest[DIGEST_LEN], struct slice user,
                     uint64_t until_ms, uint64_t wall_ms);
/* False: it is not known. user: terminated. */
bool token_users_find(const struct token_users *tu, const unsigned char digest[DIGEST_LEN],
                      char user[UUID_LEN + 1]) MUST_CHECK;

#endif
