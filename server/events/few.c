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

/*
 * Who is asked after those that are wanted. A client may be as good as gone, so another one is asked soon; at once it
 * would cost every event a pong that counts for nothing, and mostly a turn of the loop of its own.
 */
enum few_round { ROUND_SPARE, ROUND_MORE, ROUND_EVERYONE, ROUNDS };
static const struct {
	uint64_t after_ms;
	uint32_t size;
} rounds[ROUNDS] = {{FEW_SPARE_MS, 1}, {FEW_AGAIN_MS - FEW_SPARE_MS, CHOICE_MAX}, {FEW_AGAIN_MS, 0}};

/* Events that are due within so many milliseconds, a power of two, share a turn. */
#define GRAIN_MS 32

/* A delivery whose confirmations may be still too few. */
struct asking {
	struct list link;           /* in fews.asking[round] */
	struct delivery *delivery;  /* a reference */
	uint64_t value;             /* the event's people.fence_value */
	uint64_t due;               /* loop_now: when it is looked at again, */
	enum few_round round;       /* and who is asked then */
	struct slice rooms, except; /* of the event, in text */
	char text[];
};

struct fews {
	struct events *events;
	struct list asking[ROUNDS]; /* each in the order of `due`, as all in it wait equally long */
	struct timer timer;         /* until the first one is due */
	struct choice choice;
	struct choice owing; /* of clients that owe an answer already: they are taken where others are too few */
};

static void fews_on_time(struct timer *t);

void fews_start(struct events *ev)
{
	ev->fews = NEW(struct fews);
	ev->fews->events = ev;
	ev->fews->timer.fire = fews_on_time;
	for (int r = 0; r < ROUNDS; r++)
		list_init(&ev->fews->asking[r]);
	random_bytes(&ev->fews->choice.random, sizeof(ev->fews->choice.random));
	ev->fews->owing.random = ev->fews->choice.random |= 1;
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
	for (int r = 0; r < ROUNDS; r++)
		list_each (it, tmp, &ev->fews->asking[r])
			asking_free(list_entry(it, struct asking, link));
	free(ev->fews);
	ev->fews = NULL;
}

/* ---- when ---- */

static struct asking *fews_first(struct fews *fs)
{
	struct asking *first = NULL;
	for (int r = 0; r < ROUNDS; r++) {
		if (list_empty(&fs->asking[r]))
			continue;
		struct asking *a = list_entry(fs->asking[r].next, struct asking, link);
		if (!first || a->due < first->due)
			first = a;
	}
	return first;
}

static void few_wait(struct events *ev, struct asking *a, enum few_round round)
{
	struct fews *fs = ev->fews;
	a->round = round;
	a->due = (loop_now(ev->people->loop) + rounds[round].after_ms) | (GRAIN_MS - 1);
	list_add_tail(&fs->asking[round], &a->link);
	if (!timer_is_set(&fs->timer) || a->due < fs->timer.at)
		timer_set(ev->people->loop, &fs->timer, a->due);
}

/* ---- who ---- */

static void few_choose(struct fews *fs, uint32_t n)
{
	choice_begin(&fs->choice, n);
	choice_begin(&fs->owing, n);
}

/* One that is gone, or slow, is likely to be one that owes an answer: it delays no second event. */
static void few_candidate(struct fews *fs, struct client *c)
{
	choice_offer(c->fences ? &fs->owing : &fs->choice, c);
}

/* Asks those that were chosen. How many they are. */
static uint32_t few_expect(struct events *ev, struct delivery *d)
{
	struct choice *ch = &ev->fews->choice, *owing = &ev->fews->owing;
	while (ch->n < ch->size && owing->n)
		ch->clients[ch->n++] = owing->clients[--owing->n];
	for (uint32_t i = 0; i < ch->n; i++)
		confirm_expect(ch->clients[i], d, ev->people->fence_value);
	return ch->n;
}

/* ---- the first ones ---- */

void few_begin(struct events *ev, const struct delivery *d)
{
	few_choose(ev->fews, d->wanted);
}

void few_offer(struct events *ev, const struct delivery *d, struct client *c)
{
	if (!delivery_excepts(d, user_id(c->user)))
		few_candidate(ev->fews, c);
}

void few_ask(struct events *ev, struct delivery *d, const struct db_event *e)
{
	struct slice rooms = e->everyone ? SLICE(HUB_EVERYONE) : e->rooms;
	if (few_expect(ev, d) == 0)
		return;
	struct asking *a = mem_alloc(sizeof(*a) + rooms.n + e->except_rooms.n);
	*a = (struct asking){.delivery = delivery_ref(d), .value = ev->people->fence_value};
	memcpy(a->text, rooms.p, rooms.n);
	memcpy(a->text + rooms.n, e->except_rooms.p, e->except_rooms.n);
	a->rooms = slice_of(a->text, rooms.n);
	a->except = slice_of(a->text + rooms.n, e->except_rooms.n);
	few_wait(ev, a, ROUND_SPARE);
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
	few_choose(ev->fews, rounds[a->round].size);
	audience_begin(&hall, ev->people, a->rooms, a->except);
	while ((c = audience_next(&hall)))
		if (few_may(c, a) && a->round == ROUND_EVERYONE)
			confirm_expect(c, a->delivery, ev->people->fence_value);
		else if (few_may(c, a))
			few_candidate(ev->fews, c);
	few_expect(ev, a->delivery);
}

/* While enough have answered, and the database has not said yet that they count, nobody else is asked. */
static void few_due(struct events *ev, struct asking *a)
{
	const struct delivery *d = a->delivery;
	bool missing = d->wanted > d->answers;
	if (missing)
		few_more(ev, a);
	list_del(&a->link);
	if (d->wanted == 0 || a->round == ROUND_EVERYONE)
		asking_free(a);
	else
		few_wait(ev, a, missing && a->round == ROUND_MORE ? ROUND_EVERYONE : ROUND_MORE);
}

static void fews_on_time(struct timer *t)
{
	struct fews *fs = container_of(t, struct fews, timer);
	struct loop *l = fs->events->people->loop;
	uint64_t end = loop_clock_us() + LOOP_SHARE_US;
	struct asking *a;
	while ((a = fews_first(fs))) {
		bool due = a->due <= loop_now(l);
		if (!due || loop_clock_us() >= end) {
			timer_set(l, t, due ? loop_now(l) + 1 : a->due);
			return;
		}
		few_due(fs->events, a);
	}
}
