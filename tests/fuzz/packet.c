/*
 * Engine.IO and Socket.IO packets with their attachments. An input is the body of a POST: packets between separators,
 * binary ones as 'b' and base64. The same packets go over WebSocket too, and the application has to hear the same.
 */
#include "target.h"

#include "base/text.h"
#include "json_peer.h"
#include "sio/encode.h"
#include "sio/parser.h"
#include "site.h"
#include "ws/ws.h"

#define SEPARATOR '\x1e'
#define PAYLOAD_MOST 60000
#define ATTACHMENTS_MOST 10
#define ANSWERS_MOST 1000 /* of polls */

/* ---- a packet by itself ---- */

static void put_packet(struct buf *out, const struct sio_packet *p)
{
	buf_char(out, (char)('0' + p->type));
	if (p->attachments)
		buf_printf(out, "%u-", p->attachments);
	if (!slice_eq(p->nsp, SLICE("/"))) {
		buf_slice(out, p->nsp);
		buf_char(out, ',');
	}
	if (p->has_id)
		buf_u64(out, p->id);
	buf_slice(out, p->json);
}

/* Every object with a true _placeholder has a num from 0 to n - 1. */
static bool placeholders_good(json_t *v, unsigned n)
{
	json_t *holder = json_object_get(v, "_placeholder"), *num = json_object_get(v, "num");
	if (holder && json_typeof(holder) == JANSSON_TRUE &&
	    !(json_is_integer(num) && json_integer_value(num) >= 0 && json_integer_value(num) < n))
		return false;
	for (void *it = json_object_iter(v); it; it = json_object_iter_next(v, it))
		if (!placeholders_good(json_object_iter_value(it), n))
			return false;
	for (size_t i = 0; i < json_array_size(v); i++)
		if (!placeholders_good(json_array_get(v, i), n))
			return false;
	return true;
}

static void check_placeholders(const struct sio_packet *p)
{
	if (p->flaws & ~(unsigned)JSON_PLACEHOLDER ||
	    memmem(p->json.p, p->json.n, "-0", 2)) /* an integer for jansson */
		return;
	json_t *v = json_loadb(p->json.p, p->json.n, 0, NULL);
	if (v) /* numbers beyond 64 bits */
		CHECK_INT(sio_placeholders_valid(p->json, p->attachments), placeholders_good(v, p->attachments));
	json_decref(v);
}

static void check_packet(struct slice text)
{
	struct sio_packet first, again;
	struct buf out = {0};
	char *exact = mem_dup(text.p, text.n);
	if (utf8_valid(text) && sio_parse(slice_of(exact, text.n), ATTACHMENTS_MOST, &first)) {
		CHECK(first.attachments <= ATTACHMENTS_MOST);
		put_packet(&out, &first);
		CHECK(sio_parse(buf_view(&out), ATTACHMENTS_MOST, &again));
		CHECK_INT(again.type, first.type);
		CHECK_INT(again.attachments, first.attachments);
		CHECK_SLICE(again.nsp, first.nsp);
		CHECK_INT(again.has_id, first.has_id);
		CHECK_INT(again.id, first.id);
		CHECK_SLICE(again.json, first.json);
		CHECK_INT(again.flaws, first.flaws);
		if (first.attachments)
			check_placeholders(&first);
	}
	buf_fini(&out);
	free(exact);
}

/* ---- an application that hears everything, and answers ---- */

static void echo(struct sio_socket *s, const struct sio_event *ev)
{
	struct packet *attachments[16];
	struct buf text = {0};
	sio_put_head(&text, '5', ev->nattachments, "/");
	buf_slice(&text, ev->source);
	struct packet *header = sio_packet_of(&text);
	for (unsigned i = 0; i < ev->nattachments; i++)
		attachments[i] = packet_binary(ev->attachments[i]);
	sio_send_binary(s, header, attachments, ev->nattachments);
	for (unsigned i = 0; i < ev->nattachments; i++)
		packet_unref(&attachments[i]);
	packet_unref(&header);
}

static void heard(struct site *t, struct sio_socket *s, const struct sio_event *ev)
{
	size_t bytes = ev->source.n;
	CHECK(ev->nargs <= SIO_MAX_ARGS);
	buf_printf(&t->log, " flaws %u ack %d %llu", ev->flaws, ev->wants_ack, (unsigned long long)ev->ack_id);
	for (size_t i = 0; i < ev->nargs; i++) {
		buf_str(&t->log, "\n  ");
		buf_slice(&t->log, ev->args[i]);
	}
	for (unsigned i = 0; i < ev->nattachments; i++) {
		buf_str(&t->log, "\n  b");
		base64_encode(&t->log, ev->attachments[i]);
		bytes += ev->attachments[i].n;
	}
	CHECK(bytes <= PAYLOAD_MOST);
	if (ev->wants_ack)
		sio_ack(s, ev->ack_id, ev->source);
	if (ev->nattachments)
		echo(s, ev);
	if (slice_eq(ev->name, SLICE("bye")))
		sio_disconnect(s, ev->nargs > 0, CLOSE_KICKED);
}

