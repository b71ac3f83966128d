/*
 * Who is asked for a confirmation of which only a few count, and when more are.
 */
#include "events/few.h"
#include "base/mem.h"
#include "base/text.h"
#include "events/confirm.h"
#include "people/audience.h"
#include "people/choice.h"
#include "people/delivery.h"

#define SPARE 1 /* asked at first, besides those that are wanted: a client may be as good as gone */
#define MORE 32 /* asked next; then everybody */

/* A delivery whose confirmations may be still too few. */
struct asking {
	struct list link;           /* in fews.asking, in the order of `due` */
	struct delivery *delivery;  /* a reference */
	uint64_t value;             /* the event's people.fence_value */
	uint64_t due;               /* loop_now: when more are asked */
	bool everyone;              /* are asked then */
	struct slice rooms, except; /* of the event, in text */
	char text[];
};

struct fews {
	struct events *events;
	struct list asking;
	struct timer timer; /* until the first one is due */
	struct choice choice;
};

static void fews_on_time(struct timer *t);

void fews_start(struct events *ev)
{
	ev->fews = NEW(struct fews);
	ev->fews->events = ev;
	ev->fews->timer.fire = fews_on_time;
	list_init(&ev->fews->asking);
	random_bytes(&ev->fews->choice.random, sizeof(ev->fews->choice.random));
	ev->fews->choice.random |= 1;
}

static void asking_free(struct asking *a)
{
	list_del(&a->link);
	delivery_unref(&a->delivery);
	free(a);
}

void fews_stop(struct events *ev)
{
	struct list *it, *tmp;
	if (!ev->fews)
		return;
	timer_stop(ev->people->loop, &ev->fews->timer);
	list_each (it, tmp, &ev->fews->asking)
		asking_free(list_entry(it, struct asking, link));
	free(ev->fews);
	ev->fews = NULL;
}

/* ---- the first ones ---- */

static void few_later(struct events *ev, struct asking *a)
{
	a->due = loop_now(ev->people->loop) + FEW_AGAIN_MS;
	list_add_tail(&ev->fews->asking, &a->link);
	if (!timer_is_set(&ev->fews->timer))
		timer_set(ev->people->loop, &ev->fews->timer, a->due);
}

static void few_expect(struct events *ev, struct delivery *d)
{
	struct choice *ch = &ev->fews->choice;
	for (uint32_t i = 0; i < ch->n; i++)
		confirm_expect(ch->clients[i], d, ev->people->fence_value);
}

void few_begin(struct events *ev, const struct delivery *d)
{
	choice_begin(&ev->fews->choice, d->wanted + SPARE);
}

void few_offer(struct events *ev, const struct delivery *d, struct client *c)
{
	if (!delivery_excepts(d, user_id(c->user)))
		choice_offer(&ev->fews->choice, c);
}

void few_ask(struct events *ev, struct delivery *d, const struct db_event *e)
{
	struct slice rooms = e->everyone ? SLICE(HUB_EVERYONE) : e->rooms;
	if (ev->fews->choice.n == 0)
		return;
	few_expect(ev, d);
	struct asking *a = mem_alloc(sizeof(*a) + rooms.n + e->except_rooms.n);
	*a = (struct asking){.delivery = delivery_ref(d), .value = ev->people->fence_value};
	memcpy(a->text, rooms.p, rooms.n);
	memcpy(a->text + rooms.n, e->except_rooms.p, e->except_rooms.n);
	a->rooms = slice_of(a->text, rooms.n);
	a->except = slice_of(a->text + rooms.n, e->except_rooms.n);
	few_later(ev, a);
}

/* ---- more ---- */

static bool few_asked(const struct client *c, const struct delivery *d)
{
	const struct delivery *at;
	for (unsigned i = 0; (at = fences_at(c->fences, i)); i++)
		if (at == d)
			return true;
	return false;
}

/* Was the client sent the event, and not asked yet? */
static bool few_may(const struct client *c, const struct asking *a)
{
	return c->state == CLIENT_OPEN && !c->owed_sync && c->hears_since < a->value &&
	       !delivery_excepts(a->delivery, user_id(c->user)) && !few_asked(c, a->delivery);
}

static void few_more(struct events *ev, struct asking *a)
{
	struct audience hall;
	struct client *c;
	ev->people->fence_value++;
	choice_begin(&ev->fews->choice, a->everyone ? 0 : MORE);
	audience_begin(&hall, ev->people, a->rooms, a->except);
	while ((c = audience_next(&hall)))
		if (few_may(c, a) && a->everyone)
			confirm_expect(c, a->delivery, ev->people->fence_value);
		else if (few_may(c, a))
			choice_offer(&ev->fews->choice, c);
	few_expect(ev, a->delivery);
}

static void few_due(struct events *ev, struct asking *a)
{
	const struct delivery *d = a->delivery;
	if (d->wanted > d->answers)
		few_more(ev, a);
	if (d->wanted == 0 || a->everyone) {
		asking_free(a);
		return;
	}
	a->everyone = d->wanted > d->answers;
	list_del(&a->link);
	few_later(ev, a);
}

static void fews_on_time(struct timer *t)
{
	struct fews *fs = container_of(t, struct fews, timer);
	struct loop *l = fs->events->people->loop;
	uint64_t end = loop_clock_us() + LOOP_SHARE_US;
	while (!list_empty(&fs->asking)) {
		struct asking *a = list_entry(fs->asking.next, struct asking, link);
		if (a->due > loop_now(l) || loop_clock_us() >= end) {
			timer_set(l, t, a->due > loop_now(l) ? a->due : loop_now(l) + 1);
			return;
		}
		few_due(fs->events, a);
	}
}
