/*
 * A client presents its private id and offset: what it missed is found and sent before anything else (docs/recovery.md).
 *
 *   rooms entered -> the chats of the offset entered too -> the pump polls once: P, from now on events are held
 *        -> rt.recover: rows that the offset's snapshot does not see and P does -> walked through rooms as they were
 *        -> CONNECT's reply, what was missed, what was held, `connected`
 *
 * The walk is the hub's own: a hub of one member, moved by control rows between the events, as on a live socket. It may end in other
 * chats than the socket is in; then events may have been held wrongly, so the rooms are set right and the attempt begins
 * again from the pump. An attempt that cannot be shown to be whole ends as a new socket that is told to synchronise.
 */
#ifndef RECOVERY_RECOVER_H
#define RECOVERY_RECOVER_H

#include "people/client.h"
#include "recovery/recovery.h"

void attempts_start(struct recovery *rec); /* gives people its recovery_hooks */
void attempts_stop(struct recovery *rec);
void attempts_gap(struct recovery *rec);

/* CONNECT's payload: the client may ask for recovery, and present an offset. */
void recover_asked(struct recovery *rec, struct client *c, struct slice auth);

/*
 * Its rooms are entered. False: it presented nothing, the caller opens it. True: it is CLIENT_RECOVERING, and done opens it, now or
 * later; recovered: CONNECT is answered, and what it missed has been sent. Not called for a client that goes or is refused meanwhile.
 */
typedef void recover_done(struct client *c, struct slice reason, bool recovered);
bool recover_begin(struct client *c, struct slice reason, recover_done *done) MUST_CHECK;

void recover_reply(struct buf *out,
                   const struct client *c); /* appends the member "pid" of CONNECT's reply, if it asked */
void recover_forget(struct client *c);      /* it is no longer one that asked; harmless when it never was */

#endif
