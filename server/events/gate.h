/*
 * The gate of client events. It checks route, shape, size and rate. An event that passes is handed to its SQL function,
 * whose result is the ack. A refusal is sent as an `error` event, and as the ack where one was asked for.
 */
#ifndef EVENTS_GATE_H
#define EVENTS_GATE_H

#include "events/events.h"

struct sio_event;
struct sio_socket;

void gate_event(struct sio_socket *s, const struct sio_event *ev, void *ctx); /* ctx: struct events */

#endif
