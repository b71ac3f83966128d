/*
 * A client: a socket of a user whose token was accepted. Owned by its socket: made at CONNECT (entry/open.c), freed
 * when the socket disconnects (entry/leave.c). Work that outlives a call keeps the socket's id and looks the client up
 * again.
 *
 *                        client_new
 *                            v
 *   open_wait             OPENING   rt.socket_open is to be sent, or out
 *     +---------------------|------------------------+
 *     v                     | recover_begin          | open_finish
 *   WAITING  database away; v                        |
 *     |  CONNECT answered RECOVERING  in its rooms;  |
 *     |                     |  missed events are     |
 *     | open_finish         |  looked for            v
 *     +---------------------+---- open_finish -----> OPEN
 *     |                     |                        |
 *     +---------------------+------------------------+--> REFUSED  told to go; its further packets are ignored
 *                   client_refuse, client_kick, client_taken_over
 *
 * client_enter is the one door: it checks the move and traces it.
 */
#ifndef PEOPLE_CLIENT_H
#define PEOPLE_CLIENT_H

#include "hub/hub.h"
#include "people/fences.h"
#include "people/late.h"
#include "people/user.h"
#include "sio/sio.h"

struct opening;     /* entry/open.c */
struct recoverable; /* recovery/offsets.h */

#define CLIENT_STATES(X) \
	X(OPENING, opening) X(WAITING, waiting) X(RECOVERING, recovering) X(OPEN, open) X(REFUSED, refused)
enum client_state {
#define X(NAME, label) CLIENT_##NAME,
	CLIENT_STATES(X)
#undef X
};

/*
 * The place of a client that is not open yet. Each place has one list or none; client_stand moves the client between
 * them.
 *
 *   NOWHERE -open_queue-> QUEUE -open_stand-> CALL -> (open_finish: it is open)
 *                           |  ^              |----open_wait----> DATABASE --open_queue--> QUEUE
 *                           |  +--------------+
 *                           +-----open_wait-----> DATABASE
 *   CALL -open_queue-> QUEUE: the database has no such call
 *   CALL -recover_begin-> KEY, PUMP           KEY -attempt_start-> PUMP -attempt_positioned-> MISSED -missed_send-> WALK
 *   WALK -> PUMP, once more: attempt_round    all -> NOWHERE: the client is sent away
 */
#define CLIENT_PLACES(X)                                                      \
	X(NOWHERE, nowhere)   /* no list */                                   \
	X(QUEUE, queue)       /* opens.queue: the next call takes it */       \
	X(CALL, call)         /* no list: rt.socket_open is out with it */    \
	X(DATABASE, database) /* opens.waiting: until Postgres is back */     \
	X(KEY, key)           /* attempts.wait_key: recovery's key is read */ \
	X(PUMP, pump)         /* no list: the pump's next position comes */   \
	X(MISSED, missed)     /* missed.queue: rt.recover is to be sent */    \
	X(WALK, walk)         /* no list: rt.recover is out with it */
enum client_place {
#define X(NAME, label) PLACE_##NAME,
	CLIENT_PLACES(X)
#undef X
};

/* The state that a client needs until it is open. */
struct entering {
	struct client *client;
	struct list link; /* in the list of place */
	enum client_place place;
	uint64_t since; /* loop_now: when it came into the queue */
	/* It is sent after these ends were told to the database: an end decides the reason of sync:required. */
	uint64_t after_ends;
	struct opening *opening; /* entry/open.c: its item of the call that is out; NULL: no call is */
	struct late_list late;   /* owned; control rows that came while that call was out */
};

