/*
 * The client's side of Engine.IO 4: one session over WebSocket, over polling, or over polling with an upgrade.
 */
#ifndef CLIENT_ENGINE_H
#define CLIENT_ENGINE_H

#include "client/dial.h"

/* X(NAME, label) */
#define CLIENT_TRANSPORTS(X) X(WEBSOCKET, websocket) X(POLLING, polling) X(UPGRADE, upgrade)

enum client_transport {
#define X(NAME, label) CLIENT_##NAME,
	CLIENT_TRANSPORTS(X)
#undef X
		CLIENT_TRANSPORT_MAX
};

const char *client_transport_label(enum client_transport t);

struct engine;

struct engine_events {
	void (*on_open)(void *owner);
	void (*on_message)(void *owner, struct slice text); /* ends with the call; what answers it goes out behind it */
	/* Once, from the loop, behind everything else, also where it never opened. The owner frees the engine then
	 * or later. */
	void (*on_end)(void *owner, const char *why);
};

struct engine_config {
	const struct place *place;
	struct loop *loop;
	struct conn_budget *budget;
	enum client_transport transport;
};

struct engine *engine_new(const struct engine_config *cfg, const struct engine_events *ev, void *owner);
void engine_send(struct engine *e, struct slice text); /* behind on_open: a message */

/* As a client whose program hangs: heartbeats are not answered, and what polling would bring is not fetched. */
void engine_hang(struct engine *e, bool hang);
void engine_cut(struct engine *e, const char *why); /* breaks the connections off; on_end follows. May be repeated */
bool engine_upgraded(const struct engine *e);
bool engine_is_flushed(const struct engine *e); /* nothing waits for a push */
void engine_free(struct engine **e);            /* on_end is not called. Not from inside its events, but for on_end */

#endif
