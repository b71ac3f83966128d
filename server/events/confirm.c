/*
 * Delivery fences: an event with a confirm value is followed by an Engine.IO ping; what the pong confirms goes back to the
 * database untouched, with the user it reached, gathered for some milliseconds into one call (design section 4 "Delivery fence").
 *
 * Unconfirmed deliveries of a client form a ring, oldest first; values rise, so a pong frees a run from its start.
 */
#include "app/worker.h"
#include "base/mem.h"
#include "base/text.h"

#define RING_MAX 512
#define BATCH_MAX 1000
#define WAITING_MAX 100000 /* while the database is away; one is some 150 bytes */
#define GATHER_MS \
	10 /* what one message's recipients confirm comes within a few turns: a call costs as much as thirty of them */

struct confirms {
	struct buf items;  /* JSON texts not confirmed in the database yet, each ended by a newline */
	size_t n;          /* of them */
	size_t out, out_n; /* bytes and number of those that are with the database, the first ones */
	struct sender sender;
};

static void send_batch(struct worker *w);

void confirms_start(struct worker *w)
{
	w->confirms = NEW(struct confirms);
	sender_init(&w->confirms->sender, w, send_batch);
}

void confirms_stop(struct worker *w)
{
	if (!w->confirms)
		return;
	sender_stop(&w->confirms->sender);
	buf_fini(&w->confirms->items);
	free(w->confirms);
	w->confirms = NULL;
}

static struct fence *fence_at(struct fence_ring *r, unsigned i)
{
	return &r->fences[(r->head + i) % r->cap];
}

static void shift(struct fence_ring *r)
{
	blob_unref(&fence_at(r, 0)->confirm);
	r->head = (uint16_t)((r->head + 1) % r->cap);
	r->n--;
}

void confirm_forget(struct client *c)
{
	while (c->fences && c->fences->n)
		shift(c->fences);
	free(c->fences);
	c->fences = NULL;
}

static struct fence_ring *grown(struct fence_ring *old)
{
	uint16_t cap = old ? (uint16_t)(old->cap * 2) : 2;
	struct fence_ring *r = mem_alloc(sizeof(*r) + cap * sizeof(r->fences[0]));
	*r = (struct fence_ring){.cap = cap};
	for (; old && r->n < old->n; r->n++)
		r->fences[r->n] = *fence_at(old, r->n);
	free(old);
	return r;
}

void confirm_expect(struct client *c, struct blob *confirm, uint64_t value)
{
	if (c->fences && c->fences->n == RING_MAX) {
		c->w->m.fences_skipped++;
		return; /* never claimed, so never wrong: the history read counts as delivered */
	}
	if (!c->fences || c->fences->n == c->fences->cap)
		c->fences = grown(c->fences);
	*fence_at(c->fences, c->fences->n++) = (struct fence){value, blob_ref(confirm)};
	sio_fence(c->sio, value);
}

struct blob *confirm_blob(const struct db_event *e)
{
	struct blob *b = blob_new(sizeof(e->at_us) + e->confirm.n);
	memcpy(b->p, &e->at_us, sizeof(e->at_us));
	memcpy(b->p + sizeof(e->at_us), e->confirm.p, e->confirm.n);
	return b;
}

static void gather(struct worker *w, const struct client *c, const struct blob *b)
{
	struct confirms *cf = w->confirms;
	int64_t at_us;
	memcpy(&at_us, b->p, sizeof(at_us));
	histogram_add(&w->m.confirmed, ((double)clock_wall_us() - (double)at_us) / 1e6, 1);
	if (cf->n == WAITING_MAX) {
		w->m.fences_skipped++;
		return;
	}
	buf_str(&cf->items, "{\"user_id\":\"");
	buf_slice(&cf->items, user_id(c->user));
	buf_str(&cf->items, "\",\"confirm\":");
	buf_add(&cf->items, b->p + sizeof(at_us),
	        b->n - sizeof(at_us)); /* jsonb's text: no newline outside of strings' escapes */
	buf_str(&cf->items, "}\n");
	cf->n++;
	if (!cf->out)
		sender_after(&cf->sender, GATHER_MS);
}

void confirm_fence(struct sio_socket *s, uint64_t value, void *ctx)
{
	struct worker *w = ctx;
	struct client *c = sio_user(s);
	if (!c)
		return;
	while (c->fences && c->fences->n && fence_at(c->fences, 0)->value <= value) {
		if (c->state == CLIENT_OPEN)
			gather(w, c, fence_at(c->fences, 0)->confirm);
		shift(c->fences);
	}
	if (c->fences && c->fences->n == 0)
		confirm_forget(c); /* no memory for the idle */
}

static void sent(void *arg, const struct db_result *r)
{
	struct worker *w = arg;
	struct confirms *cf = w->confirms;
	size_t out = cf->out, n = cf->out_n;
	cf->out = cf->out_n = 0;
	if (r->outcome == DB_ERROR && db_is_passing(r->sqlstate))
		log_warn(w->ident, "confirm failed", LS("sqlstate", r->sqlstate), LS("message", r->message));
	else if (r->outcome == DB_ERROR)
		log_error(w->ident, "confirm failed", LS("sqlstate", r->sqlstate), LS("message", r->message));
	/* Repeating is harmless. Where only this link died no news of the database follow. */
	if (r->outcome == DB_FAILED || r->outcome == DB_UNCERTAIN ||
	    (r->outcome == DB_ERROR && db_is_passing(r->sqlstate))) {
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

static void send_batch(struct worker *w)
{
	struct confirms *cf = w->confirms;
	struct buf array = {0};
	if (cf->out || cf->n == 0 || sender_waits(&cf->sender) || db_state(w->db) != DB_UP)
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
	db_call(w->db, "select rt.confirm($1::jsonb[])", &param, 1, sent, w);
	buf_fini(&array);
}

void confirms_database_up(struct worker *w)
{
	sender_wake(&w->confirms->sender);
}

bool confirms_idle(const struct worker *w)
{
	return w->confirms->n == 0;
}
