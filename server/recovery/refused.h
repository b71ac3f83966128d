/*
 * The causes of refused recoveries, from the list recovery/refused.def: an enum, the word of the log, and the table of
 * docs/recovery.md.
 */
#ifndef RECOVERY_REFUSED_H
#define RECOVERY_REFUSED_H

#include "base/buf.h"
#include "recovery/refused.def"

enum refused_cause {
	REFUSED_NOT, /* nothing stands against the recovery */
#define X(NAME, why, text) REFUSED_##NAME,
	REFUSED_BY_SQL(X) REFUSED_BY_EDGE(X)
#undef X
		REFUSED_MAX
};

const char *refused_why(enum refused_cause cause);     /* "offset not authentic"; not of REFUSED_NOT */
enum refused_cause refused_of_sql(struct slice cause); /* REFUSED_NEWER: SQL has no such cause */
void refused_markdown(struct buf *out);

#endif
