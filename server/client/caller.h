/*
 * A Socket.IO client in the main namespace, over as many connections as it comes to have: it is opened, loses its
 * connection, and is opened again, at another place if its owner likes. Where it asks for recovery it keeps what it
 * was given (docs/recovery.md).
 */
#ifndef CLIENT_CALLER_H
#define CLIENT_CALLER_H

#include "client/engine.h"

struct caller;

struct caller_events {
	/* The server has accepted CONNECT. recovered: it goes on where it was. */
	void (*on_open)(void *owner, bool recovered);
	/* name without escapes; data: the first argument as JSON, empty where there is none. Both end with the call. */
	void (*on_event)(void *owner, struct slice name, struct slice data);
	void (*on_ack)(void *owner, uint64_t id, struct slice data);
	/* The connection has ended, from the loop. It may be opened again, then or later. by_server: `41` came
	 * before. */
	void (*on_end)(void *owner, const char *why, bool by_server);
};

struct caller_config {
	struct loop *loop;
	struct conn_budget *budget;
	const char *token; /* borrowed for as long as the caller lives */
	bool recovery;     /* asks for it */
};

struct caller *caller_new(const struct caller_config *cfg, const struct caller_events *ev, void *owner);
void caller_open(struct caller *c, const struct place *p, enum client_transport t); /* it must not have a connection */

/* An event with one argument, a JSON object. With ack the answer is asked for, and *ack is the id that on_ack has.
 * False: it is not open. */
bool caller_emit(struct caller *c, const char *name, struct slice data, uint64_t *ack);
void caller_leave(struct caller *c);                /* says goodbye; on_end follows. What it had is forgotten */
void caller_cut(struct caller *c, const char *why); /* breaks off; on_end follows */
void caller_hang(struct caller *c, bool hang);      /* engine_hang */
bool caller_upgraded(const struct caller *c);       /* it speaks over a WebSocket */
void caller_free(struct caller **c);                /* not from inside its events, but for on_end */

#endif
