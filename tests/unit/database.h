/*
 * A database that a test plays to struct db, the real one: a pump that brings what database_publish was given, and
 * answers to calls by the name of their function. The calls are in `said`.
 *
 *   database_answers(&d, "rt.rooms", "anna|t|user:anna^chat:1|9:9:");   rows by line, columns by |, ~ is null, ^ a newline in a value
 *   database_answers(&d, "rt.confirm", "!40001 try again");             an error
 *   database_holds(&d, "rt.rooms");                                     no answer: database_release gives the one above
 */
#ifndef UNIT_DATABASE_H
#define UNIT_DATABASE_H

#include "db/db.h"
#include "db/fake_pg.h"

#define FETCH_COLS 10

struct canned {
	struct canned *next;
	char name[40];
	char *rows;
	bool holds;
	struct fake_conn *held;
};

struct database {
	struct fake_pg pg;
	struct db *db;
	enum db_state state; /* as it was told */
	void (*up)(void *ctx);
	void (*gap)(void *ctx);
	size_t (*batch)(void *ctx, const struct db_batch *b);
	void (*cursor)(void *ctx);
	void (*ready)(void *ctx, bool first);
	void *ctx;
	struct canned *answers;
	struct buf said; /* a line for each call: its function and its parameters */
	struct buf rows; /* to be fetched: as answers have them */
	bool has_gap;    /* the next fetch finds one */
	bool pump_hangs; /* a fetch has no answer any more */
	unsigned long long xid, id;
	const char *epoch;
};

/* ---- rows as text ---- */

static int database_row(struct fake_conn *c, char *line, bool send)
{
	const char *values[16];
	int n = 0;
	for (char *at = line; at; n++) {
		char *end = strchr(at, '|');
		if (end)
			*end = '\0';
		for (char *p = at; (p = strchr(p, '^'));)
			*p = '\n';
		values[n] = strcmp(at, "~") == 0 ? NULL : at;
		at = end ? end + 1 : NULL;
	}
	if (send)
		fake_row(c, values, n);
	return n;
}

static void database_rows(struct fake_conn *c, const char *text)
{
	char *copy = strdup(text), *at = copy;
	for (char *line; (line = strsep(&at, "\n"));)
		if (*line)
			database_row(c, line, true);
	free(copy);
}

static void database_send(struct fake_conn *c, const char *rows)
{
	char *first = strndup(rows, strcspn(rows, "\n"));
	if (*rows == '!') {
		const char *message = first + 7;
		first[6] = '\0';
		fake_error(c, first + 1, message);
	} else {
		fake_columns(c, database_row(c, first, false));
		database_rows(c, rows);
		fake_rows_end(c);
	}
	free(first);
}

/* ---- the pump ---- */

static void database_fetch(struct database *d, struct fake_conn *c)
{
	char head[120];
	snprintf(head, sizeof head, "~|%llu|5000000|%llu:%llu:|%s|~|%s|~|~|~", d->xid, d->xid, d->xid, d->epoch,
	         d->has_gap ? "gap" : "ok");
	fake_columns(c, FETCH_COLS);
	database_rows(c, head);
	if (!d->has_gap && c->params[0] && d->rows.n) {
		buf_char(&d->rows, '\0');
		database_rows(c, d->rows.p);
		d->rows.n = 0;
	}
	d->has_gap = false;
	fake_rows_end(c);
}

static bool database_plays_pump(struct database *d, struct fake_conn *c, const char *sql)
{
	bool fetch = strncmp(sql, "bellwire_fetch", 14) == 0;
	if (fetch && d->pump_hangs)
		return true;
	if (fetch)
		database_fetch(d, c);
	else if (strncmp(sql, "select * from rt.pump_open", 26) == 0)
		database_send(c, "e|1|7|8");
	else if (strncmp(sql, "select * from rt.place(", 23) == 0)
		database_send(c, "e|t");
	else if (strncmp(sql, "select rt.mark()", 16) == 0)
		database_send(c, "mark.1.ab");
	else if (strncmp(sql, "prepare bellwire_", 17) == 0 && strncmp(sql + 17, "fetch", 5) != 0)
		fake_error(c, "42883", "no such function"); /* an older database: it knows rt.fetch alone, */
	else if (strncmp(sql, "prepare ", 8) == 0 || strncmp(sql, "listen ", 7) == 0 ||
	         strncmp(sql, "unlisten ", 9) == 0)
		fake_command(c);
	else
		return false;
	return true;
}

/* ---- calls ---- */

static struct canned *database_canned(struct database *d, const char *name)
{
	struct canned *a = d->answers;
	while (a && strcmp(a->name, name) != 0)
		a = a->next;
	if (a)
		return a;
	a = calloc(1, sizeof *a);
	snprintf(a->name, sizeof a->name, "%s", name);
	a->next = d->answers;
	a->rows = strdup("");
	return d->answers = a;
}

static inline void database_answers(struct database *d, const char *name, const char *rows)
{
	struct canned *a = database_canned(d, name);
	free(a->rows);
	a->rows = strdup(rows);
}

static inline void database_holds(struct database *d, const char *name)
{
	database_canned(d, name)->holds = true;
}

/* Is a call of it waiting for its answer? */
static inline bool database_is_held(struct database *d, const char *name)
{
	return database_canned(d, name)->held != NULL;
}

