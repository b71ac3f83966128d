/*
 * WHO is here: the users with sockets at this edge, their clients, and the hub in which these sit in rooms. Knows no SQL; the floors
 * above bring what the database says.
 *
 *   user.h    users and their rate limits         client.h   a client: its states, its rooms, its end
 *   tell.h    what a client is told               audience.h whom an event is for
 *   late.h    control rows kept for an answer     fences.h   deliveries to be confirmed
 *   rate.h    token buckets                       room_names.h
 *   errors.h  codes                               counts.h   what is counted
 */
#ifndef PEOPLE_PEOPLE_H
#define PEOPLE_PEOPLE_H

#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "people/counts.h"

#define UUID_LEN 36

struct blob;
struct client;
struct packet;

/* What recovery does for the clients that asked for it (client.recoverable is not NULL). The floor that recovers gives it at start. */
struct recovery_hooks {
	void (*sent)(struct client *c);   /* it has been sent something, or its rooms have changed */
	void (*synced)(struct client *c); /* it has been told sync:required */
	void (*hold)(struct client *c, struct packet *p,
	             struct blob *confirm); /* CLIENT_RECOVERING: what it would be sent */
	void (*forget)(struct client *c);   /* frees client.recoverable */
};

struct people {
	struct loop *loop;       /* borrowed, as all of these four */
	struct sio_server *sio;  /* set once there is one; it ends before this does */
	const struct auth *auth; /* set anew when keys are read again */
	struct log_ident ident;
	struct hub *hub;  /* owned */
	struct map users; /* all, with clients or idle */
	struct list idle; /* of rates: users without clients whose buckets are not full, looked at in turn */
	uint32_t nidle;
	uint64_t fence_value;                  /* of the last delivery: they rise */
	const struct recovery_hooks *recovery; /* NULL until given */
	struct counts counts;
};

/* p holds the loop, and what else is borrowed as far as it is there. */
void people_start(struct people *p);
void people_stop(struct people *p); /* after the last client */
void people_tick(struct people *p); /* now and then: forgets idle users whose buckets are full */

/* Every client of every user; fn makes none and frees none. */
void people_each(const struct people *p, void (*fn)(struct client *c, void *arg), void *arg);
uint32_t people_present(const struct people *p); /* users with clients */

#endif
