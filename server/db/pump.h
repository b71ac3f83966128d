/*
 * Between pump.c (the session: when to poll, the bell) and fetch.c (what a fetch returned, the cursor).
 */
#ifndef DB_PUMP_H
#define DB_PUMP_H

#include "base/list.h"
#include "db/db_internal.h"

#define PAGE_ROWS 1000 /* rt.fetch returns no more (docs/edge-sql.md); nor does one loop turn deliver more */
#define PAGE_ROWS_MOST 20000
#define PAGE_BYTES \
	(8u << 20) /* every page costs Postgres a sort of all that is left: as big as memory allows (design 8.8) */

/*
 * The cursor outlives connections. A fetch of more than a page is cut: rows not in `snapshot` and in `upto`, those up to `after`
 * have been delivered; the cursor moves to `upto` when the last page has been (design 8.8).
 */
struct cursor {
	char *snapshot, *epoch;  /* NULL before the first position */
	char *upto, *upto_epoch; /* NULL: no fetch is cut */
	uint64_t after;
	size_t limit;       /* rows of the next page */
	uint64_t cut_at;    /* when the cut fetch began, loop_now */
	int64_t now_us;     /* the database's clock at the fetch */
	const char *voided; /* why the next position leaves a gap */
};

struct header {
	uint64_t xmin;
	bool done; /* the fetch is complete: no page follows */
	int row;   /* of a page: the first that was not delivered */
};

void cursor_fini(struct cursor *c);
void cursor_void(struct cursor *c, const char *why); /* not known to cover everything any more */

/* Deliver an answer's rows, of a page at most PAGE_ROWS from h->row on. NULL, or what is wrong with it: then nothing was delivered and the cursor stands. */
const char *fetch_take(struct db *d, struct cursor *c, const struct db_pump_events *ev, void *ctx, const PGresult *res,
                       struct header *h);
const char *fetch_take_page(struct db *d, struct cursor *c, const struct db_pump_events *ev, void *ctx,
                            const PGresult *res, struct header *h);

#endif
