/*
 * A whole Socket.IO server in the test's own process, with struct people above it and clients in front of it: each a
 * WebSocket over a socket pair, which the test speaks and reads as text. The test turns the loop by hand.
 *
 *   struct guest *anna = stage_guest(&s);     a session
 *   guest_say(anna, "40{\"token\":...}");     what it sends
 *   guest_reads(anna, "40{...}\n42[...]\n");  what it has got since the last time
 *
 * In what is read a socket's own id stands as ID, and what the clock has written as TIME.
 */
#ifndef UNIT_STAGE_H
#define UNIT_STAGE_H

#include "http/http.h"
#include "net/conn.h"
#include "people/client.h"
#include "sio/sio.h"
#include "test.h"
#include <errno.h>
#include <ev.h>
#include <sys/socket.h>

#define ANNA "00000000-0000-4000-8000-00000000000a"
#define BORIS "00000000-0000-4000-8000-00000000000b"
#define CLARA "00000000-0000-4000-8000-00000000000c"

#define STAGE_GUESTS 300

struct guest {
	struct stage *stage;
	int fd;
	struct buf in, got;  /* bytes; frames, each a line */
	char id[SIO_ID_LEN]; /* of its socket, once CONNECT is answered */
};

struct stage {
	struct loop *loop;
	struct conn_budget budget;
	struct http_config http;
	struct sio_namespace root;
	struct sio_server *sio;
	struct people people;
	struct guest *guests[STAGE_GUESTS];
	size_t n;
};

/* ---- the server ---- */

static void stage_on_head(struct http_exchange *x, void *ctx)
{
	sio_handle(((struct stage *)ctx)->sio, x);
}

/* root: who is called; its name is set here. people.loop and what hangs off it is there afterwards. */
static inline void stage_begin(struct stage *s, const struct sio_namespace *root)
{
	*s = (struct stage){.http = {.max_head = 16384, .max_body = 65536}, .root = *root};
	if (log_threshold == LOG_INFO)
		log_threshold = LOG_ERROR; /* the test looks at states, not at the log */
	s->loop = loop_new();
	s->budget.max_queue_bytes = 1 << 20;
	s->budget.max_queue_items = 10000;
	s->budget.max_total_bytes = 64 << 20;
	s->root.name = "/";
	struct sio_config cfg = {
		.eio = {.path = "/socket.io/", .limits = eio_default_limits, .polling = true, .websocket = true},
		.limits = sio_default_limits};
	cfg.eio.limits.max_sessions_per_address = 0;
	s->sio = sio_server_new(s->loop, &cfg, &s->root, 1);
	s->people.loop = s->loop;
	s->people.sio = s->sio;
	people_start(&s->people);
}

static inline void stage_end_clients(struct stage *s)
{
	sio_server_free(&s->sio);
	conn_budget_kill_all(&s->budget, CLOSE_SHUTDOWN);
	loop_settle(s->loop);
	CHECK_INT(s->budget.open, 0);
}

/* After stage_end_clients, and after what the floors above have started is stopped. */
static inline void stage_end(struct stage *s)
{
	CHECK_INT(people_present(&s->people), 0);
	people_stop(&s->people);
	for (size_t i = 0; i < s->n; i++) {
		close(s->guests[i]->fd);
		buf_fini(&s->guests[i]->in);
		buf_fini(&s->guests[i]->got);
		free(s->guests[i]);
	}
	loop_free(&s->loop);
}

/* ---- a guest ---- */

static void guest_frames(struct guest *g)
{
	while (g->in.n >= 2) {
		const unsigned char *p = (const unsigned char *)g->in.p;
		size_t head = p[1] == 126 ? 4 : 2, n = p[1] == 126 && g->in.n >= 4 ? (size_t)(p[2] << 8 | p[3]) : p[1];
		CHECK(p[1] < 127);
		if (g->in.n < head || g->in.n < head + n)
			return;
		if (p[0] == 0x88)
			buf_str(&g->got, "Close");
		else
			buf_slice(&g->got, slice_of(g->in.p + head, n));
		buf_char(&g->got, '\n');
		buf_drop(&g->in, head + n);
	}
}

static inline void guest_read(struct guest *g)
{
	for (;;) {
		ssize_t n = recv(g->fd, buf_room(&g->in, 65536), 65536, 0);
		if (n <= 0)
			break;
		g->in.n += (size_t)n;
	}
	guest_frames(g);
	const char *at = g->got.n ? memmem(g->got.p, g->got.n, "40{\"sid\":\"", 10) : NULL;
	if (at)
		memcpy(g->id, at + 10, SIO_ID_LEN);
}

