/*
 * CONNECT: the token is checked here, user and rooms by rt.socket_open, a batch at a time.
 *
 *   open_connect -> OPENING --rows say yes--> OPEN: CONNECT reply, `connected`, `sync:required`
 *        |             |--- presents an offset ---> RECOVERING --recover.c--> OPEN
 *        |             |-------- no --------> REFUSED: CONNECT reply, `error`, 41
 *        |             |--- database away --> WAITING: CONNECT reply, `error` UNAVAILABLE
 *        |----- away ------------------------> WAITING --database up--> as OPENING, the reply is out already
 *                                                |--5-10 s--> the session ends without 41 (contract 2.5)
 */
#include "app/worker.h"
#include "base/mem.h"
#include "base/text.h"
#include <stdio.h>

#define BATCH_MAX 128
#define PATIENCE_MS 5000

struct opening {
	struct client *c; /* NULL: gone meanwhile */
	char id[SIO_ID_LEN], user[UUID_LEN];
	bool clean; /* how it went */
	struct late_list late;
};

struct opens {
	struct list queue;   /* of clients, to be sent */
	struct list waiting; /* of clients, for the database */
	struct opening batch[BATCH_MAX];
	size_t out;
	struct sender sender;
};

static void send_batch(struct worker *w);

void opens_start(struct worker *w)
{
	w->opens = NEW(struct opens);
	list_init(&w->opens->queue);
	list_init(&w->opens->waiting);
	sender_init(&w->opens->sender, w, send_batch);
}

void opens_stop(struct worker *w)
{
	if (!w->opens)
		return;
	sender_stop(&w->opens->sender);
	for (size_t i = 0; i < w->opens->out; i++)
		late_free(&w->opens->batch[i].late);
	free(w->opens);
	w->opens = NULL;
}

/* ---- waiting for the database ---- */

static void patience_over(struct timer *t)
{
	struct client *c = container_of(t, struct client, timer);
	log_info(sio_ident(c->sio), "database away, sent off");
	sio_drop_session(c->sio, CLOSE_UNAVAILABLE);
}

static void wait_for_database(struct client *c)
{
	struct worker *w = c->w;
	list_del(&c->entering->link);
	list_add_tail(&w->opens->waiting, &c->entering->link);
	if (c->state == CLIENT_WAITING)
		return;
	c->state = CLIENT_WAITING;
	recovery_forget(c); /* the reply goes out without an id for it */
	sio_accept(c->sio, (struct slice){0});
	client_error(c, &(struct error_about){.code = SLICE("UNAVAILABLE"), .message = SLICE("Try again")});
	uint32_t spread;
	random_bytes(&spread, sizeof(spread));
	c->timer.fire = patience_over;
	timer_set(w->loop, &c->timer, loop_now(w->loop) + PATIENCE_MS + spread % PATIENCE_MS);
}

static void enqueue(struct client *c)
{
	struct opens *os = c->w->opens;
	list_del(&c->entering->link);
	list_add_tail(&os->queue, &c->entering->link);
	c->entering->after_ends = closes_mark(c->w);
	sender_wake(&os->sender);
}

void opens_go_on(struct worker *w)
{
	if (!list_empty(&w->opens->queue))
		sender_wake(&w->opens->sender);
}

/* The first of the queue that may be sent: it came behind ends that the database knows by now. */
static struct client *next_ready(const struct opens *os)
{
	struct entering *e = list_first(&os->queue, struct entering, link);
	return e && closes_past(os->sender.w, e->after_ends) ? e->client : NULL;
}

static void wait_no_longer(struct opens *os)
{
	struct list *it, *tmp;
	list_each (it, tmp, &os->waiting)
		enqueue(list_entry(it, struct entering, link)->client);
}

void opens_database_up(struct worker *w)
{
	wait_no_longer(w->opens);
}

/* ---- the answer ---- */

static void reply(struct client *c)
{
	struct buf extra = {0};
	if (c->recovery)
		recovery_member(&extra, c);
	sio_accept(c->sio, buf_view(&extra)); /* nothing when it is out already */
	buf_fini(&extra);
}

