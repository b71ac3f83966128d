#include "client/engine.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"
#include "client/errand.h"
#include "client/frames.h"

#define MESSAGE_MOST ((size_t)4 << 20)
#define OPEN_MS 10000 /* until the handshake */
#define PATH "/socket.io/?EIO=4&transport="

/*
 *   engine_new --> OPENING --engine_opened--> POLLING --a WebSocket opens--> PROBING --engine_upgrade--> STREAMING
 *                     |                                                                                     ^
 *                     |----engine_opened, over a WebSocket--------------------------------------------------|
 *
 *   to OVER: engine_cut, or the end of a transport; on_end follows in this turn
 */
#define ENGINE_STATES(X)     \
	X(OPENING, opening)  \
	X(POLLING, polling)  \
	X(PROBING, probing)  \
	X(STREAMING, stream) \
	X(OVER, over)

enum engine_state {
#define X(NAME, label) ENGINE_##NAME,
	ENGINE_STATES(X)
#undef X
};

static const uint8_t engine_next[] = {
	[ENGINE_OPENING] = 1u << ENGINE_POLLING | 1u << ENGINE_STREAMING | 1u << ENGINE_OVER,
	[ENGINE_POLLING] = 1u << ENGINE_PROBING | 1u << ENGINE_OVER,
	[ENGINE_PROBING] = 1u << ENGINE_STREAMING | 1u << ENGINE_OVER,
	[ENGINE_STREAMING] = 1u << ENGINE_OVER,
	[ENGINE_OVER] = 0,
};

struct engine {
	struct engine_config cfg;
	const struct engine_events *ev;
	void *owner;
	enum engine_state state;
	char *sid;
	struct frames *frames; /* NULL: no WebSocket */
	struct errand *poll, *push;
	struct buf out;     /* packets that wait for a push, with separators */
	struct timer quiet; /* the server has been silent for longer than it may be */
	uint64_t silence_ms;
	struct deferred end;
	char *why;
	bool hangs, owes_pong;
};

const char *client_transport_label(enum client_transport t)
{
	static const char *const labels[] = {
#define X(NAME, label) #label,
		CLIENT_TRANSPORTS(X)
#undef X
	};
	return labels[t];
}

static void engine_enter(struct engine *e, enum engine_state to)
{
	assert(engine_next[e->state] & 1u << to);
	e->state = to;
}

static void engine_release(struct engine *e)
{
	frames_free(&e->frames);
	errand_free(&e->poll);
	errand_free(&e->push);
	timer_stop(e->cfg.loop, &e->quiet);
}

void engine_cut(struct engine *e, const char *why)
{
	if (e->state == ENGINE_OVER)
		return;
	engine_enter(e, ENGINE_OVER);
	e->why = mem_strndup(why, strlen(why));
	engine_release(e);
	loop_defer(e->cfg.loop, LOOP_WORK, &e->end);
}

static void engine_run_end(struct deferred *d)
{
	struct engine *e = container_of(d, struct engine, end);
	e->ev->on_end(e->owner, e->why);
}

static void engine_on_quiet(struct timer *t)
{
	engine_cut(container_of(t, struct engine, quiet), "the server did not ping in time");
}

static void engine_heard(struct engine *e)
{
	timer_set(e->cfg.loop, &e->quiet, loop_now(e->cfg.loop) + e->silence_ms);
}

/* ---- packets out ---- */

static void engine_pushed(void *owner, int status, struct slice body);

static struct errand_config engine_errands(const struct engine *e)
{
	return (struct errand_config){e->cfg.place, e->cfg.loop, e->cfg.budget, MESSAGE_MOST};
}

static char *engine_target(const struct engine *e, const char *transport)
{
	return e->sid ? mem_printf(PATH "%s&sid=%s", transport, e->sid) : mem_printf(PATH "%s", transport);
}

