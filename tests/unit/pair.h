/*
 * A connection on one end of a socket pair, the test on the other end. The test turns the loop by hand.
 */
#ifndef UNIT_PAIR_H
#define UNIT_PAIR_H

#include "base/buf.h"
#include "net/conn.h"
#include "check.h"
#include <errno.h>
#include <ev.h>
#include <sys/socket.h>

struct pair {
	struct loop *loop;
	struct conn_budget budget;
	struct conn *conn;
	int fd;          /* the peer's end */
	struct buf got;  /* bytes that the peer read */
	bool eof, reset; /* ... and what it saw behind them */
};

static inline void pair_open(struct pair *p)
{
	int fds[2];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	*p = (struct pair){.loop = loop_new(), .fd = fds[1]};
	p->budget.max_queue_bytes = 1 << 20;
	p->budget.max_queue_items = 1000;
	p->budget.max_total_bytes = 4 << 20;
	p->conn = conn_new(p->loop, &p->budget, fds[0], NULL, "192.0.2.1");
}

/* A few turns without sleeping: enough for a read, its consequences and their writes. */
static inline void pair_turn(struct pair *p)
{
	for (int i = 0; i < 4; i++)
		ev_run(loop_ev(p->loop), EVRUN_NOWAIT);
	loop_settle(p->loop);
}

static inline void pair_read(struct pair *p)
{
	for (;;) {
		ssize_t n = recv(p->fd, buf_room(&p->got, 65536), 65536, 0);
		if (n > 0) {
			p->got.n += (size_t)n;
			continue;
		}
		p->eof |= n == 0;
		p->reset |= n < 0 && errno == ECONNRESET;
		return;
	}
}

static inline void pair_say(struct pair *p, struct slice s)
{
	CHECK_INT(send(p->fd, s.p, s.n, MSG_NOSIGNAL), s.n);
	pair_turn(p);
	pair_read(p);
}

static inline void strike(struct buf *b, struct slice text)
{
	for (char *at; b->n && (at = memmem(b->p, b->n, text.p, text.n));) {
		memmove(at, at + text.n, b->n - (size_t)(at - b->p) - text.n);
		b->n -= text.n;
	}
}

/* A head may have several faults, and the first of them that is here decides as what it is refused. */
static inline void strike_faults(struct buf *got)
{
	strike(got, SLICE("HTTP/1.1 400 Bad Request"));
	strike(got, SLICE("HTTP/1.1 417 Expectation Failed"));
	strike(got, SLICE("HTTP/1.1 431 Request Header Fields Too Large"));
	strike(got, SLICE("HTTP/1.1 501 Not Implemented"));
	strike(got, SLICE("HTTP/1.1 505 HTTP Version Not Supported"));
}

/* Sends n bytes of a blob of their own. */
static inline bool conn_send_bytes(struct conn *c, size_t n, char what)
{
	struct blob *b = blob_new(n);
	memset(b->p, what, n);
	bool sent = conn_send(c, b);
	blob_unref(&b);
	return sent;
}

static inline bool pair_send(struct pair *p, size_t n, char what)
{
	return conn_send_bytes(p->conn, n, what);
}

static inline void pair_close(struct pair *p)
{
	conn_budget_kill_all(&p->budget, CLOSE_SHUTDOWN);
	loop_settle(p->loop);
	CHECK_INT(p->budget.open, 0);
	CHECK_INT(p->budget.total_bytes, 0);
	CHECK_INT(p->budget.input_bytes, 0);
	buf_fini(&p->got);
	close(p->fd);
	loop_free(&p->loop);
}

#endif
