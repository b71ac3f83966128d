/*
 * WHO is here: the users with sockets at this edge, their clients, and the hub, which has the clients in rooms. This
 * floor knows no SQL: the floors above bring the database's answers.
 *
 *   user.h    users and their rate limits         client.h   a client: its states, its rooms, its end
 *   tell.h    errors and sync:required            audience.h the clients that an event is for
 *   late.h    control rows kept for an answer     fences.h   deliveries to be confirmed
 *   rate.h    token buckets                       delivery.h what the clients share that one event went to
 *   errors.h  codes                               counts.h   counters
 *   tokens.h  the check of a client's token
 *   room_names.h                                  choice.h   a few clients of many, by chance
 *   token_users.h  whose a token is, where only SQL knows
 *   trace.h   the last deliveries, for whoever asks
 */
#ifndef PEOPLE_PEOPLE_H
#define PEOPLE_PEOPLE_H

#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "people/counts.h"
#include "people/trace.h"

#define UUID_LEN 36

struct auth_keys;
struct delivery;
struct client;
struct packet;
struct token_users;

/* Calls for clients that asked for recovery: client.recoverable is not NULL. The floor recovery/ sets them at start. */
struct recovery_hooks {
	void (*sent)(struct client *c);   /* an event was sent to it, or its rooms have changed */
	void (*synced)(struct client *c); /* it was told sync:required */
	/* CLIENT_RECOVERING: the packet of an event for it, which is kept until the missed ones are sent. */
	void (*hold)(struct client *c, struct packet *p, struct delivery *d, uint64_t row);
	void (*forget)(struct client *c); /* the client ends: frees client.recoverable */
};

struct people {
	struct loop *loop;       /* borrowed; so are the next three */
	struct sio_server *sio;  /* set when the server is made; it ends before this struct */
	const struct auth *auth; /* set again at SIGHUP */
	const struct auth_keys
		*keys; /* of events/token_keys.c, set again whenever they are read; NULL: there are none */
	struct token_users *token_users; /* of events/user_of.c; NULL: tokens name their users */
	struct log_ident ident;
	struct hub *hub;  /* owned */
	struct map users; /* owns every user, with clients or idle; user_leave and people_tick free them */
	/* Of rates.idle: users without clients whose buckets are not full. people_tick looks at them in turn. */
	struct list idle;
	uint32_t nidle;
	bool dev;                                   /* BELLWIRE_DEV: errors carry hints */
	size_t trace_kb;                            /* set before people_start; 0: no trace */
	struct trace *trace;                        /* owned; NULL: none */
	uint32_t clients_so_far;                    /* the number of the last client */
	uint64_t fence_value;                       /* of the last delivery that wanted a fence; values rise */
	const struct recovery_hooks *recovery;      /* NULL until given */
	struct log_sample refused[AUTH_RESULT_MAX]; /* people/tokens.c: lines about refused tokens, by cause */
	struct counts counts;
};

/* p has the loop; other borrowed fields may be set later. */
void people_start(struct people *p);
void people_stop(struct people *p); /* after the last client */
void people_tick(struct people *p); /* every two seconds: frees idle users whose buckets are full */

/* Calls fn for every client of every user; fn must neither make nor free one. */
void people_each(const struct people *p, void (*fn)(struct client *c, void *arg), void *arg);
uint32_t people_present(const struct people *p); /* users with clients */

#endif
