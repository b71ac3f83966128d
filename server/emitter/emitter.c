/*
 * Accepts @socket.io/postgres-emitter (wire-protocol.md section 14, docs/emitter.md): its channel is heard by the pump's session, large messages
 * are read in their order, one call at a time, so that they keep it. Stands outside the outbox: nothing of it is ordered with rows,
 * confirmed or recovered (contract 6).
 */
#include "emitter/message.h"
#include "emitter/msgpack.h"
#include "app/worker.h"
#include "base/mem.h"
#include "base/text.h"

#define CHANNEL "socket.io#/"  /* G1 */
#define WAITING_MOST 1024      /* large messages to be read */
#define BATCH_MOST 16          /* of them in one call: 22 MiB at worst */
#define SOCKET_ROOMS_MOST 1000 /* joined by this; a socket's other rooms follow rows */
#define LOG_EVERY_MS 1000      /* a flood of bad messages must not fill the disk: a line a second, */
#define LOG_BURST 10           /* after the first few */

struct emitter {
	struct worker *w;
	uint64_t waiting[WAITING_MOST]; /* ring of rows to read */
	uint32_t head, n;
	uint32_t reading;             /* rows that the call which is out asked for */
	uint64_t log_until, unlogged; /* the lines logged of late reach until then, LOG_EVERY_MS each */
};

/* ---- what became of them ---- */

static void count(struct emitter *em, enum emitter_outcome outcome)
{
	em->w->m.emitter[outcome]++;
}

static void complain(struct emitter *em, enum emitter_outcome outcome, const char *why, struct slice event)
{
	uint64_t now = loop_now(em->w->loop);
	count(em, outcome);
	if (em->log_until < now)
		em->log_until = now;
	if (em->log_until > now + (LOG_BURST - 1) * LOG_EVERY_MS) {
		em->unlogged++;
		return;
	}
	log_warn(em->w->ident, "emitter message not taken", LS("outcome", emitter_outcome_label(outcome)),
	         LS("why", why), LU("unlogged", em->unlogged), event.n ? LSL("event", event) : (struct log_field){0});
	em->log_until += LOG_EVERY_MS;
	em->unlogged = 0;
}

/* ---- whom they concern ---- */

static struct slice audience(const struct emitter_message *m)
{
	return m->everyone ? SLICE(HUB_EVERYONE) : buf_view(&m->rooms);
}

struct selection {
	struct client **clients;
	size_t n, cap;
};

static void select_one(struct hub_member *member, void *arg)
{
	struct client *c = container_of(member, struct client, member);
	struct selection *s = arg;
	if (c->state != CLIENT_OPEN)
		return;
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 16;
		s->clients = mem_realloc(s->clients, s->cap * sizeof *s->clients);
	}
	s->clients[s->n++] = c;
}

/* ---- carrying out ---- */

struct emission {
	struct packet *packet;
	bool is_volatile;
	uint64_t sent, skipped, dropped;
};

static void emit_one(struct hub_member *member, void *arg)
{
	struct client *c = container_of(member, struct client, member);
	struct emission *e = arg;
	if (c->state != CLIENT_OPEN)
		return;
	if (e->is_volatile && !sio_writable(c->sio))
		e->skipped++;
	else if (sio_send(c->sio, e->packet))
		e->sent++;
	else
		e->dropped++;
}

static void emit(struct emitter *em, const struct emitter_message *m)
{
	struct worker *w = em->w;
	struct slice event = buf_view(&m->event);
	struct emission e = {.packet = sio_event_packet("/", event, buf_view(&m->data)), .is_volatile = m->is_volatile};
	hub_send(w->hub, audience(m), buf_view(&m->except), emit_one, &e);
	packet_unref(&e.packet);
	struct event_metric *metric = &w->m.events[metrics_event_find(&w->m, event)];
	metric->n[STATUS_OK] += e.sent;
	metric->n[STATUS_DROPPED] += e.skipped + e.dropped;
	w->m.volatile_skipped += e.skipped;
	log_debug(w->ident, "emitter event", LSL("event", event), LU("sockets", e.sent), LU("skipped", e.skipped));
}

/* False: it is in as many rooms as it may be. */
static bool join(struct client *c, struct slice names)
{
	struct slice name;
	while (rooms_next(&names, &name)) {
		if (c->emitter_rooms == SOCKET_ROOMS_MOST)
			return false;
		c->emitter_rooms += hub_join(c->w->hub, &c->member, name);
	}
	return true;
}

static void leave(struct client *c, struct slice names)
{
	struct slice name;
	while (rooms_next(&names, &name))
		if (hub_leave(c->w->hub, &c->member, name) && c->emitter_rooms) /* a control row may have joined it */
			c->emitter_rooms--;
}

