/*
 * What a confirm value is of.
 */
#ifndef EVENTS_CONFIRM_KEY_H
#define EVENTS_CONFIRM_KEY_H

#include "people/delivery.h"

/* The message that this delivery is of, as in its confirm value. False: it is of something else. */
bool confirm_message(const struct delivery *d, struct slice *uuid) MUST_CHECK;
/* The message, where its key says all. first: its first confirmation counts, otherwise each does. */
bool confirm_key(const struct delivery *d, struct slice *uuid, bool *first) MUST_CHECK;

#endif
