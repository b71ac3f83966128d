/* What the orders share: clients on one epoll, people to be, and connections to Postgres. clients.c opens clients and
 * hears them, ask.c sends events that are answered by an ack, write.c runs SQL and sees what comes of it. main.c reads
 * the orders. */
#pragma once
#include "conn.h"
#include <libpq-fe.h>

enum { MAX_STALL_MS = 30000, MAX_WRITERS = 8 };

struct user {
	char *token, *chat;
};

/* Times of things, in microseconds. Those beyond `cap` are not kept. */
struct times {
	int64_t *us;
	uint32_t *of; /* us[i] belongs to this number */
	size_t n, cap;
};

struct load {
	int epoll;
	struct conn_pool *pool;
	const char *url; /* of Postgres */
	PGconn *writers[MAX_WRITERS];
	struct user *users;
	struct conn *conns; /* conns[i] is users[i] */
	size_t n;
	/* opening: conns[next_open, end_open) are to come; [first, first + asked) is the last range asked for */
	size_t next_open, end_open, first, asked;
	size_t ready, dead;
	const char *why;         /* the last death's */
	uint64_t watched, other; /* events that came */
	struct asking *asking;   /* NULL: nobody asks */
	struct writing *writing; /* NULL: nothing is written */
};

/* ---- main.c ---- */

int64_t now_us(void);
_Noreturn void fail(const char *what, const char *why);
void *need(void *p); /* p, or the end */

/* One turn of at most so long; how many things happened. *db is set when a writer has something to say. */
int turn_us(struct load *l, int64_t us, bool *db);
/* Turns until *counter is `want`; the end when it stands still for MAX_STALL_MS. */
void wait_for(struct load *l, const uint64_t *counter, uint64_t want);

void times_begin(struct times *t, size_t cap);
void times_note(struct times *t, int64_t us, uint32_t of);
void times_end(struct times *t);
/* ,"name":{"n":..,"p50":..,"p99":..,"max":..} or nothing; sorts. */
void times_print(struct times *t, const char *name);

/* ---- clients.c ---- */

extern const struct conn_calls clients;

void do_connect(struct load *l, size_t first, size_t count, size_t at_once);
void do_settle(struct load *l, int ms, uint64_t others);
void do_wait(struct load *l, int ms);
void do_leave(struct load *l, size_t first, size_t count, unsigned per_second);
void do_freeze(struct load *l, size_t first, size_t count);

/* ---- ask.c ---- */

void do_ask(struct load *l, uint64_t count, unsigned at_once, unsigned frames, const char *event);
void do_ask_at(struct load *l, uint64_t count, unsigned per_second, unsigned frames, const char *event);
void ask_answered(struct load *l, const struct conn *c, const char *text, size_t len);

/* ---- write.c ---- */

void do_emit(struct load *l, unsigned steps, unsigned frames, const char *sql);
void do_pace(struct load *l, unsigned count, unsigned per_second, unsigned frames, unsigned writers, const char *sql);
void do_tally(struct load *l, unsigned count, unsigned per_second, const char *sql);
void write_seen(struct load *l, const char *text, size_t len); /* a watched event */
