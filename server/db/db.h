/*
 * The database as one worker sees it: a few links for calls, one for each lane of client events, one for the pump.
 * All of them are non-blocking, connecting included. Knows SQL functions of the schema rt (docs/edge-sql.md), and
 * nothing of sockets or rooms.
 *
 * Outcomes never claim more than is known (docs/architecture.md "What is claimed, and when"):
 *   DB_OK         committed; the result is there
 *   DB_ERROR      Postgres said no; sqlstate and message are there; nothing happened
 *   DB_FAILED     never sent, or known not to have happened (database away, queue full, deadline passed before sending)
 *   DB_UNCERTAIN  sent, and the connection died before the answer
 * A completion is called exactly once, and never from inside the function that started the work.
 */
#ifndef DB_DB_H
#define DB_DB_H

#include "base/log.h"
#include "base/slice.h"
#include "db/array.h"
#include "db/snapshot.h"
#include "net/loop.h"

struct db;

enum db_outcome { DB_OK, DB_ERROR, DB_FAILED, DB_UNCERTAIN };

enum db_bell { DB_BELL_AUTO, DB_BELL_OFF, DB_BELL_ALWAYS };

struct db_config {
	const char *url;        /* calls; may be a transaction pooler */
	const char *listen_url; /* pump: a session of its own */
	const char *edge_id;    /* uuid of this edge's life, made at start */
	const char *name;       /* for application_name and bellwire.edges */
	unsigned lanes;         /* 1 to 16 links for client events; the reserved lane is one more */
	unsigned batch_max;     /* items of a batch, at most 32 (docs/decisions/0001-batches.md) */
	size_t queue_max_items; /* items that wait, over all lanes; one more fails at once. Of calls as many */
	uint64_t
		item_timeout_ms; /* 4000: an item is told its outcome so long after its arrival, whatever is the matter */
	uint64_t call_timeout_ms;  /* 12000: a statement of the patient kind without an answer by then drops its link */
	uint64_t poll_ms;          /* 3: the longest pause of a BUSY pump */
	uint64_t fallback_poll_ms; /* 1000: an ASLEEP pump polls this often without a bell; 0: rarely (tests) */
	enum db_bell bell;
};

/* ---- state ---- */
enum db_state { DB_CONNECTING, DB_UP, DB_AWAY };

struct db_events {
	/* Of the whole: UP when a link for calls is, and the pump has a position on its present connection. */
	void (*on_state)(void *ctx, enum db_state state);
};

struct db_stats {
	uint64_t calls[4]; /* by outcome */
	uint64_t batches, items, items_deferred, items_uncertain;
	uint64_t batch_size_hist[7];          /* <=1 2 4 8 16 32 64; items is their sum */
	uint64_t queue_items, links_up, lost; /* lost: links that were up */
	uint64_t fetches, rows, lone_rows, carried_rows, bells, pump_state, gaps, epochs;
	uint64_t pump_lag_us; /* from the writing to the reading of the last read's oldest row; 0: it brought none */
	uint64_t fetched_ms;  /* loop_now of the last read's answer; 0: none yet */
};

struct db *db_new(struct loop *l, const struct db_config *cfg, const struct db_events *ev, void *ctx); /* copies cfg */
void db_start(struct db *d);
enum db_state db_state(const struct db *d);
const char *db_last_error(const struct db *d); /* text for logs and /readyz, "" when none */

/* The links are up, but one that serves clients has waited too long for an answer: why, or NULL. */
const char *db_stalled(const struct db *d);
const struct db_stats *db_stats(const struct db *d);

/*
 * Completes everything that is queued or out, from inside this call; calls that completions make then fail as
 * "stopping".
 */
void db_free(struct db **d);

