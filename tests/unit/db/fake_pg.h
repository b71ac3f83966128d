/*
 * A server that speaks as much of Postgres' protocol as links need, on a unix socket and in the test's own loop, so
 * that a test decides to the byte what libpq, the real one, has been told when. Nobody but the test answers: on_query
 * is called with each statement once its Sync is here, and writes with the fake_... functions whatever it wants.
 */
#ifndef UNIT_FAKE_PG_H
#define UNIT_FAKE_PG_H

#include "base/buf.h"
#include "net/loop.h"
#include "test.h"
#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#define FAKE_PARAMS 8

static void fake_tick(struct ev_loop *ev, ev_timer *w, int revents)
{
	(void)ev, (void)w, (void)revents;
}

/* BELLWIRE_TEST_STALLS=7, any seed: one turn in seven stands still for a while, as on a busy machine. */
static inline void fake_stall(void)
{
	static const useconds_t stalls_us[] = {8000, 35000, 120000};
	static unsigned seed;
	const char *given = getenv("BELLWIRE_TEST_STALLS");
	if (!given)
		return;
	if (!seed)
		seed = (unsigned)atoi(given) + 1;
	size_t i = (size_t)(rand_r(&seed) % 20);
	if (i < ARRAY_LEN(stalls_us))
		usleep(stalls_us[i]);
}

/* One turn. It is bounded, since the loop may sleep for long when the test's condition came true before. */
static inline void fake_turn(struct loop *l)
{
	ev_timer tick;
	fake_stall();
	ev_timer_init(&tick, fake_tick, 0.002, 0.);
	ev_timer_start(loop_ev(l), &tick);
	ev_run(loop_ev(l), EVRUN_ONCE);
	ev_timer_stop(loop_ev(l), &tick);
}

/* Turns of the loop until the condition holds; the test's time limit is the only one. */
#define WAIT_FOR(l, cond)             \
	do {                          \
		while (!(cond))       \
			fake_turn(l); \
	} while (0)

struct fake_conn {
	struct list link;
	struct fake_pg *pg;
	ev_io io;
	struct buf in, out;
	bool started, gone;
	bool deaf;     /* does not read any more */
	char role[80]; /* application_name */
	char sql[400]; /* the statement that is being received, or the name of a prepared one */
	int n;
	char *params[FAKE_PARAMS]; /* NULL: null */
};

struct fake_pg {
	struct loop *loop;
	char dir[40], path[80], url[120];
	ev_io io;
	struct list conns; /* freed by fake_stop alone */
	int connects;
	bool silent;    /* accepts, and answers nothing */
	bool only_read; /* says that it is a standby */
	void (*on_query)(struct fake_conn *c, const char *sql);
	void *ctx;
};

/* ---- writing ---- */

static void fake_watch(struct fake_conn *c)
{
	ev_io_stop(loop_ev(c->pg->loop), &c->io);
	int events = (c->deaf ? 0 : EV_READ) | (c->out.n ? EV_WRITE : 0);
	if (c->gone || !events)
		return;
	ev_io_set(&c->io, c->io.fd, events);
	ev_io_start(loop_ev(c->pg->loop), &c->io);
}

static inline void fake_cut(struct fake_conn *c)
{
	if (c->gone)
		return;
	ev_io_stop(loop_ev(c->pg->loop), &c->io);
	c->gone = true;
	close(c->io.fd);
}

static void fake_flush(struct fake_conn *c)
{
	while (!c->gone && c->out.n) {
		ssize_t n = send(c->io.fd, c->out.p, c->out.n, MSG_NOSIGNAL);
		if (n < 0)
			break;
		buf_drop(&c->out, (size_t)n);
	}
	if (!c->gone)
		fake_watch(c);
}

static void fake_u32(struct buf *b, uint32_t v)
{
	v = htonl(v);
	buf_add(b, (char *)&v, 4);
}

static void fake_u16(struct buf *b, unsigned v)
{
	uint16_t be = htons((uint16_t)v);
	buf_add(b, (char *)&be, 2);
}

static void fake_message(struct fake_conn *c, char type, struct buf *body)
{
	if (!c->gone) {
		buf_char(&c->out, type);
		fake_u32(&c->out, (uint32_t)body->n + 4);
		buf_slice(&c->out, buf_view(body));
		fake_flush(c);
	}
	buf_fini(body);
}

static void fake_text(struct buf *b, const char *s)
{
	buf_str(b, s);
	buf_char(b, '\0');
}

static inline void fake_ready(struct fake_conn *c)
{
	struct buf b = {0};
	buf_char(&b, 'I');
	fake_message(c, 'Z', &b);
}

