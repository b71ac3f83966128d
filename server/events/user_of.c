/*
 * The questions that wait, and those of the call that is out.
 */
#include "events/user_of.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/text.h"
#include "db/sender.h"
#include "people/token_users.h"

enum {
	BATCH_MAX = 64,
	KNOWN_MOST = 65536, /* tokens, of some 130 bytes each */
};

struct user_ask {
	struct list link;    /* in user_asks.queue or user_asks.out */
	user_ask_done *done; /* NULL: forgotten */
	void *arg;
	uint64_t until_ms;
	struct buf claims; /* owned; JSON text */
	unsigned char digest[DIGEST_LEN];
};

struct user_asks {
	struct list queue, out;
	struct sender sender;
	struct token_users *known; /* people.token_users */
};

/* Columns of rt.users_of (docs/edge-sql.md). */
enum { COL_ORD, COL_USER, COL_PROBLEM, COLS };

static void user_asks_send(void *events);

void user_asks_start(struct events *ev)
{
	struct user_asks *ua = ev->user_asks = NEW(struct user_asks);
	list_init(&ua->queue);
	list_init(&ua->out);
	sender_init(&ua->sender, ev->db, ev->people->loop, ev->people->ident, "users_of", user_asks_send, ev);
	ua->sender.class = DB_OPENING;
	if (ev->user_hook)
		ev->people->token_users = ua->known = token_users_new(KNOWN_MOST);
}

static void user_ask_free(struct user_ask *a)
{
	list_del(&a->link);
	buf_fini(&a->claims);
	free(a);
}

static void user_ask_answer(struct user_ask *a, enum auth_result result)
{
	user_ask_done *done = a->done;
	void *arg = a->arg;
	user_ask_free(a);
	if (done)
		done(arg, result);
}

/* They are told, as what they have kept for the answer is theirs to free. */
static void user_asks_give_up(struct list *l)
{
	struct user_ask *a;
	while ((a = list_first(l, struct user_ask, link)))
		user_ask_answer(a, AUTH_UNASKED);
}

void user_asks_stop(struct events *ev)
{
	struct user_asks *ua = ev->user_asks;
	if (!ua)
		return;
	sender_stop(&ua->sender);
	user_asks_give_up(&ua->queue);
	user_asks_give_up(&ua->out);
	ev->people->token_users = NULL;
	token_users_free(&ua->known);
	free(ua);
	ev->user_asks = NULL;
}

void user_asks_database_up(struct events *ev)
{
	sender_wake(&ev->user_asks->sender);
}

struct user_ask *user_ask(struct events *ev, struct slice token, uint64_t until_ms, user_ask_done *done, void *arg)
{
	struct user_ask *a = NEW(struct user_ask);
	token = auth_without_bearer(token);
	a->done = done;
	a->arg = arg;
	a->until_ms = until_ms;
	auth_digest(token, a->digest);
	if (!auth_payload(token, &a->claims))
		buf_str(&a->claims, "null"); /* not so: it was accepted */
	list_add_tail(&ev->user_asks->queue, &a->link);
	sender_wake(&ev->user_asks->sender);
	return a;
}

void user_ask_forget(struct user_ask *a)
{
	a->done = NULL;
}

/* ---- the answer ---- */

static enum auth_result user_asks_verdict(struct events *ev, const struct user_ask *a, const struct db_result *r,
                                          int row)
{
	struct slice user = db_value(r, row, COL_USER);
	if (!db_is_null(r, row, COL_PROBLEM)) {
		log_error(ev->people->ident, "rt.user_of failed", LSL("problem", db_value(r, row, COL_PROBLEM)));
		return AUTH_UNASKED;
	}
	if (!uuid_valid(user))
		return AUTH_NOBODY;
	token_users_add(ev->user_asks->known, a->digest, user, a->until_ms, clock_wall_ms());
	return AUTH_OK;
}

/* The call came to nothing: its questions go to the front again, without those that nobody waits for. */
static void user_asks_again(struct user_asks *ua)
{
	struct list *last;
	while (!list_empty(&ua->out)) {
		last = ua->out.prev;
		list_del(last);
		if (list_entry(last, struct user_ask, link)->done)
			list_add_head(&ua->queue, last);
		else
			user_ask_free(list_entry(last, struct user_ask, link));
	}
	sender_after(&ua->sender, SENDER_AGAIN_MS);
}

static void user_asks_answered(void *events, const struct db_result *r)
{
	struct events *ev = events;
	struct user_asks *ua = ev->user_asks;
	struct user_ask *a;
	if (r->outcome != DB_OK || r->ncols != COLS) {
		if (r->outcome == DB_OK)
			sender_misread(&ua->sender);
		user_asks_again(ua);
		return;
	}
	for (int row = 0; (a = list_first(&ua->out, struct user_ask, link)); row++)
		user_ask_answer(a, row < r->nrows ? user_asks_verdict(ev, a, r, row) : AUTH_UNASKED);
	sender_wake(&ua->sender);
}

/* ---- the call ---- */

static void user_asks_send(void *events)
{
	struct events *ev = events;
	struct user_asks *ua = ev->user_asks;
	struct buf items = {0};
	struct user_ask *a;
	if (list_empty(&ua->queue) || !sender_ready(&ua->sender))
		return;
	db_array_begin(&items);
	for (int n = 0; n < BATCH_MAX && (a = list_first(&ua->queue, struct user_ask, link)); n++) {
		list_del(&a->link);
		list_add_tail(&ua->out, &a->link);
		db_array_add(&items, buf_view(&a->claims));
	}
	db_array_end(&items);
	struct slice param = buf_view(&items);
	sender_call(&ua->sender, "select * from rt.users_of($1::text[])", &param, 1, user_asks_answered);
	buf_fini(&items);
}
