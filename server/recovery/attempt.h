/*
 * An attempt to recover: what a client presented, and how far the attempt has come. A client has one from CONNECT on,
 * until it succeeds or fails.
 *
 *   attempt_start   reads the offset; the client enters the chats in it, and the rooms of its former socket
 *   attempt_round   asks the pump for its next position, P; then the client waits in the queue of missed.h
 *   attempt_walked  after the walk over the missed rows: the attempt succeeds, or the next round begins
 *   attempt_fail    may come at any step
 *
 * Private to recovery/.
 */
#ifndef RECOVERY_ATTEMPT_H
#define RECOVERY_ATTEMPT_H

#include "recovery/offsets.h"
#include "recovery/recover.h"
#include "recovery/refused.h"
#include "recovery/walk.h"

#define ATTEMPT_EVENTS_MAX 500 /* missed and held events; below FENCES_MAX, so each can be confirmed */

/* Owned by recoverable.attempt until it succeeds or fails. */
struct attempt {
	char *pid, *offset; /* owned; as the client presented them */
	recover_done *done;
	struct recovery_token token;
	char *reason;              /* owned; of sync:required, if the attempt fails */
	char *upto, *upto_epoch;   /* owned; P */
	uint64_t since;            /* loop_now of CONNECT */
	uint32_t round;            /* from 0 */
	bool holding;              /* P is known: events that come now are kept in `held` */
	enum refused_cause broken; /* why the attempt cannot be complete any more */
	struct held_list held;     /* owned */
};

void attempt_free(struct attempt **a);

/* The client with this id, if its attempt still runs; else NULL. */
struct client *attempt_client(const struct people *p, const char id[SIO_ID_LEN]);

void attempt_start(struct client *c); /* offsets_key is settled; the client leaves PLACE_KEY */
/* former: ids of the sockets that it was before, joined by newline. */
void attempt_walked(struct client *c, struct walk *k, struct slice former);
void attempt_fail(struct client *c, enum refused_cause cause);

#endif
