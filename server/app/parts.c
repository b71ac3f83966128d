/*
 * The list of parts.
 */
#include "app/parts.h"
#include "app/worker.h"
#include "entry/closes.h"
#include "entry/maintain.h"
#include "entry/open.h"
#include "entry/pending.h"
#include "entry/refusals.h"
#include "entry/register.h"
#include "events/confirm.h"
#include "events/few.h"
#include "events/names.h"
#include "events/presence.h"
#include "events/relay.h"
#include "events/rooms.h"
#include "events/routes.h"
#include "events/token_keys.h"
#include "events/user_of.h"
#include "operator/ask.h"
#include "operator/history.h"
#include "operator/page.h"
#include "recovery/missed.h"
#include "recovery/offsets.h"
#include "recovery/recover.h"

/*
 * The parts in the order of starting: X(part, floor, ...), and whether the part has the functions database_up, gap,
 * tick and missing. Every part has <part>_start and <part>_stop. floor: the member of struct worker that these functions take.
 */
/* clang-format off: one row a line */
#define PARTS(X)                                 \
	X(people, people, NO, NO, YES, NO)       \
	X(routes, events, YES, YES, NO, YES)     \
	X(keys, events, YES, YES, NO, YES)       \
	X(user_asks, events, YES, NO, NO, NO)    \
	X(rooms, events, YES, YES, NO, NO)       \
	X(confirms, events, YES, NO, NO, NO)     \
	X(fews, events, NO, NO, NO, NO)          \
	X(presence, events, NO, YES, NO, NO)     \
	X(names, events, YES, NO, NO, NO)        \
	X(relays, events, YES, YES, NO, NO)      \
	X(offsets, recovery, YES, YES, YES, NO)  \
	X(attempts, recovery, NO, YES, NO, NO)   \
	X(missed, recovery, NO, NO, NO, NO)      \
	X(emitter, emitter, NO, NO, NO, NO)      \
	X(closes, entry, YES, NO, NO, NO)        \
	X(refusals, entry, NO, NO, NO, NO)       \
	X(pendings, entry, NO, NO, NO, NO)       \
	X(opens, entry, YES, NO, NO, NO)         \
	X(registers, entry, YES, NO, YES, NO)    \
	X(maintenance, entry, YES, NO, YES, YES) \
	X(asks, operator, NO, NO, YES, NO)       \
	X(history, operator, NO, NO, NO, NO)     \
	X(page, operator, NO, NO, NO, NO)

/* Wraps a function of a part in one that takes the worker. */
#define HAS_NO(name, floor)
#define HAS_YES(name, floor)                      \
	static void part_##name(struct worker *w) \
	{                                         \
		name(&w->floor);                  \
	}
#define ASKS_NO(name, floor)
#define ASKS_YES(name, floor)                                  \
	static const char *part_##name(const struct worker *w) \
	{                                                      \
		return name(&w->floor);                        \
	}
#define X(part, floor, up, missed, often, asked)                                                            \
	HAS_YES(part##_start, floor)                                                                        \
	HAS_YES(part##_stop, floor)                                                                         \
	HAS_##up(part##_database_up, floor) HAS_##missed(part##_gap, floor) HAS_##often(part##_tick, floor) \
		ASKS_##asked(part##_missing, floor)
PARTS(X)
#undef X

#define NAME_NO(name) NULL
#define NAME_YES(name) part_##name
static const struct part {
	void (*start)(struct worker *w);
	void (*stop)(struct worker *w);
	void (*database_up)(struct worker *w); /* NULL: the part has no such function; also for the next two */
	void (*gap)(struct worker *w);
	void (*tick)(struct worker *w);
	const char *(*missing)(const struct worker *w);
} parts[] = {
#define X(part, floor, up, missed, often, asked)       \
	{.start = part_##part##_start,                 \
	 .stop = part_##part##_stop,                   \
	 .database_up = NAME_##up(part##_database_up), \
	 .gap = NAME_##missed(part##_gap),             \
	 .tick = NAME_##often(part##_tick),            \
	 .missing = NAME_##asked(part##_missing)},
	PARTS(X)
#undef X
};
/* clang-format on */

void parts_start(struct worker *w)
{
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		parts[i].start(w);
}

void parts_stop(struct worker *w)
{
	for (size_t i = ARRAY_LEN(parts); i > 0; i--)
		parts[i - 1].stop(w);
}

void parts_database_up(struct worker *w)
{
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (parts[i].database_up)
			parts[i].database_up(w);
}

void parts_gap(struct worker *w)
{
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (parts[i].gap)
			parts[i].gap(w);
}

void parts_tick(struct worker *w)
{
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (parts[i].tick)
			parts[i].tick(w);
}

const char *parts_missing(const struct worker *w)
{
	const char *missing = NULL;
	for (size_t i = ARRAY_LEN(parts); i > 0 && !missing; i--)
		if (parts[i - 1].missing)
			missing = parts[i - 1].missing(w);
	return missing;
}
