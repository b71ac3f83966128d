/*
 * A WebSocket's frames, messages and goodbye. Called by net/conn.c with what arrives, and by eio/websocket.c with what
 * is to go out.
 */
#include "ws/ws.h"

#include "base/mem.h"
#include "base/text.h"
#include "ws/handshake.h"
#include "ws/frame_reader.h"

#define OP_CONTINUATION 0x0
#define OP_CLOSE 0x8
#define OP_PING 0x9
#define OP_PONG 0xa
#define CONTROL_MAX 125

/*
 * The state of a WebSocket, with the function that performs each move:
 *
 *   ws_accept --> OPEN --ws_close, ws_violate--> CLOSING --ws_on_data: the peer's Close, or time--> FINISHING
 *                  |                                                                                 ^
 *                  |--peer_close (echoed), ws_finish, ws_on_eof--------------------------------------|
 *
 *   OPEN       frames both ways
 *   CLOSING    our Close is out; input is skipped until the peer's Close (W9)
 *   FINISHING  the connection flushes, then FIN
 *
 * The object is freed by its connection's death (ws_on_dead), in whatever state.
 */
#define WS_STATES(X) X(OPEN, open) X(CLOSING, closing) X(FINISHING, finishing)

enum ws_state {
#define X(NAME, label) WS_##NAME,
	WS_STATES(X)
#undef X
};

/* A data message whose frames are arriving. Owned by its ws. */
struct incoming {
	struct buf message; /* the fragments so far */
	unsigned fragments;
	uint32_t utf8;
};

/* For control frames: exists from the first ping that had to wait, or from our Close. Owned by its ws. */
struct control {
	struct ws *ws;
	struct timer linger;
	uint64_t rest; /* behind our Close: what is still to come of a frame that is skipped */
	bool late_pong;
	uint8_t pong_n;
	char pong[CONTROL_MAX]; /* payload of the last ping, which is answered when the queue is empty */
};

struct ws {
	struct conn *conn;
	const struct ws_config *cfg;
	const struct ws_events *ev;
	void *owner;
	struct incoming *incoming; /* NULL between messages */
	struct control *control;   /* NULL as a rule */
	enum ws_state state : 8;
	enum close_reason why : 8;
	uint8_t opcode; /* of the message in `incoming`; 0: none */
	bool pong_out;  /* one was queued since the queue was last empty */
};

static const uint8_t ws_next[] = {
	[WS_OPEN] = 1u << WS_CLOSING | 1u << WS_FINISHING,
	[WS_CLOSING] = 1u << WS_FINISHING,
	[WS_FINISHING] = 0,
};

static const char *const ws_state_name[] = {
#define X(NAME, label) #label,
	WS_STATES(X)
#undef X
};

static void ws_enter(struct ws *w, enum ws_state to, enum close_reason why)
{
	assert(ws_next[w->state] & 1u << to);
	log_move(conn_ident(w->conn), "websocket", ws_state_name[w->state], ws_state_name[to],
	         LS("reason", close_label(why)));
	w->state = to;
	w->why = why;
}

size_t ws_frame_head(char out[WS_HEAD_MAX], unsigned opcode, uint64_t len)
{
	out[0] = (char)(0x80 | opcode);
	if (len < 126) {
		out[1] = (char)len;
		return 2;
	}
	unsigned bytes = len < 65536 ? 2 : 8;
	out[1] = bytes == 2 ? 126 : 127;
	for (unsigned i = 0; i < bytes; i++)
		out[2 + i] = (char)(len >> 8 * (bytes - 1 - i));
	return 2 + bytes;
}

static void send_control(struct ws *w, unsigned opcode, const char *p, size_t n)
{
	char frame[WS_HEAD_MAX + CONTROL_MAX];
	size_t head = ws_frame_head(frame, opcode, n);
	if (n)
		memcpy(frame + head, p, n);
	conn_send_copy(w->conn, slice_of(frame, head + n));
}

/* The owner hears of the end once. From here on the connection alone knows w. */
static void tell_owner(struct ws *w, enum close_reason why)
{
	const struct ws_events *ev = w->ev;
	void *owner = w->owner;
	w->ev = NULL;
	w->owner = NULL;
	if (ev)
		ev->on_close(w, owner, why);
}

static void ws_linger_over(struct timer *t);

static struct control *control_of(struct ws *w)
{
	if (w->control)
		return w->control;
	w->control = NEW(struct control);
	w->control->ws = w;
	w->control->linger.fire = ws_linger_over;
	return w->control;
}

static void control_free(struct ws *w)
{
	if (w->control)
		timer_stop(conn_loop(w->conn), &w->control->linger);
	free(w->control);
	w->control = NULL;
}

static void incoming_free(struct incoming **in)
{
	if (*in)
		buf_fini(&(*in)->message);
	free(*in);
	*in = NULL;
}

void ws_finish(struct ws *w, enum close_reason why)
{
	if (w->state == WS_FINISHING)
		return;
	ws_enter(w, WS_FINISHING, why);
	control_free(w);
	conn_finish(w->conn, why);
}

