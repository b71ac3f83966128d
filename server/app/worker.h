/*
 * One worker: a loop and everything that hangs off it. The floors have structs of their own and do not know this one.
 * worker.c puts them together; app.c runs them until a signal comes.
 */
#ifndef APP_WORKER_H
#define APP_WORKER_H

#include "app/admin.h"
#include "app/config.h"
#include "app/reads.h"
#include "emitter/emitter.h"
#include "entry/entry.h"
#include "events/events.h"
#include "http/http.h"
#include "operator/operator.h"
#include "sio/sio.h"

struct worker {
	const struct config *cfg; /* borrowed; not for settings that SIGHUP changes */
	struct log_ident ident;
	struct loop *loop;
	struct db *db;
	struct auth *auth;
	struct tls_context *tls; /* NULL: plain */
	struct address_list *trusted_proxies;
	struct conn_budget budget; /* of clients' connections */
	struct listener *listener;
	struct sio_namespace root;
	struct sio_server *sio;
	struct people people;
	struct events events;
	struct recovery recovery;
	struct emitter emitter;
	struct entry entry;
	struct operator operator;
	struct reads reads;
	struct admin admin;
	struct timer tick;
	struct storm {
		uint64_t ended_before,
			ended_given; /* sessions that have ended: at the last tick, at the last giving back */
		size_t most;         /* bytes that were held at some tick since */
		uint64_t next;       /* loop_now: not again before */
	} storm;
	char edge_id[UUID_LEN + 1]; /* new with each start of the process */
	uint64_t started_ms;        /* wall clock */
	uint64_t loop_started_ms;   /* loop_now */
	unsigned max_connections;
	bool draining; /* set by app.c: the edge is not ready any more */
};

/* auth and tls are set before. False: the log says why. worker_stop must follow in either case. */
bool worker_start(struct worker *w) MUST_CHECK;
void worker_stop(struct worker *w);

#endif
