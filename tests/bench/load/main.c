/* Load on a Socket.IO server: load PORT USERS POSTGRES-URL
 *
 * USERS has a line "<token> <chat uuid>" for each client. Orders come on stdin, one a line; each is answered with one
 * line of JSON when it is done:
 *
 *   connect FIRST COUNT AT-ONCE     opens clients, until all have been let in
 *   settle MS [OTHERS]              reads until no event came for so long, and so many unwatched events did; frames
 *                                   since the start
 *   wait MS                         reads for so long
 *   emit STEPS FRAMES SQL           runs SQL and waits until FRAMES watched frames came, STEPS times over
 *   ask COUNT AT-ONCE FRAMES EVENT  sends EVENT with ack, so many at once; waits for all watched frames of it, too
 *   ask-at COUNT PER-SECOND FRAMES EVENT
 *                                   the same at that rate
 *   pace COUNT PER-SECOND FRAMES WRITERS SQL
 *                                   SQL at that rate ($1: the number), each making FRAMES watched frames; latencies
 *   tally COUNT PER-SECOND SQL      the same, then reads until nothing came for 3 s: how many frames were lost, twice,
 *                                   out of order
 *   leave FIRST COUNT PER-SECOND    these clients say that they go, and go
 *   freeze FIRST COUNT              these clients read no more
 *
 * EVENT is ["name",{...}]; $chat and $n in it are the client's chat and a number. Those who send it are the clients of
 * the last connect. Events that ask for an ack get one. Watched are events whose name begins with "bench:",
 * chat:message:new and chat:typing. */
#include "load.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { TURN = 256 };

int64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void fail(const char *what, const char *why)
{
	fprintf(stderr, "load: %s%s%s\n", what, *why ? ": " : "", why);
	exit(1);
}

void *need(void *p)
{
	if (!p)
		fail("no memory", "");
	return p;
}

/* ---- times ---- */

void times_begin(struct times *t, size_t cap)
{
	cap = cap ? cap : 1;
	*t = (struct times){.us = need(calloc(cap, sizeof *t->us)), .of = need(calloc(cap, sizeof *t->of)), .cap = cap};
}

void times_note(struct times *t, int64_t us, uint32_t of)
{
	if (t->n == t->cap)
		return;
	t->of[t->n] = of;
	t->us[t->n++] = us;
}