static inline void database_release(struct database *d, const char *name)
{
	struct canned *a = database_canned(d, name);
	struct fake_conn *c = a->held;
	CHECK(c);
	a->held = NULL;
	a->holds = false;
	database_send(c, a->rows);
}

/* The link of the call that waits is lost, and no other. */
static inline void database_loses(struct database *d, const char *name)
{
	struct canned *a = database_canned(d, name);
	struct fake_conn *c = a->held;
	CHECK(c);
	a->held = NULL;
	a->holds = false;
	fake_cut(c);
}

static void database_play(struct fake_conn *c, const char *sql)
{
	struct database *d = c->pg->ctx;
	const char *name = strstr(sql, "rt.");
	if (database_plays_pump(d, c, sql))
		return;
	CHECK(name);
	char text[40];
	snprintf(text, sizeof text, "%.*s", (int)strcspn(name, "("), name);
	if (strcmp(text, "rt.dispatch_lone") == 0) { /* and has every event come as a batch */
		fake_error(c, "42883", "no such function");
		return;
	}
	buf_str(&d->said, text);
	for (int i = 0; i < c->n; i++)
		buf_printf(&d->said, " %s", c->params[i] ? c->params[i] : "null");
	buf_char(&d->said, '\n');
	struct canned *a = database_canned(d, text);
	if (a->holds)
		a->held = c;
	else
		database_send(c, a->rows);
}

/* ---- the answers of struct db ---- */

static void database_on_state(void *ctx, enum db_state state)
{
	struct database *d = ctx;
	d->state = state;
	if (state == DB_UP && d->up)
		d->up(d->ctx);
}

static size_t database_on_batch(void *ctx, const struct db_batch *b)
{
	struct database *d = ctx;
	return d->batch ? d->batch(d->ctx, b) : b->n;
}

static void database_on_cursor(void *ctx)
{
	struct database *d = ctx;
	if (d->cursor)
		d->cursor(d->ctx);
}

static void database_on_gap(void *ctx, const char *why)
{
	(void)why;
	struct database *d = ctx;
	if (d->gap)
		d->gap(d->ctx);
}

static void database_on_ready(void *ctx, const char *snapshot, bool first)
{
	(void)snapshot;
	struct database *d = ctx;
	if (d->ready)
		d->ready(d->ctx, first);
}

/* ---- life ---- */

/* pg is prepared, and another has made struct db with its url. */
static inline void database_play_from(struct database *d, struct loop *l)
{
	d->xid = 100;
	d->id = 1;
	d->epoch = "e";
	fake_start_prepared(&d->pg, l, database_play, d);
}

/* The callbacks are the caller's to set, and db_start to call. */
static inline void database_begin(struct database *d, struct loop *l)
{
	static const struct db_pump_events pump = {database_on_batch, database_on_cursor, database_on_gap,
	                                           database_on_ready, NULL};
	*d = (struct database){.xid = 100, .id = 1, .epoch = "e"};
	fake_start(&d->pg, l, database_play, d);
	struct db_config cfg = {.url = d->pg.url,
	                        .edge_id = "6f1e7f8e-0000-4000-8000-000000000001",
	                        .name = "unit",
	                        .lanes = 1,
	                        .batch_max = 32,
	                        .queue_max_items = 1000,
	                        .item_timeout_ms = 5000,
	                        .call_timeout_ms = 5000,
	                        .poll_ms = 1,
	                        .bell = DB_BELL_OFF};
	d->db = db_new(l, &cfg, &(struct db_events){database_on_state}, d);
	db_pump_set_events(d->db, &pump, d);
}

/* After db_free, which comes before the floors stop. */
static inline void database_end(struct database *d)
{
	fake_stop(&d->pg);
	while (d->answers) {
		struct canned *a = d->answers;
		d->answers = a->next;
		free(a->rows);
		free(a);
	}
	buf_fini(&d->said);
	buf_fini(&d->rows);
}

/* All links are lost; struct db makes new ones. */
static inline void database_breaks(struct database *d)
{
	for (struct list *at = d->pg.conns.next; at != &d->pg.conns; at = at->next)
		fake_cut(list_entry(at, struct fake_conn, link));
	for (struct canned *a = d->answers; a; a = a->next)
		a->held = NULL;
}

/* ---- rows of the outbox ---- */

struct published {
	const char *rooms, *except; /* by ^; rooms NULL: everybody */
	const char *event, *control, *data, *confirm;
	unsigned long long xid; /* 0: the next one, which no snapshot before it sees */
};

/* The next fetch brings it. */
static inline void database_publish(struct database *d, struct published p)
{
	unsigned long long xid = p.xid ? p.xid : d->xid++;
	buf_printf(&d->rows, "%llu|%llu|5000000|%s|%s|%s|%s|%s|%s|f\n", d->id++, xid, p.rooms ? p.rooms : "~",
	           p.except ? p.except : "", p.event ? p.event : "~", p.control ? p.control : "~",
	           p.data ? p.data : "{}", p.confirm ? p.confirm : "~");
	if (p.xid)
		d->xid++;
}

/* The calls since the last time. */
static inline const char *database_said(struct database *d)
{
	buf_char(&d->said, '\0');
	d->said.n = 0;
	return d->said.p;
}

#endif