/* What one transport brought: what the application heard, and what the client was sent, packets as polls have them. */
struct outcome {
	struct buf log, sent;
	bool ended; /* polling: the session was gone when the client asked for the rest */
};

/* Reasons differ by transport, and when the end is told. */
static void take_log(struct outcome *o, struct slice log)
{
	while (log.n) {
		const char *end = memchr(log.p, '\n', log.n);
		size_t n = (size_t)(end - log.p) + 1;
		if (!slice_starts(log, SLICE("gone ")))
			buf_add(&o->log, log.p, n);
		log = slice_of(log.p + n, log.n - n);
	}
}

/* Messages only. Ids of sockets differ. */
static void take_sent(struct outcome *o, struct slice packet)
{
	if (!packet.n || (packet.p[0] != '4' && packet.p[0] != 'b'))
		return;
	size_t from = o->sent.n;
	buf_slice(&o->sent, packet);
	buf_char(&o->sent, SEPARATOR);
	char *sid = memmem(o->sent.p + from, packet.n, "{\"sid\":\"", 8);
	if (sid && packet.p[1] == '0')
		memset(sid + 8, '-', SIO_ID_LEN);
}

static struct sio_config limits(void)
{
	struct sio_config cfg = ordinary();
	cfg.eio.limits.max_payload = PAYLOAD_MOST;
	cfg.limits.max_attachments = ATTACHMENTS_MOST;
	return cfg;
}

static bool next_packet(struct slice *left, struct slice *packet)
{
	if (!left->p)
		return false;
	const char *end = left->n ? memchr(left->p, SEPARATOR, left->n) : NULL;
	packet->p = left->p;
	packet->n = end ? (size_t)(end - left->p) : left->n;
	*left = end ? slice_of(end + 1, left->n - packet->n - 1) : (struct slice){0};
	return true;
}

/* ---- over WebSocket ---- */

static void put_frame(struct buf *out, unsigned opcode, struct slice data)
{
	char head[WS_HEAD_MAX];
	size_t n = ws_frame_head(head, opcode, data.n);
	head[1] = (char)(head[1] | 0x80);
	buf_add(out, head, n);
	buf_add(out, "\0\0\0\0", 4); /* a mask that changes nothing */
	buf_slice(out, data);
}

static void put_message(struct buf *out, struct slice packet)
{
	struct buf raw = {0};
	if (packet.n && packet.p[0] == 'b' && utf8_valid(packet) &&
	    base64_decode(&raw, slice_of(packet.p + 1, packet.n - 1)))
		put_frame(out, WS_BINARY, raw.n ? buf_view(&raw) : SLICE(""));
	else
		put_frame(out, WS_TEXT, packet);
	buf_fini(&raw);
}

static void take_frames(struct outcome *o, struct slice in)
{
	while (in.n >= 2) {
		const unsigned char *p = (const unsigned char *)in.p;
		size_t ext = p[1] == 126 ? 2 : p[1] == 127 ? 8 : 0, n = ext ? 0 : p[1];
		for (size_t i = 0; i < ext; i++)
			n = n << 8 | p[2 + i];
		CHECK(in.n >= 2 + ext + n);
		struct slice data = slice_of(in.p + 2 + ext, n);
		struct buf text = {0};
		if ((p[0] & 15) == WS_BINARY) {
			buf_char(&text, 'b');
			base64_encode(&text, data);
			take_sent(o, buf_view(&text));
		} else if ((p[0] & 15) == WS_TEXT) {
			take_sent(o, data);
		}
		buf_fini(&text);
		in = slice_of(data.p + n, in.n - 2 - ext - n);
	}
}

static void over_websocket(struct outcome *o, const struct input *in)
{
	struct site t;
	struct buf frames = {0};
	struct slice left = in->content, packet;
	open_session(&t, limits());
	t.accepting = true;
	t.heard = heard;
	while (next_packet(&left, &packet))
		put_message(&frames, packet);
	left = buf_view(&frames);
	for (size_t i = 0; left.n; i++) {
		struct slice piece = input_piece(in, i, &left);
		if (send(t.pair.fd, piece.p, piece.n, MSG_NOSIGNAL) != (ssize_t)piece.n)
			break; /* it has closed */
		pair_turn(&t.pair);
	}
	pair_read(&t.pair);
	take_frames(o, buf_view(&t.pair.got));
	take_log(o, buf_view(&t.log));
	buf_fini(&frames);
	finish(&t);
}

