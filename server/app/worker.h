/*
 * One worker: a loop and everything that hangs off it. The contract's words live in this folder and nowhere else.
 *
 *   open.c     CONNECT: token, rt.socket_open, `connected`            client.c  users, sockets, how they end
 *   refresh.c  tokens that run out, auth:refresh                      close.c   rt.socket_close
 *   rate.c     token buckets                                      sender.c  when batches go to the database
 *   gate.c     client events: route, limits, rt.dispatch, ack         routes.c  routes and settings as rows
 *   feed.c     the pump's events to rooms, control rows               confirm.c delivery fences, rt.confirm
 *   rooms.c    rooms read again                                       maintain.c rt.maintain
 *   presence.c who came and went, coalesced                           demo.c     the demo page
 *   emitter.c  @socket.io/postgres-emitter
 *   offsets.c  recovery: what clients that asked are given             recover.c, recover_walk.c  what they missed
 *   reads.c    HTTP reads     admin.c  /livez /readyz /metrics        app.c     start, signals, drain
 */
#ifndef APP_WORKER_H
#define APP_WORKER_H

#include "app/config.h"
#include "app/metrics.h"
#include "auth/auth.h"
#include "base/list.h"
#include "base/map.h"
#include "db/db.h"
#include "hub/hub.h"
#include "net/address.h"
#include "net/listener.h"
#include "sio/sio.h"

#define UUID_LEN 36
#define RATE_CLASSES 64
#define PID_LEN 24

/* Rate classes of the edge itself; routes name the others, and `other` is theirs as well. */
enum { RATE_REFRESH, RATE_READ, RATE_EXPIRED, RATE_OTHER, RATE_ROUTES };

/* Why a client was ended by us, for rt.socket_close and the log. */
enum client_state {
	CLIENT_OPENING,    /* rt.socket_open is out or queued */
	CLIENT_WAITING,    /* database away: CONNECT answered, `connected` not yet */
	CLIENT_RECOVERING, /* in its rooms; what it missed is looked for, CONNECT not answered */
	CLIENT_OPEN,
	CLIENT_REFUSED, /* told to go; whatever it still sends is ignored */
};

/* Of a user who has done something that is limited; others have none. */
struct rates {
	struct user *user;
	struct list idle; /* the user has no clients, and is kept until full_ms */
	uint64_t full_ms; /* when all buckets are full again */
	uint8_t n;
	struct bucket {
		double tokens;
		uint64_t at_ms; /* 0: never used, full */
	} buckets[];            /* by rate class, as far as one was used */
};

struct user {
	struct map_node node;
	struct list clients;
	struct rates *rates;
	char id[UUID_LEN];
	uint16_t nclients;
	bool stale; /* in line for its rooms to be read again */
};

/* Deliveries that wait to be confirmed, oldest first. */
struct fence_ring {
	uint16_t head, n, cap;
	struct fence {
		uint64_t value;
		struct blob *confirm;
	} fences[];
};

/* Of a client that is not open yet: its place in line for rt.socket_open, for the database or for what it missed. */
struct entering {
	struct client *client;
	struct list link;
	uint64_t after_ends;     /* it opens when these are known: an end decides the reason (contract 2.6) */
	struct opening *opening; /* the call that is out */
};

/* Of a client that asked for recovery; others have none. */
struct recovery {
	struct client *client;
	struct list due; /* gets an offset in this turn */
	struct list age; /* by when it got its last one */
	uint64_t sent_at;
	char pid[PID_LEN];
	struct buf former;       /* sockets whose place it took, joined by newline: it is in their rooms as well */
	bool owes_sync;          /* something was lost: no offset before sync:required has been said */
	bool withdrawn;          /* the last offset said was none */
	struct attempt *attempt; /* what it presented, until it is settled */
};