static void say_connected(struct client *c, bool recovered)
{
	struct buf data = {0};
	buf_str(&data, "{\"socket_id\":");
	buf_json_str(&data, client_id(c));
	buf_str(&data, ",\"user_id\":\"");
	buf_slice(&data, user_id(c->user));
	buf_str(&data, "\",\"timestamp\":");
	put_timestamp(&data, clock_wall_ms());
	buf_str(&data, recovered ? ",\"recovered\":true}" : "}");
	client_emit(c, SLICE("connected"), buf_view(&data));
	buf_fini(&data);
}

static void count_connect(struct worker *w, struct slice reason)
{
	w->m.connects[slice_eq(reason, SLICE("reconnection")) ? 1 : slice_eq(reason, SLICE("token_refresh")) ? 2 : 0]++;
}

void open_finish(struct client *c, struct slice reason, bool recovered)
{
	c->state = CLIENT_OPEN;
	client_entered(c);
	count_connect(c->w, reason);
	log_info(sio_ident(c->sio), "connected", LSL("user", user_id(c->user)), LSL("reason", reason),
	         LS("recovered", recovered ? "yes" : "no"));
	if (!recovered)
		reply(c); /* else what was missed has followed it */
	say_connected(c, recovered);
	if (!recovered)
		client_sync(c, reason);
	else
		offset_due(c);
	refresh_arm(c);
}

/* Control rows that the rooms do not know yet, in their order; false: one of them ends the socket. */
static bool apply_late(struct client *c, const struct late_list *late, const struct db_snapshot *snapshot)
{
	for (const struct late *l = late->first; l; l = l->next) {
		if (snapshot && db_snapshot_sees(snapshot, l->xid))
			continue;
		struct slice room = slice_of(l->room, l->n);
		if (l->verb == 'k')
			return false;
		if (l->verb == 'j')
			client_join(c, room);
		else
			client_leave(c, room);
	}
	return true;
}

static void opened(struct opening *o, const struct db_result *r, int row)
{
	struct client *c = o->c;
	struct worker *w = c->w;
	bool ok = slice_eq(db_value(r, row, 1), SLICE("t"));
	c->entering->opening = NULL;
	c->registered = ok;
	if (ok && c->until_ms <= clock_wall_ms()) {
		c->expired = true; /* it waited too long for the database */
		ok = false;
	}
	if (ok) {
		char *text = mem_strndup(db_value(r, row, 4).p, db_value(r, row, 4).n);
		struct db_snapshot *snapshot = db_snapshot_parse(text);
		free(text);
		rooms_enter(c, db_value(r, row, 2));
		hub_enter(w->hub, &c->member);
		ok = apply_late(c, &o->late, snapshot);
		db_snapshot_free(&snapshot);
	}
	timer_stop(w->loop, &c->timer);
	if (!ok) {
		w->m.tokens_refused[AUTH_CLAIMS + 1]++;
		log_info(sio_ident(c->sio), "user refused");
		client_refuse(c);
		return;
	}
	struct slice reason = db_value(r, row, 3);
	if (!c->recovery || !recover_begin(c, reason))
		open_finish(c, reason, false);
}

static void release_batch(struct opens *os)
{
	for (size_t i = 0; i < os->out; i++)
		late_free(&os->batch[i].late);
	os->out = 0;
	if (!list_empty(&os->queue))
		sender_wake(&os->sender);
}

