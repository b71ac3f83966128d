#include "client/frames.h"

#include "base/mem.h"
#include "base/text.h"
#include "client/nobody.h"
#include "http/answer.h"
#include "ws/ws.h"
#include <wslay/wslay.h>

#define HEAD_MOST 16384 /* of the server's answer */

struct frames {
	struct conn *conn; /* NULL: it is dead */
	wslay_event_context_ptr wslay;
	const struct frames_events *ev; /* NULL: on_end was called, or nobody wants to hear */
	void *owner;
	struct buf expected; /* Sec-WebSocket-Accept */
	struct slice in;     /* what wslay has not taken yet, inside of frames_on_data */
	bool open, inside, doomed;
};

static void frames_destroy(struct frames *f)
{
	if (f->conn)
		conn_leave_to_nobody(f->conn);
	wslay_event_context_free(f->wslay);
	buf_fini(&f->expected);
	free(f);
}

static void frames_over(struct frames *f, const char *why)
{
	const struct frames_events *ev = f->ev;
	f->ev = NULL;
	if (ev)
		ev->on_end(f->owner, why);
}

/* ---- wslay calls ---- */

static ssize_t frames_give(wslay_event_context_ptr ctx, uint8_t *to, size_t n, int flags, void *user)
{
	struct frames *f = user;
	size_t take = n < f->in.n ? n : f->in.n;
	(void)flags;
	if (take == 0) {
		wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	memcpy(to, f->in.p, take);
	f->in = slice_of(f->in.p + take, f->in.n - take);
	return (ssize_t)take;
}

static ssize_t frames_put(wslay_event_context_ptr ctx, const uint8_t *p, size_t n, int flags, void *user)
{
	struct frames *f = user;
	(void)ctx, (void)flags;
	if (f->conn)
		conn_send_copy(f->conn, slice_of(p, n));
	return (ssize_t)n;
}

static int frames_mask(wslay_event_context_ptr ctx, uint8_t *p, size_t n, void *user)
{
	(void)ctx, (void)user;
	random_bytes(p, n);
	return 0;
}

static void frames_got(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *arg, void *user)
{
	struct frames *f = user;
	(void)ctx;
	if (f->ev && arg->opcode == WSLAY_TEXT_FRAME)
		f->ev->on_message(f->owner, slice_of(arg->msg, arg->msg_length));
	else if (arg->opcode == WSLAY_CONNECTION_CLOSE)
		frames_over(f, "the server closed the WebSocket");
}

/* ---- the connection calls ---- */

/* False: the head is not whole. */
static bool frames_answered(struct frames *f)
{
	struct slice v;
	size_t n = http_answer_head(f->in);
	if (!n) {
		if (f->in.n > HEAD_MOST)
			frames_over(f, "an answer without an end");
		return false;
	}
	struct slice head = slice_of(f->in.p, n);
	f->in = slice_of(f->in.p + n, f->in.n - n);
	if (http_answer_status(head) != 101)
		frames_over(f, "the server refused the WebSocket");
	else if (!http_answer_header(head, "sec-websocket-accept", &v) || !slice_eq(v, buf_view(&f->expected)))
		frames_over(f, "the server's Sec-WebSocket-Accept is wrong");
	f->open = f->ev;
	if (f->open)
		f->ev->on_open(f->owner);
	return f->open;
}

static size_t frames_on_data(struct conn *c, void *owner, const char *p, size_t n)
{
	struct frames *f = owner;
	(void)c;
	f->in = slice_of(p, n);
	f->inside = true;
	if ((f->open || frames_answered(f)) && f->ev) {
		if (wslay_event_recv(f->wslay) != 0)
			frames_over(f, "a WebSocket frame that is none");
		if (wslay_event_send(f->wslay) != 0)
			frames_over(f, "the WebSocket takes nothing more");
	}
	size_t left = f->in.n;
	f->inside = false;
	if (f->doomed)
		frames_destroy(f);
	return n - left;
}

static void frames_on_eof(struct conn *c, void *owner)
{
	(void)c;
	frames_over(owner, "the server ended the connection");
}

static void frames_on_dead(struct conn *c, void *owner, enum close_reason why)
{
	struct frames *f = owner;
	(void)c;
	f->conn = NULL;
	frames_over(f, why == CLOSE_TLS ? "TLS failed, or the connection was refused"
	                                : "the connection broke, or was refused");
}

/* ---- life ---- */

static void frames_ask(struct frames *f, const char *host, const char *target)
{
	unsigned char raw[16];
	struct buf key = {0}, head = {0};
	random_bytes(raw, sizeof raw);
	base64_encode(&key, slice_of(raw, sizeof raw));
	ws_accept_value(&f->expected, buf_view(&key));
	buf_printf(&head,
	           "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %.*s\r\n\r\n",
	           target, host, (int)key.n, key.p);
	conn_send_copy(f->conn, buf_view(&head));
	buf_fini(&key);
	buf_fini(&head);
}

struct frames *frames_new(const struct frames_config *cfg, const char *target, const struct frames_events *ev,
                          void *owner, const char **error)
{
	static const struct conn_events events = {
		.on_data = frames_on_data, .on_eof = frames_on_eof, .on_dead = frames_on_dead};
	static const struct wslay_event_callbacks callbacks = {.recv_callback = frames_give,
	                                                       .send_callback = frames_put,
	                                                       .genmask_callback = frames_mask,
	                                                       .on_msg_recv_callback = frames_got};
	struct conn *c = place_dial(cfg->place, cfg->loop, cfg->budget, error);
	if (!c)
		return NULL;
	struct frames *f = NEW(struct frames);
	*f = (struct frames){.conn = c, .ev = ev, .owner = owner};
	if (wslay_event_context_client_init(&f->wslay, &callbacks, f) != 0)
		mem_exhausted();
	wslay_event_config_set_max_recv_msg_length(f->wslay, cfg->max_message);
	conn_set_events(c, &events, f);
	frames_ask(f, place_host(cfg->place), target);
	return f;
}

void frames_send(struct frames *f, struct slice text)
{
	struct wslay_event_msg m = {.opcode = WSLAY_TEXT_FRAME, .msg = (const uint8_t *)text.p, .msg_length = text.n};
	if (wslay_event_queue_msg(f->wslay, &m) == 0 && !f->inside && wslay_event_send(f->wslay) != 0)
		frames_over(f, "the WebSocket takes nothing more");
}

void frames_free(struct frames **fp)
{
	struct frames *f = *fp;
	*fp = NULL;
	if (!f)
		return;
	f->ev = NULL;
	f->doomed = true;
	if (!f->inside)
		frames_destroy(f);
}
