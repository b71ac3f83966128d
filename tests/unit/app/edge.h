/*
 * The whole edge in the test's process, as worker_start makes it from settings, on a played database. Requests to it go through
 * real connections to its listeners.
 */
#ifndef UNIT_EDGE_H
#define UNIT_EDGE_H

#include "app/parts.h"
#include "app/worker.h"
#include "auth/auth.h"
#include "base/text.h"
#include "database.h"
#include "net/listener.h"
#include <arpa/inet.h>
#include <netinet/in.h>

#define ANNA "00000000-0000-4000-8000-00000000000a"
#define SECRET "0123456789abcdef0123456789abcdef"
#define EDGE_READY "8|x" /* of rt.version; edge_begin sets schema_needed to match */

static struct {
	struct config cfg;
	struct worker w;
	struct database base;
	struct buf answer; /* of the last request */
	const char *host;  /* that requests name; NULL: h */
} edge;

static const struct auth_config edge_keys = {.algorithm = "HS256", .secret = SECRET};

static inline void edge_turns(void)
{
	fake_turn(edge.w.loop);
	loop_settle(edge.w.loop);
}

/* Turns until it is so; the test's time limit is the only one. */
#define EDGE_UNTIL(cond)              \
	do {                          \
		while (!(cond))       \
			edge_turns(); \
	} while (0)

/* variables: names and values of settings beyond those that a test needs, ended by NULL. */
static inline void edge_begin(const char *const *variables)
{
	char error[200] = "";
	fake_prepare(&edge.base.pg);
	clearenv();
	setenv("DATABASE_URL", edge.base.pg.url, 1);
	setenv("JWT_SECRET", SECRET, 1);
	setenv("BELLWIRE_NAME", "unit", 1);
	setenv("BELLWIRE_LISTEN", "127.0.0.1:0", 1);
	setenv("BELLWIRE_ADMIN_LISTEN", "127.0.0.1:0", 1);
	setenv("BELLWIRE_BELL", "off", 1); /* the played pump is polled, never rung */
	for (; *variables; variables += 2)
		setenv(variables[0], variables[1], 1);
	CHECK(config_load(&edge.cfg, NULL, error, sizeof error));
	log_threshold = LOG_ERROR;
	edge.w = (struct worker){.cfg = &edge.cfg, .auth = auth_new(&edge_keys, error, sizeof error)};
	CHECK(worker_start(&edge.w));
	edge.w.entry.schema_needed = 8;
	database_play_from(&edge.base, edge.w.loop);
	database_answers(&edge.base, "rt.version", EDGE_READY);
	database_answers(&edge.base, "rt.routes", "chat:send|rt.chat_send|200|sending|0|0||never|t|~|~|~|~");
	database_answers(&edge.base, "rt.token_keys", "k|HS256|" SECRET "|0|~");
	database_answers(&edge.base, "rt.recovery_key",
	                 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
}

#define EDGE_BEGIN(...) edge_begin((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static inline void edge_end(void)
{
	database_end(&edge.base); /* before the loop, which is the worker's */
	worker_stop(&edge.w);
	buf_fini(&edge.answer);
	config_free(&edge.cfg);
}

/* ---- requests ---- */

static inline int edge_connect(unsigned port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
	CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	return fd;
}

/* The whole answer, head included; until the next request. */
static inline const char *edge_ask(unsigned port, const char *method, const char *target, const char *headers)
{
	int fd = edge_connect(port);
	struct buf b = {0};
	ssize_t n = -1;
	buf_printf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n", method, target,
	           edge.host ? edge.host : "h", headers);
	CHECK_INT(send(fd, b.p, b.n, MSG_NOSIGNAL), b.n);
	buf_fini(&b);
	edge.answer.n = 0;
	do {
		edge_turns();
		n = recv(fd, buf_room(&edge.answer, 65536), 65536, 0);
		edge.answer.n += n > 0 ? (size_t)n : 0;
	} while (n != 0);
	close(fd);
	buf_char(&edge.answer, '\0');
	return edge.answer.p;
}

static inline const char *edge_get(const char *target)
{
	return edge_ask(listener_port(edge.w.listener), "GET", target, "");
}

static inline const char *edge_admin(const char *target)
{
	return edge_ask(listener_port(edge.w.admin.listener), "GET", target, "");
}

static inline bool edge_is(const char *answer, int status, const char *text)
{
	char head[20];
	snprintf(head, sizeof head, "HTTP/1.1 %d ", status);
	return strncmp(answer, head, strlen(head)) == 0 && strstr(answer, text);
}

#define EDGE_IS(answer, status, text)                                                                      \
	do {                                                                                               \
		const char *edge_a = (answer);                                                             \
		if (!edge_is(edge_a, (status), (text)))                                                    \
			UNIT_FAIL("not %d with \"%s\", but:\n%s", (status), (const char *)(text), edge_a); \
	} while (0)

#endif
