/*
 * The parts of the pump see its struct: pump.c reads the outbox, pump_bell.c hears and arms the bell, pump_session.c
 * does what the session needs besides, which is its first statements and the marks. Private to pump*.c.
 */
#ifndef DB_PUMP_INTERNAL_H
#define DB_PUMP_INTERNAL_H

#include "db/fetch.h"
#include "db/link.h"
#include "db/pace.h"
#include "db/poll.h"
#include "db/pump.h"
#include "db/waiters.h"

/*
 * One statement is out at a time; pump_next sends the one that is due.
 *
 *   AWAY ----- pump_on_up -------> OPEN          rt.pump_open
 *   OPEN ----- pump_on_opened ---> PREPARE       the statements of poll.h, one after the other
 *   PREPARE -- pump_on_prepared -> LISTEN        listen bellwire
 *   LISTEN --- pump_on_listening -> LISTEN_MORE  listen, the channel of db_listen; or at once
 *   LISTEN_MORE -- the same -----> CARRIER       rt.bell_hear, which an older database has not
 *   CARRIER -- pump_on_carrier --> RUN           fetches, their pages, the bell
 *   any ------ pump_on_down -----> AWAY
 */
enum pump_step { PUMP_AWAY, PUMP_OPEN, PUMP_PREPARE, PUMP_LISTEN, PUMP_LISTEN_MORE, PUMP_CARRIER, PUMP_RUN };

struct pump_ear {
	const char *channel; /* NULL: nobody listens */
	void (*fn)(void *ctx, struct slice payload);
	void *ctx;
};

struct pump {
	struct db_common *common;
	struct link *link;
	enum pump_step step;
	bool ready; /* positioned on this connection */
	bool ever_ready;
	bool delivering; /* the next fetch may not begin, or it would count for waiters that came later */
	bool poll_now;   /* a fetch is due */
	bool poked;      /* for what this edge has written; and the fetch that is out goes for it alone */
	bool for_own;
	uint64_t soon_at; /* a fetch begins by then, for what this edge has written; loop_now; 0: none has to */
	bool mark_now;    /* rt.mark is, before a fetch */
	bool hears;       /* the bell: what rings for others, too */
	struct pace pace;
	struct fetch fetch;
	struct poll poll;
	enum poll_kind learn;        /* the next statement that is prepared anew if it is lost; POLL_FETCH: none */
	enum poll_kind kind;         /* of the statement that is out, or of the answer in hand, where it is no page */
	uint32_t fetches, delivered; /* numbers of the last fetch that was asked for, of the last one delivered */
	uint64_t fetch_at;           /* when the fetch that is out, or cut, was asked for; loop_now */
	PGresult *page;              /* an answer that is being delivered, ours; NULL: none */
	bool fresh;                  /* nothing of it was taken */
	struct pump_ear ear;
	char carrier[64];   /* the channel of bells that carry their row; "": the database has none */
	bool told;          /* the last message was on it */
	unsigned errors;    /* fetches in a row that Postgres refused */
	struct timer timer; /* the next poll, or the next rows of the page */
	struct timer mark_timer;
	struct waiters waiters;
};

/* pump.c */
void pump_next(struct pump *p);                 /* sends the statement that is due, when none is out */
void pump_poll_now(struct pump *p);             /* a fetch is due, */
void pump_schedule(struct pump *p);             /* when the pace says so, */
void pump_read_by(struct pump *p, uint64_t at); /* at that time at the latest */
bool pump_is_free(const struct pump *p)
	MUST_CHECK;                    /* no fetch is out or being delivered, and sockets have been written */
void pump_look_around(struct pump *p); /* what the pace knows of others */

/* pump_bell.c */
void pump_take_carrier(struct pump *p, struct slice name); /* what rt.bell_hear says */
void pump_send_hear(struct pump *p);                       /* or no more */
void pump_send_arm(struct pump *p);
void pump_send_disarm(struct pump *p);
void pump_on_notify(void *ctx);
bool pump_on_message(void *ctx, const char *channel, const char *payload);

/* pump_session.c */
void pump_enter(struct pump *p, enum pump_step to);
void pump_ask(struct pump *p, const char *sql, int n, const char *const *values, link_answer *answer);

/* A statement of the session has that many rows and columns; else the link is dropped, or is down already. */
bool pump_answered(struct pump *p, const char *what, enum link_fate fate, const PGresult *res, int rows,
                   int cols) MUST_CHECK;
void pump_send_first(struct pump *p); /* the statement of a step before PUMP_RUN */
void pump_send_mark(struct pump *p);
bool pump_has_to_learn(struct pump *p) MUST_CHECK;
void pump_send_forget(struct pump *p); /* and prepares anew what was lost */
void pump_on_mark_timer(struct timer *t);

#endif
