/*
 * The memory of refusals, and those that are still to be said.
 */
#include "entry/refusals.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/address.h"

enum {
	HOLD_MS = 1000,         /* at least, and up to as long again: not all of them at once */
	REMEMBERED_MOST = 4096, /* the oldest is forgotten */
	HELD_MOST = 16384,      /* one more is refused at once */
	SUBJECT_MOST = UUID_LEN + 8,
	KEY_SIZE = ADDRESS_TEXT_MOST + 1 + SUBJECT_MOST + 1,
};

/* Somebody who was refused. In the map and the list until its time is over. */
struct refusal {
	struct map_node node;
	struct list link; /* the oldest first */
	uint64_t until;   /* loop_now */
	char key[KEY_SIZE];
};

/* A refusal that is to be said. Its socket may be gone by then, so it has the id. */
struct held {
	struct refusals *refusals;
	struct list link;
	struct timer timer;
	uint64_t ms;                                         /* from its being due */
	void (*then)(struct entry *e, struct sio_socket *s); /* NULL: it is refused */
	struct error_about about;
	enum close_reason why;
	char id[SIO_ID_LEN];
};

struct refusals {
	struct entry *entry;
	struct map recent;
	struct list order, held;
	unsigned nheld;
	struct log_sample lines;
};

static struct slice refusal_key(const struct map_node *n)
{
	return slice_str(container_of(n, const struct refusal, node)->key);
}

void refusals_start(struct entry *e)
{
	struct refusals *r = e->refusals = NEW(struct refusals);
	r->entry = e;
	map_init(&r->recent, refusal_key);
	list_init(&r->order);
	list_init(&r->held);
}

static void refusal_forget(struct refusals *r, struct refusal *gone)
{
	map_del(&r->recent, &gone->node);
	list_del(&gone->link);
	free(gone);
}

static void held_back_free(struct held *h)
{
	timer_stop(h->refusals->entry->people->loop, &h->timer);
	list_del(&h->link);
	h->refusals->nheld--;
	free(h);
}

void refusals_stop(struct entry *e)
{
	struct refusals *r = e->refusals;
	struct list *it, *tmp;
	if (!r)
		return;
	list_each (it, tmp, &r->order)
		refusal_forget(r, list_entry(it, struct refusal, link));
	list_each (it, tmp, &r->held)
		held_back_free(list_entry(it, struct held, link));
	map_fini(&r->recent);
	free(r);
	e->refusals = NULL;
}

static void key_of(char out[KEY_SIZE], const struct sio_socket *s, struct slice subject)
{
	address_network(slice_str(sio_peer(s)), out);
	size_t n = strlen(out);
	out[n++] = ' ';
	subject.n = subject.n < SUBJECT_MOST ? subject.n : SUBJECT_MOST;
	if (subject.n)
		memcpy(out + n, subject.p, subject.n);
	out[n + subject.n] = '\0';
}

static struct refusal *refusal_find(const struct entry *e, const struct sio_socket *s, struct slice subject)
{
	char key[KEY_SIZE];
	key_of(key, s, subject);
	struct map_node *n = map_find(&e->refusals->recent, slice_str(key));
	return n ? container_of(n, struct refusal, node) : NULL;
}

static uint64_t spread_ms(void)
{
	uint32_t spread;
	random_bytes(&spread, sizeof(spread));
	return HOLD_MS + spread % HOLD_MS;
}

void refusal_note(struct entry *e, const struct sio_socket *s, struct slice subject)
{
	struct refusals *r = e->refusals;
	struct refusal *known = refusal_find(e, s, subject), *oldest;
	uint64_t now = loop_now(e->people->loop);
	if (known)
		refusal_forget(r, known);
	while ((oldest = list_first(&r->order, struct refusal, link)) &&
	       (oldest->until <= now || r->recent.count >= REMEMBERED_MOST))
		refusal_forget(r, oldest);
	known = NEW(struct refusal);
	key_of(known->key, s, subject);
	known->until = now + spread_ms();
	map_add(&r->recent, &known->node);
	list_add_tail(&r->order, &known->link);
}

/* How long CONNECT has to wait; 0: it need not. */
static uint64_t hold_ms(const struct entry *e, const struct sio_socket *s, struct slice subject)
{
	const struct refusal *known = refusal_find(e, s, subject);
	bool again = known && known->until > loop_now(e->people->loop);
	return again && e->refusals->nheld < HELD_MOST ? spread_ms() : 0;
}

static void held_on_time(struct timer *t)
{
	struct held *h = container_of(t, struct held, timer);
	struct entry *e = h->refusals->entry;
	struct sio_socket *s = sio_find(e->people->sio, slice_of(h->id, SIO_ID_LEN));
	if (s && h->then)
		h->then(e, s);
	else if (s)
		tell_turn_away(e->people, s, &h->about, h->why);
	held_back_free(h);
}

static struct held *held_new(struct entry *e, const struct sio_socket *s, uint64_t ms)
{
	struct refusals *r = e->refusals;
	struct held *h = NEW(struct held);
	h->refusals = r;
	h->timer.fire = held_on_time;
	h->ms = ms;
	memcpy(h->id, sio_id(s).p, SIO_ID_LEN);
	list_add_tail(&r->held, &h->link);
	r->nheld++;
	return h;
}

void refusal_due(struct held *h)
{
	struct loop *l = h->refusals->entry->people->loop;
	timer_set(l, &h->timer, loop_now(l) + h->ms);
}

void refusal_wait(struct entry *e, struct sio_socket *s, struct slice subject,
                  void (*then)(struct entry *e, struct sio_socket *s))
{
	uint64_t ms = hold_ms(e, s, subject);
	if (!ms) {
		then(e, s);
		return;
	}
	struct held *h = held_new(e, s, ms);
	h->then = then;
	refusal_due(h);
}

struct held *refusal_later(struct entry *e, struct sio_socket *s, struct slice subject, const struct error_about *about,
                           enum close_reason why)
{
	struct held *h = held_new(e, s, hold_ms(e, s, subject));
	refusal_note(e, s, subject);
	h->about = *about;
	h->why = why;
	return h;
}

void refusal_say(struct entry *e, struct sio_socket *s, struct slice subject, const struct error_about *about,
                 enum close_reason why)
{
	if (hold_ms(e, s, subject)) {
		refusal_due(refusal_later(e, s, subject, about, why));
		return;
	}
	refusal_note(e, s, subject);
	tell_turn_away(e->people, s, about, why);
}

bool refusal_may_log(struct entry *e, uint64_t *left_out)
{
	return log_sample_take(&e->refusals->lines, loop_now(e->people->loop), left_out);
}