static inline void fake_columns(struct fake_conn *c, int n)
{
	struct buf b = {0};
	fake_message(c, '1', &(struct buf){0});
	fake_message(c, '2', &(struct buf){0});
	fake_u16(&b, (unsigned)n);
	for (int i = 0; i < n; i++) {
		fake_text(&b, "x");
		fake_u32(&b, 0), fake_u16(&b, 0), fake_u32(&b, 25), fake_u16(&b, 65535), fake_u32(&b, 0),
			fake_u16(&b, 0);
	}
	fake_message(c, 'T', &b);
}

static inline void fake_row(struct fake_conn *c, const char *const *values, int n)
{
	struct buf b = {0};
	fake_u16(&b, (unsigned)n);
	for (int i = 0; i < n; i++) {
		fake_u32(&b, values[i] ? (uint32_t)strlen(values[i]) : UINT32_MAX);
		buf_str(&b, values[i] ? values[i] : "");
	}
	fake_message(c, 'D', &b);
}

static inline void fake_complete(struct fake_conn *c)
{
	struct buf b = {0};
	fake_text(&b, "SELECT 1");
	fake_message(c, 'C', &b);
}

static inline void fake_rows_end(struct fake_conn *c)
{
	fake_complete(c);
	fake_ready(c);
}

/* One row of n values, whole. */
static inline void fake_answer(struct fake_conn *c, const char *const *values, int n)
{
	fake_columns(c, n);
	fake_row(c, values, n);
	fake_rows_end(c);
}

/* A command without rows. */
static inline void fake_command(struct fake_conn *c)
{
	fake_message(c, '1', &(struct buf){0});
	fake_message(c, '2', &(struct buf){0});
	fake_message(c, 'n', &(struct buf){0});
	fake_rows_end(c);
}

static inline void fake_error_only(struct fake_conn *c, const char *severity, const char *sqlstate, const char *text)
{
	struct buf b = {0};
	buf_char(&b, 'S'), fake_text(&b, severity);
	buf_char(&b, 'V'), fake_text(&b, severity);
	buf_char(&b, 'C'), fake_text(&b, sqlstate);
	buf_char(&b, 'M'), fake_text(&b, text);
	buf_char(&b, '\0');
	fake_message(c, 'E', &b);
}

static inline void fake_error_with_detail(struct fake_conn *c, const char *sqlstate, const char *text,
                                          const char *detail)
{
	struct buf b = {0};
	buf_char(&b, 'S'), fake_text(&b, "ERROR");
	buf_char(&b, 'C'), fake_text(&b, sqlstate);
	buf_char(&b, 'M'), fake_text(&b, text);
	buf_char(&b, 'D'), fake_text(&b, detail);
	buf_char(&b, '\0');
	fake_message(c, 'E', &b);
	fake_ready(c);
}

static inline void fake_error(struct fake_conn *c, const char *sqlstate, const char *text)
{
	fake_error_only(c, "ERROR", sqlstate, text);
	fake_ready(c);
}

static inline void fake_notify(struct fake_conn *c, const char *channel, const char *payload)
{
	struct buf b = {0};
	fake_u32(&b, 4711);
	fake_text(&b, channel);
	fake_text(&b, payload);
	fake_message(c, 'A', &b);
}

/* ---- reading ---- */

static uint32_t fake_get32(const char *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return ntohl(v);
}

static void fake_forget(struct fake_conn *c)
{
	for (int i = 0; i < c->n; i++)
		free(c->params[i]);
	c->n = 0;
	c->sql[0] = '\0';
}

static void fake_parameter(struct fake_conn *c, const char *name, const char *value)
{
	struct buf b = {0};
	fake_text(&b, name);
	fake_text(&b, value);
	fake_message(c, 'S', &b);
}

static void fake_startup(struct fake_conn *c, const char *p, const char *end)
{
	for (p += 4; p < end && *p; p += strlen(p) + 1) {
		const char *value = p + strlen(p) + 1;
		if (strcmp(p, "application_name") == 0)
			snprintf(c->role, sizeof c->role, "%s", value);
		p = value;
	}
	struct buf ok = {0};
	fake_u32(&ok, 0);
	fake_message(c, 'R', &ok);
	fake_parameter(c, "in_hot_standby", c->pg->only_read ? "on" : "off");
	fake_parameter(c, "default_transaction_read_only", "off");
	fake_ready(c);
	c->started = true;
}

static void fake_bind(struct fake_conn *c, const char *p)
{
	p += strlen(p) + 1; /* portal */
	if (*p)
		snprintf(c->sql, sizeof c->sql, "%s", p);
	p += strlen(p) + 1;
	p += 2 + 2 * (size_t)((unsigned char)p[0] << 8 | (unsigned char)p[1]); /* formats */
	c->n = (unsigned char)p[0] << 8 | (unsigned char)p[1];
	CHECK(c->n <= FAKE_PARAMS);
	p += 2;
	for (int i = 0; i < c->n; i++) {
		uint32_t n = fake_get32(p);
		p += 4;
		c->params[i] = n == UINT32_MAX ? NULL : strndup(p, n);
		p += n == UINT32_MAX ? 0 : n;
	}
}

