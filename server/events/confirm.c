/*
 * Collects the confirmations that pongs bring, and calls rt.confirm.
 */
#include "events/confirm.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/text.h"
#include "db/sender.h"
#include "events/confirm_key.h"
#include "people/client.h"
#include "people/delivery.h"

#define BATCH_MAX 1000
#define WAITING_MAX 100000 /* confirmations kept while the database is away */
/*
 * All recipients of one message confirm it within a few turns. And a call costs as much as three receipts, in a backend
 * that is cold as much as ten. So a confirmation waits for others, and for longer where others come: where the one
 * before it came less than so long ago. One that comes by itself would wait for nobody. 0025 has the figures.
 */
#define GATHER_MS 25
#define GATHER_MORE_MS 100
#define ENOUGH 32 /* of these the call is a small part: they wait for no more */

#define ALONE_AGAIN_MS 4000 /* each time the database waits two seconds for the lock, and so do all others */

/* Of rt.confirm: values; messages and users; messages and users of which the first confirmation counts. */
enum { VALUES, MESSAGES, USERS, FIRST_MESSAGES, FIRST_USERS, ARRAYS };

struct confirmation {
	struct delivery *delivery; /* a reference */
	char user[UUID_LEN];
	bool refused; /* by rt.confirm, just now */
	bool alone;   /* its call met a row that somebody else holds: the others go without it */
};

struct confirms {
	struct confirmation *all; /* not taken by the database yet, oldest first */
	size_t n, cap;
	size_t out;                 /* of the first ones: the call that is out has them */
	size_t nalone;              /* those with `alone` */
	uint32_t values[BATCH_MAX]; /* of these, the places of those that went as values */
	uint32_t firsts[BATCH_MAX]; /* and of those of whose messages the first confirmation counts */
	size_t nvalues, nfirsts;
	uint64_t alone_at; /* loop_now: when the next of those that go alone may */
	uint64_t came_at;  /* when the last confirmation came */
	uint64_t early_at; /* when enough of them may go, though the sender waits; 0: it waits for something else */
	bool more;         /* the first of those that wait came soon behind another one */
	bool older;        /* the database has the functions of an earlier program */
	bool unrung;       /* the call that is out rings nobody */
	bool left;         /* rt.confirm_lone has left the next one to rt.confirm */
	struct sender sender;
};

static void confirms_send(void *events);

void confirms_start(struct events *ev)
{
	ev->confirms = NEW(struct confirms);
	sender_init(&ev->confirms->sender, ev->db, ev->people->loop, ev->people->ident, "confirm", confirms_send, ev);
}

void confirms_stop(struct events *ev)
{
	struct confirms *cf = ev->confirms;
	if (!cf)
		return;
	sender_stop(&cf->sender);
	for (size_t i = 0; i < cf->n; i++)
		delivery_unref(&cf->all[i].delivery);
	free(cf->all);
	free(cf);
	ev->confirms = NULL;
}

void confirms_database_up(struct events *ev)
{
	sender_wake(&ev->confirms->sender);
}

bool confirms_idle(const struct events *ev)
{
	return ev->confirms->n == 0;
}

/* ---- at the client ---- */

struct delivery *confirm_delivery(const struct db_event *e)
{
	return delivery_new(e->confirm, e->at_us);
}

void confirm_expect(struct client *c, struct delivery *d, uint64_t value)
{
	if (fences_add(&c->fences, value, d))
		sio_fence(c->sio, value);
	else /* The delivery is never claimed, so no claim is wrong. Reading the history will count as delivered. */
		c->people->counts.fences_skipped++;
}

/* ---- gathered ---- */

/* Those that no call has and that need not go alone. */
static size_t confirms_waiting(const struct confirms *cf)
{
	return cf->n - cf->nalone - (cf->out && !cf->all[0].alone ? cf->out : 0);
}

static void confirms_await_others(struct confirms *cf)
{
	if (sender_waits(&cf->sender))
		return;
	bool more = cf->more && confirms_waiting(cf) < ENOUGH && cf->nalone == 0; /* which go one by one, first */
	cf->early_at = loop_now(cf->sender.loop) + GATHER_MS;
	sender_after(&cf->sender, more ? GATHER_MORE_MS : GATHER_MS);
}