static void ws_linger_over(struct timer *t)
{
	struct ws *w = container_of(t, struct control, linger)->ws;
	ws_finish(w, w->why);
}

void ws_close(struct ws *w, int code, enum close_reason why)
{
	if (w->state != WS_OPEN)
		return;
	char body[2] = {(char)(code >> 8), (char)code};
	send_control(w, OP_CLOSE, body, code ? 2 : 0);
	ws_enter(w, WS_CLOSING, why);
	struct loop *l = conn_loop(w->conn);
	timer_set(l, &control_of(w)->linger, loop_now(l) + w->cfg->close_linger_ms);
}

static void ws_violate(struct ws *w, int code)
{
	enum close_reason why = code == 1009 ? CLOSE_TOO_LARGE : CLOSE_PROTOCOL;
	ws_close(w, code, why);
	tell_owner(w, why);
}

/* ---- frames in ---- */

struct frame {
	bool fin;
	unsigned opcode;
	uint64_t len;
	size_t size; /* of head and payload */
};

/*
 * Judges a frame by as much of its head as is here, before its payload is waited for. 0: nothing is wrong so far;
 * else the code to close with (W7). f->size is set when it is known where the frame ends: also of one that is too large.
 */
static int frame_judge(const struct ws *w, const unsigned char *p, size_t n, struct frame *f)
{
	f->size = 0;
	if (n < 2)
		return 0;
	f->fin = p[0] & 0x80;
	f->opcode = p[0] & 0x0f;
	unsigned len7 = p[1] & 0x7f;
	bool control = f->opcode & 0x8;
	if (p[0] & 0x70 || !(p[1] & 0x80) || f->opcode > OP_PONG || (f->opcode > WS_BINARY && f->opcode < OP_CLOSE))
		return 1002;
	if (control && (!f->fin || len7 > CONTROL_MAX))
		return 1002;
	if (!control && (f->opcode == OP_CONTINUATION) != (w->opcode != 0))
		return 1002;
	size_t ext = len7 == 127 ? 8 : len7 == 126 ? 2 : 0;
	if (n < 2 + ext)
		return 0;
	f->len = ext ? 0 : len7;
	for (size_t i = 0; i < ext; i++)
		f->len = f->len << 8 | p[2 + i];
	if ((ext == 2 && f->len < 126) || (ext == 8 && (f->len < 65536 || f->len >> 63)))
		return 1002;
	f->size = 2 + ext + 4 + (size_t)f->len;
	if (!control && f->len > w->cfg->max_message - (w->incoming ? w->incoming->message.n : 0))
		return 1009;
	if (!control && w->incoming && w->incoming->fragments >= w->cfg->max_fragments)
		return 1009;
	return 0;
}

