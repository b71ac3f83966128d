/*
 * Asks rt.user_of, by way of rt.users_of, whose a token is (JWT_USER_HOOK). What it says is kept for the life of the
 * token (people/token_users.h). An error of the hook is no verdict about the token: its client is told UNAVAILABLE.
 */
#ifndef EVENTS_USER_OF_H
#define EVENTS_USER_OF_H

#include "events/events.h"

struct user_ask;

/* AUTH_OK: token_check knows the user now. AUTH_NOBODY: the hook knows none. AUTH_UNASKED: it has failed. */
typedef void user_ask_done(void *arg, enum auth_result result);

void user_asks_start(struct events *ev); /* sets people.token_users where the hook is on */
void user_asks_stop(struct events *ev);
void user_asks_database_up(struct events *ev);

/* For a token of which token_check has said AUTH_UNASKED. The call is repeated while the database is away. */
struct user_ask *user_ask(struct events *ev, struct slice token, uint64_t until_ms, user_ask_done *done, void *arg);
void user_ask_forget(struct user_ask *a); /* done is not called any more */

#endif