/* While the upgrade goes on nothing is pushed: it goes by WebSocket afterwards. */
static void engine_flush(struct engine *e)
{
	if (e->state != ENGINE_POLLING || e->push || !e->out.n)
		return;
	struct errand_config cfg = engine_errands(e);
	char *target = engine_target(e, "polling");
	struct slice body = buf_view(&e->out);
	e->push = errand_new(&cfg, target, &body, engine_pushed, e);
	e->out.n = 0;
	free(target);
}

static void engine_packet_out(struct engine *e, char type, struct slice text)
{
	struct buf b = {0};
	if (e->state != ENGINE_STREAMING && e->out.n)
		buf_char(&e->out, '\x1e');
	struct buf *to = e->state == ENGINE_STREAMING ? &b : &e->out;
	buf_char(to, type);
	buf_slice(to, text);
	if (e->state == ENGINE_STREAMING)
		frames_send(e->frames, buf_view(&b));
	else
		engine_flush(e);
	buf_fini(&b);
}

void engine_send(struct engine *e, struct slice text)
{
	if (e->state != ENGINE_OVER)
		engine_packet_out(e, '4', text);
}

static void engine_pong(struct engine *e)
{
	e->owes_pong = e->hangs;
	if (!e->hangs)
		engine_packet_out(e, '3', (struct slice){0});
}

/* ---- upgrade ---- */

/* When neither a poll nor a push is out, what is queued can go over the WebSocket, in order. */
static void engine_upgrade(struct engine *e)
{
	if (e->state != ENGINE_PROBING || e->poll || e->push)
		return;
	engine_enter(e, ENGINE_STREAMING);
	frames_send(e->frames, SLICE("5"));
	struct slice rest = buf_view(&e->out);
	while (rest.n) {
		const char *end = memchr(rest.p, '\x1e', rest.n);
		size_t n = end ? (size_t)(end - rest.p) : rest.n;
		frames_send(e->frames, slice_of(rest.p, n));
		rest = slice_of(rest.p + n + !!end, rest.n - n - !!end);
	}
	buf_fini(&e->out);
}

/* ---- packets in ---- */

static bool number_of(struct slice object, const char *key, uint64_t *n)
{
	struct slice v;
	return json_get(object, key, &v) && u64_parse(v, n);
}

static void engine_poll(struct engine *e);
static void engine_probe(struct engine *e);

static void engine_opened(struct engine *e, struct slice json)
{
	enum json_kind kind;
	unsigned flaws = 0;
	uint64_t interval, timeout;
	struct slice sid;
	if (!json_scan(json, &kind, &flaws) || kind != JSON_OBJECT || !json_get(json, "sid", &sid) || sid.n < 3 ||
	    !number_of(json, "pingInterval", &interval) || !number_of(json, "pingTimeout", &timeout)) {
		engine_cut(e, "a handshake that is none");
		return;
	}
	e->sid = mem_strndup(sid.p + 1, sid.n - 2);
	e->silence_ms = interval + timeout;
	engine_enter(e, e->frames ? ENGINE_STREAMING : ENGINE_POLLING);
	if (e->cfg.transport == CLIENT_UPGRADE)
		engine_probe(e);
	e->ev->on_open(e->owner);
}

static void engine_packet(struct engine *e, struct slice packet)
{
	char type = packet.n ? *packet.p : '\0';
	struct slice text = slice_of(packet.p + 1, packet.n ? packet.n - 1 : 0);
	if (type == '0' && e->state == ENGINE_OPENING)
		engine_opened(e, text);
	else if (type == '2' && e->state != ENGINE_OPENING)
		engine_pong(e);
	else if (type == '4' && e->state != ENGINE_OPENING)
		e->ev->on_message(e->owner, text);
	else if (type == '1')
		engine_cut(e, "the server closed the session");
	else if (type != '6')
		engine_cut(e, "a packet that is none");
	if (e->state != ENGINE_OVER)
		engine_heard(e);
}

