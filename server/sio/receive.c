/*
 * The input of a session: packets become events for the application, and attachments are gathered until a binary
 * packet is whole. Called by eio/ with every message (sio_receive).
 */
#include "sio/session.h"

#include "base/mem.h"
#include "sio/encode.h"

static void bad_packet(struct sio_session *ses)
{
	eio_close(ses->eio, CLOSE_PARSE);
}

static const struct sio_namespace *find_namespace(const struct sio_server *srv, struct slice name)
{
	for (size_t i = 0; i < srv->nnsps; i++)
		if (slice_eq(name, slice_str(srv->nsps[i].name)))
			return &srv->nsps[i];
	return NULL;
}

static void refuse_namespace(struct sio_session *ses, struct slice name)
{
	struct buf b = {0};
	buf_char(&b, '4');
	buf_slice(&b, name);
	buf_str(&b, ",{\"message\":\"Invalid namespace\"}"); /* N5; "/" always exists, so there is a name to write */
	sio_session_send(ses, &b);
}

static void got_connect(struct sio_session *ses, const struct sio_packet *p)
{
	struct sio_server *srv = ses->srv;
	const struct sio_namespace *nsp = find_namespace(srv, p->nsp);
	if (++ses->connects >
	    srv->cfg.limits.max_connects_per_session) { /* X6: each attempt costs the application something */
		eio_close(ses->eio, CLOSE_LIMIT);
		return;
	}
	if (!nsp) {
		refuse_namespace(ses, p->nsp);
		return;
	}
	struct sio_socket *old = sio_socket_in(ses, nsp);
	if (old && old->state != SIO_STATE_CLOSED) { /* S9: it is connected, or still connecting */
		bad_packet(ses);
		return;
	}
	if (ses->open >= srv->cfg.limits.max_sockets_per_session) {
		eio_close(ses->eio, CLOSE_LIMIT);
		return;
	}
	ses->late &= ~(1u << (nsp - srv->nsps));
	nsp->on_connect(sio_socket_new(ses, nsp), p->json, p->flaws, nsp->ctx);
	sio_session_connected(ses);
}

static bool is_late(const struct sio_session *ses, const struct sio_namespace *nsp)
{
	const struct sio_server *srv = ses->srv;
	return nsp && ses->late & 1u << (nsp - srv->nsps) && ses->late_until > loop_now(srv->loop);
}

static void got_event(struct sio_socket *s, const struct sio_packet *p, const struct slice *attachments)
{
	struct sio_event ev = {.source = p->json,
	                       .flaws = p->flaws,
	                       .wants_ack = p->has_id,
	                       .ack_id = p->id,
	                       .attachments = attachments,
	                       .nattachments = p->attachments};
	struct slice all[SIO_MAX_ARGS + 1];
	size_t n = json_elements(p->json, all, SIO_MAX_ARGS + 1);
	if (n > SIO_MAX_ARGS + 1) {
		bad_packet(s->session);
		return;
	}
	struct buf name = {0};
	if (json_kind_of(all[0]) == JSON_NUMBER)
		buf_slice(&name, all[0]);
	else if (!json_unescape(&name, all[0]))
		name.n = 0; /* half a surrogate pair: ev.flaws says so */
	ev.name = buf_view(&name);
	ev.nargs = n - 1;
	memcpy(ev.args, all + 1, ev.nargs * sizeof all[0]);
	if (sio_name_reserved(ev.name)) { /* S6: only the library itself has those */
		bad_packet(s->session);
	} else {
		s->session->srv->stats.events_in++;
		s->nsp->on_event(s, &ev, s->nsp->event_ctx);
	}
	buf_fini(&name);
}

