/*
 * The canary. A round is a run of its own: people and a chat are made, one client connects to each edge, each says one
 * thing, all listen, and all is removed. So nothing is left to go stale between two rounds, and the way in is tried
 * each time. The transports take turns.
 */
#include "app/admin.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "verify/run.h"
#include <signal.h>
#include <stdio.h>

#define STEP_MS 20
#define STATEMENT_MS 10000
#define REMOVE_MS 5000 /* of a round's end, at most */

/*
 *   REST --the next round is due--> MAKING --people are there--> CONNECTING --all are or have failed--> LISTENING
 *     ^                               |                                                                     |
 *     |                               | no database                                    all was heard, or time |
 *     |-------removed, or time-- REMOVING <-------------------------------------------------------------------|
 */
#define CANARY_STATES(X) \
	X(REST, rest) X(MAKING, making) X(CONNECTING, connecting) X(LISTENING, listening) X(REMOVING, removing)

enum canary_state {
#define X(NAME, label) CANARY_##NAME,
	CANARY_STATES(X)
#undef X
};

/* One edge. The upper part is of the present round, the lower one is what is exported. */
struct perch {
	struct canary *canary;
	struct caller *caller; /* NULL: not in this round */
	char id[37], *token;
	bool connected, acked, gone;
	uint64_t sent_us;
	unsigned heard; /* whose words: a set of perches */
	uint64_t slowest_us;

	bool success;
	double latency_s;
	uint64_t good, bad, good_at_ms; /* rounds; wall clock of the last good one */
};

struct canary {
	const struct verify_options *o;
	const struct canary_options *c;
	struct loop *loop;
	struct conn_budget budget;
	struct admin admin;
	struct link *link;
	struct place *places[VERIFY_EDGES_MOST];
	struct perch perches[VERIFY_EDGES_MOST];
	struct timer step;
	ev_signal term, interrupt;
	enum canary_state state;
	char run[37], chat[37];
	uint64_t round, due_ms, began_ms;
	bool asked, stopping, told;
};

static void canary_enter(struct canary *c, enum canary_state to)
{
	c->state = to;
	c->asked = false;
}

static bool canary_past(const struct canary *c, uint64_t ms)
{
	return loop_now(c->loop) > c->began_ms + ms;
}

/* ---- metrics ---- */

static void metric_head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* X(name, type, "help", the figure as a double); p is the perch. An edge has figures behind its first round. */
#define CANARY_METRICS(X)                                                                                             \
	X(bellwire_canary_success, gauge, "1 when the last round kept every promise at this edge", p->success)        \
	X(bellwire_canary_latency_seconds, gauge,                                                                     \
	  "From the word said at this edge to the last client that heard it, last time", p->latency_s)                \
	X(bellwire_canary_success_time_seconds, gauge,                                                                \
	  "When a round kept every promise at this edge last, since 1970", (double)p->good_at_ms / 1000)              \
	X(bellwire_canary_good_rounds_total, counter, "Rounds that kept every promise at this edge", (double)p->good) \
	X(bellwire_canary_bad_rounds_total, counter, "Rounds that did not", (double)p->bad)

