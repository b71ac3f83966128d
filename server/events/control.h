/*
 * The verbs of control rows (events/control.def), for feed.c, which carries them out, and for recovery, which walks over them.
 */
#ifndef EVENTS_CONTROL_H
#define EVENTS_CONTROL_H

#include "base/buf.h"
#include "events/control.def"

enum control_verb {
#define X(NAME, verb, data) CONTROL_##NAME,
	CONTROL_VERBS(X)
#undef X
		CONTROL_UNKNOWN /* of a schema that is newer than this program */
};

enum control_verb control_find(struct slice verb);
void control_markdown(struct buf *out); /* the table of docs/edge-sql.md */

#endif
