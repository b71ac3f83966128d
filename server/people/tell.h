/*
 * Events that the edge itself sends to a client: `error`, `sync:required`, and their objects.
 */
#ifndef PEOPLE_TELL_H
#define PEOPLE_TELL_H

#include "people/client.h"

/* `error` {code, message, timestamp, event?, client_id?, retry_after_ms?, hint?} */
struct error_about {
	struct slice code, message; /* code: from error_name, or from the answer of a SQL function */
	struct slice event;         /* the client event that failed; empty: none */
	struct slice client_id;     /* JSON source text; empty: none */
	uint64_t retry_after_ms;    /* 0: the object has no such key */
	struct slice hint;          /* of tell_hint; empty: none */
};

#define TELL_AWAY "Postgres is away, or the edge still reads what it needs: /readyz and its log say which"

/* What a developer needs to know and no user may: the text, where BELLWIRE_DEV is on, else nothing. */
struct slice tell_hint(const struct people *p, const char *text);

void error_put(struct buf *out, const struct error_about *e); /* writes the object of `error` */
void client_error(struct client *c, const struct error_about *e);
/* client_error for a client event; the ack has the error too where one was asked for. */
void client_fail(struct client *c, const struct error_about *e, bool wants_ack, uint64_t ack_id);
/* Refuses a client event: counts it, logs it, tells the client. hint: for tell_hint. */
void client_fail_event(struct client *c, const struct sio_event *ev, enum error_code code, const char *message,
                       const char *hint, uint64_t retry_after_ms);
/* The event's client_id as JSON text, if it is a string that may be repeated to its sender; else empty. */
struct slice tell_client_id(const struct sio_event *ev);
void client_emit(struct client *c, struct slice name, struct slice data); /* data: JSON text */
void client_sync(struct client *c, struct slice reason);                  /* sync:required */

/* For a socket that has no client: the CONNECT reply, and `error` UNAVAILABLE. The socket stays. */
void tell_unavailable(struct people *p, struct sio_socket *s);
/* For a socket that has no client: sends the error, then ends the socket and its session. */
void tell_turn_away(struct people *p, struct sio_socket *s, const struct error_about *e, enum close_reason why);

#endif
