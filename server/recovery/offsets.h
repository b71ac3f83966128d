/*
 * Offsets, which the edge sends to clients that asked for recovery. CONNECT's reply has a private id. After a turn that
 * brought the client something, one small event ["$o",0,"<offset>"] (R8) follows; stock clients keep its last argument
 * and present it.
 *
 * An offset says that its socket has been sent everything that a snapshot sees, and the rows ahead of it that bells
 * have carried, which it names. So the edge gives none while a fetch is half delivered, while presence waits to be
 * sent, or before a sync:required that it owes. A quiet socket gets a fresh offset from time to time, because offsets
 * get old, and the outbox forgets.
 */
#ifndef RECOVERY_OFFSETS_H
#define RECOVERY_OFFSETS_H

#include "base/buf.h"
#include "people/client.h"
#include "recovery/recovery.h"
#include "recovery/offset_token.h"

#define PID_LEN 24

/* The state of a client that asked for recovery. Owned by client.recoverable; recovery_hooks.forget frees it. */
struct recoverable {
	struct recovery *recovery;
	struct client *client;
	struct list due; /* in offsets.due while it waits for an offset */
	struct list age; /* in offsets.age, by the time of its last offset; in no list before the first */
	uint64_t sent_at;
	char pid[PID_LEN];
	struct buf former;       /* ids of sockets that it was before, joined by newline: it is in their rooms too */
	bool owes_sync;          /* events were lost: no offset until sync:required has been sent */
	bool withdrawn;          /* the last offset event was empty: the client has none */
	struct attempt *attempt; /* owned; NULL: it presented no offset, or the attempt is over */
};

void offsets_start(struct recovery *rec);
void offsets_stop(struct recovery *rec);
void offsets_database_up(struct recovery *rec);
void offsets_gap(struct recovery *rec); /* the edge owes sync:required to all these clients */
void offsets_tick(struct recovery *rec);
void offsets_turn(struct recovery *rec); /* call it when the pump or presence has moved on */

const unsigned char *offsets_key(const struct recovery *rec); /* NULL: not read yet */
bool offsets_key_wanted(const struct recovery *rec);          /* the key will be read, or its call will fail */

void offset_new(struct recovery *rec, struct client *c); /* the client asked for recovery: sets client.recoverable */
void offset_free(struct client *c);                      /* after its attempt has ended */
void offset_due(struct client *c);                       /* the client has been sent something */
void offset_synced(struct client *c);                    /* the client has been told sync:required */
struct slice offset_pid(const struct client *c);         /* the private id */

#endif