/* Waits for something else than others. */
static void confirms_pause(struct confirms *cf, uint64_t ms)
{
	cf->early_at = 0;
	sender_after(&cf->sender, ms);
}

static void confirms_came(struct confirms *cf)
{
	uint64_t now = loop_now(cf->sender.loop);
	size_t waiting = confirms_waiting(cf);
	if (waiting == 1)
		cf->more = now - cf->came_at < GATHER_MORE_MS;
	cf->came_at = now;
	if (cf->sender.out)
		return;
	confirms_await_others(cf);
	if (waiting == ENOUGH && cf->early_at)
		sender_by(&cf->sender, cf->early_at);
}

void confirms_flush(struct events *ev)
{
	struct confirms *cf = ev->confirms;
	if (cf->early_at)
		sender_by(&cf->sender, loop_now(cf->sender.loop));
}

static void confirms_add(const struct events *ev, const struct client *c, struct delivery *d)
{
	struct confirms *cf = ev->confirms;
	if (cf->n == WAITING_MAX) {
		ev->people->counts.fences_skipped++;
		return;
	}
	if (!delivery_answer(d, user_id(c->user)))
		return;
	if (cf->n == cf->cap) {
		cf->cap = cf->cap ? cf->cap * 2 : 64;
		cf->all = mem_realloc(cf->all, cf->cap * sizeof(*cf->all));
	}
	struct confirmation *to = &cf->all[cf->n++];
	*to = (struct confirmation){.delivery = delivery_ref(d)};
	memcpy(to->user, c->user->id, UUID_LEN);
	confirms_came(cf);
}

static void confirms_gather(const struct events *ev, const struct client *c, struct delivery *d)
{
	histogram_add(&ev->people->counts.confirmed, ((double)clock_wall_us() - (double)d->at_us) / 1e6, 1);
	confirms_add(ev, c, d);
}

/* ---- without a pong ---- */

void confirm_covered(const struct events *ev, const struct client *c, struct slice uuid)
{
	struct buf value = {0};
	buf_str(&value, "{\"message_id\": \"");
	buf_slice(&value, uuid);
	buf_str(&value, "\"}");
	struct delivery *d = delivery_new(buf_view(&value), 0);
	confirms_add(ev, c, d);
	delivery_unref(&d);
	buf_fini(&value);
}

/* ---- the pong ---- */

void confirm_fence(struct sio_socket *s, uint64_t value, void *events)
{
	struct events *ev = events;
	struct client *c = sio_user(s);
	struct delivery *d;
	if (!c)
		return;
	uint64_t now = clock_wall_ms();
	c->confirmed_s = (uint32_t)(now / 1000);
	trace_confirmed(c->people->trace, c->number, value, now);
	while ((d = fences_take(&c->fences, value))) {
		if (c->state == CLIENT_OPEN)
			confirms_gather(ev, c, d);
		delivery_unref(&d);
	}
}

/* ---- the call ---- */

/*
 * A receipt is an event, and a writer of events rings for an edge that sleeps. Where no other one is there that is this
 * edge, which knows of its receipts without a bell: a transaction that is marked as a batch of client events rings
 * nobody. The subquery comes first, since the function takes its value. The answer has a row in any case, which says
 * the transaction.
 */
#define RUNG "select * from rt.confirm($1::jsonb[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[])"
#define UNRUNG                                                                                                            \
	"select c.ord, q.xact from (select set_config('bellwire.dispatch', pg_current_xact_id()::text, true) as xact) q " \
	"left join lateral rt.confirm(case when q.xact <> '' then $1::jsonb[] end, $2::uuid[], $3::uuid[], "              \
	"$4::uuid[], $5::uuid[]) c on true"
#define VALUES_ONLY "select * from rt.confirm($1::jsonb[])"
#define LONE "select rt.confirm_lone($1, $2, $3, $4)"

/* rt.confirm answers the numbers of those that count for nothing, values first. Another client's may count. */
static void confirms_refuse(struct confirms *cf, const struct db_result *r)
{
	for (int row = 0; r->outcome == DB_OK && row < r->nrows; row++) {
		uint64_t n;
		if (!u64_parse(db_value(r, row, 0), &n) || n < 1 || n > cf->nvalues + cf->nfirsts)
			continue;
		cf->all[n <= cf->nvalues ? cf->values[n - 1] : cf->firsts[n - 1 - cf->nvalues]].refused = true;
	}
}

