/*
 * Questions, one after the other. Events go first: a question is worked on in pieces, each a small part of a turn; of
 * questions that wait there are few; and one call at a time takes answers to the database. What does not fit is left
 * out, and the operator reads that this edge did not answer.
 */
#ifndef OPERATOR_ASK_H
#define OPERATOR_ASK_H

#include "base/buf.h"
#include "operator/operator.h"

#define ASK_BODY_MOST 262144 /* bytes of an answer; what is more is left out, and `more` says so */

/* A question that is being answered. It is the answer's first piece while `at` and `seen` are 0. */
struct ask {
	struct list link; /* in asks.queue */
	char id[UUID_LEN];
	const struct ask_kind *kind;
	struct buf about; /* owned; the data of the control row */
	struct buf body;  /* owned; a JSON object when all is done */
	bool more;
	uint32_t at, seen; /* how far it is, as its kind counts */
	struct room_count *found;
	uint32_t nfound; /* of found, which is owned: the largest rooms so far, a heap */
};

void asks_start(struct operator* op);
void asks_stop(struct operator* op);
void asks_tick(struct operator* op); /* every two seconds: takes the pulse */

void ask_take(struct operator* op, struct slice data); /* of the control row; it ends with the call */

/* What a question is about: its limit, and the text of a key; false: it has no such key. */
uint32_t ask_limit(const struct ask *a);
bool ask_text(const struct ask *a, const char *key, struct buf *out);

/* The rooms that whom it is about are in, as an audience takes them, into out. False: it is about everybody. */
bool ask_whom(const struct ask *a, struct buf *out);

#endif
