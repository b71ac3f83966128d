/*
 * The check of a client's token, wherever it comes: at CONNECT, in auth:refresh, at a HTTP read. The client hears that it is
 * refused, and no more. The cause is counted, and is in the log once a second: the issuer of tokens needs it, and an
 * attacker must fill no disk with it.
 */
#ifndef PEOPLE_TOKENS_H
#define PEOPLE_TOKENS_H

#include "people/people.h"

/* "Bearer " in front is taken off: clients put what a header has into `auth`. auth_is_open: ask again later. */
enum auth_result token_check(const struct people *p, struct slice token, struct auth_claims *claims) MUST_CHECK;
/* event: that of the log line. */
void token_refused(struct people *p, struct log_ident who, const char *event, enum auth_result cause);

#endif