struct client {
	struct hub_member member;
	struct worker *w;
	struct sio_socket *sio;
	struct user *user;
	struct list user_link;
	struct entering *entering; /* NULL: open */
	struct timer timer;        /* CLIENT_OPEN: the token runs out. CLIENT_WAITING: patience does */
	uint64_t until_ms;         /* wall clock: when the token ends */
	struct fence_ring *fences; /* NULL: none is unconfirmed */
	struct recovery *recovery; /* NULL: not asked for; beside the state, which every delivery looks at */
	uint32_t presence_flush;   /* presence.c: which flush presence_told counts for */
	uint16_t presence_told;
	uint16_t emitter_rooms; /* those that @socket.io/postgres-emitter joined */
	enum client_state state : 8;
	bool registered : 1; /* rt.socket_open entered it: rt.socket_close must be told */
	bool expired : 1;    /* ends because its token did */
	bool recovering : 1; /* asked with a recovery id */
};

struct worker {
	struct loop *loop;
	const struct config *cfg;
	struct conn_budget budget, admin_budget; /* a full house of clients does not lock the operator out */
	struct http_config http;
	struct sio_server *sio;
	struct sio_namespace root;
	struct hub *hub;
	struct db *db;
	struct auth *auth;
	struct listener *listener, *admin;
	struct tls_context *tls;
	struct address_list *trusted_proxies;
	struct map users;
	struct list idle_users; /* looked at in turn, whoever is to stay goes to the end */
	uint32_t nidle;
	char edge_id[UUID_LEN + 1];
	struct metrics m;
	struct routes *routes;
	struct opens *opens;
	struct closes *closes;
	struct confirms *confirms;
	struct rooms_reader *rooms;
	struct maintenance *maintenance;
	struct presence *presence;
	struct emitter *emitter; /* NULL: off */
	struct offsets *offsets;
	struct recoveries *recoveries;
	struct log_ident ident;
	uint64_t started_ms;      /* wall clock */
	uint64_t loop_started_ms; /* loop_now */
	uint64_t fence_value;
	unsigned max_connections;
	bool draining, pump_ready;
	int schema_version; /* of the database; 0: not known yet */
};

/* ---- client.c ---- */
struct client *client_of(const struct worker *w, struct slice socket_id); /* NULL when it is gone */
static inline struct slice client_id(const struct client *c)
{
	return sio_id(c->sio);
}
static inline struct slice user_id(const struct user *u)
{
	return slice_of(u->id, UUID_LEN);
}
void client_own_rooms(struct slice name, void *worker, hub_deliver *is, void *arg);
void client_join(struct client *c, struct slice room);  /* its own rooms it is in anyway */
void client_leave(struct client *c, struct slice room); /* those it does not leave */
struct client *client_new(struct worker *w, struct sio_socket *s, const char *user);
void client_free(struct client *c);
void client_entered(struct client *c); /* it is open: it stands in no line any more */
struct user *user_find(const struct worker *w, struct slice id);
void worker_users_init(struct worker *w);
void worker_users_fini(struct worker *w);  /* after the last client */
void worker_users_sweep(struct worker *w); /* forgets those without clients whose buckets are full */

/* `error` {code, message, timestamp, event?, client_id?}; event empty: none. client_id is JSON source text. */
struct error_about {
	struct slice code, message, event, client_id;
	uint64_t retry_after_ms;
};
void error_put(struct buf *out, const struct error_about *e, bool as_ack);
void client_error(struct client *c, const struct error_about *e);
void client_emit(struct client *c, struct slice name, struct slice data);
void client_taken_over(struct client *c); /* another connection goes on in its place */
static inline bool client_in_rooms(const struct client *c)
{
	return c->state == CLIENT_OPEN || c->state == CLIENT_RECOVERING;
}
void client_refuse(struct client *c);           /* UNAUTHORIZED "Invalid token", then 41 (contract 2.4, 2.7) */
void client_kick(struct client *c, bool close); /* 41; close: the session too */
void client_sync(struct client *c, struct slice reason);
void put_timestamp(struct buf *out, uint64_t wall_ms); /* quoted */

