/*
 * The walk over what rt.recover found: a hub of one member, moved by control rows between the events, as a live socket is.
 */
#ifndef RECOVERY_WALK_H
#define RECOVERY_WALK_H

#include "db/db.h"
#include "eio/packet.h"
#include "hub/hub.h"

/* Columns of rt.recover (docs/edge-sql.md). */
enum { COL_ORD, COL_WHAT, COL_AT, COL_ROOMS, COL_EXCEPT, COL_EVENT, COL_CONTROL, COL_DATA, COL_CONFIRM, COLS };

/* Packets to be sent later, with what their delivery confirms. */
struct held {
	struct packet *packet;
	struct blob *confirm; /* NULL: nothing */
};

struct held_list {
	struct held *all;
	size_t n, cap;
};

void held_add(struct held_list *l, struct packet *p, struct blob *confirm);
void held_free(struct held_list *l);

struct walk {
	struct hub *hub;
	struct hub_member member;
	struct held_list missed;
};

/* rooms and former joined by newline; chats as uuids, one behind the other */
void walk_begin(struct walk *k, struct slice rooms, struct slice former, struct slice id, struct slice chats);
bool walk_row(struct walk *k, const struct db_result *r,
              int row) MUST_CHECK; /* false: not a row that can be walked over */
void walk_end(struct walk *k);

bool walk_number(struct slice text, int64_t *n) MUST_CHECK;

#endif
