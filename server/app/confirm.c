/*
 * Delivery fences: an event with a confirm value is followed by an Engine.IO ping; what the pong confirms goes back to the
 * database untouched, with the user it reached, gathered per turn into one call (design section 4 "Delivery fence").
 *
 * Unconfirmed deliveries of a client form a ring, oldest first; values rise, so a pong frees a run from its start.
 */
#include "app/worker.h"
#include "base/mem.h"
#include "base/text.h"

#define RING_MAX 512

struct confirms {
	struct worker *w;
	struct buf items; /* elements of the array literal, built as they come */
	size_t n;
	bool out;
	struct deferred send;
};

static void send_batch(struct deferred *d);

void confirms_start(struct worker *w)
{
	w->confirms = NEW(struct confirms);
	w->confirms->w = w;
	deferred_init(&w->confirms->send, send_batch);
}

void confirms_stop(struct worker *w)
{
	if (!w->confirms)
		return;
	deferred_cancel(&w->confirms->send);
	buf_fini(&w->confirms->items);
	free(w->confirms);
	w->confirms = NULL;
}

void confirm_forget(struct client *c)
{
	while (c->fences_n) {
		blob_unref(&c->fences[c->fences_head].confirm);
		c->fences_head = (uint16_t)((c->fences_head + 1) % c->fences_cap);
		c->fences_n--;
	}
	free(c->fences);
	c->fences = NULL;
	c->fences_head = c->fences_cap = 0;
}

static void grow(struct client *c)
{
	uint16_t cap = c->fences_cap ? (uint16_t)(c->fences_cap * 2) : 4;
	struct fence *f = mem_alloc(cap * sizeof(*f));
	for (uint16_t i = 0; i < c->fences_n; i++)
		f[i] = c->fences[(c->fences_head + i) % c->fences_cap];
	free(c->fences);
	c->fences = f;
	c->fences_head = 0;
	c->fences_cap = cap;
}

void confirm_expect(struct client *c, struct blob *confirm, uint64_t value)
{
	if (c->fences_n == RING_MAX) {
		c->w->m.fences_skipped++;
		return; /* never claimed, so never wrong: the history read counts as delivered */
	}
	if (c->fences_n == c->fences_cap)
		grow(c);
	c->fences[(c->fences_head + c->fences_n++) % c->fences_cap] = (struct fence){value, blob_ref(confirm)};
	sio_fence(c->sio, value);
}

static void gather(struct worker *w, const struct client *c, const struct blob *b)
{
	struct confirms *cf = w->confirms;
	struct buf text = {0};
	int64_t at_us;
	memcpy(&at_us, b->p, sizeof(at_us));
	histogram_add(&w->m.confirmed, ((double)clock_wall_us() - (double)at_us) / 1e6, 1);
	buf_str(&text, "{\"user_id\":\"");
	buf_slice(&text, user_id(c->user));
	buf_str(&text, "\",\"confirm\":");
	buf_add(&text, b->p + sizeof(at_us), b->n - sizeof(at_us));
	buf_char(&text, '}');
	if (cf->n == 0)
		db_array_begin(&cf->items);
	db_array_add(&cf->items, buf_view(&text));
	cf->n++;
	buf_fini(&text);
	if (!cf->out)
		loop_defer(w->loop, LOOP_WORK, &cf->send);
}

void confirm_fence(struct sio_socket *s, uint64_t value, void *ctx)
{
	struct worker *w = ctx;
	struct client *c = sio_user(s);
	if (!c)
		return;
	while (c->fences_n && c->fences[c->fences_head].value <= value) {
		struct fence *f = &c->fences[c->fences_head];
		if (c->state == CLIENT_OPEN)
			gather(w, c, f->confirm);
		blob_unref(&f->confirm);
		c->fences_head = (uint16_t)((c->fences_head + 1) % c->fences_cap);
		c->fences_n--;
	}
	if (c->fences_n == 0)
		confirm_forget(c); /* no memory for the idle */
}

static void sent(void *arg, const struct db_result *r)
{
	struct worker *w = arg;
	w->confirms->out = false;
	if (r->outcome == DB_ERROR)
		log_error(&w->ident, "confirm failed", LS("sqlstate", r->sqlstate), LS("message", r->message));
	else if (r->outcome != DB_OK)
		log_warn(&w->ident, "confirmations lost with the connection"); /* delivered is claimed later, by the next read */
	if (w->confirms->n)
		loop_defer(w->loop, LOOP_WORK, &w->confirms->send);
}

static void send_batch(struct deferred *d)
{
	struct confirms *cf = container_of(d, struct confirms, send);
	if (cf->out || cf->n == 0)
		return;
	db_array_end(&cf->items);
	struct slice param = buf_view(&cf->items);
	cf->out = true;
	cf->n = 0;
	db_call(cf->w->db, "select rt.confirm($1::jsonb[])", &param, 1, sent, cf->w);
	buf_fini(&cf->items);
}
