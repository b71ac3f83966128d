/*
 * The answer to a fetch of the outbox (rt.fetch and rt.fetch_page, docs/edge-sql.md): checks it, delivers its rows as
 * events, and moves the cursor, which outlives connections. Private to db/.
 *
 * A fetch of more than a page is *cut*: the rows that are not in `snapshot` and are in `upto` belong to it, those up
 * to `after` have been delivered, and the cursor moves to `upto` when the last page has been. An answer is bounded by
 * rows and by bytes. It is read from the database whole and delivered piece by piece, each bounded by rows, bytes and
 * time, so that sockets are written in between.
 */
#ifndef DB_FETCH_H
#define DB_FETCH_H

#include "db/carried.h"
#include "db/db.h"
#include "db/marks.h"
#include <libpq-fe.h>

#define PAGE_ROWS 1000 /* rt.fetch returns no more; nor does one turn of the loop deliver more */
#define PAGE_ROWS_MOST 20000

/* Every page costs Postgres a sort of all that is left, so a page is as big as memory allows. No answer has more bytes
 * of data, but for its last row. */
#define PAGE_BYTES (8u << 20)
/* rt.poll and rt.poll_both return no more rows, and of data at least so many bytes where it is as long or longer. */
#define POLL_ROWS 64
#define POLL_DATA 32768
#define FEW_ROWS 32   /* rt.poll_few returns all of so many, each of 256 KiB at most; one more: there may be others */
#define IDS_ROWS 2000 /* rt.poll_ids as many; and of the data of a control row at least so many bytes, if it has them */
#define IDS_DATA 1024
#define PIECE_BYTES (1u << 20) /* of data that one turn delivers, and one row more */

/* Columns of rt.fetch, rt.fetch_page, rt.poll and rt.poll_both; the last two have more. Those of a look. */
enum {
	COL_ID,
	COL_XID,
	COL_AT,
	COL_ROOMS,
	COL_EXCEPT,
	COL_EVENT,
	COL_CONTROL,
	COL_DATA,
	COL_CONFIRM,
	COL_EPHEMERAL,
	COLS,
	COL_SNAPSHOT = COLS,
	COL_NOW,
	COL_WRITTEN,
	COL_DROPPED,
	COL_NEXT_XID,
	POLL_COLS
};
enum { FEW_COL_EVENT, FEW_COL_SNAPSHOT, FEW_COL_AT, FEW_COL_WRITTEN, FEW_COLS };       /* of rt.poll_few, binary */
enum { IDS_COL_ID, IDS_COL_XID, IDS_COL_AT, IDS_COL_CONTROL, IDS_COL_DATA, IDS_COLS }; /* of rt.poll_ids, binary */
enum { LOOK_COL_SNAPSHOT, LOOK_COL_AT, LOOK_COLS };

#define FETCH_OWN 8 /* one call of this edge writes at a time, and a fetch follows within DB_SOON_MS */

/* Embedded in the pump. */
struct fetch {
	struct db_stats *stats; /* borrowed; counted into */
	struct db_pump_events ev;
	void *ctx;

	/* the cursor */
	char *snapshot, *epoch; /* NULL before the first position */
	uint64_t low, high;     /* xmin and xmax of the snapshot */
	uint64_t light;         /* transactions from this one on came in fetches of POLL_ROWS rows at most */
	uint64_t light_ids;     /* the same of IDS_ROWS rows, but for those of the twin, which rt.poll_ids leaves out */
	uint64_t written;       /* how many statements had written the twin at the last rt.poll_ids */
	bool still;             /* the last fetch has found nothing new */
	char *upto, *upto_epoch; /* NULL: no fetch is cut */
	uint64_t after;
	size_t limit;           /* rows of the next page, or of the one that is out */
	int64_t now_us;         /* the database's clock at the fetch */
	int64_t before_us;      /* the same of the fetch before */
	struct marks marks;     /* what was seen last */
	struct carried carried; /* delivered, though the cursor does not see them */
	const char *voided;     /* why the next position leaves a gap, where there is no snapshot; static text */

	uint64_t own[FETCH_OWN]; /* the last transactions of fetch_own, by turns */
	size_t owns;

	/* the fetch that is out, or is being delivered */
	uint64_t xmin; /* the oldest transaction that its snapshot saw running */
	uint64_t rows; /* delivered so far */
	/* Of their transactions, but for those of fetch_own, where neighbours of one count once: how many; how long
	 * they took from writing to being read, together; and how much of that was over at the fetch before, which is
	 * no matter of when this one came. */
	uint64_t transactions, lag_us, certain_us;
	uint64_t xid; /* of the last row */
	bool done;    /* nothing of it is missing */
	bool ends;    /* nothing is behind the answer in hand */
	int row;      /* of that answer: the first one that has not been delivered */
	int behind;   /* of that answer: behind the last one that counts */
	/* That answer is one of rt.poll_few or rt.poll_ids: where its rows are, in the order of their ids. */
	enum fetch_form { FETCH_TEXT, FETCH_FEW, FETCH_IDS } form;
	uint16_t order[IDS_ROWS];
};

void fetch_fini(struct fetch *f);

/* The cursor is not known to cover everything any more: the next position is taken as it comes, and is a gap. */
void fetch_void(struct fetch *f, const char *why);

/* A transaction of this edge, which has rung nobody and is read when it suits: not counted among `transactions`. */
void fetch_own(struct fetch *f, uint64_t xid);

/*
 * A lone client event of this edge has written that row (lone_row.h). Where its transaction saw just what the cursor
 * sees, nothing that is still to be read can belong before it: the row is delivered and the cursor moves. False: it is
 * for a fetch to bring, as every other row. The caller sees to it that no fetch is out.
 */
bool fetch_take_lone(struct fetch *f, struct slice text) MUST_CHECK;

/*
 * A bell has carried that row, of the same form: where it may be it is delivered (CARRIED_NOW, and at_us is when it was
 * written), while the cursor stands until a poll reads it. CARRIED_LATER: as where fetch_take_lone is false. Its
 * condition holds, and every transaction that is not over for the cursor rings for each row that it has written.
 */
enum carried_fate fetch_take_carried(struct fetch *f, struct slice text, int64_t *at_us) MUST_CHECK;

/*
 * Take an answer, of a fetch or of a page, and deliver its first piece; fetch_take_rest the next one, from f->row on. NULL,
 * or what is wrong with it: then nothing of these rows was delivered, and the cursor stands.
 */
const char *fetch_take(struct fetch *f, const PGresult *res, uint64_t now_ms);
const char *fetch_take_page(struct fetch *f, const PGresult *res);
const char *fetch_take_rest(struct fetch *f, const PGresult *res);

/* The same of rt.poll or rt.poll_both, of rt.poll_few, rt.poll_ids and a look, whose answer will do (poll_judge). */
const char *fetch_take_poll(struct fetch *f, const PGresult *res, uint64_t now_ms);
const char *fetch_take_few(struct fetch *f, const PGresult *res, uint64_t now_ms);
const char *fetch_take_ids(struct fetch *f, const PGresult *res, uint64_t now_ms);
const char *fetch_take_look(struct fetch *f, const PGresult *res, uint64_t now_ms);

#endif