/* ---- sender.c: what goes to the database a batch at a time, soon or later; `send` looks whether it may ---- */
#define SENDER_AGAIN_MS 1000 /* a call failed, and while the database is up no news of it follow */
struct sender {
	struct worker *w;
	void (*send)(struct worker *w);
	struct deferred turn;
	struct timer later;
};
void sender_init(struct sender *s, struct worker *w, void (*send)(struct worker *w));
void sender_stop(struct sender *s);
void sender_wake(struct sender *s);               /* in this turn */
void sender_after(struct sender *s, uint64_t ms); /* unless it waits already */
bool sender_waits(const struct sender *s);

/* ---- open.c ---- */
void opens_start(struct worker *w);
void opens_stop(struct worker *w);
void open_connect(struct sio_socket *s, struct slice auth, unsigned flaws, void *ctx);
void opens_database_up(struct worker *w);
void opens_go_on(struct worker *w);             /* ends have become known */
bool open_is_out(const struct client *c);       /* a call that opens it */
void open_forget(struct client *c, bool clean); /* the socket went while it was being opened */
/* keeps a control row for the answer of the call that is out; false: none is */
bool open_late(struct client *c, uint64_t xid, char verb, struct slice room);

void open_finish(struct client *c, struct slice reason,
                 bool recovered); /* CONNECT's reply and what follows; the rooms are entered */

/* ---- offsets.c ---- */
void offsets_start(struct worker *w);
void offsets_stop(struct worker *w);
void offsets_database_up(struct worker *w);
const unsigned char *offsets_key(const struct worker *w); /* NULL: not read yet */
bool offsets_key_wanted(const struct worker *w);          /* it will be known, or known not to come */
void offsets_epoch(unsigned char out[8], const char *epoch);
void offsets_turn(struct worker *w); /* the pump or presence has moved on */
void offsets_tick(struct worker *w);
void offsets_gap(struct worker *w);   /* everybody is owed a sync:required */
void offset_due(struct client *c);    /* it asked for recovery, and has been sent something */
void offset_synced(struct client *c); /* it has been told sync:required */
void recovery_new(struct client *c);
void recovery_forget(struct client *c);
void recovery_member(struct buf *out, const struct client *c); /* "pid":"..." */

/* ---- recover.c ---- */
void recoveries_start(struct worker *w);
void recoveries_stop(struct worker *w);
void recoveries_key(struct worker *w); /* the key came, or will not */
void recoveries_gap(struct worker *w);
void recover_asked(struct client *c, struct slice auth);   /* CONNECT's payload */
bool recover_begin(struct client *c, struct slice reason); /* its rooms are entered; true: open_finish follows later */
void recover_hold(struct client *c, struct packet *p, struct blob *confirm);
void attempt_free(struct attempt **a);

/* ---- refresh.c ---- */
void refresh_arm(struct client *c);
void refresh_event(struct client *c, const struct sio_event *ev);

/* ---- gate.c ---- */
void gate_event(struct sio_socket *s, const struct sio_event *ev, void *ctx);
void gate_fail(struct client *c, const struct sio_event *ev, struct slice code, struct slice message);

/* ---- close.c ---- */
void closes_start(struct worker *w);
void closes_stop(struct worker *w);
struct ended {
	struct slice socket_id, user;
	bool clean, over, expired; /* over: cannot be recovered */
};
void close_tell(struct worker *w, const struct ended *e);
void closes_database_up(struct worker *w);
bool closes_idle(const struct worker *w);
uint64_t closes_mark(
	const struct worker
		*w); /* the ends told so far; closes_past: the database knows them, or cannot be waited for */
bool closes_past(const struct worker *w, uint64_t mark);

/* ---- rate.c ---- */
struct rate_limit {
	double per_s; /* 0: none */
	uint32_t burst;
	uint8_t rate_class;
};
bool rate_allows(struct user *u, const struct rate_limit *l, uint64_t now_ms, uint64_t *retry_after_ms);
bool rate_allows_id(struct worker *w, const char *user, const struct rate_limit *l,
                    uint64_t *retry_after_ms); /* whether or not it has a socket here */
