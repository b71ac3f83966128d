/*
 * The queues of ends, and the call rt.socket_close. Ends of one user stay in the order in which they came.
 */
#include "entry/closes.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/number.h"
#include "db/sender.h"
#include "sio/sio.h"

#define BATCH_MAX 256

/* A user some of whose ends the database does not know yet. */
struct ending_user {
	struct map_node node;
	struct list ends; /* of end.of_user, oldest first */
	char id[UUID_LEN];
};

enum end_place { END_URGENT, END_REST, END_OUT, END_AGAIN };

struct end {
	struct list link;    /* in the list of its place */
	struct list of_user; /* in user.ends */
	struct ending_user *user;
	enum end_place place;
	uint64_t no; /* rises from end to end */
	char socket_id[SIO_ID_LEN];
	bool clean, over;
	const char *why; /* static text, or NULL */
};

struct closes {
	struct list places[END_AGAIN + 1]; /* of end.link, by end_place; closes.h draws the ways */
	struct end *batch[BATCH_MAX];      /* the ends of the call that is out, in its order */
	size_t nbatch;
	struct map users;    /* of ending_user.node */
	size_t n;            /* ends in all places */
	uint64_t told, past; /* told: number of the last end. past: the ends up to this number hold up no opening */
	bool held;           /* closes_hold */
	bool unrung;         /* the call that is out rings nobody */
	struct sender sender;
	struct timer retry; /* set while END_AGAIN is not empty */
};

static void closes_send(void *entry);
static void closes_on_retry(struct timer *t);

static struct slice ending_user_key(const struct map_node *n)
{
	return slice_of(container_of(n, struct ending_user, node)->id, UUID_LEN);
}

void closes_start(struct entry *e)
{
	struct closes *cs = e->closes = NEW(struct closes);
	for (size_t i = 0; i < ARRAY_LEN(cs->places); i++)
		list_init(&cs->places[i]);
	map_init(&cs->users, ending_user_key);
	cs->retry.fire = closes_on_retry;
	sender_init(&cs->sender, e->db, e->people->loop, e->people->ident, "socket_close", closes_send, e);
}

/* ---- an end ---- */

static struct ending_user *ending_user_find(const struct closes *cs, struct slice id)
{
	struct map_node *n = map_find(&cs->users, id);
	return n ? container_of(n, struct ending_user, node) : NULL;
}

static struct ending_user *ending_user_get(struct closes *cs, struct slice id)
{
	struct ending_user *u = ending_user_find(cs, id);
	if (u)
		return u;
	u = NEW(struct ending_user);
	list_init(&u->ends);
	memcpy(u->id, id.p, UUID_LEN);
	map_add(&cs->users, &u->node);
	return u;
}

static void end_free(struct closes *cs, struct end *one)
{
	struct ending_user *u = one->user;
	list_del(&one->link);
	list_del(&one->of_user);
	free(one);
	cs->n--;
	if (!list_empty(&u->ends))
		return;
	map_del(&cs->users, &u->node);
	free(u);
}

static struct end *end_first(const struct closes *cs, enum end_place place)
{
	return list_first(&cs->places[place], struct end, link);
}

static void end_move(struct closes *cs, struct end *one, enum end_place to)
{
	list_del(&one->link);
	list_add_tail(&cs->places[to], &one->link);
	one->place = to;
}

/* The ends keep their order, and stand in front of those that are there. */
static void ends_move_all(struct closes *cs, enum end_place from, enum end_place to)
{
	while (!list_empty(&cs->places[from])) {
		struct end *last = list_entry(cs->places[from].prev, struct end, link);
		list_del(&last->link);
		list_add_head(&cs->places[to], &last->link);
		last->place = to;
	}
}

void closes_stop(struct entry *e)
{
	struct closes *cs = e->closes;
	if (!cs)
		return;
	sender_stop(&cs->sender);
	timer_stop(e->people->loop, &cs->retry);
	for (enum end_place place = 0; place <= END_AGAIN; place++)
		while (!list_empty(&cs->places[place]))
			end_free(cs, end_first(cs, place));
	map_fini(&cs->users);
	free(cs);
	e->closes = NULL;
}

void closes_database_up(struct entry *e)
{
	sender_wake(&e->closes->sender);
}

/* ---- the queue ---- */

void closes_add(struct entry *e, const struct ended *ended)
{
	struct closes *cs = e->closes;
	struct end *one = NEW(struct end);
	memcpy(one->socket_id, ended->socket_id.p, SIO_ID_LEN);
	one->clean = ended->clean;
	one->over = ended->over;
	one->why = ended->expired ? "token_expired" : ended->restart ? "shutdown" : NULL;
	one->user = ending_user_get(cs, ended->user);
	one->no = ++cs->told;
	list_init(&one->link);
	list_add_tail(&one->user->ends, &one->of_user);
	end_move(cs, one, END_REST);
	cs->n++;
	sender_wake(&cs->sender);
}

void closes_hold(struct entry *e, bool hold)
{
	e->closes->held = hold;
	if (!hold)
		sender_wake(&e->closes->sender);
}

bool closes_idle(const struct entry *e)
{
	return e->closes->n == 0;
}

uint64_t closes_mark(struct entry *e, struct slice user)
{
	struct closes *cs = e->closes;
	struct ending_user *u = ending_user_find(cs, user);
	struct list *it, *tmp;
	if (!u)
		return 0;
	list_each (it, tmp, &u->ends) {
		struct end *one = list_entry(it, struct end, of_user);
		if (one->place == END_REST)
			end_move(cs, one, END_URGENT);
	}
	return list_entry(u->ends.prev, struct end, of_user)->no;
}

