/*
 * The page /metrics (docs/metrics.md). The table in metrics.c has a row for each metric.
 */
#ifndef APP_METRICS_H
#define APP_METRICS_H

#include "entry/entry.h"

struct sio_server;
struct emitter;
struct tls_context;

/* The sources of the figures, all borrowed. They count; this file only prints. */
struct metrics_sources {
	const struct loop *loop;
	const struct conn_budget *budget; /* of clients' connections */
	struct sio_server *sio;
	const struct people *people;
	const struct db *db;
	const struct emitter *emitter;
	const struct entry *entry;
	const struct tls_context *tls; /* NULL: plain */
	unsigned max_connections;
	uint64_t started_ms;      /* wall clock */
	uint64_t loop_started_ms; /* loop_now */
	bool ready;
};

void metrics_print(const struct metrics_sources *from, struct buf *out); /* Prometheus text format 0.0.4 */
void metrics_markdown(struct buf *out);                                  /* the table of docs/metrics.md */

#endif
