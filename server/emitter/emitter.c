/*
 * Carries out the emitter's messages (G5), and keeps the queue of large ones.
 */
#include "emitter/emitter.h"
#include "base/mem.h"
#include "base/text.h"
#include "emitter/msgpack.h"
#include "people/audience.h"

#define CHANNEL "socket.io#/"  /* G1 */
#define WAITING_MOST 1024      /* large messages that wait to be read */
#define BATCH_MOST 16          /* large messages read by one call: 22 MiB at worst */
#define SOCKET_ROOMS_MOST 1000 /* rooms that a socket may join by orders of the emitter; its other rooms follow rows */
#define LOG_EVERY_MS 1000      /* one line a second, since a flood of bad messages must not fill the disk */
#define LOG_BURST 10           /* lines before that limit counts */

struct inbox {
	uint64_t waiting[WAITING_MOST]; /* ring of rows to read */
	uint32_t head, n;
	uint32_t reading;             /* rows that the call that is out reads */
	uint64_t log_until, unlogged; /* log_until: each logged line moves it on by LOG_EVERY_MS */
};

/* ---- outcomes ---- */

static void emitter_count(struct emitter *em, enum emitter_outcome outcome)
{
	em->stats.outcomes[outcome]++;
}

static void emitter_complain(struct emitter *em, enum emitter_outcome outcome, const char *why, struct slice event)
{
	struct inbox *in = em->inbox;
	uint64_t now = loop_now(em->people->loop);
	emitter_count(em, outcome);
	if (in->log_until < now)
		in->log_until = now;
	if (in->log_until > now + (LOG_BURST - 1) * LOG_EVERY_MS) {
		in->unlogged++;
		return;
	}
	log_warn(em->people->ident, "emitter message not taken", LS("outcome", emitter_outcome_label(outcome)),
	         LS("why", why), LU("unlogged", in->unlogged), event.n ? LSL("event", event) : (struct log_field){0});
	in->log_until += LOG_EVERY_MS;
	in->unlogged = 0;
}

/* ---- carrying out ---- */

static void emitter_audience(struct audience *a, struct emitter *em, const struct emitter_message *m)
{
	audience_begin(a, em->people, m->everyone ? SLICE(HUB_EVERYONE) : buf_view(&m->rooms), buf_view(&m->except));
}

static void emitter_emit(struct emitter *em, const struct emitter_message *m)
{
	struct slice event = buf_view(&m->event);
	struct packet *packet = sio_event_packet("/", event, buf_view(&m->data));
	struct counts *counts = &em->people->counts;
	struct audience a;
	struct client *c;
	uint64_t sent = 0, skipped = 0, dropped = 0;
	emitter_audience(&a, em, m);
	while ((c = audience_next(&a))) {
		if (c->state != CLIENT_OPEN)
			continue;
		if (m->is_volatile && !sio_writable(c->sio))
			skipped++;
		else if (sio_send(c->sio, packet))
			sent++;
		else
			dropped++;
	}
	packet_unref(&packet);
	counts_of_event(counts, event, STATUS_OK, sent);
	counts_of_event(counts, event, STATUS_DROPPED, skipped + dropped);
	em->stats.volatile_skipped += skipped;
	log_debug(em->people->ident, "emitter event", LSL("event", event), LU("sockets", sent), LU("skipped", skipped));
}

/* False: the client is in SOCKET_ROOMS_MOST already. */
static bool emitter_join(struct client *c, struct slice names)
{
	struct slice name;
	while (hub_next_name(&names, &name)) {
		if (c->emitter_rooms == SOCKET_ROOMS_MOST)
			return false;
		c->emitter_rooms += client_join(c, name);
	}
	return true;
}

static void emitter_leave(struct client *c, struct slice names)
{
	struct slice name;
	while (hub_next_name(&names, &name))
		if (hub_leave(c->people->hub, &c->member, name) &&
		    c->emitter_rooms) /* may be 0: a control row may have joined the room */
			c->emitter_rooms--;
}

struct selection {
	struct client **clients;
	size_t n, cap;
};

/* Collects the audience before any client is changed, since no client may join or leave while it is walked through. */
static void emitter_select(struct selection *s, struct emitter *em, const struct emitter_message *m)
{
	struct audience a;
	struct client *c;
	emitter_audience(&a, em, m);
	while ((c = audience_next(&a))) {
		if (c->state != CLIENT_OPEN)
			continue;
		if (s->n == s->cap) {
			s->cap = s->cap ? 2 * s->cap : 16;
			s->clients = mem_realloc(s->clients, s->cap * sizeof(*s->clients));
		}
		s->clients[s->n++] = c;
	}
}

static bool emitter_move(struct emitter *em, const struct emitter_message *m)
{
	struct selection s = {0};
	bool all = true;
	emitter_select(&s, em, m);
	for (size_t i = 0; i < s.n; i++) {
		if (m->verb == EMITTER_JOIN)
			all &= emitter_join(s.clients[i], buf_view(&m->change));
		else if (m->verb == EMITTER_LEAVE)
			emitter_leave(s.clients[i], buf_view(&m->change));
		else
			client_kick(s.clients[i], m->close);
	}
	log_debug(em->people->ident, "emitter moved sockets", LU("type", m->verb), LU("sockets", s.n));
	free(s.clients);
	return all;
}

