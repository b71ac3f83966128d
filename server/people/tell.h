/*
 * What a client is told by the edge itself: errors, sync:required, and the shape of both.
 */
#ifndef PEOPLE_TELL_H
#define PEOPLE_TELL_H

#include "people/client.h"

/* `error` {code, message, timestamp, event?, client_id?, retry_after_ms?} */
struct error_about {
	struct slice code, message; /* code: as error_name gives it, or as a SQL function was answered with */
	struct slice event;         /* empty: about no event */
	struct slice client_id;     /* JSON source text; empty: none */
	uint64_t retry_after_ms;    /* 0: not told */
};

void error_put(struct buf *out, const struct error_about *e); /* the event's object */
void client_error(struct client *c, const struct error_about *e);
/* The same for a client event, and as its ack where one was asked for. */
void client_fail(struct client *c, const struct error_about *e, bool wants_ack, uint64_t ack_id);
/* A client event that is not carried out: counted, logged, told. */
void client_fail_event(struct client *c, const struct sio_event *ev, enum error_code code, const char *message,
                       uint64_t retry_after_ms);
/* Its client_id as it was sent, where that is a string that may be repeated to its sender; else empty. */
struct slice tell_client_id(const struct sio_event *ev);
void client_emit(struct client *c, struct slice name, struct slice data); /* data: JSON text */
void client_sync(struct client *c, struct slice reason);                  /* sync:required */

/* The socket is told and ends, with its session; there is no client of it. */
void tell_turn_away(struct people *p, struct sio_socket *s, const struct error_about *e, enum close_reason why);

#endif