void rate_free(struct user *u);

/* ---- routes.c ---- */
struct route {
	struct map_node node;
	char *event, *lock_key; /* lock_key may be NULL */
	uint32_t max_bytes;
	struct rate_limit limit;
	bool ok;
	enum db_repeat repeat;
	uint32_t metric;
};
void routes_start(struct worker *w);
void routes_stop(struct worker *w);
void routes_load(struct worker *w);
const struct route *route_find(const struct worker *w, struct slice event);
bool routes_loaded(const struct worker *w);

/* ---- feed.c ---- */
void feed_start(struct worker *w);
void feed_apply(struct client *c, char verb, struct slice room); /* 'j' join, 'l' leave, 'k' kick */
struct packet *feed_packet(const struct db_event *e);

/* to the sockets of its rooms; told (or NULL) is called for each */
void feed_event(struct worker *w, const struct db_event *e, void (*told)(struct client *c, void *arg), void *arg);

/* ---- presence.c ---- */
void presence_start(struct worker *w);
void presence_stop(struct worker *w);
bool presence_takes(struct worker *w, const struct db_event *e); /* true: it is sent later, or superseded */
bool presence_idle(const struct worker *w);                      /* nothing waits */

/* ---- emitter.c ---- */
void emitter_start(struct worker *w); /* before db_start; does nothing where it is off */
void emitter_stop(struct worker *w);
void emitter_gap(struct worker *w); /* the pump's session was away */

/* ---- rooms.c ---- */
void rooms_start(struct worker *w);
void rooms_stop(struct worker *w);
void rooms_read(struct worker *w, struct user *u); /* soon; control rows seen meanwhile are applied on top */
void rooms_read_all(struct worker *w, bool sync);  /* sync: tell clients sync:required afterwards (a gap) */
void rooms_database_up(struct worker *w);
void rooms_enter(struct client *c, struct slice rooms); /* names joined by newline */
bool rooms_next(struct slice *lines, struct slice *line);
bool rooms_has(struct slice lines, struct slice room);
bool rooms_late(struct worker *w, struct slice user, uint64_t xid, char verb, struct slice room);

/* Control rows that come while a call that reads rooms is out, to be applied to its answer (contract 2.3). */
struct late {
	struct late *next;
	uint64_t xid;
	char verb; /* 'j' join, 'l' leave, 'k' kick */
	uint32_t n;
	char room[];
};
struct late_list {
	struct late *first, **last;
};
void late_init(struct late_list *l);
void late_add(struct late_list *l, uint64_t xid, char verb, struct slice room);
void late_free(struct late_list *l);

/* ---- confirm.c ---- */
void confirms_start(struct worker *w);
void confirms_stop(struct worker *w);
void confirms_database_up(struct worker *w);
bool confirms_idle(const struct worker *w);
void confirm_expect(struct client *c, struct blob *confirm, uint64_t value);
struct blob *confirm_blob(const struct db_event *e); /* the confirm value with the time its row was written in front */
void confirm_fence(struct sio_socket *s, uint64_t value, void *ctx);
void confirm_forget(struct client *c);

/* ---- maintain.c ---- */
void maintenance_start(struct worker *w);
void maintenance_stop(struct worker *w);
void maintenance_database_up(struct worker *w, bool again); /* again: it was away, sockets are registered once more */
bool maintenance_registers(const struct worker *w); /* such a call is out: rt.socket_close must not overtake it */

/* ---- reads.c, admin.c, static.c ---- */
bool reads_wants(const struct worker *w, struct slice path);
void reads_handle(struct worker *w, struct http_exchange *x);
bool admin_listen(struct worker *w, const char **error);
void admin_metrics(struct worker *w, struct buf *out);
bool worker_ready(const struct worker *w, const char **why);
bool demo_wants(const struct worker *w, struct slice path);
void demo_handle(struct worker *w, struct http_exchange *x);

#endif