static void got_packet(struct sio_session *ses, const struct sio_packet *p, const struct slice *attachments)
{
	if (p->type == SIO_CONNECT) {
		got_connect(ses, p);
		return;
	}
	const struct sio_namespace *nsp = find_namespace(ses->srv, p->nsp);
	struct sio_socket *s = nsp ? sio_socket_in(ses, nsp) : NULL;
	if (!s || s->state != SIO_STATE_CONNECTED) {
		if (!is_late(ses, nsp))
			bad_packet(ses);
		return;
	}
	switch (p->type) {
	case SIO_EVENT:
	case SIO_BINARY_EVENT:
		got_event(s, p, attachments);
		break;
	case SIO_DISCONNECT:
		sio_socket_close(s, CLOSE_CLIENT_LEFT);
		break;
	default: /* V4: an ack; we ask for none, so its id is unknown */
		break;
	}
}

/* ---- binary packets ---- */

bool sio_input_keep(struct sio_server *srv, size_t n)
{
	struct conn_budget *b = srv->cfg.eio.budget;
	if (b && b->max_input_bytes &&
	    (srv->input + n > b->max_input_bytes / 2 || b->input_bytes + n > b->max_input_bytes))
		return false;
	srv->input += n;
	if (b)
		b->input_bytes += n;
	return true;
}

void sio_input_unkeep(struct sio_server *srv, size_t n)
{
	srv->input -= n;
	if (srv->cfg.eio.budget)
		srv->cfg.eio.budget->input_bytes -= n;
}

/* Counts n bytes of a binary packet that is not whole yet. Without room the session is closed that sends. */
static bool assembly_keep(struct sio_session *ses, size_t n)
{
	if (!sio_input_keep(ses->srv, n)) {
		eio_close(ses->eio, CLOSE_LIMIT);
		return false;
	}
	ses->assembly->bytes += n;
	return true;
}

void assembly_free(struct sio_session *ses, struct assembly **a)
{
	struct assembly *gone = *a;
	*a = NULL;
	if (!gone)
		return;
	sio_input_unkeep(ses->srv, gone->bytes);
	buf_fini(&gone->header);
	for (unsigned i = 0; i < gone->wanted; i++)
		buf_fini(&gone->attachments[i]);
	free(gone);
}

static void assembly_start(struct sio_session *ses, struct slice text, unsigned wanted)
{
	struct assembly *a = mem_zalloc(sizeof *a + wanted * sizeof a->attachments[0]);
	a->wanted = wanted;
	ses->assembly = a;
	if (assembly_keep(ses, text.n))
		buf_slice(&a->header, text);
}

static void assembly_done(struct sio_session *ses)
{
	struct assembly *a = ses->assembly;
	struct slice attachments[16];
	struct sio_packet p;
	ses->assembly = NULL;
	for (unsigned i = 0; i < a->wanted && i < ARRAY_LEN(attachments); i++)
		attachments[i] = a->attachments[i].n ? buf_view(&a->attachments[i]) : slice_of("", 0);
	if (sio_parse(buf_view(&a->header), a->wanted, &p))
		got_packet(ses, &p, attachments);
	assembly_free(ses, &a);
}

static void receive_binary(struct sio_session *ses, struct slice data)
{
	struct assembly *a = ses->assembly;
	if (!a) {
		bad_packet(ses);
		return;
	}
	if (a->bytes + data.n > ses->srv->cfg.eio.limits.max_payload) { /* X6: maxPayload is for the whole packet */
		eio_close(ses->eio, CLOSE_TOO_LARGE);
		return;
	}
	if (!assembly_keep(ses, data.n))
		return;
	buf_slice(&a->attachments[a->got++], data);
	if (a->got == a->wanted)
		assembly_done(ses);
}

static void receive_text(struct sio_session *ses, struct slice text)
{
	struct sio_packet p;
	if (ses->assembly || !sio_parse(text, ses->srv->cfg.limits.max_attachments, &p)) {
		bad_packet(ses);
		return;
	}
	if (p.attachments == 0)
		got_packet(ses, &p, NULL);
	else if (!sio_placeholders_valid(p.json, p.attachments))
		bad_packet(ses);
	else
		assembly_start(ses, text, p.attachments);
}

void sio_receive(struct eio_session *e, bool binary, struct slice data, void *ctx)
{
	(void)ctx;
	if (binary)
		receive_binary(eio_user(e), data);
	else
		receive_text(eio_user(e), data);
}
