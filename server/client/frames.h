/*
 * The client's side of a WebSocket (RFC 6455): the opening handshake, masked frames out, messages in. wslay does the
 * frames.
 */
#ifndef CLIENT_FRAMES_H
#define CLIENT_FRAMES_H

#include "client/dial.h"

struct frames;

struct frames_events {
	void (*on_open)(void *owner);                       /* the server has agreed */
	void (*on_message)(void *owner, struct slice text); /* a text message; it ends with the call */
	void (*on_end)(void *owner, const char *why); /* once, whoever ended it; the owner frees it later, or now */
};

struct frames_config {
	const struct place *place;
	struct loop *loop;
	struct conn_budget *budget;
	size_t max_message;
};

/* NULL: *error says why. */
struct frames *frames_new(const struct frames_config *cfg, const char *target, const struct frames_events *ev,
                          void *owner, const char **error);
void frames_send(struct frames *f, struct slice text); /* behind on_open */
void frames_free(struct frames **f);                   /* breaks it off; also from inside its events */

#endif
