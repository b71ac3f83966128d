#include "app/worker.h"

static void on_turn(struct deferred *d)
{
	struct sender *s = container_of(d, struct sender, turn);
	s->send(s->w);
}

static void on_time(struct timer *t)
{
	sender_wake(container_of(t, struct sender, later));
}

void sender_init(struct sender *s, struct worker *w, void (*send)(struct worker *w))
{
	*s = (struct sender){.w = w, .send = send, .later.fire = on_time};
	deferred_init(&s->turn, on_turn);
}

void sender_stop(struct sender *s)
{
	deferred_cancel(&s->turn);
	timer_stop(s->w->loop, &s->later);
}

void sender_wake(struct sender *s)
{
	loop_defer(s->w->loop, LOOP_WORK, &s->turn);
}

void sender_after(struct sender *s, uint64_t ms)
{
	if (!sender_waits(s))
		timer_set(s->w->loop, &s->later, loop_now(s->w->loop) + ms);
}

bool sender_waits(const struct sender *s)
{
	return timer_is_set(&s->later);
}