bool closes_past(const struct entry *e, struct slice user, uint64_t mark)
{
	const struct closes *cs = e->closes;
	const struct ending_user *u = mark > cs->past ? ending_user_find(cs, user) : NULL;
	return !u || list_entry(u->ends.next, struct end, of_user)->no > mark;
}

/* ---- the answer ---- */

static void closes_on_retry(struct timer *t)
{
	struct closes *cs = container_of(t, struct closes, retry);
	ends_move_all(cs, END_AGAIN, END_REST);
	sender_wake(&cs->sender);
}

/* Columns of rt.socket_close (docs/edge-sql.md); rt.socket_close_one has the last one besides. */
enum { COL_ORD, COL_XACT };

/* The rows are places in the batch, from 1, of ends whose user's presence somebody holds. These ends are sent again. */
static void closes_keep(struct closes *cs, const struct db_result *r)
{
	uint64_t ord;
	for (int row = 0; row < r->nrows; row++)
		if (u64_parse(db_value(r, row, COL_ORD), &ord) && ord - 1 < cs->nbatch &&
		    cs->batch[ord - 1]->place == END_OUT)
			end_move(cs, cs->batch[ord - 1], END_AGAIN);
	if (!list_empty(&cs->places[END_AGAIN]) && !timer_is_set(&cs->retry))
		timer_set(cs->sender.loop, &cs->retry, loop_now(cs->sender.loop) + SENDER_AGAIN_MS);
}

bool closes_lack_one(struct entry *e, size_t n, const struct db_result *r)
{
	if (e->without_one || n != 1 || strcmp(r->sqlstate, "42883") != 0)
		return false;
	return e->without_one = true;
}

static void closes_answered(void *arg, const struct db_result *r)
{
	struct entry *e = arg;
	struct closes *cs = e->closes;
	if (cs->unrung)
		db_answer_unrung(e->db, r, COL_XACT);
	if (r->outcome == DB_OK)
		closes_keep(cs, r);
	else
		cs->past = cs->told; /* openings wait for the right order, not for a database in trouble */
	/* The call is repeated, which is harmless: without it the user would be online for ever. */
	if (closes_lack_one(e, cs->nbatch, r)) {
		ends_move_all(cs, END_OUT, END_URGENT);
	} else if (db_may_repeat(r)) {
		ends_move_all(cs, END_OUT, END_URGENT);
		sender_after(&cs->sender, SENDER_AGAIN_MS);
	}
	while (!list_empty(&cs->places[END_OUT]))
		end_free(cs, end_first(cs, END_OUT));
	cs->nbatch = 0;
	e->on_past(e);
	if (cs->n)
		sender_wake(&cs->sender);
}

/* ---- the call ---- */

static struct end *closes_next(const struct closes *cs)
{
	struct end *one = end_first(cs, END_URGENT);
	return one ? one : end_first(cs, END_REST);
}

static void end_put(struct buf *items, const struct end *one)
{
	struct buf item = {0};
	json_open(&item);
	json_member_str(&item, "socket_id", slice_of(one->socket_id, SIO_ID_LEN));
	json_member_str(&item, "user_id", slice_of(one->user->id, UUID_LEN));
	json_member_bool(&item, "clean", one->clean);
	if (one->over)
		json_member_bool(&item, "over", true);
	if (one->why)
		json_member_str(&item, "why", slice_str(one->why));
	json_close(&item);
	db_array_add(items, buf_view(&item));
	buf_fini(&item);
}

static void closes_call_one(struct entry *e, const struct end *one)
{
	struct closes *cs = e->closes;
	cs->unrung = db_alone(e->db);
	struct slice why = one->why ? slice_str(one->why) : (struct slice){0};
	struct slice params[] = {slice_str(e->edge_id),
	                         slice_of(one->socket_id, SIO_ID_LEN),
	                         slice_of(one->user->id, UUID_LEN),
	                         db_bool(one->clean),
	                         db_bool(one->over),
	                         why,
	                         db_bool(cs->unrung)};
	sender_call(&cs->sender, "select * from rt.socket_close_one($1, $2, $3, $4, $5, $6, $7)", params, 7,
	            closes_answered);
}

static void closes_call(struct entry *e)
{
	struct closes *cs = e->closes;
	struct buf items = {0};
	cs->unrung = false;
	db_array_begin(&items);
	for (size_t i = 0; i < cs->nbatch; i++)
		end_put(&items, cs->batch[i]);
	db_array_end(&items);
	struct slice params[] = {slice_str(e->edge_id), buf_view(&items)};
	sender_call(&cs->sender, "select * from rt.socket_close($1::uuid, $2::text[])", params, 2, closes_answered);
	buf_fini(&items);
}

static void closes_send(void *entry)
{
	struct entry *e = entry;
	struct closes *cs = e->closes;
	struct end *one;
	if (cs->held) { /* registering may take long, and the ends are sent only after it */
		cs->past = cs->told;
		e->on_past(e);
	}
	if (!closes_next(cs) || cs->held || !sender_ready(&cs->sender))
		return;
	while (cs->nbatch < BATCH_MAX && (one = closes_next(cs))) {
		cs->batch[cs->nbatch++] = one;
		end_move(cs, one, END_OUT);
	}
	if (cs->nbatch == 1 && !e->without_one)
		closes_call_one(e, cs->batch[0]);
	else
		closes_call(e);
}
