/*
 * The last ten minutes of this edge, one sample a second in a ring of a fixed size: what the page draws
 * (operator/page.h), and what this edge answers when it is asked for its history.
 */
#ifndef OPERATOR_HISTORY_H
#define OPERATOR_HISTORY_H

#include "operator/ask.h"
#include "operator/samples.h"

void history_start(struct operator* op);
void history_stop(struct operator* op);

/* on_second is called behind each sample; one listener, which is op->page's. */
void history_set_listener(struct operator* op, void (*on_second)(struct operator* op));

/* Appends JSON: the names of columns; the last sample; {"at": its time, "rows": all samples, the oldest first}. */
void history_put_columns(struct buf *b);
void history_put_last(const struct operator* op, struct buf *b);
void history_put(const struct operator* op, struct buf *b);

/* {"errors": {code: n}, "ended": {reason: n}}: those of the last ten minutes, to a minute, without those that are 0. */
void history_put_reasons(const struct operator* op, struct buf *b);

/* The kind `history`: {"at", "step_ms", "sockets": [...], "events_in": [...], "packets_out": [...]}, means of some
 * seconds. */
bool history_work(struct operator* op, struct ask *a);

#endif