/* Nobody joins or leaves while the hub counts heads: first all of them, then each. */
static bool move(struct emitter *em, const struct emitter_message *m)
{
	struct selection s = {0};
	bool all = true;
	hub_send(em->w->hub, audience(m), buf_view(&m->except), select_one, &s);
	for (size_t i = 0; i < s.n; i++) {
		if (m->verb == EMITTER_JOIN)
			all &= join(s.clients[i], buf_view(&m->change));
		else if (m->verb == EMITTER_LEAVE)
			leave(s.clients[i], buf_view(&m->change));
		else
			client_kick(s.clients[i], m->close);
	}
	log_debug(em->w->ident, "emitter moved sockets", LU("type", m->verb), LU("sockets", s.n));
	free(s.clients);
	return all;
}

/* ---- large messages ---- */

static void read_next(struct emitter *em);
static void take(struct emitter *em, struct slice text, bool attached);

static void take_row(struct emitter *em, struct slice base64)
{
	struct buf packed = {0}, text = {0};
	const char *why = "not base64";
	if (base64.n == 0)
		complain(em, EMITTER_MISSING, "the row is empty or over 1 MiB", SLICE(""));
	else if (!base64_decode(&packed, base64) ||
	         (why = msgpack_to_json(&text, buf_view(&packed), EMITTER_TEXT_MOST)))
		complain(em, EMITTER_INVALID, why, SLICE(""));
	else
		take(em, buf_view(&text), true);
	buf_fini(&packed);
	buf_fini(&text);
}

static void rows_read(void *arg, const struct db_result *r)
{
	struct emitter *em = arg;
	uint32_t n = em->reading;
	bool good = r->outcome == DB_OK && r->nrows == (int)n && r->ncols == 1;
	em->reading = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (r->outcome == DB_ERROR) /* of all alike: not granted, not that table, locked for long */
			complain(em, EMITTER_MISSING, r->message, SLICE(""));
		else if (!good)
			complain(em, EMITTER_LOST, "the database is away", SLICE(""));
		else if (db_is_null(r, (int)i, 0))
			complain(em, EMITTER_MISSING, "no such row in public.socket_io_attachments", SLICE(""));
		else
			take_row(em, db_value(r, (int)i, 0));
	}
	read_next(em);
}

static void read_next(struct emitter *em)
{
	struct buf ids = {0};
	if (em->reading || em->n == 0)
		return;
	buf_char(&ids, '{');
	while (em->n && em->reading < BATCH_MOST) {
		if (em->reading++)
			buf_char(&ids, ',');
		buf_u64(&ids, em->waiting[em->head]);
		em->head = (em->head + 1) % WAITING_MOST;
		em->n--;
	}
	buf_char(&ids, '}');
	struct slice param = buf_view(&ids);
	db_call(em->w->db,
	        "select rt.emitter_attachment(a.id) from unnest($1::bigint[]) with ordinality a(id, n) order by a.n",
	        &param, 1, rows_read, em);
	buf_fini(&ids);
}

static void read_later(struct emitter *em, uint64_t row)
{
	if (em->n == WAITING_MOST) {
		complain(em, EMITTER_LOST, "too many large messages at once", SLICE(""));
		return;
	}
	em->waiting[(em->head + em->n++) % WAITING_MOST] = row;
	read_next(em);
}

/* ---- taking ---- */

static void take(struct emitter *em, struct slice text, bool attached)
{
	struct emitter_message m;
	const char *why;
	enum emitter_outcome outcome = emitter_message_parse(&m, text, attached, &why);
	if (outcome == EMITTER_IGNORED) {
		count(em, outcome);
	} else if (outcome != EMITTER_DONE) {
		complain(em, outcome, why, buf_view(&m.event));
	} else if (m.attachment) {
		read_later(em, m.attachment); /* counted when it has been read */
	} else if (m.verb == EMITTER_EMIT) {
		emit(em, &m);
		count(em, outcome);
	} else if (move(em, &m)) {
		count(em, outcome);
	} else {
		complain(em, EMITTER_REFUSED, "a socket is in 1000 rooms by the emitter already", SLICE(""));
	}
	emitter_message_fini(&m);
}

static void heard(void *ctx, struct slice payload)
{
	take(ctx, payload, false);
}

/* ---- life ---- */

void emitter_start(struct worker *w)
{
	if (!w->cfg->emitter)
		return;
	w->emitter = NEW(struct emitter);
	w->emitter->w = w;
	db_listen(w->db, CHANNEL, heard, w->emitter);
	log_info(w->ident, "emitter on: any role that can connect to the database can send events",
	         LS("channel", CHANNEL));
}

void emitter_stop(struct worker *w)
{
	free(w->emitter);
	w->emitter = NULL;
}

/*
 * G11: what was notified meanwhile is lost, and nobody knows whether anything was. Clients are not told: sync:required would send all
 * of them to the REST API whenever Postgres restarts, for events that it may know nothing of. The operator is.
 */
void emitter_gap(struct worker *w)
{
	if (!w->emitter)
		return;
	w->m.emitter_gaps++;
	log_warn(w->ident, "emitter messages may be lost: its channel was not heard for a while");
}
