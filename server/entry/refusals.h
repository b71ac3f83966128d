/*
 * Refusals that come again and again. `socket.on('disconnect', () => socket.connect())` is Socket.IO's own recipe: with
 * a token that stays bad, one client connected a thousand times a second. So a refusal is remembered for one to two
 * seconds, by the client's network and a subject, and what comes again in that time waits as long. The first refusal is
 * said at once. No good token waits because of a bad one.
 */
#ifndef ENTRY_REFUSALS_H
#define ENTRY_REFUSALS_H

#include "entry/entry.h"
#include "people/tell.h"

void refusals_start(struct entry *e);
void refusals_stop(struct entry *e);

/* From here on it is remembered that the subject, a user or what was said of one, was refused to this client. */
void refusal_note(struct entry *e, const struct sio_socket *s, struct slice subject);

/* Calls then(e, s), at once or, where the same client was refused a moment ago, later; not at all when s is gone. */
void refusal_wait(struct entry *e, struct sio_socket *s, struct slice subject,
                  void (*then)(struct entry *e, struct sio_socket *s));

/* Says the refusal and ends the session, at once or later, and notes it. `about` points to static text. */
void refusal_say(struct entry *e, struct sio_socket *s, struct slice subject, const struct error_about *about,
                 enum close_reason why);

/* The same, not before refusal_due is called, which must be, once. */
struct held;
struct held *refusal_later(struct entry *e, struct sio_socket *s, struct slice subject, const struct error_about *about,
                           enum close_reason why);
void refusal_due(struct held *h);

/* The log lines of refusals and of what follows them: so many a second. */
bool refusal_may_log(struct entry *e, uint64_t *left_out) MUST_CHECK;

#endif