static void confirms_drop(struct confirms *cf, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		delivery_taken(cf->all[i].delivery, !cf->all[i].refused);
		cf->nalone -= cf->all[i].alone;
		delivery_unref(&cf->all[i].delivery);
	}
	cf->n -= n;
	memmove(cf->all, cf->all + n, cf->n * sizeof(*cf->all));
	if (cf->n)
		return;
	free(cf->all);
	cf->all = NULL;
	cf->cap = 0;
}

/* A deploy went back to an earlier program, whose edges come next. */
static bool confirms_meet_older(struct confirms *cf, const struct db_result *r)
{
	if (cf->older || strcmp(r->sqlstate, "42883") != 0)
		return false;
	return cf->older = true;
}

static void confirms_written(const struct events *ev, const struct db_result *r)
{
	uint64_t xid = 0; /* the outcome may be unknown */
	if (r->outcome == DB_OK && r->nrows > 0 && r->ncols == 2 && !u64_parse(db_value(r, 0, 1), &xid))
		sender_misread(&ev->confirms->sender);
	db_wrote_unrung(ev->db, xid);
}

/* ---- rows that somebody else holds ---- */

/* The first n go behind the others. */
static void confirms_rotate(struct confirms *cf, size_t n)
{
	if (n == 0 || n == cf->n)
		return;
	struct confirmation *some = mem_alloc(n * sizeof(*some));
	memcpy(some, cf->all, n * sizeof(*some));
	memmove(cf->all, cf->all + n, (cf->n - n) * sizeof(*some));
	memcpy(cf->all + cf->n - n, some, n * sizeof(*some));
	free(some);
}

/*
 * One row that a transaction holds for long, as a user's who is being deleted, would keep all confirmations of this
 * edge waiting. So each of such a call is tried alone, and those that still meet the lock once in a while.
 */
static void confirms_put_off(struct confirms *cf, uint64_t now)
{
	cf->alone_at = now + (cf->out == 1 ? ALONE_AGAIN_MS : 0);
	for (size_t i = 0; i < cf->out; i++) {
		cf->nalone += !cf->all[i].alone;
		cf->all[i].alone = true;
	}
	confirms_rotate(cf, cf->out);
	cf->out = 0;
	confirms_pause(cf, GATHER_MS);
}

/* Brings those to the front that are next. False: none is due. */
static bool confirms_choose(struct confirms *cf, uint64_t now)
{
	bool due = now >= cf->alone_at;
	size_t first = 0;
	while (first < cf->n && cf->all[first].alone != due)
		first++;
	if (first == cf->n)
		return due;
	confirms_rotate(cf, first);
	return true;
}

static bool confirms_join(const struct confirms *cf)
{
	return cf->out == 0 || (!cf->all[0].alone && !cf->all[cf->out].alone);
}

/* ---- answers ---- */

/* False: the call is over. A repeated one is harmless, since a confirmation counts once. */
static bool confirms_again(struct confirms *cf, const struct db_result *r)
{
	if (confirms_meet_older(cf, r)) {
		cf->out = 0;
		sender_wake(&cf->sender);
	} else if (strcmp(r->sqlstate, "55P03") == 0) {
		confirms_put_off(cf, loop_now(cf->sender.loop));
	} else if (db_may_repeat(r)) {
		cf->out = 0;
		confirms_pause(cf, SENDER_AGAIN_MS);
	} else {
		return false;
	}
	return true;
}

static void confirms_end(struct confirms *cf)
{
	confirms_drop(cf, cf->out);
	cf->out = 0;
	if (confirms_waiting(cf))
		confirms_await_others(cf);
	else if (cf->n)
		confirms_pause(cf, GATHER_MS);
}

static void confirms_answered(void *arg, const struct db_result *r)
{
	struct events *ev = arg;
	struct confirms *cf = ev->confirms;
	if (cf->unrung)
		confirms_written(ev, r);
	if (confirms_again(cf, r))
		return;
	confirms_refuse(cf, r);
	confirms_end(cf);
}

