/*
 * The keys of tokens: rows of bellwire.token_keys, read at start, again when a control row says that they changed, and after a gap.
 * A row that is no key is named in the log, and tokens with its kid are refused.
 */
#ifndef EVENTS_TOKEN_KEYS_H
#define EVENTS_TOKEN_KEYS_H

#include "events/events.h"

void keys_start(struct events *ev); /* sets people.keys */
void keys_stop(struct events *ev);
void keys_database_up(struct events *ev);
void keys_gap(struct events *ev);
const char *keys_missing(const struct events *ev); /* for readiness; NULL: the keys have been read */
void keys_load(struct events *ev);

#endif
