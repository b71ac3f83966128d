/*
 * Shared by all places where a client shows a token.
 */
#include "people/tokens.h"
#include "auth/keyring.h"
#include "base/text.h"
#include "net/loop.h"

enum auth_result token_check(const struct people *p, struct slice token, struct auth_claims *claims)
{
	return auth_check_with(p->auth, p->keys, auth_without_bearer(token), clock_wall_ms(), claims);
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
