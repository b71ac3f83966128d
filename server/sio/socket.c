/*
 * A socket: its states, and all that the application can do with it. Called by receive.c, session.c and, through sio.h,
 * by app/.
 */
#include "sio/session.h"

#include "base/json_write.h"
#include "base/mem.h"
#include "base/text.h"
#include "sio/encode.h"

#define IN_FLIGHT_MS 5000 /* S9: so long packets for a socket that we ended are taken for late ones */
#define GOODBYE_MS 1000   /* C7: so long a client that was kicked may close by itself */

static const uint8_t sio_next[] = {
	[SIO_STATE_CONNECTING] = 1u << SIO_STATE_CONNECTED | 1u << SIO_STATE_CLOSED,
	[SIO_STATE_CONNECTED] = 1u << SIO_STATE_CLOSED,
	[SIO_STATE_CLOSED] = 0,
};

/* ---- sockets ---- */

static const char *const sio_state_name[] = {
#define X(NAME, label) #label,
	SIO_STATES(X)
#undef X
};

static void sio_socket_enter(struct sio_socket *s, enum sio_state to)
{
	assert(sio_next[s->state] & 1u << to);
	log_move(sio_ident(s), "socket", sio_state_name[s->state], sio_state_name[to],
	         LS("reason", to == SIO_STATE_CLOSED ? close_label(s->why) : "accepted"));
	s->state = to;
	if (to == SIO_STATE_CLOSED)
		s->session->open--;
}

struct sio_socket *sio_socket_in(const struct sio_session *ses, const struct sio_namespace *nsp)
{
	for (struct sio_socket *s = ses->sockets; s; s = s->sibling)
		if (s->nsp == nsp)
			return s;
	return NULL;
}

/* Takes it out of its session and the server's map: nobody finds it any more. */
static void sio_socket_unlink(struct sio_socket *s)
{
	struct sio_session *ses = s->session;
	struct sio_socket **at = &ses->sockets;
	while (*at != s)
		at = &(*at)->sibling;
	*at = s->sibling;
	ses->srv->stats.sockets--;
	map_del(&ses->srv->sockets, &s->node);
}

static void say_goodbye(struct sio_socket *s)
{
	if (s->goodbye)
		deferred_cancel(&s->goodbye->say);
	s->nsp->on_disconnect(s, s->why, s->nsp->ctx);
	free(s->goodbye);
	free(s);
}

static void on_goodbye(struct deferred *d)
{
	struct sio_socket *s = container_of(d, struct goodbye, say)->socket;
	sio_socket_unlink(s);
	say_goodbye(s);
}

void sio_socket_close(struct sio_socket *s, enum close_reason why)
{
	if (s->state == SIO_STATE_CLOSED)
		return;
	s->why = why;
	sio_socket_enter(s, SIO_STATE_CLOSED);
	s->goodbye = NEW(struct goodbye);
	s->goodbye->socket = s;
	deferred_init(&s->goodbye->say, on_goodbye);
	loop_defer(s->session->srv->loop, LOOP_WORK, &s->goodbye->say);
}

void sio_socket_end(struct sio_socket *s, enum close_reason why)
{
	if (s->state != SIO_STATE_CLOSED) {
		s->why = why;
		sio_socket_enter(s, SIO_STATE_CLOSED);
	}
	sio_socket_unlink(s);
	say_goodbye(s);
}

struct sio_socket *sio_socket_new(struct sio_session *ses, const struct sio_namespace *nsp)
{
	struct sio_socket *s = NEW(struct sio_socket);
	s->session = ses;
	s->nsp = nsp;
	random_id(s->id, SIO_ID_LEN);
	s->sibling = ses->sockets;
	ses->sockets = s;
	ses->open++;
	ses->srv->stats.sockets++;
	map_add(&ses->srv->sockets, &s->node);
	log_move(sio_ident(s), "socket", "new", sio_state_name[s->state], LS("namespace", nsp->name));
	return s;
}

/* ---- the application's side of a socket ---- */

void sio_settle(struct sio_socket *s)
{
	eio_settle(s->session->eio);
}

void sio_accept(struct sio_socket *s, struct slice extra)
{
	if (s->state != SIO_STATE_CONNECTING)
		return;
	struct sio_session *ses = s->session;
	sio_socket_enter(s, SIO_STATE_CONNECTED);
	sio_session_accepted(ses); /* N8: the first socket ends the waiting for good */
	struct buf b = {0};
	sio_put_head(&b, '0', 0, s->nsp->name);
	json_open(&b);
	json_member_str(&b, "sid", sio_id(s));
	json_members_raw(&b, extra);
	json_close(&b);
	sio_session_send(ses, &b);
}