static void answered(void *arg, const struct db_result *r)
{
	struct worker *w = arg;
	struct opens *os = w->opens;
	bool good = r->outcome == DB_OK && r->ncols == 5 && r->nrows == (int)os->out;
	for (size_t i = 0; good && i < os->out; i++) { /* nobody gets another's rooms */
		char ord[24];
		good = slice_eq(db_value(r, (int)i, 0), slice_of(ord, (size_t)snprintf(ord, sizeof ord, "%zu", i + 1)));
	}
	if (r->outcome == DB_ERROR && db_is_passing(r->sqlstate))
		log_warn(w->ident, "socket_open failed", LS("sqlstate", r->sqlstate),
		         LS("message", r->message ? r->message : ""));
	else if (r->outcome == DB_ERROR || (r->outcome == DB_OK && !good))
		log_error(w->ident, "socket_open failed", LS("sqlstate", r->sqlstate),
		          LS("message", r->message ? r->message : "unexpected result"));
	for (size_t i = 0; i < os->out; i++) {
		struct opening *o = &os->batch[i];
		if (!o->c) {
			/* the rows may be there, also where the outcome is unknown: telling it twice is harmless */
			close_tell(w, &(struct ended){slice_of(o->id, SIO_ID_LEN), slice_of(o->user, UUID_LEN),
			                              o->clean, .over = true});
		} else if (good) {
			opened(o, r, (int)i);
		} else {
			o->c->entering->opening = NULL;
			o->c->registered = r->outcome == DB_UNCERTAIN;
			wait_for_database(o->c);
		}
	}
	if (!good)
		sender_after(&os->sender, SENDER_AGAIN_MS);
	release_batch(os);
}

static void put_item(struct buf *items, struct buf *text, const struct client *c)
{
	text->n = 0;
	buf_str(text, "{\"socket_id\":");
	buf_json_str(text, client_id(c));
	buf_printf(text, ",\"user_id\":\"%.*s\",\"recovery\":%s", UUID_LEN, c->user->id,
	           c->recovering ? "true" : "false");
	if (c->recovery) {
		buf_char(text, ',');
		recovery_member(text, c);
	}
	buf_char(text, '}');
	db_array_add(items, buf_view(text));
}

static void send_batch(struct worker *w)
{
	struct opens *os = w->opens;
	struct buf items = {0}, text = {0};
	struct client *c;
	if (os->out)
		return;
	if (db_state(w->db) != DB_UP) {
		struct entering *e;
		while ((e = list_first(&os->queue, struct entering, link)))
			wait_for_database(e->client);
		return;
	}
	if (!sender_waits(&os->sender))
		wait_no_longer(os);
	if (!next_ready(os))
		return;
	db_array_begin(&items);
	while (os->out < BATCH_MAX && (c = next_ready(os))) {
		struct opening *o = &os->batch[os->out++];
		list_del(&c->entering->link);
		*o = (struct opening){.c = c};
		memcpy(o->id, client_id(c).p, SIO_ID_LEN);
		memcpy(o->user, c->user->id, UUID_LEN);
		late_init(&o->late);
		c->entering->opening = o;
		put_item(&items, &text, c);
	}
	db_array_end(&items);
	struct slice params[] = {slice_str(w->edge_id), buf_view(&items)};
	db_call(w->db, "select * from rt.socket_open($1::uuid, $2::text[])", params, 2, answered, w);
	buf_fini(&items);
	buf_fini(&text);
}

bool open_is_out(const struct client *c)
{
	return c->entering && c->entering->opening;
}

bool open_late(struct client *c, uint64_t xid, char verb, struct slice room)
{
	if (!open_is_out(c))
		return false;
	late_add(&c->entering->opening->late, xid, verb, room);
	return true;
}

void open_forget(struct client *c, bool clean)
{
	if (open_is_out(c)) {
		c->entering->opening->c = NULL;
		c->entering->opening->clean = clean;
	}
}

/* ---- CONNECT ---- */

/* The token of the CONNECT payload, else of the handshake's Authorization header (contract 2.1). */
static bool find_token(struct sio_socket *s, struct slice auth, struct buf *token)
{
	struct slice v;
	if (auth.n && json_kind_of(auth) == JSON_OBJECT && json_get(auth, "token", &v) && json_kind_of(v) != JSON_NULL)
		return json_kind_of(v) == JSON_STRING && json_unescape(token, v);
	if (!sio_authorization(s, &v) || v.n < 7 || strncasecmp(v.p, "Bearer ", 7) != 0)
		return false;
	while (v.n > 7 && v.p[7] == ' ')
		v = slice_of(v.p + 1, v.n - 1);
	buf_add(token, v.p + 7, v.n - 7);
	return true;
}

