#include "client/caller.h"

#include "base/json.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "sio/parser.h"

#define ARGS_MOST 4
#define GOODBYE_STEP_MS 100 /* the goodbye is out when a step finds nothing that waits */
#define GOODBYE_STEPS 20

struct caller {
	struct caller_config cfg;
	const struct caller_events *ev;
	void *owner;
	struct engine *engine; /* NULL: no connection */
	struct buf pid, offset;
	struct timer goodbye;
	unsigned goodbye_steps;
	uint64_t acks; /* the last id */
	bool open, by_server, leaving;
};

static bool caller_is_open(const struct caller *c)
{
	return c->engine && c->open;
}

/* What it could recover with. */
static void caller_forget(struct caller *c)
{
	c->pid.n = c->offset.n = 0;
}

/* ---- packets in ---- */

static bool string_of(struct slice object, const char *key, struct buf *out)
{
	struct slice v;
	out->n = 0;
	return json_get(object, key, &v) && json_unescape(out, v);
}

/* The same private id means that it goes on where it was (docs/recovery.md). */
static void caller_accepted(struct caller *c, struct slice reply)
{
	struct buf pid = {0};
	bool has = string_of(reply, "pid", &pid);
	bool recovered = has && c->pid.n && c->offset.n && slice_eq(buf_view(&pid), buf_view(&c->pid));
	if (!recovered)
		caller_forget(c);
	c->pid.n = 0;
	buf_slice(&c->pid, buf_view(&pid));
	buf_fini(&pid);
	c->open = true;
	c->ev->on_open(c->owner, recovered);
}

static void caller_event(struct caller *c, struct slice array)
{
	struct slice part[ARGS_MOST];
	size_t n = json_elements(array, part, ARGS_MOST);
	struct buf name = {0};
	if (n < 1 || n > ARGS_MOST || !json_unescape(&name, part[0]))
		engine_cut(c->engine, "an event without a name");
	else if (slice_eq(buf_view(&name), SLICE("$o")) && n == 3) {
		c->offset.n = 0;
		if (!json_unescape(&c->offset, part[2]))
			engine_cut(c->engine, "an offset that is no text");
		c->ev->on_event(c->owner, buf_view(&name), (struct slice){0});
	} else {
		c->ev->on_event(c->owner, buf_view(&name), n > 1 ? part[1] : (struct slice){0});
	}
	buf_fini(&name);
}

static void caller_ack(struct caller *c, const struct sio_packet *p)
{
	struct slice first;
	if (json_elements(p->json, &first, 1) != 1)
		engine_cut(c->engine, "an ack without one argument");
	else
		c->ev->on_ack(c->owner, p->id, first);
}

static void caller_on_message(void *owner, struct slice text)
{
	struct caller *c = owner;
	struct sio_packet p;
	if (c->leaving)
		return; /* it was on its way */
	if (!sio_parse(text, 0, &p) || p.flaws || !slice_eq(p.nsp, SLICE("/")))
		engine_cut(c->engine, "a packet that is not Socket.IO's");
	else if (p.type == SIO_CONNECT && !c->open)
		caller_accepted(c, p.json);
	else if (p.type == SIO_EVENT && c->open)
		caller_event(c, p.json);
	else if (p.type == SIO_ACK && c->open && p.has_id)
		caller_ack(c, &p);
	else if (p.type == SIO_DISCONNECT) {
		c->by_server = true;
		engine_cut(c->engine, "the server disconnected it");
	} else
		engine_cut(c->engine, p.type == SIO_CONNECT_ERROR ? "the server refused it" : "a packet out of place");
}

/* ---- packets out ---- */

static void caller_on_open(void *owner)
{
	struct caller *c = owner;
	struct buf b = {0};
	buf_char(&b, '0');
	json_open(&b);
	if (c->pid.n && c->offset.n) {
		json_member_str(&b, "pid", buf_view(&c->pid));
		json_member_str(&b, "offset", buf_view(&c->offset));
	}
	json_member_str(&b, "token", slice_str(c->cfg.token));
	if (c->cfg.recovery)
		json_member_bool(&b, "recovery", true);
	json_close(&b);
	engine_send(c->engine, buf_view(&b));
	buf_fini(&b);
}

bool caller_emit(struct caller *c, const char *name, struct slice data, uint64_t *ack)
{
	if (!caller_is_open(c))
		return false;
	struct buf b = {0};
	buf_char(&b, '2');
	if (ack)
		buf_u64(&b, *ack = ++c->acks);
	buf_char(&b, '[');
	buf_json_str(&b, slice_str(name));
	buf_char(&b, ',');
	buf_slice(&b, data);
	buf_char(&b, ']');
	engine_send(c->engine, buf_view(&b));
	buf_fini(&b);
	return true;
}

static void caller_on_goodbye(struct timer *t)
{
	struct caller *c = container_of(t, struct caller, goodbye);
	if (!c->engine)
		return;
	if (engine_is_flushed(c->engine) || ++c->goodbye_steps == GOODBYE_STEPS)
		engine_cut(c->engine, "it left");
	else
		timer_set(c->cfg.loop, t, loop_now(c->cfg.loop) + GOODBYE_STEP_MS);
}

/* The connection breaks off a moment later, so that the goodbye arrives before. */
void caller_leave(struct caller *c)
{
	caller_forget(c);
	if (!c->engine)
		return;
	if (!caller_is_open(c)) {
		engine_cut(c->engine, "it left");
		return;
	}
	c->open = false;
	c->leaving = true;
	c->goodbye_steps = 0;
	engine_send(c->engine, SLICE("1"));
	timer_set(c->cfg.loop, &c->goodbye, loop_now(c->cfg.loop) + GOODBYE_STEP_MS);
}

/* ---- life ---- */

static void caller_on_end(void *owner, const char *why)
{
	struct caller *c = owner;
	struct engine *gone = c->engine;
	bool by_server = c->by_server;
	c->engine = NULL;
	c->open = c->by_server = c->leaving = false;
	timer_stop(c->cfg.loop, &c->goodbye);
	if (by_server)
		caller_forget(c);
	c->ev->on_end(c->owner, why, by_server);
	engine_free(&gone);
}

struct caller *caller_new(const struct caller_config *cfg, const struct caller_events *ev, void *owner)
{
	struct caller *c = NEW(struct caller);
	*c = (struct caller){.cfg = *cfg, .ev = ev, .owner = owner, .goodbye = {.fire = caller_on_goodbye}};
	return c;
}

void caller_open(struct caller *c, const struct place *p, enum client_transport t)
{
	static const struct engine_events events = {
		.on_open = caller_on_open, .on_message = caller_on_message, .on_end = caller_on_end};
	const struct engine_config cfg = {p, c->cfg.loop, c->cfg.budget, t};
	assert(!c->engine);
	c->engine = engine_new(&cfg, &events, c);
}

void caller_cut(struct caller *c, const char *why)
{
	if (c->engine)
		engine_cut(c->engine, why);
}

void caller_hang(struct caller *c, bool hang)
{
	if (c->engine)
		engine_hang(c->engine, hang);
}

bool caller_upgraded(const struct caller *c)
{
	return c->engine && engine_upgraded(c->engine);
}

void caller_free(struct caller **cp)
{
	struct caller *c = *cp;
	*cp = NULL;
	if (!c)
		return;
	timer_stop(c->cfg.loop, &c->goodbye);
	engine_free(&c->engine);
	buf_fini(&c->pid);
	buf_fini(&c->offset);
	free(c);
}
