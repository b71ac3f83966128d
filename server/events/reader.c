#include "events/reader.h"

#define RETRY_MS 1000

static void reader_on_retry(struct timer *t)
{
	reader_load(container_of(t, struct reader, retry));
}

void reader_init(struct reader *r, const struct reader *what)
{
	*r = *what;
	r->retry.fire = reader_on_retry;
}

void reader_stop(struct reader *r)
{
	timer_stop(r->events->people->loop, &r->retry);
}

static void reader_answered(void *arg, const struct db_result *res)
{
	struct reader *r = arg;
	struct people *p = r->events->people;
	r->out = false;
	if (res->outcome != DB_OK || res->ncols != r->ncols) {
		log_warn(p->ident, r->failed, LS("message", res->message ? res->message : ""));
		timer_set(p->loop, &r->retry, loop_now(p->loop) + RETRY_MS);
		return;
	}
	r->take(r->events, res);
	if (r->again)
		reader_load(r);
}

void reader_load(struct reader *r)
{
	r->again = r->out;
	if (r->out)
		return;
	r->out = true;
	db_call(r->events->db, r->class, r->sql, NULL, 0, reader_answered, r);
}
