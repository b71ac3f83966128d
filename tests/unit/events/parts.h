/* The parts of the floor of events in the order of app/parts.c, for harnesses that join floors without app/. */
#ifndef UNIT_EVENTS_PARTS_H
#define UNIT_EVENTS_PARTS_H

#include "events/confirm.h"
#include "events/few.h"
#include "events/names.h"
#include "events/presence.h"
#include "events/relay.h"
#include "events/rooms.h"
#include "events/routes.h"

static inline void events_parts_start(struct events *ev)
{
	routes_start(ev);
	rooms_start(ev);
	confirms_start(ev);
	fews_start(ev);
	presence_start(ev);
	names_start(ev);
	relays_start(ev);
}

static inline void events_parts_stop(struct events *ev)
{
	relays_stop(ev);
	names_stop(ev);
	presence_stop(ev);
	fews_stop(ev);
	confirms_stop(ev);
	rooms_stop(ev);
	routes_stop(ev);
}

#endif
