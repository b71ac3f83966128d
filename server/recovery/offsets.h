/*
 * What clients that asked for recovery are given: a private id in CONNECT's reply, and after a turn that brought them something one
 * small event ["$o",0,"<offset>"] (R8), whose last argument stock clients keep and present.
 *
 * An offset says that its socket has been sent everything that a snapshot sees. So none is given while a fetch is half delivered, while
 * presence waits to be sent, or before a sync:required that is owed. A quiet socket gets a fresh one now and then: offsets
 * age, and the outbox with them.
 */
#ifndef RECOVERY_OFFSETS_H
#define RECOVERY_OFFSETS_H

#include "base/buf.h"
#include "people/client.h"
#include "recovery/recovery.h"
#include "recovery/offset_token.h"

#define PID_LEN 24

/* Of a client that asked for recovery. Owned by the client, freed through recovery_hooks.forget. */
struct recoverable {
	struct recovery *recovery;
	struct client *client;
	struct list due; /* in offsets.due: gets an offset in this turn */
	struct list age; /* in offsets.age, by when it got its last one; in no list before the first */
	uint64_t sent_at;
	char pid[PID_LEN];
	struct buf former;       /* sockets whose place it took, joined by newline: it is in their rooms as well */
	bool owes_sync;          /* something was lost: no offset before sync:required has been said */
	bool withdrawn;          /* the last offset said was none */
	struct attempt *attempt; /* attempt.h: what it presented, until it is settled; NULL: nothing */
};

void offsets_start(struct recovery *rec);
void offsets_stop(struct recovery *rec);
void offsets_database_up(struct recovery *rec);
void offsets_gap(struct recovery *rec); /* everybody is owed a sync:required */
void offsets_tick(struct recovery *rec);
void offsets_turn(struct recovery *rec); /* the pump or presence has moved on */

const unsigned char *offsets_key(const struct recovery *rec); /* NULL: not read yet */
bool offsets_key_wanted(const struct recovery *rec);          /* it will be known, or known not to come */

void offset_new(struct recovery *rec, struct client *c); /* the client asked: it becomes recoverable */
void offset_free(struct client *c);                      /* after its attempt has been settled */
void offset_due(struct client *c);                       /* it has been sent something */
void offset_synced(struct client *c);                    /* it has been told sync:required */
struct slice offset_pid(const struct client *c);         /* the private id */

#endif
