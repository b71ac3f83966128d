/*
 * HTTP reads: after sync:required clients fetch what they missed (docs/reads.md). One SQL function a route; the answer is its result.
 */
#ifndef APP_READS_H
#define APP_READS_H

#include "db/db.h"
#include "people/people.h"

struct http_exchange;

struct reads {
	struct people *people; /* borrowed, as all of these: tokens, rates, counts */
	struct db *db;
	const char *cors_origin; /* as http/cors.h takes it */
	bool on;
};

bool reads_wants(const struct reads *r, struct slice path);
void reads_handle(struct reads *r, struct http_exchange *x); /* in on_head */

#endif