/* rt.confirm_lone answers the transaction that wrote the receipt, 0 for none, or null: rt.confirm is to be asked. */
static void confirms_answered_lone(void *arg, const struct db_result *r)
{
	struct events *ev = arg;
	struct confirms *cf = ev->confirms;
	uint64_t xid = 0;
	bool settled = r->outcome == DB_OK && r->nrows == 1 && u64_parse(db_value(r, 0, 0), &xid);
	if (cf->unrung && (xid || r->outcome != DB_OK))
		db_wrote_unrung(ev->db, xid);
	if (confirms_again(cf, r))
		return;
	if (settled || r->outcome != DB_OK) {
		confirms_end(cf);
		return;
	}
	cf->left = true;
	cf->out = 0;
	sender_wake(&cf->sender);
}

/* ---- the calls ---- */

static void confirm_value(const struct confirmation *x, struct buf *values)
{
	struct buf item = {0};
	json_open(&item);
	json_member_str(&item, "user_id", slice_of(x->user, UUID_LEN));
	json_member_raw(&item, "confirm", delivery_value(x->delivery));
	json_close(&item);
	db_array_add(values, buf_view(&item));
	buf_fini(&item);
}

static void confirms_fill(struct confirms *cf, struct buf *arrays)
{
	struct slice message;
	bool first;
	cf->nvalues = cf->nfirsts = 0;
	for (; cf->out < cf->n && cf->out < BATCH_MAX && confirms_join(cf); cf->out++) {
		const struct confirmation *x = &cf->all[cf->out];
		if (cf->older || !confirm_key(x->delivery, &message, &first)) {
			confirm_value(x, &arrays[VALUES]);
			cf->values[cf->nvalues++] = (uint32_t)cf->out;
			continue;
		}
		db_array_add(&arrays[first ? FIRST_MESSAGES : MESSAGES], message);
		db_array_add(&arrays[first ? FIRST_USERS : USERS], slice_of(x->user, UUID_LEN));
		if (first)
			cf->firsts[cf->nfirsts++] = (uint32_t)cf->out;
	}
}

static void confirms_call(const struct events *ev, struct confirms *cf, const struct slice *arrays)
{
	cf->unrung = !cf->older && db_alone(ev->db);
	if (cf->older)
		sender_call(&cf->sender, VALUES_ONLY, arrays, 1, confirms_answered);
	else
		sender_call(&cf->sender, cf->unrung ? UNRUNG : RUNG, arrays, ARRAYS, confirms_answered);
}

static void confirms_send_several(const struct events *ev, struct confirms *cf)
{
	struct buf arrays[ARRAYS] = {0};
	struct slice params[ARRAYS];
	for (size_t i = 0; i < ARRAYS; i++)
		db_array_begin(&arrays[i]);
	confirms_fill(cf, arrays);
	for (size_t i = 0; i < ARRAYS; i++) {
		db_array_end(&arrays[i]);
		params[i] = buf_view(&arrays[i]);
	}
	confirms_call(ev, cf, params);
	for (size_t i = 0; i < ARRAYS; i++)
		buf_fini(&arrays[i]);
	cf->left = false;
}

/* One message that goes by itself has a call of its own. False: that call is not for the next one. */
static bool confirms_send_lone(const struct events *ev, struct confirms *cf)
{
	const struct confirmation *x = cf->all;
	struct slice message;
	bool first, lone = cf->n == 1 || x[0].alone || x[1].alone;
	if (!lone || cf->older || cf->left || !confirm_key(x->delivery, &message, &first))
		return false;
	cf->unrung = db_alone(ev->db);
	cf->out = 1;
	const struct slice params[] = {message, slice_of(x->user, UUID_LEN), db_bool(first), db_bool(cf->unrung)};
	sender_call(&cf->sender, LONE, params, ARRAY_LEN(params), confirms_answered_lone);
	return true;
}

static void confirms_send(void *events)
{
	struct events *ev = events;
	struct confirms *cf = ev->confirms;
	if (cf->n == 0 || !sender_ready(&cf->sender))
		return;
	if (!confirms_choose(cf, loop_now(ev->people->loop)))
		confirms_pause(cf, GATHER_MS); /* what is new does not wait for them */
	else if (!confirms_send_lone(ev, cf))
		confirms_send_several(ev, cf);
}
