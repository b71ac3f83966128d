#include "conn.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_MAX = 256 * 1024, TEXT = 1, CLOSE = 8, PING = 9, PONG = 10 };

struct conn_pool {
	int epoll, port;
	struct conn_calls calls;
	void *ctx;
	uint8_t buf[READ_MAX];
};

struct conn_pool *conn_pool_new(int epoll, int port, const struct conn_calls *calls, void *ctx)
{
	struct conn_pool *p = malloc(sizeof *p);
	if (!p)
		abort();
	p->epoll = epoll;
	p->port = port;
	p->calls = *calls;
	p->ctx = ctx;
	return p;
}

void conn_pool_free(struct conn_pool *p)
{
	free(p);
}

void conn_shut(struct conn *c)
{
	if (c->fd >= 0 && c->state != CONN_NONE)
		close(c->fd);
	c->fd = -1;
	c->state = CONN_NONE;
	free(c->held);
	c->held = NULL;
	c->held_n = 0;
}

static void die(struct conn_pool *p, struct conn *c, const char *why)
{
	conn_shut(c);
	c->state = CONN_DEAD;
	p->calls.dead(c, why, p->ctx);
}

bool conn_open(struct conn_pool *p, struct conn *c)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)p->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return false;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	if (connect(c->fd, (struct sockaddr *)&a, sizeof a) < 0 && errno != EINPROGRESS) {
		close(c->fd);
		c->fd = -1;
		return false;
	}
	c->state = CONN_CONNECTING;
	struct epoll_event e = {.events = EPOLLOUT, .data.ptr = c};
	return epoll_ctl(p->epoll, EPOLL_CTL_ADD, c->fd, &e) == 0;
}

static void send_frame(struct conn *c, int opcode, const char *text, size_t len)
{
	uint8_t head[14];
	size_t h = 2;
	head[0] = (uint8_t)(0x80 | opcode);
	if (len < 126) {
		head[1] = (uint8_t)(0x80 | len);
	} else {
		head[1] = 0x80 | 126;
		head[2] = (uint8_t)(len >> 8);
		head[3] = (uint8_t)len;
		h = 4;
	}
	/* a key of zeros: the server unmasks as ever, and nothing is to be done here */
	memset(head + h, 0, 4);
	h += 4;
	uint8_t out[4096];
	if (len > 65535 || h + len > sizeof out) {
		fprintf(stderr, "load: frame of %zu bytes\n", len);
		exit(1);
	}
	memcpy(out, head, h);
	memcpy(out + h, text, len);
	ssize_t n = send(c->fd, out, h + len, MSG_NOSIGNAL);
	if (n == (ssize_t)(h + len))
		return;
	if (n < 0 && errno != EAGAIN)
		return; /* reading will say why */
	fprintf(stderr, "load: client %u cannot write\n", c->n);
	exit(1);
}

void conn_send(struct conn *c, const char *text, size_t len)
{
	send_frame(c, TEXT, text, len);
}

static void on_text(struct conn_pool *p, struct conn *c, const char *t, size_t len, const char *token)
{
	char connect[2048];
	if (len == 0)
		return;
	switch (t[0]) {
	case '0':
		conn_send(c, connect, (size_t)snprintf(connect, sizeof connect, "40{\"token\":\"%s\"}", token));
		break;
	case '2':
		conn_send(c, "3", 1);
		break;
	case '4':
		if (len < 2)
			return;
		if (t[1] == '0') {
			c->state = CONN_READY;
			p->calls.ready(c, p->ctx);
		} else if (t[1] == '4' || t[1] == '1') {
			die(p, c, t[1] == '4' ? "connect_error" : "disconnected");
		} else {
			p->calls.packet(c, t + 1, len - 1, p->ctx);
		}
		break;
	}
}

/* How many bytes the first frame of b has, 0 when it is not complete; the payload's place in *at, *len. */
static size_t frame(const uint8_t *b, size_t n, size_t *at, size_t *len)
{
	if (n < 2)
		return 0;
	size_t h = 2;
	*len = b[1] & 127;
	if (*len == 126) {
		h = 4;
		if (n < h)
			return 0;
		*len = (size_t)b[2] << 8 | b[3];
	} else if (*len == 127) {
		h = 10;
		if (n < h)
			return 0;
		*len = (size_t)b[6] << 24 | (size_t)b[7] << 16 | (size_t)b[8] << 8 | b[9];
	}
	*at = h;
	return n < h + *len ? 0 : h + *len;
}

static size_t handshake(struct conn_pool *p, struct conn *c, const uint8_t *b, size_t n)
{
	const uint8_t *end = memmem(b, n, "\r\n\r\n", 4);
	if (!end)
		return 0;
	if (n < 12 || memcmp(b, "HTTP/1.1 101", 12) != 0) {
		die(p, c, "handshake refused");
		return 0;
	}
	c->state = CONN_OPENING;
	return (size_t)(end - b) + 4;
}

static void consume(struct conn_pool *p, struct conn *c, const uint8_t *b, size_t n, const char *token)
{
	size_t used = 0;
	if (c->state == CONN_HANDSHAKE)
		used = handshake(p, c, b, n);
	if (c->state == CONN_OPENING || c->state == CONN_READY) {
		size_t at, len, size;
		while ((size = frame(b + used, n - used, &at, &len)) > 0) {
			int opcode = b[used] & 15;
			const char *text = (const char *)b + used + at;
			if (opcode == TEXT)
				on_text(p, c, text, len, token);
			else if (opcode == PING)
				send_frame(c, PONG, text, len);
			else if (opcode == CLOSE)
				die(p, c, "closed");
			if (c->state != CONN_OPENING && c->state != CONN_READY)
				return;
			used += size;
		}
	}
	if (c->state == CONN_DEAD || c->state == CONN_NONE)
		return;
	size_t rest = n - used;
	uint8_t *kept = rest ? malloc(rest) : NULL;
	if (kept)
		memcpy(kept, b + used, rest);
	free(c->held);
	c->held = kept;
	c->held_n = (uint32_t)rest;
}

static void connected(struct conn_pool *p, struct conn *c)
{
	static const char request[] =
		"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n"
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
	int error = 0;
	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error});
	if (error || send(c->fd, request, sizeof request - 1, MSG_NOSIGNAL) != sizeof request - 1) {
		die(p, c, error ? strerror(error) : "no connection");
		return;
	}
	c->state = CONN_HANDSHAKE;
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
	epoll_ctl(p->epoll, EPOLL_CTL_MOD, c->fd, &e);
}

void conn_turn(struct conn_pool *p, struct conn *c, const char *token)
{
	if (c->state == CONN_NONE || c->state == CONN_DEAD)
		return;
	if (c->state == CONN_CONNECTING) {
		connected(p, c);
		return;
	}
	size_t held = c->held_n;
	if (held >= READ_MAX) {
		die(p, c, "frame too large");
		return;
	}
	if (held)
		memcpy(p->buf, c->held, held);
	ssize_t n = recv(c->fd, p->buf + held, READ_MAX - held, 0);
	if (n > 0)
		consume(p, c, p->buf, held + (size_t)n, token);
	else if (n == 0)
		die(p, c, "end");
	else if (errno != EAGAIN && errno != EINTR)
		die(p, c, strerror(errno));
}
