/*
 * The list of sockets that wait for the keys of tokens.
 */
#include "entry/pending.h"
#include "base/mem.h"
#include "base/text.h"
#include "events/user_of.h"
#include "people/tell.h"

enum {
	QUIET_MS = 900, /* as of an opening that has no answer */
	PATIENCE_MS = 5000,
};

struct pending {
	struct list link; /* in pendings.all */
	struct timer timer;
	struct entry *entry;
	pending_judge *judge;
	struct user_ask *ask; /* NULL: none is out */
	bool asks;            /* it waits for rt.user_of, else for the keys */
	struct buf auth;      /* owned; the payload of CONNECT */
	bool told;            /* it has its CONNECT reply, and UNAVAILABLE */
	char id[SIO_ID_LEN];
};

struct pendings {
	struct list all;
};

void pendings_start(struct entry *e)
{
	e->pendings = NEW(struct pendings);
	list_init(&e->pendings->all);
}

static void pending_free(struct pending *p)
{
	timer_stop(p->entry->people->loop, &p->timer);
	list_del(&p->link);
	if (p->ask)
		user_ask_forget(p->ask);
	buf_fini(&p->auth);
	free(p);
}

void pendings_stop(struct entry *e)
{
	struct list *it, *tmp;
	if (!e->pendings)
		return;
	list_each (it, tmp, &e->pendings->all)
		pending_free(list_entry(it, struct pending, link));
	free(e->pendings);
	e->pendings = NULL;
}

static struct sio_socket *pending_socket(const struct pending *p)
{
	return sio_find(p->entry->people->sio, slice_of(p->id, SIO_ID_LEN));
}

/* Tells the socket that it waits; sends it off when it was told already. The end has a random part: not all clients may
 * come back at once. */
static void pending_wait(struct pending *p)
{
	struct loop *l = p->entry->people->loop;
	struct sio_socket *s = pending_socket(p);
	uint32_t spread;
	if (!s || p->told) {
		if (s)
			sio_drop_session(s, CLOSE_UNAVAILABLE);
		pending_free(p);
		return;
	}
	p->told = true;
	tell_unavailable(p->entry->people, s);
	random_bytes(&spread, sizeof spread);
	timer_set(l, &p->timer, loop_now(l) + PATIENCE_MS + spread % PATIENCE_MS);
}

static void pending_on_time(struct timer *t)
{
	pending_wait(container_of(t, struct pending, timer));
}

/* Nothing of p is left when the judge is called, which may add the socket again. */
static void pending_settle(struct pending *p, enum auth_result verdict)
{
	struct entry *e = p->entry;
	struct sio_socket *s = pending_socket(p);
	struct buf auth = p->auth;
	pending_judge *judge = p->judge;
	bool told = p->told;
	p->auth = (struct buf){0};
	pending_free(p);
	if (s)
		judge(e, s, buf_view(&auth), told, verdict);
	buf_fini(&auth);
}

static void pending_answered(void *arg, enum auth_result result)
{
	struct pending *p = arg;
	p->ask = NULL;
	if (result != AUTH_UNASKED)
		pending_settle(p, result);
	else if (!p->told)
		pending_wait(p);
}

void pending_add(struct entry *e, const struct sio_socket *s, struct slice auth, struct slice token, uint64_t until_ms,
                 pending_judge *judge)
{
	struct pending *p = NEW(struct pending);
	p->entry = e;
	p->judge = judge;
	p->timer.fire = pending_on_time;
	buf_slice(&p->auth, auth);
	memcpy(p->id, sio_id(s).p, SIO_ID_LEN);
	list_add_tail(&e->pendings->all, &p->link);
	timer_set(e->people->loop, &p->timer, loop_now(e->people->loop) + QUIET_MS);
	p->asks = token.n;
	if (p->asks)
		p->ask = user_ask(e->events, token, until_ms, pending_answered, p);
}

void pendings_go_on(struct entry *e)
{
	struct list waiting, *it, *tmp;
	list_init(&waiting);
	list_each (it, tmp, &e->pendings->all) {
		if (list_entry(it, struct pending, link)->asks)
			continue;
		list_del(it);
		list_add_tail(&waiting, it);
	}
	list_each (it, tmp, &waiting)
		pending_settle(list_entry(it, struct pending, link), AUTH_OK);
}