static void canary_metrics(void *ctx, struct buf *out)
{
	const struct canary *c = ctx;
#define X(name, type, help, figure)                                    \
	metric_head(out, #name, #type, help);                          \
	for (unsigned i = 0; i < c->o->nedges; i++) {                  \
		const struct perch *p = &c->perches[i];                \
		if (!p->good && !p->bad)                               \
			continue;                                      \
		buf_str(out, #name "{edge=");                          \
		buf_json_str(out, slice_str(place_url(c->places[i]))); \
		buf_printf(out, "} %.6f\n", (double)(figure));         \
	}
	CANARY_METRICS(X)
#undef X
}

static const char *canary_missing(void *ctx)
{
	const struct canary *c = ctx;
	return c->perches[0].good || c->perches[0].bad ? NULL : "no round has ended yet";
}

/* ---- what is heard ---- */

static bool perch_content(struct slice data, struct buf *out)
{
	struct slice v;
	return json_get(data, "content", &v) && json_unescape(out, v);
}

static void perch_heard(struct perch *p, struct slice data)
{
	struct canary *c = p->canary;
	struct buf content = {0}, want = {0};
	for (unsigned i = 0; perch_content(data, &content) && i < c->o->nedges; i++) {
		want.n = 0;
		buf_printf(&want, "canary %s %u", c->run, i);
		struct perch *by = &c->perches[i];
		if (slice_eq(buf_view(&want), buf_view(&content)) && !(p->heard >> i & 1)) {
			uint64_t us = loop_clock_us() - by->sent_us;
			p->heard |= 1u << i;
			by->slowest_us = us > by->slowest_us ? us : by->slowest_us;
		}
		content.n = 0;
	}
	buf_fini(&content);
	buf_fini(&want);
}

static void perch_on_open(void *owner, bool recovered)
{
	(void)owner, (void)recovered; /* `connected` counts: rooms are complete then */
}

static void perch_on_event(void *owner, struct slice name, struct slice data)
{
	struct perch *p = owner;
	if (slice_eq(name, SLICE("connected")))
		p->connected = true;
	else if (slice_eq(name, SLICE("chat:message:new")))
		perch_heard(p, data);
}

static void perch_on_ack(void *owner, uint64_t id, struct slice data)
{
	struct perch *p = owner;
	struct slice status;
	(void)id;
	p->acked = json_get(data, "status", &status) && slice_eq(status, SLICE("\"sent\""));
}

static void perch_on_end(void *owner, const char *why, bool by_server)
{
	struct perch *p = owner;
	(void)by_server;
	if (p->canary->state == CANARY_CONNECTING || p->canary->state == CANARY_LISTENING)
		fprintf(stderr, "bellwire: canary: %s: %s\n", place_url(p->canary->places[p - p->canary->perches]),
		        why);
	p->connected = false;
	p->gone = true;
}

/* ---- a round ---- */

static void perch_say(struct perch *p, unsigned i)
{
	struct canary *c = p->canary;
	struct buf b = {0}, text = {0};
	uint64_t ack;
	buf_printf(&text, "canary %s %u", c->run, i);
	json_open(&b);
	json_member_str(&b, "chat_id", slice_str(c->chat));
	json_member_str(&b, "type", SLICE("text"));
	json_member_str(&b, "content", buf_view(&text));
	json_close(&b);
	p->sent_us = loop_clock_us();
	caller_emit(p->caller, "chat:message:send", buf_view(&b), &ack);
	buf_fini(&b);
	buf_fini(&text);
}

static bool perch_open(struct canary *c, unsigned i)
{
	static const struct caller_events events = {
		.on_open = perch_on_open, .on_event = perch_on_event, .on_ack = perch_on_ack, .on_end = perch_on_end};
	struct perch *p = &c->perches[i];
	char error[256] = "";
	p->token = auth_sign(&c->o->auth, p->id, clock_wall_ms() / 1000 + 3600, error, sizeof error);
	if (!p->token) {
		fprintf(stderr, "bellwire: canary: %s\n", error);
		return false;
	}
	const struct caller_config cfg = {c->loop, &c->budget, p->token, false};
	p->caller = caller_new(&cfg, &events, p);
	caller_open(p->caller, c->places[i], (enum client_transport)(c->round % CLIENT_TRANSPORT_MAX));
	return true;
}

static void canary_made(void *arg, enum link_fate fate, const PGresult *res)
{
	struct canary *c = arg;
	if (c->state != CANARY_MAKING)
		return; /* too late: the next round removes it */
	if (fate != LINK_ANSWERED || PQresultStatus(res) != PGRES_TUPLES_OK || PQntuples(res) != 1) {
		const char *why = fate == LINK_ANSWERED ? PQresultErrorMessage(res) : "no answer";
		fprintf(stderr, "bellwire: canary: database: %.*s\n", (int)strcspn(why, "\n"), why);
		return; /* time goes by, and the round is a bad one */
	}
	stage_ids(PQgetvalue(res, 0, 0), c->perches[0].id, sizeof(struct perch), c->o->nedges);
	stage_ids(PQgetvalue(res, 0, 1), c->chat, sizeof c->chat, 1);
	canary_enter(c, CANARY_CONNECTING);
	for (unsigned i = 0; i < c->o->nedges; i++)
		if (!perch_open(c, i))
			return;
}

static void canary_make(struct canary *c)
{
	struct buf names = {0}, chats = {0};
	buf_str(&names, "{");
	buf_str(&chats, "[[");
	for (unsigned i = 0; i < c->o->nedges; i++) {
		buf_printf(&names, "%sbellwire verify canary %u", i ? "," : "", i);
		buf_printf(&chats, "%s%u", i ? "," : "", i);
	}
	buf_add(&names, "}", 2); /* with its end */
	buf_add(&chats, "]]", 3);
	const char *values[] = {c->run, names.p, chats.p};
	c->asked = link_send(c->link, "select * from rt.verify_open($1::uuid, $2::text[], $3::jsonb)", 3, values,
	                     STATEMENT_MS, canary_made, c);
	buf_fini(&names);
	buf_fini(&chats);
}

static void canary_removed(void *arg, enum link_fate fate, const PGresult *res)
{
	struct canary *c = arg;
	if (c->state != CANARY_REMOVING)
		return;
	c->asked = false;
	if (fate == LINK_ANSWERED && PQresultStatus(res) == PGRES_TUPLES_OK && strcmp(PQgetvalue(res, 0, 0), "0") == 0)
		canary_enter(c, CANARY_REST);
}

static bool canary_all(const struct canary *c, bool (*is)(const struct canary *c, const struct perch *p))
{
	for (unsigned i = 0; i < c->o->nedges; i++)
		if (!is(c, &c->perches[i]))
			return false;
	return true;
}

static bool perch_is_decided(const struct canary *c, const struct perch *p)
{
	(void)c;
	return p->connected || p->gone;
}

static bool perch_is_gone(const struct canary *c, const struct perch *p)
{
	(void)c;
	return !p->caller || p->gone;
}

/* Who spoke: those who were connected then. */
static unsigned canary_spoken(const struct canary *c)
{
	unsigned set = 0;
	for (unsigned i = 0; i < VERIFY_EDGES_MOST; i++)
		set |= (unsigned)(c->perches[i].sent_us != 0) << i;
	return set;
}

static bool perch_is_content(const struct canary *c, const struct perch *p)
{
	unsigned me = 1u << (p - c->perches), spoken = canary_spoken(c);
	if (!(spoken & me))
		return false;
	for (unsigned i = 0; i < VERIFY_EDGES_MOST; i++)
		if (spoken >> i & 1 && !(c->perches[i].heard & me))
			return false;
	return p->acked && (p->heard & spoken) == spoken;
}

static bool perch_has_failed_to_speak(const struct canary *c, const struct perch *p)
{
	return perch_is_content(c, p) || !p->sent_us;
}

/* ---- its ends ---- */

static void canary_judge(struct canary *c)
{
	for (unsigned i = 0; i < c->o->nedges; i++) {
		struct perch *p = &c->perches[i];
		p->success = perch_is_content(c, p);
		p->good += p->success;
		p->bad += !p->success;
		if (p->success) {
			p->latency_s = (double)p->slowest_us / 1e6;
			p->good_at_ms = clock_wall_ms();
		}
	}
	for (unsigned i = 0; i < c->o->nedges; i++)
		if (c->perches[i].caller)
			caller_leave(c->perches[i].caller);
	canary_enter(c, CANARY_REMOVING);
	c->began_ms = loop_now(c->loop);
}

static void canary_clear(struct canary *c)
{
	for (unsigned i = 0; i < c->o->nedges; i++) {
		struct perch *p = &c->perches[i];
		caller_free(&p->caller);
		free(p->token);
		p->token = NULL;
		p->connected = p->acked = p->gone = false;
		p->sent_us = p->slowest_us = 0;
		p->heard = 0;
	}
}

static void canary_begin(struct canary *c)
{
	canary_clear(c);
	run_name(c->run);
	c->round++;
	c->began_ms = loop_now(c->loop);
	c->due_ms = c->began_ms + c->c->every_ms;
	canary_enter(c, CANARY_MAKING);
}

static void canary_remove(struct canary *c)
{
	const char *values[] = {c->run};
	if (!c->asked && canary_all(c, perch_is_gone))
		c->asked = link_send(c->link, "select rt.verify_close($1::uuid)", 1, values, STATEMENT_MS,
		                     canary_removed, c);
	if (canary_past(c, REMOVE_MS) && c->state == CANARY_REMOVING)
		canary_enter(c, CANARY_REST); /* the next round removes it */
}

static void canary_say(struct canary *c)
{
	for (unsigned i = 0; i < c->o->nedges; i++)
		if (c->perches[i].connected)
			perch_say(&c->perches[i], i);
	canary_enter(c, CANARY_LISTENING);
}

static void canary_work(struct canary *c)
{
	uint64_t within = c->o->within_ms;
	if (c->state == CANARY_REST && c->stopping)
		loop_stop(c->loop);
	else if (c->state == CANARY_REST && loop_now(c->loop) >= c->due_ms)
		canary_begin(c);
	else if (c->state == CANARY_MAKING && !c->asked)
		canary_make(c);
	else if (c->state == CANARY_CONNECTING && (canary_all(c, perch_is_decided) || canary_past(c, within / 2)))
		canary_say(c);
	else if (c->state == CANARY_REMOVING)
		canary_remove(c);
	bool heard = c->state == CANARY_LISTENING && canary_all(c, perch_has_failed_to_speak);
	bool late = (c->state == CANARY_MAKING || c->state == CANARY_LISTENING) && canary_past(c, within);
	if (heard || late)
		canary_judge(c);
}

static void canary_on_step(struct timer *t)
{
	struct canary *c = container_of(t, struct canary, step);
	timer_set(c->loop, t, loop_now(c->loop) + STEP_MS);
	canary_work(c);
}

/* ---- life ---- */

static void canary_on_up(void *ctx)
{
	struct canary *c = ctx;
	link_settled(c->link);
	c->told = false;
}

static void canary_on_down(void *ctx, bool was_up, const char *why)
{
	struct canary *c = ctx;
	if (!was_up && !c->told)
		fprintf(stderr, "bellwire: canary: database: %s\n", why);
	c->told |= !was_up; /* once an outage: the rounds are counted */
}

static void canary_on_signal(struct ev_loop *ev, ev_signal *sig, int revents)
{
	struct canary *c = sig->data;
	(void)ev, (void)revents;
	if (c->stopping)
		loop_stop(c->loop);
	c->stopping = true;
}

static bool canary_start(struct canary *c)
{
	static const struct link_events events = {.on_up = canary_on_up, .on_down = canary_on_down};
	const struct link_config cfg = {.url = c->o->database_url, .application_name = "bellwire canary"};
	char error[512] = "";
	const char *wrong = NULL;
	for (unsigned i = 0; i < c->o->nedges; i++) {
		c->perches[i].canary = c;
		c->places[i] = place_new(c->o->edges[i], error, sizeof error);
		if (!c->places[i]) {
			fprintf(stderr, "bellwire: %s\n", error);
			return false;
		}
	}
	c->admin = (struct admin){.missing = canary_missing, .print_metrics = canary_metrics, .ctx = c};
	if (!admin_listen(&c->admin, c->loop, c->c->metrics, &wrong)) {
		fprintf(stderr, "bellwire: %s: %s\n", c->c->metrics, wrong);
		return false;
	}
	c->link = link_new(c->loop, &cfg, &events, c);
	link_start(c->link);
	return true;
}

static void canary_loop(struct canary *c)
{
	loop_watch_signal(c->loop, &c->term, SIGTERM, canary_on_signal, c);
	loop_watch_signal(c->loop, &c->interrupt, SIGINT, canary_on_signal, c);
	c->step.fire = canary_on_step;
	if (c->admin.listener) {
		printf("bellwire: canary: metrics at port %u\n", listener_port(c->admin.listener));
		fflush(stdout);
	}
	timer_set(c->loop, &c->step, loop_now(c->loop));
	loop_run(c->loop);
	timer_stop(c->loop, &c->step);
	ev_signal_stop(loop_ev(c->loop), &c->term);
	ev_signal_stop(loop_ev(c->loop), &c->interrupt);
}

bool canary_run(const struct verify_options *o, const struct canary_options *co)
{
	struct canary *c = NEW(struct canary);
	*c = (struct canary){.o = o, .c = co, .loop = loop_new(), .budget = verify_budget};
	signal(SIGPIPE, SIG_IGN);
	bool good = canary_start(c);
	if (good)
		canary_loop(c);
	canary_clear(c);
	link_free(&c->link);
	admin_stop(&c->admin);
	loop_settle(c->loop);
	for (unsigned i = 0; i < o->nedges; i++)
		place_free(&c->places[i]);
	loop_free(&c->loop);
	free(c);
	return good;
}