static bool good_close_code(unsigned code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static void peer_close(struct ws *w, const char *p, size_t n)
{
	unsigned code = n >= 2 ? (unsigned)((unsigned char)p[0] << 8 | (unsigned char)p[1]) : 0;
	if (n == 1 || (n >= 2 && !good_close_code(code))) {
		ws_violate(w, 1002);
		return;
	}
	if (n > 2 && !utf8_valid(slice_of(p + 2, n - 2))) {
		ws_violate(w, 1007);
		return;
	}
	send_control(w, OP_CLOSE, p, n >= 2 ? 2 : 0);
	ws_finish(w, CLOSE_PEER);
	tell_owner(w, CLOSE_PEER);
}

/* W8. While a pong is queued, only the latest ping is remembered: a peer that pings and does not read costs 125
 * bytes. */
static void peer_ping(struct ws *w, const char *p, size_t n)
{
	if (!w->pong_out || conn_queued(w->conn) == 0) {
		w->pong_out = true;
		send_control(w, OP_PONG, p, n);
		return;
	}
	struct control *k = control_of(w);
	memcpy(k->pong, p, n);
	k->pong_n = (uint8_t)n;
	k->late_pong = true;
	conn_want_drained(w->conn);
}

static void incoming_done(struct ws *w, struct slice data)
{
	bool binary = w->opcode == WS_BINARY;
	struct incoming *in = w->incoming;
	w->incoming = NULL;
	w->opcode = 0;
	if (!binary && in->utf8 != 0)
		ws_violate(w, 1007);
	else if (w->ev)
		w->ev->on_message(w, w->owner, binary, data);
	conn_unkeep(w->conn, in->message.n);
	incoming_free(&in);
}

/* A piece of a data frame's payload. A message that comes in one piece is handed up without a copy. */
static bool frame_data(struct ws *w, struct slice piece, bool last)
{
	struct incoming *in = w->incoming;
	if (w->opcode == WS_TEXT && !utf8_feed(&in->utf8, piece)) {
		ws_violate(w, 1007);
		return false;
	}
	if (last && in->message.n == 0) {
		incoming_done(w, piece);
		return true;
	}
	buf_slice(&in->message, piece);
	conn_keep(w->conn, piece.n);
	if (last)
		incoming_done(w, buf_view(&in->message));
	return true;
}

static void frame_control(struct ws *w, unsigned opcode, const char *p, size_t n)
{
	if (opcode == OP_CLOSE)
		peer_close(w, p, n);
	else if (opcode == OP_PING)
		peer_ping(w, p, n);
}

/* frame: it is there whole. */
static void frame_take(struct ws *w, struct slice frame, const struct frame *f)
{
	struct ws_reader *reader = w->cfg->reader;
	bool control = f->opcode & 0x8;
	if (!control && f->opcode != OP_CONTINUATION) {
		w->opcode = (uint8_t)f->opcode;
		w->incoming = NEW(struct incoming);
	}
	if (!control)
		w->incoming->fragments++;
	uint64_t got = 0;
	ws_reader_begin(reader, frame);
	do {
		struct slice piece;
		if (!ws_reader_next(reader, &piece)) {
			ws_violate(w, 1002);
			return;
		}
		got += piece.n;
		if (control)
			frame_control(w, f->opcode, piece.p, piece.n); /* 125 bytes at most are one piece */
		else if (!frame_data(w, piece, f->fin && got == f->len))
			return;
	} while (got < f->len && w->state == WS_OPEN);
}

/*
 * W9: behind our Close only the peer's counts. How much of what is there can be skipped: all else. Of a frame that is
 * not here as a whole it is what is here, and later its rest: nothing within it is a Close. Where a violation leaves no
 * end of a frame, nothing is left of what is there.
 */
static size_t ws_skip(struct ws *w, int code, const struct frame *f, size_t n)
{
	if (w->state != WS_CLOSING || (!code && (f->size == 0 || f->opcode == OP_CLOSE)))
		return 0;
	if (f->size <= n)
		return f->size ? f->size : n;
	w->control->rest = f->size - n;
	return n;
}

static size_t ws_skip_rest(struct ws *w, size_t n)
{
	if (w->state != WS_CLOSING || w->control->rest == 0)
		return 0;
	size_t skip = w->control->rest < n ? (size_t)w->control->rest : n;
	w->control->rest -= skip;
	return skip;
}

static size_t ws_on_data(struct conn *c, void *owner, const char *p, size_t n)
{
	struct ws *w = owner;
	if (w->ev && w->ev->on_activity)
		w->ev->on_activity(w, w->owner);
	size_t rest = ws_skip_rest(w, n);
	struct slice src = slice_of(p + rest, n - rest);
	while (src.n && !conn_is_dead(c) && w->state != WS_FINISHING) {
		struct frame f;
		int code = frame_judge(w, (const unsigned char *)src.p, src.n, &f);
		size_t skip = ws_skip(w, code, &f, src.n);
		if (skip) {
			src = slice_of(src.p + skip, src.n - skip);
		} else if (code) {
			ws_violate(w, code);
		} else if (f.size == 0 || f.size > src.n) {
			break;
		} else if (w->state == WS_CLOSING) {
			ws_finish(w, w->why);
		} else {
			struct slice frame = slice_of(src.p, f.size);
			src = slice_of(src.p + f.size, src.n - f.size);
			frame_take(w, frame, &f);
		}
	}
	return w->state == WS_FINISHING || conn_is_dead(c) ? n : n - src.n;
}

static void ws_on_eof(struct conn *c, void *owner)
{
	(void)c;
	struct ws *w = owner;
	ws_finish(w, w->state == WS_CLOSING ? w->why : CLOSE_PEER);
	tell_owner(w, CLOSE_PEER);
}

static void ws_on_drained(struct conn *c, void *owner)
{
	(void)c;
	struct ws *w = owner;
	w->pong_out = false;
	if (w->control && w->control->late_pong && w->state == WS_OPEN) {
		send_control(w, OP_PONG, w->control->pong, w->control->pong_n);
		w->pong_out = true;
		control_free(w);
	}
}

static void ws_on_dead(struct conn *c, void *owner, enum close_reason why)
{
	struct ws *w = owner;
	(void)c;
	control_free(w);
	tell_owner(w, why);
	incoming_free(&w->incoming);
	free(w);
}

static const struct conn_events ws_conn_events = {
	.on_data = ws_on_data, .on_eof = ws_on_eof, .on_drained = ws_on_drained, .on_dead = ws_on_dead};

struct ws *ws_accept(struct http_exchange *x, const struct ws_config *cfg, struct slice headers,
                     const struct ws_events *ev, void *owner)
{
	struct buf head = {0};
	ws_accept_head(&head, x, headers);
	struct ws *w = NEW(struct ws);
	*w = (struct ws){.cfg = cfg, .ev = ev, .owner = owner};
	w->conn = http_detach(x, buf_view(&head));
	buf_fini(&head);
	conn_set_events(w->conn, &ws_conn_events, w);
	conn_count_lost(w->conn);
	log_move(conn_ident(w->conn), "websocket", "new", ws_state_name[w->state]);
	return w;
}

void ws_set_owner(struct ws *w, const struct ws_events *ev, void *owner)
{
	w->ev = ev;
	w->owner = owner;
}

bool ws_send(struct ws *w, struct blob *frame)
{
	return w->state == WS_OPEN && conn_send(w->conn, frame);
}

struct conn *ws_conn(const struct ws *w)
{
	return w->conn;
}
