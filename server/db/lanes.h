/*
 * Client events on their way to rt.dispatch: lanes.c, queue.c (order), batch.c (what an answer says).
 *
 * A lane is a link with a queue; the reserved lane behind the ordinary ones takes items one at a time: those whose lock was
 * busy, and those that are tried again (design 8.1-8.3).
 *
 * Order of one socket: its items stand in its line, and of these only a run that goes through one lane is ever on the way;
 * the others wait in the line. An item that is sent to the reserved lane takes back what its socket has queued behind it.
 */
#ifndef DB_LANES_H
#define DB_LANES_H

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "db/db_internal.h"

#define BATCH_MOST 32
#define LANES_MOST 16

struct line {
	struct map_node node;
	bool mapped;   /* false: items without a socket know no order */
	unsigned lane; /* of those on the way */
	size_t active; /* queued in that lane or sent */
	size_t waiting;
	struct list items; /* in order of arrival */
	size_t n;
	char socket_id[];
};

enum item_state { ITEM_WAITING, ITEM_QUEUED, ITEM_SENT, ITEM_REFUSED };

struct item {
	struct list link; /* in its lane's queue, or refused */
	struct list in_line;
	struct list by_age; /* not sent */
	struct line *line;
	enum item_state state;
	uint32_t hash;
	uint64_t expires;
	bool repeatable;
	bool in_doubt; /* was lost once: it may have happened */
	bool tried;    /* its second try is used up */
	const char *refusal;
	db_item_done *done;
	void *arg;
	struct buf json;
};

struct lane {
	struct dispatch *owner;
	struct link *link;
	struct list queue;
	struct item *out[BATCH_MOST];
	size_t nout;
};

struct dispatch {
	struct db *db;
	struct lane lanes[LANES_MOST + 1];
	unsigned nlanes; /* ordinary ones; the reserved one is lanes[nlanes] */
	struct map lines;
	uint64_t seed[2];
	struct list by_age, refused;
	size_t queued; /* items that are not sent */
	struct timer expiry;
	struct deferred send; /* at the end of the turn: what arrived in one turn is one batch */
	struct deferred refuse;
};

static inline bool dispatch_is_reserved(const struct dispatch *x, unsigned lane)
{
	return lane == x->nlanes;
}

/* ---- queue.c ---- */
void lines_init(struct dispatch *x);
struct line *line_find(struct dispatch *x, struct slice socket_id); /* the socket's, or a new one */
void line_add(struct dispatch *x, struct line *l, struct item *it); /* queued in its lane, or waiting */
void line_take_back(struct line *l);                                /* what is queued waits again */
void line_release(struct dispatch *x,
                  struct line *l); /* after an item has left: the next run goes; an empty line ends */
void item_enqueue(struct dispatch *x, struct item *it); /* into its line's lane */

/* ---- batch.c ---- */

enum verdict { VERDICT_NONE, VERDICT_OK, VERDICT_ERROR, VERDICT_DEFERRED };

struct batch_answer {
	enum verdict verdict[BATCH_MOST];
	int row[BATCH_MOST];
	bool published, asleep; /* it wrote outbox rows; and an edge is to be rung */
};

/* The rows of rt.dispatch or rt.dispatch_one for n items; NULL, or what is wrong with them as a whole. */
const char *batch_read(const PGresult *res, size_t n, struct batch_answer *out);

/* One item's result, borrowing from res. */
void batch_item(const PGresult *res, const struct batch_answer *a, size_t i, struct db_item_result *out);

/* The same for a batch that failed as a whole. */
void batch_failure(const PGresult *res, struct db_item_result *out);

bool batch_is_serialization(struct slice sqlstate); /* 40P01, 40001: worth one more try, alone (design 8.3) */

void batch_count(struct db_stats *s, size_t n);

#endif
