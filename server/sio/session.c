#include "sio/session.h"

#include "base/mem.h"
#include "sio/encode.h"

void session_send(struct session *ses, struct buf *text)
{
	struct packet *p = sio_packet_of(text);
	eio_send(ses->eio, p);
	packet_unref(&p);
}

static void connect_timeout(struct timer *t)
{
	struct session *ses = container_of(t, struct waiting, timeout)->session;
	eio_close(ses->eio, CLOSE_CONNECT_TIMEOUT); /* N8 */
}

static void on_open(struct eio_session *e, struct slice authorization, void *ctx)
{
	struct sio_server *srv = ctx;
	struct session *ses = NEW(struct session);
	ses->srv = srv;
	ses->eio = e;
	ses->waiting = NEW(struct waiting);
	*ses->waiting = (struct waiting){.session = ses, .timeout.fire = connect_timeout};
	if (authorization.p)
		ses->waiting->authorization = mem_strndup(authorization.p, authorization.n);
	timer_set(srv->loop, &ses->waiting->timeout, loop_now(srv->loop) + srv->cfg.limits.connect_timeout_ms);
	eio_set_user(e, ses);
}

void session_accepted(struct session *ses)
{
	struct waiting *over = ses->waiting;
	ses->waiting = NULL;
	if (!over)
		return;
	timer_stop(ses->srv->loop, &over->timeout);
	free(over->authorization);
	free(over);
}

static void on_message(struct eio_session *e, bool binary, struct slice data, void *ctx)
{
	(void)ctx;
	if (binary)
		receive_binary(eio_user(e), data);
	else
		receive_text(eio_user(e), data);
}

static void on_close(struct eio_session *e, enum close_reason why, void *ctx)
{
	(void)ctx;
	struct session *ses = eio_user(e);
	session_accepted(ses); /* or never */
	assembly_free(ses, &ses->assembly);
	while (ses->sockets)
		socket_end(ses->sockets, why);
	free(ses);
}

static void on_fence(struct eio_session *e, uint64_t value, void *ctx)
{
	(void)ctx;
	struct session *ses = eio_user(e);
	for (struct sio_socket *s = ses->sockets; s; s = s->sibling)
		if (s->state == SIO_STATE_CONNECTED && s->nsp->on_fence)
			s->nsp->on_fence(s, value, s->nsp->ctx);
}

const struct eio_events session_events = {
	.on_open = on_open, .on_message = on_message, .on_close = on_close, .on_fence = on_fence};
