/* The parts of the floor of recovery in the order of app/parts.c, for harnesses that join floors without app/. */
#ifndef UNIT_RECOVERY_PARTS_H
#define UNIT_RECOVERY_PARTS_H

#include "recovery/missed.h"
#include "recovery/offsets.h"
#include "recovery/recover.h"

static inline void recovery_parts_start(struct recovery *rec)
{
	offsets_start(rec);
	attempts_start(rec);
	missed_start(rec);
}

static inline void recovery_parts_stop(struct recovery *rec)
{
	missed_stop(rec);
	attempts_stop(rec);
	offsets_stop(rec);
}

#endif
