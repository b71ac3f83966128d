/*
 * One message of @socket.io/postgres-emitter, checked before anything acts on it (docs/emitter.md, G2 to G9). This file
 * takes bytes and knows no sockets. A message may be forged: any role that can connect to the database can NOTIFY.
 */
#ifndef EMITTER_MESSAGE_H
#define EMITTER_MESSAGE_H

#include "base/buf.h"

#define EMITTER_TEXT_MOST (2u << 20)   /* JSON text of a large message */
#define EMITTER_DATA_MOST (256u << 10) /* an event's data, as rt.emit takes it */
#define EMITTER_NAME_MOST 256          /* bytes of an event's or a room's name */
#define EMITTER_ROOMS_MOST 10000       /* in one list */
#define EMITTER_CHANGE_MOST 64         /* rooms that one message joins or leaves */

/* Outcomes of a message. The words are labels of a metric, which docs/emitter.md lists. */
/* clang-format off: one row a line */
#define EMITTER_OUTCOMES(X)                                                               \
	X(DONE, done)       /* carried out, even if it reached no socket */               \
	X(IGNORED, ignored) /* for Node servers, as serverSideEmit is */                  \
	X(INVALID, invalid) /* not as the emitter writes it, or JSON that is not taken */ \
	X(REFUSED, refused) /* understood, and not allowed */                             \
	X(MISSING, missing) /* a large message; its row is not there or cannot be read */ \
	X(LOST, lost)       /* a large message; the database was away, or too many waited */
/* clang-format on */

enum emitter_outcome {
#define X(NAME, label) EMITTER_##NAME,
	EMITTER_OUTCOMES(X)
#undef X
		EMITTER_OUTCOME_MAX
};
const char *emitter_outcome_label(enum emitter_outcome o);

enum emitter_verb {
	EMITTER_EMIT = 3,
	EMITTER_JOIN = 4,
	EMITTER_LEAVE = 5,
	EMITTER_DISCONNECT = 6
}; /* as on the wire */

struct emitter_message {
	enum emitter_verb verb;
	uint64_t attachment;      /* not 0: the message is in this row (G3), and no other field is set */
	bool everyone;            /* it names no rooms: every socket */
	bool is_volatile;         /* emit */
	bool close;               /* disconnect: the session too */
	struct buf rooms, except; /* names joined by newline, as hub_send takes them */
	struct buf change;        /* join, leave: likewise */
	struct buf event;         /* emit: name, unescaped */
	struct buf data;          /* emit: compact JSON text of an object */
};

/*
 * The caller zeroes m before, and calls emitter_message_fini after, whatever the outcome. EMITTER_DONE: m says what to
 * do. Else *why is a text for people. attached: the text came from a row, so it must not name another row.
 */
enum emitter_outcome emitter_message_parse(struct emitter_message *m, struct slice text, bool attached,
                                           const char **why) MUST_CHECK;
void emitter_message_fini(struct emitter_message *m);

#endif
