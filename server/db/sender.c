/*
 * When the next batch leaves.
 */
#include "db/sender.h"

static void sender_on_turn(struct deferred *d)
{
	struct sender *s = container_of(d, struct sender, turn);
	s->send(s->owner);
}

static void sender_on_time(struct timer *t)
{
	sender_wake(container_of(t, struct sender, later));
}

void sender_init(struct sender *s, struct db *db, struct loop *l, struct log_ident who, const char *what,
                 void (*send)(void *owner), void *owner)
{
	*s = (struct sender){.db = db,
	                     .loop = l,
	                     .class = DB_TELLING,
	                     .who = who,
	                     .what = what,
	                     .send = send,
	                     .owner = owner,
	                     .later.fire = sender_on_time};
	deferred_init(&s->turn, sender_on_turn);
}

void sender_stop(struct sender *s)
{
	deferred_cancel(&s->turn);
	timer_stop(s->loop, &s->later);
}

void sender_wake(struct sender *s)
{
	loop_defer(s->loop, LOOP_WORK, &s->turn);
}

void sender_after(struct sender *s, uint64_t ms)
{
	if (!sender_waits(s))
		timer_set(s->loop, &s->later, loop_now(s->loop) + ms);
}

void sender_by(struct sender *s, uint64_t at)
{
	if (sender_waits(s) && at < s->later.at)
		timer_set(s->loop, &s->later, at);
}

bool sender_waits(const struct sender *s)
{
	return timer_is_set(&s->later);
}

bool sender_ready(const struct sender *s)
{
	return !s->out && !sender_waits(s) && db_state(s->db) == DB_UP;
}

/* ---- the call ---- */

void sender_misread(const struct sender *s)
{
	db_failed(s->who, s->what, &(struct db_result){.outcome = DB_OK});
}

static void sender_answered(void *arg, const struct db_result *r)
{
	struct sender *s = arg;
	s->out = false;
	if (r->outcome != DB_OK)
		db_failed(s->who, s->what, r);
	s->done(s->owner, r);
}

void sender_call(struct sender *s, const char *sql, const struct slice *params, size_t n, db_done *done)
{
	s->out = true;
	s->done = done;
	db_call(s->db, s->class, sql, params, n, sender_answered, s);
}