/* ---- one SQL function call, any link, no order promised ---- */
struct db_result {
	enum db_outcome outcome;
	int nrows, ncols;
	const void *pg;          /* PGresult; use db_value */
	char sqlstate[6];        /* DB_ERROR */
	const char *message;     /* DB_ERROR: for logs, never for clients unless class RT */
	uint64_t retry_after_ms; /* DB_ERROR RT429 */
};
struct slice db_value(const struct db_result *r, int row, int col); /* empty for null; borrowed for the callback */
double db_number(const struct db_result *r, int row, int col);      /* 0 for null and for text that is no number */
bool db_is_null(const struct db_result *r, int row, int col);
struct slice db_bool(bool value); /* as a parameter */

/* Resources, operator intervention, locks, a server that turned read-only: the same call may succeed later. */
bool db_is_passing(const char *sqlstate);

/* The same call may succeed later: it failed, its outcome is unknown, or the error is a passing one. */
bool db_may_repeat(const struct db_result *r) MUST_CHECK;

/*
 * One log line "<what> failed" for a call that did not bring what was expected: a warning for a passing error, an
 * error for any other one and for a result of an unexpected shape (DB_OK). DB_FAILED and DB_UNCERTAIN are only for
 * debugging, because the links have told already that the database is away.
 */
void db_failed(struct log_ident who, const char *what, const struct db_result *r);

typedef void db_done(void *arg, const struct db_result *r);

#define DB_MAX_PARAMS 8

/*
 * The order of calls (docs/decisions/0011-classes.md). A call waits for those of the classes before its own, never for one
 * behind; and the first two find a link that no other class may use.
 */
enum db_class {
	DB_LEASE,   /* keeps the edge registered */
	DB_OPENING, /* a client waits to be connected */
	DB_TELLING, /* no client waits for these: ends, confirmations, routes, rooms */
	DB_READING, /* history: few wait at a time, one more fails at once */
};
#define DB_CLASSES 4

/* SQL with $1, $2, ... and their values as text; a slice with NULL is SQL's null. Everything is copied. */
void db_call(struct db *d, enum db_class class, const char *sql, const struct slice *params, size_t n, db_done *done,
             void *arg);

/* ---- client events: in batches, to rt.dispatch; server/db/lanes.h tells how ---- */
enum db_repeat { DB_REPEAT_NEVER, DB_REPEAT_ALWAYS, DB_REPEAT_BY_KEY };

struct db_item_result {
	enum db_outcome outcome; /* DB_ERROR: code and message are there */
	struct slice body;       /* DB_OK: the function's result, JSON text */
	struct slice code;       /* DB_ERROR: "FORBIDDEN", one of docs/events.md */
	struct slice message;    /* DB_ERROR: what the client may see */
	struct slice sqlstate;
	struct slice detail;     /* DB_ERROR INTERNAL: for the log only */
	bool published;          /* DB_OK: its batch has written rows of the outbox */
	bool moved;              /* it moved sockets between rooms: the ack waits for the pump (db_pump_within) */
	uint64_t retry_after_ms; /* DB_ERROR RATE_LIMIT */
};
typedef void db_item_done(void *arg, const struct db_item_result *r);

struct db_item {
	struct slice event; /* route's name */
	struct slice user_id;
	struct slice socket_id; /* items of one socket stay in order */
	struct slice payload;   /* JSON object, source text */
	struct slice lock_key;  /* value of the route's lock_key in the payload; empty: none */
	bool repeatable; /* harmless when it happens twice: where its outcome is not known, it is sent once more */
	db_item_done *done;
	void *arg;
};
void db_item_send(struct db *d, const struct db_item *item); /* everything copied */

/* ---- the pump: every committed event exactly once, in the order of becoming visible (docs/architecture.md) ---- */
struct db_event { /* an empty slice points somewhere, too */
	uint64_t id;
	uint64_t xid;  /* of the writing transaction, for comparison with a snapshot */
	int64_t at_us; /* row written, microseconds since 1970 */
	bool ephemeral;
	bool bare;                 /* an event of which nothing else is known: nobody was here when it was read */
	bool everyone;             /* rooms is null */
	struct slice rooms;        /* names joined by '\n' */
	struct slice except_rooms; /* names joined by '\n', may be empty */
	struct slice event;        /* name; for a control row empty */
	struct slice control;      /* control verb; empty for an event */
	struct slice data;         /* JSON text as jsonb prints it */
	struct slice confirm;      /* JSON text, empty when none */
};

