/*
 * Client events. Route, shape, size and rate are settled here; an event that passes is handed to its SQL function, and the answer is
 * the ack. Every refusal is told as an `error` event, and as the ack when one was asked for.
 */
#ifndef EVENTS_GATE_H
#define EVENTS_GATE_H

#include "events/events.h"

struct sio_event;
struct sio_socket;

void gate_event(struct sio_socket *s, const struct sio_event *ev, void *ctx); /* ctx: struct events */

#endif
