/*
 * Collects the confirmations that pongs bring, and calls rt.confirm.
 */
#include "events/confirm.h"
#include "base/blob.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/text.h"
#include "db/sender.h"
#include "people/client.h"

#define BATCH_MAX 1000
#define WAITING_MAX 100000 /* confirmations kept while the database is away, of some 150 bytes each */
/* All recipients of one message confirm it within a few turns, and a call costs as much as thirty confirmations. */
#define GATHER_MS 10

struct confirms {
	struct buf items;  /* JSON texts not confirmed in the database yet, each ended by a newline */
	size_t n;          /* number of items */
	size_t out, out_n; /* bytes and number of the first items: the call that is out has them */
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
	if (!ev->confirms)
		return;
	sender_stop(&ev->confirms->sender);
	buf_fini(&ev->confirms->items);
	free(ev->confirms);
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

struct blob *confirm_blob(const struct db_event *e)
{
	struct blob *b = blob_new(sizeof(e->at_us) + e->confirm.n);
	memcpy(b->p, &e->at_us, sizeof(e->at_us));
	memcpy(b->p + sizeof(e->at_us), e->confirm.p, e->confirm.n);
	return b;
}

void confirm_expect(struct client *c, struct blob *confirm, uint64_t value)
{
	if (fences_add(&c->fences, value, confirm))
		sio_fence(c->sio, value);
	else /* The delivery is never claimed, so no claim is wrong. Reading the history will count as delivered. */
		c->people->counts.fences_skipped++;
}

/* ---- gathered ---- */

/* value: the text of a jsonb, in which a newline is always an escape. So it cannot end the item early. */
static void confirms_add(const struct events *ev, const struct client *c, struct slice value)
{
	struct confirms *cf = ev->confirms;
	if (cf->n == WAITING_MAX) {
		ev->people->counts.fences_skipped++;
		return;
	}
	json_open(&cf->items);
	json_member_str(&cf->items, "user_id", user_id(c->user));
	json_member_raw(&cf->items, "confirm", value);
	json_close(&cf->items);
	buf_char(&cf->items, '\n');
	cf->n++;
	if (!cf->sender.out)
		sender_after(&cf->sender, GATHER_MS);
}

static struct slice confirm_value(const struct blob *b)
{
	return slice_of(b->p + sizeof(int64_t), b->n - sizeof(int64_t));
}

static void confirms_gather(const struct events *ev, const struct client *c, const struct blob *b)
{
	int64_t at_us;
	memcpy(&at_us, b->p, sizeof(at_us));
	histogram_add(&ev->people->counts.confirmed, ((double)clock_wall_us() - (double)at_us) / 1e6, 1);
	confirms_add(ev, c, confirm_value(b));
}

/* ---- without a pong ---- */

#define MESSAGE_BEFORE "{\"message_id\": \""
#define MESSAGE_AFTER "\"}"

bool confirm_message(const struct blob *confirm, struct slice *uuid)
{
	struct slice v = confirm_value(confirm), before = SLICE(MESSAGE_BEFORE);
	if (v.n != before.n + UUID_LEN + sizeof(MESSAGE_AFTER) - 1 || !slice_starts(v, before))
		return false;
	*uuid = slice_of(v.p + before.n, UUID_LEN);
	return uuid_valid(*uuid);
}

void confirm_covered(const struct events *ev, const struct client *c, struct slice uuid)
{
	struct buf value = {0};
	buf_str(&value, MESSAGE_BEFORE);
	buf_slice(&value, uuid);
	buf_str(&value, MESSAGE_AFTER);
	confirms_add(ev, c, buf_view(&value));
	buf_fini(&value);
}

/* ---- the pong ---- */

void confirm_fence(struct sio_socket *s, uint64_t value, void *events)
{
	struct events *ev = events;
	struct client *c = sio_user(s);
	struct blob *confirm;
	if (!c)
		return;
	c->confirmed_s = (uint32_t)(clock_wall_ms() / 1000);
	while ((confirm = fences_take(&c->fences, value))) {
		if (c->state == CLIENT_OPEN)
			confirms_gather(ev, c, confirm);
		blob_unref(&confirm);
	}
}

static void confirms_answered(void *arg, const struct db_result *r)
{
	struct events *ev = arg;
	struct confirms *cf = ev->confirms;
	size_t out = cf->out, n = cf->out_n;
	cf->out = cf->out_n = 0;
	if (db_may_repeat(r)) { /* harmless: rt.confirm counts a repeated confirmation once */
		sender_after(&cf->sender, SENDER_AGAIN_MS);
		return;
	}
	buf_drop(&cf->items, out);
	cf->n -= n;
	if (cf->n)
		sender_after(&cf->sender, GATHER_MS);
	else
		buf_fini(&cf->items);
}

static void confirms_send(void *events)
{
	struct events *ev = events;
	struct confirms *cf = ev->confirms;
	struct buf array = {0};
	if (cf->n == 0 || !sender_ready(&cf->sender))
		return;
	db_array_begin(&array);
	while (cf->out < cf->items.n && cf->out_n < BATCH_MAX) {
		const char *p = cf->items.p + cf->out, *end = memchr(p, '\n', cf->items.n - cf->out);
		db_array_add(&array, slice_of(p, (size_t)(end - p)));
		cf->out += (size_t)(end - p) + 1;
		cf->out_n++;
	}
	db_array_end(&array);
	struct slice param = buf_view(&array);
	sender_call(&cf->sender, "select rt.confirm($1::jsonb[])", &param, 1, confirms_answered);
	buf_fini(&array);
}
