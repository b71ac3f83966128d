/*
 * One worker: a loop and everything that hangs off it. The floors have structs of their own and know nothing of this one; here they are
 * put together (worker.c), and run until a signal ends them (app.c).
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
#include "sio/sio.h"

struct worker {
	const struct config *cfg; /* borrowed; what SIGHUP changes is not read from here */
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
	struct reads reads;
	struct admin admin;
	struct timer tick;
	char edge_id[UUID_LEN + 1]; /* of this life */
	uint64_t started_ms;        /* wall clock */
	uint64_t loop_started_ms;   /* loop_now */
	unsigned max_connections;
	bool draining; /* app.c: no clients should be sent any more */
};

/* auth and tls are set. False: the log says why; worker_stop follows in either case. */
bool worker_start(struct worker *w) MUST_CHECK;
void worker_stop(struct worker *w);

#endif