struct db_batch {
	const struct db_event *events;
	size_t n;
};

struct db_pump_events {
	/* Returns how many it took, one at least; it is called again for the others in a later turn. Borrowed for the
	 * call. */
	size_t (*on_batch)(void *ctx, const struct db_batch *b);

	/* All of a fetch was taken, and the cursor is behind it. */
	void (*on_cursor)(void *ctx);

	/* The cursor cannot be shown to cover everything: rooms are to be read again, and clients to synchronise. */
	void (*on_gap)(void *ctx, const char *why);

	/* The pump has a position, for the first time or again: everything that commits from here on arrives. */
	void (*on_ready)(void *ctx, const char *snapshot, bool first);

	/* Does nobody wait for events? Then the pump may be slow. May be NULL. */
	bool (*nobody)(void *ctx);
};
/*
 * No other edge is there, as far as everything says that the pump has read. What this edge has written then needs no ring
 * for others.
 */
void db_set_alone(struct db *d, bool alone);
bool db_alone(const struct db *d);

/*
 * A call that was sent while this edge was alone has written rows, and has rung nobody: they are read with the next
 * fetch, which begins DB_SOON_MS from now at the latest. An edge that came meanwhile is rung then.
 */
#define DB_SOON_MS 20
void db_wrote_unrung(struct db *d, uint64_t xid); /* its transaction, which is no reason to poll; 0: not known */
/* The same by its answer: its first row has the transaction in that column. Null, or no row: nothing is to be read. */
void db_answer_unrung(struct db *d, const struct db_result *r, int col);

void db_pump_set_events(struct db *d, const struct db_pump_events *ev, void *ctx); /* before db_start */

/*
 * The notifications of one more channel, heard by the pump's session, in the order of their commits. Before db_start;
 * channel and ctx outlive d. Those of the time when the session is away are lost; on_ready with `first` false tells
 * of such a time.
 */
void db_listen(struct db *d, const char *channel, void (*fn)(void *ctx, struct slice payload), void *ctx);

/* The first client is here, and the pump need not be slow any more: it reads at once. */
void db_attend(struct db *d);

/* A row of the outbox. Its time as well: behind a crash that has undone a transaction its numbers may come again. */
struct db_row {
	uint64_t id, xid;
	int64_t at_us;
};

/* Where the pump stands: everything that `snapshot` sees has been delivered, and the rows ahead of it that bells have
 * carried. Borrowed. */
#define DB_AHEAD_MOST 24
struct db_position {
	const char *snapshot, *epoch;
	const struct db_row *ahead;
	size_t nahead;    /* DB_AHEAD_MOST at most; none in what db_pump_after calls while the pump is there */
	const char *mark; /* what was seen last, as rt.recover takes it */
	int64_t now_us;   /* the database's clock at the last fetch */
	bool live;        /* the pump is there */
};

/* False while a fetch is half delivered, and before the first position. */
bool db_pump_position(const struct db *d, struct db_position *at) MUST_CHECK;

/*
 * Calls done once a fetch that begins after this call has been delivered. Where the pump is away nothing would come:
 * then at once, from the loop, unless the pump is back before that.
 */
void db_pump_after(struct db *d, void (*done)(void *arg), void *arg);

/*
 * A moment of the pump, never 0. It is past once a fetch that began after it has been delivered. Moments wrap: one that
 * is weeks old may look as if it were still to come.
 */
uint32_t db_pump_moment(const struct db *d);
bool db_pump_past(const struct db *d, uint32_t moment);

/* The same, but after so long in any case: for those who would rather go on without. */
void db_pump_within(struct db *d, uint64_t ms, void (*done)(void *arg), void *arg);

#endif