/* ---- large messages ---- */

static void emitter_read_next(struct emitter *em);
static void emitter_take(struct emitter *em, struct slice text, bool attached);

static void emitter_take_row(struct emitter *em, struct slice base64)
{
	struct buf packed = {0}, text = {0};
	const char *why = "not base64";
	if (base64.n == 0)
		emitter_complain(em, EMITTER_MISSING, "the row is empty or over 1 MiB", SLICE(""));
	else if (!base64_decode(&packed, base64) ||
	         (why = msgpack_to_json(&text, buf_view(&packed), EMITTER_TEXT_MOST)))
		emitter_complain(em, EMITTER_INVALID, why, SLICE(""));
	else
		emitter_take(em, buf_view(&text), true);
	buf_fini(&packed);
	buf_fini(&text);
}

static void emitter_rows_read(void *arg, const struct db_result *r)
{
	struct emitter *em = arg;
	struct inbox *in = em->inbox;
	uint32_t n = in->reading;
	bool good = r->outcome == DB_OK && r->nrows == (int)n && r->ncols == 1;
	in->reading = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (r->outcome == DB_ERROR) /* the cause holds for all: no grant, another table, a long lock */
			emitter_complain(em, EMITTER_MISSING, r->message, SLICE(""));
		else if (!good)
			emitter_complain(em, EMITTER_LOST, "the database is away", SLICE(""));
		else if (db_is_null(r, (int)i, 0))
			emitter_complain(em, EMITTER_MISSING, "no such row in public.socket_io_attachments", SLICE(""));
		else
			emitter_take_row(em, db_value(r, (int)i, 0));
	}
	emitter_read_next(em);
}

static void emitter_read_next(struct emitter *em)
{
	struct inbox *in = em->inbox;
	struct buf ids = {0};
	if (in->reading || in->n == 0)
		return;
	buf_char(&ids, '{');
	while (in->n && in->reading < BATCH_MOST) {
		if (in->reading++)
			buf_char(&ids, ',');
		buf_u64(&ids, in->waiting[in->head]);
		in->head = (in->head + 1) % WAITING_MOST;
		in->n--;
	}
	buf_char(&ids, '}');
	struct slice param = buf_view(&ids);
	db_call(em->db, DB_TELLING,
	        "select rt.emitter_attachment(a.id) from unnest($1::bigint[]) with ordinality a(id, n) order by a.n",
	        &param, 1, emitter_rows_read, em);
	buf_fini(&ids);
}

static void emitter_read_later(struct emitter *em, uint64_t row)
{
	struct inbox *in = em->inbox;
	if (in->n == WAITING_MOST) {
		emitter_complain(em, EMITTER_LOST, "too many large messages at once", SLICE(""));
		return;
	}
	in->waiting[(in->head + in->n++) % WAITING_MOST] = row;
	emitter_read_next(em);
}

/* ---- taking ---- */

static void emitter_take(struct emitter *em, struct slice text, bool attached)
{
	struct emitter_message m;
	const char *why;
	enum emitter_outcome outcome = emitter_message_parse(&m, text, attached, &why);
	if (outcome == EMITTER_IGNORED) {
		emitter_count(em, outcome);
	} else if (outcome != EMITTER_DONE) {
		emitter_complain(em, outcome, why, buf_view(&m.event));
	} else if (m.attachment) {
		emitter_read_later(em, m.attachment); /* counted after it was read */
	} else if (m.verb == EMITTER_EMIT) {
		emitter_emit(em, &m);
		emitter_count(em, outcome);
	} else if (emitter_move(em, &m)) {
		emitter_count(em, outcome);
	} else {
		emitter_complain(em, EMITTER_REFUSED, "a socket is in 1000 rooms by the emitter already", SLICE(""));
	}
	emitter_message_fini(&m);
}

static void emitter_heard(void *ctx, struct slice payload)
{
	emitter_take(ctx, payload, false);
}

/* ---- life ---- */

void emitter_start(struct emitter *em)
{
	if (!em->on)
		return;
	em->inbox = NEW(struct inbox);
	db_listen(em->db, CHANNEL, emitter_heard, em);
	log_info(em->people->ident, "emitter on: any role that can connect to the database can send events",
	         LS("channel", CHANNEL));
}

void emitter_stop(struct emitter *em)
{
	free(em->inbox);
	em->inbox = NULL;
}

/*
 * Messages that were notified meanwhile are lost, and nobody knows whether there were any (G11). The operator is told,
 * the clients are not: sync:required would send all of them to the REST API whenever Postgres restarts, and the API may
 * know nothing of the emitter's events.
 */
void emitter_resumed(struct emitter *em)
{
	if (!em->on)
		return;
	em->stats.gaps++;
	log_warn(em->people->ident, "emitter messages may be lost: its channel was not heard for a while");
}
