#include "db/ids.h"

#include "db/binary.h"
#include "db/fetch.h"
#include "db/result.h"
#include "db/snapshot.h"

bool ids_header(const PGresult *res, struct ids_header *h)
{
	uint64_t low;
	*h = (struct ids_header){.snapshot = db_cell(res, 0, IDS_COL_DATA)};
	if (PQntuples(res) < 1 || PQnfields(res) != IDS_COLS || !PQgetisnull(res, 0, IDS_COL_XID) ||
	    !binary_u64(db_cell(res, 0, IDS_COL_ID), &h->written))
		return false;
	return db_snapshot_bounds(h->snapshot, &h->low, &h->high) &&
	       binary_time(db_cell(res, 0, IDS_COL_AT), &h->now_us) &&
	       (PQgetisnull(res, 0, IDS_COL_CONTROL) ||
	        db_snapshot_bounds(db_cell(res, 0, IDS_COL_CONTROL), &low, &h->dropped));
}

bool ids_row(const PGresult *res, int row, struct db_event *e)
{
	*e = (struct db_event){.rooms = SLICE(""),
	                       .except_rooms = SLICE(""),
	                       .event = SLICE(""),
	                       .control = db_cell(res, row, IDS_COL_CONTROL),
	                       .data = db_cell(res, row, IDS_COL_DATA),
	                       .confirm = SLICE("")};
	e->bare = PQgetisnull(res, row, IDS_COL_CONTROL);
	if (e->data.n == 0)
		e->data = SLICE("null");
	return binary_u64(db_cell(res, row, IDS_COL_ID), &e->id) &&
	       binary_u64(db_cell(res, row, IDS_COL_XID), &e->xid) &&
	       binary_time(db_cell(res, row, IDS_COL_AT), &e->at_us) && e->bare == (e->control.n == 0);
}
