/*
 * A session as Socket.IO sees it, from the handshake to the end. Called by eio/ through sio_session_events.
 */
#include "sio/session.h"

#include "base/mem.h"
#include "sio/encode.h"
#include <ctype.h>
#include <strings.h>

void sio_session_send(struct sio_session *ses, struct buf *text)
{
	struct packet *p = sio_packet_of(text);
	eio_send(ses->eio, p);
	packet_unref(&p);
}

static void connect_timeout(struct timer *t)
{
	struct sio_session *ses = container_of(t, struct waiting, timeout)->session;
	eio_close(ses->eio, CLOSE_CONNECT_TIMEOUT); /* N8: nobody was accepted in time */
}

/* A header that can be no bearer token (RFC 6750, 2.1) is of no use to anybody: anyone can send one of 16 KB with each
 * handshake. */
static bool is_bearer(struct slice header, size_t most)
{
	if (header.n < 8 || header.n > most || strncasecmp(header.p, "Bearer ", 7) != 0)
		return false;
	for (size_t i = 7; i < header.n; i++)
		if (!header.p[i] || (!isalnum((unsigned char)header.p[i]) && !strchr("-._~+/= ", header.p[i])))
			return false;
	return true;
}

void sio_session_connected(struct sio_session *ses)
{
	struct waiting *w = ses->waiting;
	if (!w || !w->authorization)
		return;
	sio_input_unkeep(ses->srv, strlen(w->authorization));
	free(w->authorization);
	w->authorization = NULL;
}

static void sio_session_on_open(struct eio_session *e, struct slice authorization, void *ctx)
{
	struct sio_server *srv = ctx;
	struct sio_session *ses = NEW(struct sio_session);
	ses->srv = srv;
	ses->eio = e;
	ses->waiting = NEW(struct waiting);
	*ses->waiting = (struct waiting){.session = ses, .timeout.fire = connect_timeout};
	if (authorization.p && is_bearer(authorization, srv->cfg.limits.max_authorization) &&
	    sio_input_keep(srv, authorization.n))
		ses->waiting->authorization = mem_strndup(authorization.p, authorization.n);
	timer_set(srv->loop, &ses->waiting->timeout, loop_now(srv->loop) + srv->cfg.limits.connect_timeout_ms);
	eio_set_user(e, ses);
}

void sio_session_accepted(struct sio_session *ses)
{
	struct waiting *over = ses->waiting;
	sio_session_connected(ses);
	ses->waiting = NULL;
	if (!over)
		return;
	timer_stop(ses->srv->loop, &over->timeout);
	free(over);
}

static void sio_session_on_close(struct eio_session *e, enum close_reason why, void *ctx)
{
	(void)ctx;
	struct sio_session *ses = eio_user(e);
	sio_session_accepted(ses); /* if nobody was, nobody will be */
	assembly_free(ses, &ses->assembly);
	while (ses->sockets)
		sio_socket_end(ses->sockets, why);
	free(ses);
}

static void sio_session_on_fence(struct eio_session *e, uint64_t value, void *ctx)
{
	(void)ctx;
	struct sio_session *ses = eio_user(e);
	for (struct sio_socket *s = ses->sockets; s; s = s->sibling)
		if (s->state == SIO_STATE_CONNECTED && s->nsp->on_fence)
			s->nsp->on_fence(s, value, s->nsp->event_ctx);
}

const struct eio_events sio_session_events = {.on_open = sio_session_on_open,
                                              .on_message = sio_receive,
                                              .on_close = sio_session_on_close,
                                              .on_fence = sio_session_on_fence};