void times_end(struct times *t)
{
	free(t->us);
	free(t->of);
	*t = (struct times){0};
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

void times_print(struct times *t, const char *name)
{
	qsort(t->us, t->n, sizeof *t->us, by_value);
	if (t->n)
		printf(",\"%s\":{\"n\":%zu,\"p50\":%ld,\"p99\":%ld,\"max\":%ld}", name, t->n, (long)t->us[t->n / 2],
		       (long)t->us[t->n * 99 / 100], (long)t->us[t->n - 1]);
}

/* ---- turns ---- */

int turn_us(struct load *l, int64_t us, bool *db)
{
	struct epoll_event e[TURN];
	struct timespec t = {us / 1000000, us % 1000000 * 1000};
	int n = epoll_pwait2(l->epoll, e, TURN, &t, NULL);
	for (int i = 0; i < n; i++) {
		struct conn *c = e[i].data.ptr;
		if (c)
			conn_turn(l->pool, c, l->users[c->n].token);
		else if (db)
			*db = true;
	}
	return n;
}

void wait_for(struct load *l, const uint64_t *counter, uint64_t want)
{
	uint64_t before = *counter;
	int64_t since = now_us();
	while (*counter < want) {
		turn_us(l, 1000000, NULL);
		if (*counter != before) {
			before = *counter;
			since = now_us();
		} else if (now_us() - since > MAX_STALL_MS * 1000L) {
			char text[80];
			snprintf(text, sizeof text, "%lu of %lu, %zu dead", (unsigned long)*counter,
			         (unsigned long)want, l->dead);
			fail("nothing comes", text);
		}
	}
}

/* ---- orders ---- */

static void order(struct load *l, char *line)
{
	unsigned a, b, c, d;
	int at = 0;
	if (sscanf(line, "connect %u %u %u", &a, &b, &c) == 3)
		do_connect(l, a, b, c);
	else if (sscanf(line, "settle %u %u", &a, &b) == 2)
		do_settle(l, (int)a, b);
	else if (sscanf(line, "settle %u", &a) == 1)
		do_settle(l, (int)a, 0);
	else if (sscanf(line, "wait %u", &a) == 1)
		do_wait(l, (int)a);
	else if (sscanf(line, "emit %u %u %n", &a, &b, &at) == 2 && at)
		do_emit(l, a, b, line + at);
	else if (sscanf(line, "ask %u %u %u %n", &a, &b, &c, &at) == 3 && at)
		do_ask(l, a, b, c, line + at);
	else if (sscanf(line, "ask-at %u %u %u %n", &a, &b, &c, &at) == 3 && at)
		do_ask_at(l, a, b, c, line + at);
	else if (sscanf(line, "pace %u %u %u %u %n", &a, &b, &c, &d, &at) == 4 && at)
		do_pace(l, a, b, c, d, line + at);
	else if (sscanf(line, "tally %u %u %n", &a, &b, &at) == 2 && at)
		do_tally(l, a, b, line + at);
	else if (sscanf(line, "leave %u %u %u", &a, &b, &c) == 3)
		do_leave(l, a, b, c);
	else if (sscanf(line, "freeze %u %u", &a, &b) == 2)
		do_freeze(l, a, b);
	else
		fail("unknown order", line);
	fflush(stdout);
}

/* Clients are served between orders, too: they have heartbeats to answer. */
static void orders(struct load *l, int in)
{
	char line[8192];
	size_t have = 0;
	fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK);
	for (;;) {
		ssize_t n = read(in, line + have, sizeof line - 1 - have);
		if (n == 0)
			return;
		if (n > 0)
			have += (size_t)n;
		char *end = memchr(line, '\n', have);
		if (end) {
			*end = 0;
			order(l, line);
			have -= (size_t)(end + 1 - line);
			memmove(line, end + 1, have);
		} else if (have == sizeof line - 1) {
			fail("order too long", "");
		} else {
			turn_us(l, 5000, NULL);
		}
	}
}

/* ---- begin and end ---- */

static void read_users(struct load *l, const char *path)
{
	FILE *f = fopen(path, "r");
	char token[2048], chat[64];
	if (!f)
		fail(path, strerror(errno));
	size_t cap = 0;
	while (fscanf(f, "%2047s %63s", token, chat) == 2) {
		if (l->n == cap) {
			cap = cap ? cap * 2 : 1024;
			l->users = need(realloc(l->users, cap * sizeof *l->users));
		}
		l->users[l->n++] = (struct user){need(strdup(token)), need(strdup(chat))};
	}
	fclose(f);
}

static void allow_descriptors(void)
{
	struct rlimit r;
	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		fail("usage: load PORT USERS POSTGRES-URL", "");
	struct load l = {.epoll = epoll_create1(EPOLL_CLOEXEC), .url = argv[3]};
	allow_descriptors();
	read_users(&l, argv[2]);
	l.conns = need(calloc(l.n ? l.n : 1, sizeof *l.conns));
	for (size_t i = 0; i < l.n; i++)
		l.conns[i] = (struct conn){.fd = -1, .n = (uint32_t)i};
	l.pool = conn_pool_new(l.epoll, atoi(argv[1]), &clients, &l);
	orders(&l, fileno(stdin));
	for (size_t i = 0; i < l.n; i++)
		conn_shut(&l.conns[i]);
	for (size_t i = 0; i < MAX_WRITERS; i++)
		PQfinish(l.writers[i]);
	conn_pool_free(l.pool);
	return 0;
}