struct client {
	struct hub_member member; /* in people.hub while CLIENT_RECOVERING or CLIENT_OPEN */
	struct people *people;
	struct sio_socket *sio;
	struct user *user;
	struct list user_link;     /* in user.clients */
	struct entering *entering; /* owned; NULL: the client is open */
	struct timer timer;        /* CLIENT_OPEN: until the token's end. CLIENT_WAITING: until patience ends */
	uint64_t until_ms;         /* wall clock: when the token ends */
	uint64_t came_ms;          /* wall clock: when CONNECT was taken, and then, when it was let in */
	uint64_t known_before;     /* its rooms were read when transactions from this one on had not begun */
	/* people.fence_value when it opened, last entered a room, or was told sync:required after a gap. It was sent
	 * every later event to the rooms that it is in. */
	uint64_t hears_since;
	struct fence_ring *fences; /* owned; deliveries that are not confirmed */
	/* Freed by recovery_hooks.forget; NULL: recovery was not asked for. It stands beside `state`: a delivery reads
	 * both. */
	struct recoverable *recoverable;
	uint32_t number;         /* among the clients of this edge: TRACE_NUMBER_MOST at most */
	uint32_t confirmed_s;    /* wall clock, seconds: its library's last confirmation; 0: none yet */
	uint32_t waiting_bytes;  /* events/gate.c: of its events that wait for the database */
	uint32_t behind;         /* a moment of the pump (db_pump_moment) before which it has an effect; 0: none */
	uint32_t relay_row;      /* events/relay.c: the last row that has an event of it */
	uint32_t presence_flush; /* events/presence.c: the flush that presence_told counts for */
	uint16_t presence_told;
	uint16_t emitter_rooms;      /* emitter/: how many rooms it has joined by orders of the emitter */
	enum client_state state : 8; /* client_enter sets it */
	bool registered : 1;         /* rt.socket_open has registered it, so rt.socket_close must be called */
	bool expired : 1;            /* its token has expired, which ends it */
	bool owed_sync : 1;          /* a gap: no event for it before the sync:required that its rooms are read for */
	bool returning : 1;          /* CONNECT presented a recovery id */
	bool caught_up : 1;          /* it was recovered: sent what it had missed */
};

/* ---- life ---- */

struct client *client_new(struct people *p, struct sio_socket *s, const char user[UUID_LEN]); /* CLIENT_OPENING */
void client_free(struct client *c);
struct client *client_of(const struct people *p, struct slice socket_id); /* NULL: it is gone */
void client_enter(struct client *c, enum client_state to);
/* line: the list of the place `to`; NULL where that has none. */
void client_stand(struct client *c, enum client_place to, struct list *line);
const char *client_state_label(enum client_state s);

static inline struct slice client_id(const struct client *c)
{
	return sio_id(c->sio);
}
bool client_is_in(const struct client *c, struct slice room);
static inline bool client_in_rooms(const struct client *c)
{
	return c->state == CLIENT_OPEN || c->state == CLIENT_RECOVERING;
}

/* ---- its end, by the edge; harmless when it is refused already ---- */

void client_refuse(struct client *c);           /* error UNAUTHORIZED, then a disconnect and the end of the session */
void client_kick(struct client *c, bool close); /* a disconnect; close: and the end of the session */
/* error FORBIDDEN with the reason, one line, then a disconnect and the end of the session. */
void client_dismiss(struct client *c, struct slice reason);
void client_taken_over(struct client *c); /* another connection has recovered what this one was */

/* ---- rooms ---- */

/* A client is in its own rooms, "<socket id>" and "user:<user id>", without joining, and cannot leave them. */
bool client_join(struct client *c, struct slice room); /* false: it is in the room already */
void client_leave(struct client *c, struct slice room);
void client_join_all(struct client *c, struct slice rooms); /* names joined by newline */
/* Leaves the joined rooms for which `keep` is false. */
void client_keep(struct client *c, bool (*keep)(struct slice room, void *arg), void *arg);
void client_apply(struct client *c, enum room_verb verb, struct slice room); /* a control row */
/* Keeps a control row until rt.socket_open is answered. False: that call is not out for this client. */
bool client_keep_late(struct client *c, uint64_t xid, enum room_verb verb, struct slice room) MUST_CHECK;

#endif