static void engine_polled(void *owner, int status, struct slice body)
{
	struct engine *e = owner;
	e->poll = NULL;
	if (status != 200) {
		char *why = mem_printf("a poll was answered %d: %.*s", status, body.n > 200 ? 200 : (int)body.n,
		                       body.p ? body.p : "");
		engine_cut(e, why);
		free(why);
		return;
	}
	while (body.n && e->state != ENGINE_OVER) {
		const char *end = memchr(body.p, '\x1e', body.n);
		size_t n = end ? (size_t)(end - body.p) : body.n;
		engine_packet(e, slice_of(body.p, n));
		body = slice_of(body.p + n + !!end, body.n - n - !!end);
	}
	engine_upgrade(e);
	engine_poll(e);
}

static void engine_poll(struct engine *e)
{
	bool waits = e->state == ENGINE_OPENING || e->state == ENGINE_POLLING;
	if (!waits || e->poll || e->hangs)
		return;
	struct errand_config cfg = engine_errands(e);
	char *target = engine_target(e, "polling");
	e->poll = errand_new(&cfg, target, NULL, engine_polled, e);
	free(target);
}

static void engine_pushed(void *owner, int status, struct slice body)
{
	struct engine *e = owner;
	(void)body;
	e->push = NULL;
	if (status != 200) {
		engine_cut(e, status ? "a push was refused" : "a push got no answer");
		return;
	}
	engine_upgrade(e);
	engine_flush(e);
}

/* ---- the WebSocket ---- */

static void engine_ws_open(void *owner)
{
	struct engine *e = owner;
	if (e->state == ENGINE_POLLING)
		frames_send(e->frames, SLICE("2probe"));
}

static void engine_ws_message(void *owner, struct slice text)
{
	struct engine *e = owner;
	if (e->state == ENGINE_POLLING && slice_eq(text, SLICE("3probe"))) {
		engine_enter(e, ENGINE_PROBING);
		engine_upgrade(e);
	} else {
		engine_packet(e, text);
	}
}

static void engine_ws_end(void *owner, const char *why)
{
	engine_cut(owner, why);
}

static void engine_probe(struct engine *e)
{
	static const struct frames_events events = {
		.on_open = engine_ws_open, .on_message = engine_ws_message, .on_end = engine_ws_end};
	const struct frames_config cfg = {e->cfg.place, e->cfg.loop, e->cfg.budget, MESSAGE_MOST};
	const char *error = "";
	char *target = engine_target(e, "websocket");
	e->frames = frames_new(&cfg, target, &events, e, &error);
	free(target);
	if (!e->frames)
		engine_cut(e, error);
}

/* ---- life ---- */

struct engine *engine_new(const struct engine_config *cfg, const struct engine_events *ev, void *owner)
{
	struct engine *e = NEW(struct engine);
	*e = (struct engine){.cfg = *cfg, .ev = ev, .owner = owner, .quiet = {.fire = engine_on_quiet}};
	e->silence_ms = OPEN_MS;
	deferred_init(&e->end, engine_run_end);
	engine_heard(e);
	if (cfg->transport == CLIENT_WEBSOCKET)
		engine_probe(e);
	else
		engine_poll(e);
	return e;
}

void engine_hang(struct engine *e, bool hang)
{
	e->hangs = hang;
	if (hang || e->state == ENGINE_OVER)
		return;
	if (e->owes_pong)
		engine_pong(e);
	engine_poll(e);
}

bool engine_upgraded(const struct engine *e)
{
	return e->state == ENGINE_STREAMING;
}

bool engine_is_flushed(const struct engine *e)
{
	return !e->push && !e->out.n;
}

void engine_free(struct engine **ep)
{
	struct engine *e = *ep;
	*ep = NULL;
	if (!e)
		return;
	engine_release(e);
	deferred_cancel(&e->end);
	buf_fini(&e->out);
	free(e->sid);
	free(e->why);
	free(e);
}
