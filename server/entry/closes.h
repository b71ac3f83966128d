/*
 * Ends of sockets, sent to rt.socket_close in batches. No end is dropped while the database is away. If this edge dies,
 * its ends are covered by its lease: another edge sweeps its sockets. An opening waits for the ends of its own user
 * alone, and these are sent before all others.
 *
 *   closes_add -> rest -closes_mark-> urgent        each end is in the list of its user besides
 *                   |                    |
 *                   +---closes_send------+-> out -> freed: the database knows it
 *                   ^                         |---> urgent: the call failed
 *                   +--- a second later --- again: somebody holds the user's presence
 */
#ifndef ENTRY_CLOSES_H
#define ENTRY_CLOSES_H

#include "db/db.h"
#include "entry/entry.h"

struct ended {
	struct slice socket_id, user;
	bool clean;   /* the client said goodbye */
	bool over;    /* it cannot be recovered */
	bool expired; /* it ended because its token had expired */
	bool restart; /* it ended because this edge stops: its user is on the way to another one */
};

void closes_start(struct entry *e);
void closes_stop(struct entry *e);
void closes_database_up(struct entry *e);

void closes_add(struct entry *e, const struct ended *ended); /* copied */
void closes_hold(struct entry *e, bool hold);                /* true: none is sent until false follows */
bool closes_idle(const struct entry *e);                     /* the database knows all ends */

/*
 * A mark stands for the ends of a user so far, which are sent first from now on. The mark is past when the database
 * knows these ends, or when waiting for them would take too long. entry.on_past is called when marks get past.
 */
uint64_t closes_mark(struct entry *e, struct slice user);
bool closes_past(const struct entry *e, struct slice user, uint64_t mark);

/*
 * A call about n sockets was answered. Was it the one for one socket, which an earlier program's database does not
 * have? Then it is sent again as one for many, and so are all later ones.
 */
bool closes_lack_one(struct entry *e, size_t n, const struct db_result *r) MUST_CHECK;

#endif
