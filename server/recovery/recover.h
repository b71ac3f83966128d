/*
 * Recovering (docs/recovery.md): a client presents its private id and its offset. The missed events are found, and sent
 * before all others.
 *
 *   rooms entered -> the chats of the offset entered too -> the pump polls once: P; from now on events are held
 *        -> rt.recover: rows that the offset's snapshot does not see and P does -> the walk through rooms as they were,
 *           without the rows that the offset names -> CONNECT's reply, missed events, held events, `connected`
 *
 * The walk uses a hub of its own with one member, which control rows move between the events, as on a live socket. The
 * walk may end in other chats than the socket is in. Then the wrong events may have been held, so the rooms are set
 * right and the attempt begins again from the pump. When it cannot be shown that nothing is missing, the client opens
 * as a new socket and is told to synchronise.
 */
#ifndef RECOVERY_RECOVER_H
#define RECOVERY_RECOVER_H

#include "people/client.h"
#include "recovery/recovery.h"

void attempts_start(struct recovery *rec); /* sets people.recovery */
void attempts_stop(struct recovery *rec);
void attempts_gap(struct recovery *rec);

/* auth: the payload of CONNECT, in which a client may ask for recovery and present an offset. */
void recover_asked(struct recovery *rec, struct client *c, struct slice auth);

/*
 * Call it when the client has entered its rooms. False: the client presented no offset, and the caller opens it. True:
 * the client is CLIENT_RECOVERING, and `done` must open it, at once or later. recovered: CONNECT is answered, and the
 * missed events are sent. `done` is not called for a client that ends or is refused meanwhile.
 */
typedef void recover_done(struct client *c, struct slice reason, bool recovered);
bool recover_begin(struct client *c, struct slice reason, recover_done *done) MUST_CHECK;

/* Appends the member "pid" of CONNECT's reply, if the client asked for recovery. */
void recover_reply(struct buf *out, const struct client *c);
void recover_forget(struct client *c); /* frees client.recoverable; harmless when it is NULL */

#endif
