/*
 * What the parts of db share. Each part has its links, its queue and its timers; struct db ties them together.
 */
#ifndef DB_DB_INTERNAL_H
#define DB_DB_INTERNAL_H

#include "db/db.h"
#include "db/link.h"
#include "db/result.h"

struct calls;
struct dispatch;
struct pump;

struct db {
	struct loop *loop;
	struct db_config cfg; /* with copies of the strings */
	struct db_events ev;
	void *ctx;
	enum db_state state;
	bool stopping, freeing;
	struct db_stats stats;
	char last_error[256];
	char told[256]; /* why connecting failed, as last logged; empty once all is well */
	uint64_t told_at;
	struct calls *calls;
	struct dispatch *dispatch;
	struct pump *pump;
};

/* db.c: what every link reports */
struct link *db_link(struct db *d, bool direct, const char *role, const struct link_events *ev, void *ctx);
void db_link_is_up(struct db *d, const char *role);
void db_link_is_down(struct db *d, const char *role, bool was_up, const char *why);
void db_problem(struct db *d, const char *what, const char *why); /* remembered and logged */
void db_check_state(struct db *d);

struct calls *calls_new(struct db *d);
void calls_start(struct calls *c);
bool calls_ready(const struct calls *c);
bool calls_close(struct calls *c); /* completes everything; false: there was nothing */
void calls_free(struct calls **c);

struct dispatch *dispatch_new(struct db *d);
void dispatch_start(struct dispatch *x);
bool dispatch_close(struct dispatch *x); /* completes everything; false: there was nothing */
void dispatch_free(struct dispatch **x);

struct pump *pump_new(struct db *d);
void pump_start(struct pump *p);
bool pump_ready(const struct pump *p);
bool pump_close(struct pump *p); /* completes everything; false: there was nothing */
void pump_free(struct pump **p);

#endif