void sio_refuse(struct sio_socket *s, struct slice message, struct slice data)
{
	if (s->state != SIO_STATE_CONNECTING)
		return;
	struct buf b = {0};
	sio_put_head(&b, '4', 0, s->nsp->name);
	json_open(&b);
	json_member_str(&b, "message", message);
	if (data.n)
		json_member_raw(&b, "data", data);
	json_close(&b);
	sio_session_send(s->session, &b);
	sio_socket_close(s, CLOSE_UNAUTHORIZED);
}

bool sio_send(struct sio_socket *s, struct packet *p)
{
	return s->state == SIO_STATE_CONNECTED && eio_send(s->session->eio, p);
}

bool sio_writable(const struct sio_socket *s)
{
	return s->state == SIO_STATE_CONNECTED && eio_writable(s->session->eio);
}

void sio_send_binary(struct sio_socket *s, struct packet *header, struct packet *const *attachments, unsigned n)
{
	if (s->state != SIO_STATE_CONNECTED)
		return;
	eio_send(s->session->eio, header); /* E7: nothing but pings comes between these */
	for (unsigned i = 0; i < n; i++)
		eio_send(s->session->eio, attachments[i]);
}

void sio_ack(struct sio_socket *s, uint64_t ack_id, struct slice args)
{
	if (s->state != SIO_STATE_CONNECTED)
		return;
	struct buf b = {0};
	sio_put_head(&b, '3', 0, s->nsp->name);
	buf_u64(&b, ack_id);
	buf_slice(&b, args);
	sio_session_send(s->session, &b);
}

void sio_fence(struct sio_socket *s, uint64_t value)
{
	if (s->state == SIO_STATE_CONNECTED)
		eio_fence(s->session->eio, value);
}

void sio_disconnect(struct sio_socket *s, bool close, enum close_reason why)
{
	struct sio_session *ses = s->session;
	struct sio_server *srv = ses->srv;
	if (s->state == SIO_STATE_CLOSED)
		return;
	struct buf b = {0};
	sio_put_head(&b, '1', 0, s->nsp->name);
	sio_session_send(ses, &b);
	ses->late |= 1u << (s->nsp - srv->nsps);
	ses->late_until = loop_now(srv->loop) + IN_FLIGHT_MS;
	sio_socket_close(s, why);
	if (close)
		eio_close_later(ses->eio, GOODBYE_MS, why);
}

void sio_drop_session(struct sio_socket *s, enum close_reason why)
{
	eio_drop(s->session->eio, why);
}

struct sio_socket *sio_find(const struct sio_server *srv, struct slice id)
{
	struct map_node *n = map_find(&srv->sockets, id);
	struct sio_socket *s = n ? container_of(n, struct sio_socket, node) : NULL;
	return s && s->state != SIO_STATE_CLOSED ? s : NULL;
}

struct slice sio_id(const struct sio_socket *s)
{
	return slice_of(s->id, SIO_ID_LEN);
}

void sio_set_user(struct sio_socket *s, void *user)
{
	s->user = user;
}

void *sio_user(const struct sio_socket *s)
{
	return s->user;
}

static void put_socket(struct log_line *line, const void *of)
{
	const struct sio_socket *s = of;
	log_put(line, LSL("sid", slice_of(s->id, SIO_ID_LEN)));
	log_put_ident(line, eio_ident(s->session->eio));
}

struct log_ident sio_ident(const struct sio_socket *s)
{
	return (struct log_ident){put_socket, s};
}

const char *sio_peer(const struct sio_socket *s)
{
	return eio_peer(s->session->eio);
}

enum eio_transport sio_transport(const struct sio_socket *s)
{
	return eio_transport(s->session->eio);
}

struct eio_traffic sio_traffic(const struct sio_socket *s)
{
	return eio_traffic(s->session->eio);
}

size_t sio_queued(const struct sio_socket *s)
{
	return eio_queued(s->session->eio);
}

bool sio_authorization(const struct sio_socket *s, struct slice *value)
{
	const char *v = s->session->waiting ? s->session->waiting->authorization : NULL;
	*value = slice_str(v);
	return v != NULL;
}
