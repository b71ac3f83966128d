/*
 * The walk over the rows of rt.recover: a hub with one member, which control rows move between the events, as they move
 * a live socket.
 */
#ifndef RECOVERY_WALK_H
#define RECOVERY_WALK_H

#include "db/db.h"
#include "eio/packet.h"
#include "hub/hub.h"
#include "people/delivery.h"
#include "recovery/offset_token.h"

/* Columns of rt.recover (docs/edge-sql.md). */
enum { COL_ORD, COL_WHAT, COL_AT, COL_ROOMS, COL_EXCEPT, COL_EVENT, COL_CONTROL, COL_DATA, COL_CONFIRM, COLS };

/* A packet to be sent later. */
struct held {
	struct packet *packet;     /* a reference */
	struct delivery *delivery; /* a reference; NULL: it is not confirmed */
	uint64_t row;              /* of the outbox; 0: it is not known */
};

struct held_list {
	struct held *all;
	size_t n, cap;
	size_t bytes; /* in a queue */
};

void held_add(struct held_list *l, struct packet *p, struct delivery *d, uint64_t row);
void held_free(struct held_list *l);

struct walk {
	struct hub *hub;
	struct hub_member member;
	struct held_list missed;
	struct slice ids;                   /* of the rows to come, joined by newline; borrowed */
	const struct recovery_token *token; /* rows that it names were not missed; borrowed */
};

/* rooms, former: joined by newline; chats: uuids, one behind the other. */
void walk_begin(struct walk *k, struct slice rooms, struct slice former, struct slice id, struct slice chats);
bool walk_row(struct walk *k, const struct db_result *r, int row) MUST_CHECK; /* false: not a row as expected */
void walk_end(struct walk *k);

bool walk_number(struct slice text, int64_t *n) MUST_CHECK;

#endif
