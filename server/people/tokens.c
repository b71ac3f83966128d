/*
 * Shared by all places where a client shows a token.
 */
#include "people/tokens.h"
#include "auth/keyring.h"
#include "base/text.h"
#include "net/loop.h"
#include "people/token_users.h"

enum auth_result token_check(const struct people *p, struct slice token, struct auth_claims *claims)
{
	unsigned char digest[DIGEST_LEN];
	token = auth_without_bearer(token);
	enum auth_result r = auth_check_with(p->auth, p->keys, token, clock_wall_ms(), claims);
	if (r != AUTH_OK || !p->token_users)
		return r;
	auth_digest(token, digest);
	return token_users_find(p->token_users, digest, claims->sub) ? AUTH_OK : AUTH_UNASKED;
}

void token_refused(struct people *p, struct log_ident who, const char *event, enum auth_result cause)
{
	struct log_sample *lines = &p->refused[cause];
	uint64_t left_out;
	p->counts.tokens_refused[cause]++;
	lines->most = 1;
	if (log_sample_take(lines, loop_now(p->loop), &left_out))
		log_info(who, event, LS("cause", auth_result_label(cause)), LS("why", auth_result_why(cause)),
		         LU("left_out", left_out));
}
