/*
 * Shared by the parts of db/: the loop, the settings, the counts, and the reports about links. struct db owns it
 * (db.c); calls, lanes and the pump borrow it, and know nothing of one another. Private to db/.
 */
#ifndef DB_COMMON_H
#define DB_COMMON_H

#include "db/db.h"
#include "db/link.h"

struct db_common {
	struct loop *loop;
	struct db_config cfg; /* with copies of the strings */
	struct db_stats stats;
	const struct link_guard *guard;        /* of every link but the pump's; NULL: none */
	bool alone;                            /* db_set_alone */
	bool freeing;                          /* db_free runs: nothing new is taken, and nothing is tried again */
	void (*on_change)(struct db_common *); /* a part became ready, or is no longer */
	void (*on_unregistered)(
		struct db_common *); /* the database does not know this edge: only the pump registers it */
	char last_error[256];
	char told[256]; /* why connecting failed, as last logged; empty once all is well */
	uint64_t told_at;
};

void common_init(struct db_common *c, struct loop *l, const struct db_config *cfg); /* copies and bounds the settings */
void common_fini(struct db_common *c);

/* A new link, not started, the caller's to free. A direct one goes to listen_url, past any pooler. */
struct link *common_link(const struct db_common *c, bool direct, const char *role, const struct link_events *ev,
                         void *ctx);

/* Does each link have a session of its own? Not behind a pooler, which the pump goes past. */
bool common_has_sessions(const struct db_common *c);

/* The reports of every link: counted and logged. */
void common_link_is_up(struct db_common *c, const char *role);
void common_link_is_down(struct db_common *c, const char *role, bool was_up, const char *why);

void common_problem(struct db_common *c, const char *what,
                    const char *why); /* remembered and logged, why to its line's end */

#endif