static void expired_noted(void *arg, const struct db_result *r)
{
	(void)arg, (void)r; /* a hint for the next reason, nothing more */
}

/* There is no client for it: the socket is told and forgotten (contract 2.4). */
static void turn_away(struct worker *w, struct sio_socket *s, const struct error_about *e, enum close_reason why)
{
	struct buf data = {0};
	error_put(&data, e, false);
	metrics_error(&w->m, e->code);
	w->m.events[metrics_event_find(&w->m, SLICE("error"))].n[STATUS_OK]++;
	struct packet *p = sio_event_packet("/", SLICE("error"), buf_view(&data));
	sio_accept(s, (struct slice){0});
	sio_send(s, p);
	packet_unref(&p);
	buf_fini(&data);
	sio_disconnect(s, true, why);
}

static void refuse_token(struct worker *w, struct sio_socket *s, enum auth_result why, const struct auth_claims *claims)
{
	/* what is noted is a time, and looked at for minutes: a client in a loop need not write it each time */
	static const struct rate_limit limit = {.per_s = 1, .burst = 1, .rate_class = RATE_EXPIRED};
	uint64_t retry_after_ms;
	w->m.tokens_refused[why]++;
	log_info(sio_ident(s), "token refused", LS("cause", auth_result_label(why)));
	if (why == AUTH_EXPIRED && db_state(w->db) == DB_UP &&
	    rate_allows_id(w, claims->sub, &limit, &retry_after_ms)) {
		struct slice user = slice_str(claims->sub);
		db_call(w->db, "select rt.token_expired($1::uuid)", &user, 1, expired_noted, NULL);
	}
	turn_away(w, s, &(struct error_about){.code = SLICE("UNAUTHORIZED"), .message = SLICE("Invalid token")},
	          CLOSE_UNAUTHORIZED);
}

/* Some of its sockets may be lost ones: by the time that is told they are known to be. */
static void refuse_one_more(struct worker *w, struct sio_socket *s)
{
	w->m.sockets_refused++;
	log_info(sio_ident(s), "socket refused", LS("cause", "its user has too many"));
	turn_away(w, s,
	          &(struct error_about){.code = SLICE("RATE_LIMIT"),
	                                .message = SLICE("Too many sockets"),
	                                .retry_after_ms = w->cfg->ping_interval_ms + w->cfg->ping_timeout_ms},
	          CLOSE_LIMIT);
}

static bool has_too_many(const struct worker *w, const char *user)
{
	const struct user *u = user_find(w, slice_of(user, UUID_LEN));
	return u && u->nclients >= (w->cfg->max_sockets_per_user ? w->cfg->max_sockets_per_user : UINT16_MAX);
}

static bool recovery_asked(struct slice auth)
{
	struct slice v;
	return auth.n && json_kind_of(auth) == JSON_OBJECT && json_get(auth, "pid", &v) &&
	       json_kind_of(v) == JSON_STRING;
}

void open_connect(struct sio_socket *s, struct slice auth, unsigned flaws, void *ctx)
{
	struct worker *w = ctx;
	struct buf token = {0};
	struct auth_claims claims = {0};
	enum auth_result result = AUTH_MALFORMED;
	if (!flaws && find_token(s, auth, &token))
		result = auth_check(w->auth, buf_view(&token), clock_wall_ms(), &claims);
	buf_fini(&token);
	if (result != AUTH_OK) {
		refuse_token(w, s, result, &claims);
		return;
	}
	if (has_too_many(w, claims.sub)) {
		refuse_one_more(w, s);
		return;
	}
	struct client *c = client_new(w, s, claims.sub);
	c->state = CLIENT_OPENING;
	c->until_ms = claims.until_ms;
	c->recovering = recovery_asked(auth);
	recover_asked(c, auth);
	enqueue(c);
}
