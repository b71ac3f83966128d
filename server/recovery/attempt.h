/*
 * One attempt to recover: what a client presented, and how far it has come. A client has one while it is CLIENT_RECOVERING, and before, from
 * CONNECT on.
 *
 *   attempt_start   offset read, its chats and its former socket's place entered
 *   attempt_round   the pump is asked for its next position, P; the client stands in missed.h's line then
 *   attempt_walked  what was missed has been walked through: it succeeds, or the next round begins
 *   attempt_fail    from anywhere
 *
 * Private to recovery/.
 */
#ifndef RECOVERY_ATTEMPT_H
#define RECOVERY_ATTEMPT_H

#include "recovery/offsets.h"
#include "recovery/recover.h"
#include "recovery/walk.h"

#define ATTEMPT_EVENTS_MAX 500 /* missed and held; a client remembers as many fences */

/* Owned by its client's recoverable, until it succeeds or fails. */
struct attempt {
	char *pid, *offset; /* as presented */
	recover_done *done;
	struct recovery_token token;
	char *reason;            /* of sync:required, should it come to that */
	char *upto, *upto_epoch; /* P */
	uint64_t since;          /* loop_now of CONNECT */
	uint32_t round;          /* from 0 */
	bool holding;            /* P is known: what comes is kept in `held` */
	const char *broken;      /* why it cannot be whole any more */
	struct held_list held;
};

void attempt_free(struct attempt **a);

/* The client that is still recovering, by its id; NULL: it is not, or gone. */
struct client *attempt_client(const struct people *p, const char id[SIO_ID_LEN]);

void attempt_start(struct client *c); /* offsets_key is settled; it leaves the list in which it stands */
void attempt_walked(struct client *c, struct walk *k,
                    struct slice former); /* former: sockets whose place it has taken, by line */
void attempt_fail(struct client *c, const char *why);

#endif