static void fake_got(struct fake_conn *c, char type, const char *p)
{
	if (type == 'P') {
		fake_forget(c);
		snprintf(c->sql, sizeof c->sql, "%s", p + strlen(p) + 1);
	} else if (type == 'B') {
		fake_bind(c, p);
	} else if (type == 'S') {
		c->pg->on_query(c, c->sql);
		fake_forget(c);
	} else if (type == 'X') {
		fake_cut(c);
	}
}

/* One message from the start of what has been read; false: it is not whole yet. */
static bool fake_take(struct fake_conn *c)
{
	size_t head = c->started ? 5 : 4;
	if (c->gone || c->in.n < head)
		return false;
	size_t n = fake_get32(c->in.p + head - 4) + head - 4;
	if (c->in.n < n)
		return false;
	char *body = memcpy(calloc(1, n + 1), c->in.p, n); /* on_query may cut, or read on */
	buf_drop(&c->in, n);
	if (c->started)
		fake_got(c, body[0], body + 5);
	else if (!c->pg->silent)
		fake_startup(c, body + 4, body + n);
	free(body);
	return true;
}

static void fake_on_io(struct ev_loop *ev, ev_io *w, int revents)
{
	(void)ev;
	struct fake_conn *c = w->data;
	if (revents & EV_READ) {
		char *room = buf_room(&c->in, 65536);
		ssize_t n = recv(w->fd, room, 65536, 0);
		if (n <= 0 && errno != EAGAIN) {
			fake_cut(c);
			return;
		}
		c->in.n += n > 0 ? (size_t)n : 0;
		while (fake_take(c))
			;
	}
	fake_flush(c);
}

static void fake_on_accept(struct ev_loop *ev, ev_io *w, int revents)
{
	(void)revents;
	struct fake_pg *pg = w->data;
	struct fake_conn *c = calloc(1, sizeof *c);
	c->pg = pg;
	int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	CHECK(fd >= 0);
	ev_io_init(&c->io, fake_on_io, fd, EV_READ);
	c->io.data = c;
	ev_io_start(ev, &c->io);
	list_add_tail(&pg->conns, &c->link);
	pg->connects++;
}

/* ---- life ---- */

static inline void fake_listen(struct fake_pg *pg)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	snprintf(at.sun_path, sizeof at.sun_path, "%s", pg->path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	CHECK(bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 64) == 0);
	ev_io_init(&pg->io, fake_on_accept, fd, EV_READ);
	pg->io.data = pg;
	ev_io_start(loop_ev(pg->loop), &pg->io);
}

static inline void fake_stop_listening(struct fake_pg *pg)
{
	ev_io_stop(loop_ev(pg->loop), &pg->io);
	close(pg->io.fd);
	unlink(pg->path);
}

/* An address of its own, at which nobody listens yet. */
static inline void fake_prepare(struct fake_pg *pg)
{
	*pg = (struct fake_pg){0};
	list_init(&pg->conns);
	snprintf(pg->dir, sizeof pg->dir, "/tmp/bellwire-unit-XXXXXX");
	CHECK(mkdtemp(pg->dir));
	snprintf(pg->path, sizeof pg->path, "%s/.s.PGSQL.5432", pg->dir);
	snprintf(pg->url, sizeof pg->url, "host=%s port=5432 user=u dbname=d", pg->dir);
}

static inline void fake_start_prepared(struct fake_pg *pg, struct loop *l,
                                       void (*on_query)(struct fake_conn *, const char *), void *ctx)
{
	pg->loop = l;
	pg->on_query = on_query;
	pg->ctx = ctx;
	fake_listen(pg);
}

static inline void fake_start(struct fake_pg *pg, struct loop *l, void (*on_query)(struct fake_conn *, const char *),
                              void *ctx)
{
	fake_prepare(pg);
	fake_start_prepared(pg, l, on_query, ctx);
}

static inline void fake_stop(struct fake_pg *pg)
{
	while (!list_empty(&pg->conns)) {
		struct fake_conn *c = list_first(&pg->conns, struct fake_conn, link);
		fake_cut(c);
		list_del(&c->link);
		fake_forget(c);
		buf_fini(&c->in);
		buf_fini(&c->out);
		free(c);
	}
	fake_stop_listening(pg);
	rmdir(pg->dir);
}

/* The connection of this role (the last word of its application_name) that is there; NULL: none. */
static inline struct fake_conn *fake_find(struct fake_pg *pg, const char *role)
{
	for (struct list *at = pg->conns.next; at != &pg->conns; at = at->next) {
		struct fake_conn *c = list_entry(at, struct fake_conn, link);
		const char *last = strrchr(c->role, ' ');
		if (!c->gone && strcmp(last ? last + 1 : c->role, role) == 0)
			return c;
	}
	return NULL;
}

#endif