/* Some turns without sleeping: enough for what was said, its consequences and their writes. */
static inline void stage_turn(struct stage *s)
{
	for (int i = 0; i < 6; i++)
		ev_run(loop_ev(s->loop), EVRUN_NOWAIT);
	loop_settle(s->loop);
	for (size_t i = 0; i < s->n; i++)
		guest_read(s->guests[i]);
}

static inline void guest_send(struct guest *g, const char *text)
{
	struct buf b = {0};
	size_t n = strlen(text);
	CHECK(n < 65536);
	buf_char(&b, (char)0x81);
	buf_char(&b, (char)(0x80 | (n < 126 ? n : 126)));
	if (n >= 126) {
		buf_char(&b, (char)(n >> 8));
		buf_char(&b, (char)n);
	}
	buf_add(&b, "\0\0\0\0", 4); /* a mask that changes nothing */
	buf_str(&b, text);
	CHECK_INT(send(g->fd, b.p, b.n, MSG_NOSIGNAL), b.n);
	buf_fini(&b);
}

static inline void guest_say(struct guest *g, const char *text)
{
	guest_send(g, text);
	stage_turn(g->stage);
}

/* A session by WebSocket, its open packet read. */
static inline struct guest *stage_guest(struct stage *s)
{
	static const struct http_events events = {.on_head = stage_on_head};
	static const char upgrade[] =
		"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
	int fds[2];
	CHECK(s->n < STAGE_GUESTS);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	struct guest *g = s->guests[s->n++] = calloc(1, sizeof *g);
	g->stage = s;
	g->fd = fds[1];
	http_serve(conn_new(s->loop, &s->budget, fds[0], NULL, "192.0.2.1"), &s->http, &events, s);
	CHECK_INT(send(g->fd, upgrade, sizeof upgrade - 1, MSG_NOSIGNAL), sizeof upgrade - 1);
	for (int i = 0; i < 6; i++)
		ev_run(loop_ev(s->loop), EVRUN_NOWAIT);
	char head[512];
	ssize_t n = recv(g->fd, head, sizeof head, 0);
	const char *end = n > 0 ? memmem(head, (size_t)n, "\r\n\r\n", 4) : NULL;
	CHECK(end);
	buf_add(&g->in, end + 4, (size_t)(head + n - end - 4));
	stage_turn(s);
	CHECK(g->got.n && g->got.p[0] == '0');
	g->got.n = 0;
	return g;
}

/* ---- packets of a guest ---- */

static void guest_mark(struct buf *b, const char *before, size_t n, const char *mark)
{
	size_t skip = strlen(before), len = strlen(mark);
	for (char *at = b->p, *end = b->p + b->n; b->n && (at = memmem(at, (size_t)(end - at), before, skip));) {
		at += skip;
		CHECK(at + n <= end);
		memmove(at + len, at + n, (size_t)(end - at) - n);
		memcpy(at, mark, len);
		end -= n - len;
		b->n = (size_t)(end - b->p);
	}
}

static void guest_mark_id(struct guest *g)
{
	for (char *at = g->got.p, *end = g->got.p + g->got.n;
	     g->got.n && *g->id && (at = memmem(at, (size_t)(end - at), g->id, SIO_ID_LEN));) {
		memcpy(at, "ID", 2);
		memmove(at + 2, at + SIO_ID_LEN, (size_t)(end - at) - SIO_ID_LEN);
		end -= SIO_ID_LEN - 2;
		g->got.n = (size_t)(end - g->got.p);
	}
}

/* As text, until the next call; empty: nothing. */
static inline const char *guest_text(struct guest *g)
{
	guest_read(g);
	guest_mark_id(g);
	guest_mark(&g->got, "\"timestamp\":\"", 24, "TIME");
	guest_mark(&g->got, "\"expires_at\":\"", 24, "TIME");
	buf_char(&g->got, '\0');
	g->got.n = 0;
	return g->got.p;
}

#define guest_reads(g, want) CHECK_STR(guest_text(g), (want))

/* Turns until it has got something that has the text in it; the test's time limit is the only one. */
static inline void guest_waits_for(struct guest *g, const char *text)
{
	while (!g->got.n || !memmem(g->got.p, g->got.n, text, strlen(text))) {
		usleep(500);
		stage_turn(g->stage);
	}
}

static inline struct client *guest_client(const struct guest *g)
{
	return client_of(&g->stage->people, slice_of(g->id, SIO_ID_LEN));
}

#endif
