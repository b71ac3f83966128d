/*
 * HTTP reads (docs/reads.md), with which clients synchronise after sync:required. Each route has one SQL function,
 * whose result is the answer.
 */
#ifndef APP_READS_H
#define APP_READS_H

#include "app/again.h"
#include "events/events.h"
#include "people/people.h"

struct http_exchange;

struct reads {
	struct people *people; /* borrowed, as the next two are; for tokens, rates and counts */
	struct db *db;
	struct events *events;   /* borrowed; it asks rt.user_of */
	const char *cors_origin; /* as http/cors.h takes it */
	bool on;
	struct again again;
};

bool reads_wants(const struct reads *r, struct slice path);
void reads_handle(struct reads *r, struct http_exchange *x); /* in on_head */

#endif
