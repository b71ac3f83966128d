/*
 * The way to a server: an http or https URL, looked up once, and a connection to it without waiting.
 */
#ifndef CLIENT_DIAL_H
#define CLIENT_DIAL_H

#include "net/conn.h"

struct place; /* where a URL leads; owned by whoever made it, and outlives what is dialled */

/* Waits for the name's address. NULL: error has the reason. */
struct place *place_new(const char *url, char *error, size_t n);
void place_free(struct place **p);
const char *place_url(const struct place *p);  /* as it was given */
const char *place_host(const struct place *p); /* host and port, for a Host header */

/* A connection that is being made: bytes that are sent meanwhile go out once it is. NULL: error says why. */
struct conn *place_dial(const struct place *p, struct loop *l, struct conn_budget *b, const char **error);

#endif