/* ---- over polling ---- */

/* The answer that has arrived, whole; false: none. */
static bool next_answer(struct buf *got, struct buf *body, int *status)
{
	static const struct slice length = SLICE("\r\nContent-Length: ");
	const char *end = got->n ? memmem(got->p, got->n, "\r\n\r\n", 4) : NULL;
	if (!end)
		return false;
	size_t head = (size_t)(end - got->p) + 4;
	const char *at = memmem(got->p, head, length.p, length.n);
	size_t n = strtoul(at + length.n, NULL, 10);
	CHECK(got->n >= head + n);
	*status = atoi(got->p + 9);
	buf_add(body, got->p + head, n);
	buf_drop(got, head + n);
	return true;
}

static int ask(struct site *t, const char *method, const char *sid, struct slice payload, struct buf *body)
{
	struct buf b = {0};
	int status = 0;
	buf_printf(&b, "%s /socket.io/?EIO=4&transport=polling%s%.20s HTTP/1.1\r\nHost: h\r\n", method,
	           sid ? "&sid=" : "", sid ? sid : "");
	if (method[0] == 'P')
		buf_printf(&b, "Content-Length: %zu\r\n", payload.n);
	buf_str(&b, "\r\n");
	buf_slice(&b, payload);
	body->n = 0;
	if (send(t->pair.fd, b.p, b.n, MSG_NOSIGNAL) == (ssize_t)b.n) {
		pair_turn(&t->pair);
		pair_read(&t->pair);
		next_answer(&t->pair.got, body, &status);
	}
	buf_fini(&b);
	return status;
}

/* As many packets as the input says share a POST. */
static bool post_all(struct site *t, const char *sid, const struct input *in)
{
	struct buf payload = {0}, body = {0};
	struct slice left = in->content, packet;
	bool good = true;
	for (size_t i = 0; good && left.p; i++) {
		payload.n = 0;
		for (unsigned k = in->cuts[i % CUT_BYTES] % 8 + 1u; k && next_packet(&left, &packet); k--) {
			if (payload.n)
				buf_char(&payload, SEPARATOR);
			buf_slice(&payload, packet);
			if (!packet.n)
				break; /* it ends the session */
		}
		good = ask(t, "POST", sid, payload.n ? buf_view(&payload) : SLICE(""), &body) == 200;
	}
	buf_fini(&payload);
	buf_fini(&body);
	return good;
}

static void over_polling(struct outcome *o, const struct input *in)
{
	struct site t;
	struct buf body = {0};
	char sid[20];
	start(&t, limits());
	t.accepting = true;
	t.heard = heard;
	CHECK_INT(ask(&t, "GET", NULL, SLICE(""), &body), 200);
	CHECK(body.n > 28 && memcmp(body.p, "0{\"sid\":\"", 9) == 0);
	memcpy(sid, body.p + 9, sizeof sid);
	o->ended = !post_all(&t, sid, in);
	int status = 200;
	for (unsigned i = 0; status == 200 && i < ANSWERS_MOST; i++) {
		status = ask(&t, "GET", sid, SLICE(""), &body);
		struct slice left = status == 200 ? buf_view(&body) : (struct slice){0}, packet;
		while (next_packet(&left, &packet))
			take_sent(o, packet);
	}
	o->ended |= status != 0; /* 0: the poll waits */
	take_log(o, buf_view(&t.log));
	buf_fini(&body);
	finish(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct input in = input_open(data, n);
	struct outcome websocket = {0}, polling = {0};
	struct slice left = in.content, packet;
	while (next_packet(&left, &packet))
		if (packet.n && packet.p[0] == '4')
			check_packet(slice_of(packet.p + 1, packet.n - 1));
	over_websocket(&websocket, &in);
	over_polling(&polling, &in);
	CHECK_SLICE(buf_view(&polling.log), buf_view(&websocket.log));
	CHECK(slice_starts(buf_view(&websocket.sent), buf_view(&polling.sent)));
	CHECK(polling.ended || websocket.sent.n == polling.sent.n);
	buf_fini(&websocket.log);
	buf_fini(&websocket.sent);
	buf_fini(&polling.log);
	buf_fini(&polling.sent);
	input_close(&in);
	return 0;
}
