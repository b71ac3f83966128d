/* Load on a Socket.IO server: load PORT USERS POSTGRES-URL
 *
 * USERS has a line "<token> <chat uuid>" for each client. Orders come on stdin, one a line; each is answered with one line of
 * JSON when it is done:
 *
 *   connect FIRST COUNT AT-ONCE     opens clients, until all have been let in
 *   settle MS [OTHERS]              reads until no event came for so long, and so many unwatched events did; frames since the start
 *   wait MS                         reads for so long
 *   emit STEPS FRAMES SQL           runs SQL and waits until FRAMES watched frames came, STEPS times over
 *   send COUNT AT-ONCE              chat:message:send with ack, so many at once; waits for all watched frames of it, too
 *   pace COUNT PER-SECOND FRAMES SQL  SQL at that rate ($1: the number), each making FRAMES watched frames; latencies
 *   tally COUNT PER-SECOND SQL      the same, then reads until nothing came for 3 s: how many frames were lost, twice, out of order
 *   freeze FIRST COUNT              these clients read no more
 *
 * Events that ask for an ack get one. Watched: events whose name starts with "bench:" or is chat:message:new. */
#include "conn.h"
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { TURN = 256, MAX_STALL_MS = 30000 };

struct user {
	char *token, *chat;
};

struct load {
	int epoll;
	struct conn_pool *pool;
	PGconn *db;
	struct user *users;
	struct conn *conns;
	size_t n, next_open, end_open;
	size_t ready, dead;
	size_t first, asked; /* of the last connect: who sends */
	const char *why;     /* the last death's */
	uint64_t watched, other;
	/* send */
	uint64_t to_send, sent, acked, refused;
	size_t next_sender;
	int64_t *sent_at; /* by client */
	/* pace */
	int64_t *begun, *committed; /* by number */
	uint32_t paced, written;
	/* tally */
	uint8_t *seen; /* by number */
	uint32_t newest, misordered;
	/* latencies in microseconds */
	int64_t *lat, *lat2;
	uint32_t *of; /* lat[i] belongs to this number */
	size_t n_lat, cap_lat;
};

static int64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static _Noreturn void fail(const char *what, const char *why)
{
	fprintf(stderr, "load: %s%s%s\n", what, *why ? ": " : "", why);
	exit(1);
}

static void *need(void *p)
{
	if (!p)
		fail("no memory", "");
	return p;
}

/* ---- clients ---- */

static void open_next(struct load *l)
{
	if (l->next_open >= l->end_open)
		return;
	if (!conn_open(l->pool, &l->conns[l->next_open++]))
		fail("connect", strerror(errno));
}

static void on_ready(struct conn *c, void *ctx)
{
	struct load *l = ctx;
	(void)c;
	l->ready++;
	open_next(l);
}

static void on_dead(struct conn *c, const char *why, void *ctx)
{
	struct load *l = ctx;
	(void)c;
	l->dead++;
	l->why = why;
	open_next(l);
}

static void send_one(struct load *l)
{
	/* a stride, so that those in flight are in different chats */
	size_t k = l->next_sender++, place = k * 10 + k * 10 / l->asked, i;
	do
		i = l->first + place++ % l->asked;
	while (l->sent_at[i]);
	char text[512];
	if (l->conns[i].state != CONN_READY)
		fail("send", "a client is gone");
	int len = snprintf(
		text, sizeof text,
		"42%zu[\"chat:message:send\",{\"chat_id\":\"%s\",\"type\":\"text\",\"content\":\"bench %u, a message of ordinary length\"}]",
		k, l->users[i].chat, (unsigned)k);
	l->sent_at[i] = now_us();
	l->sent++;
	conn_send(&l->conns[i], text, (size_t)len);
}

static void note(struct load *l, int64_t us, uint32_t of)
{
	if (l->n_lat == l->cap_lat)
		return;
	l->of[l->n_lat] = of;
	l->lat[l->n_lat++] = us;
}

static void on_ack(struct load *l, const struct conn *c, const char *t, size_t len)
{
	note(l, now_us() - l->sent_at[c->n], 0);
	l->sent_at[c->n] = 0;
	l->acked++;
	if (!memmem(t, len, "message_id", 10))
		l->refused++;
	if (l->sent < l->to_send)
		send_one(l);
}

static bool begins(const char *t, size_t len, const char *with)
{
	size_t n = strlen(with);
	return len >= n && !memcmp(t, with, n);
}

static void on_event(struct load *l, struct conn *c, const char *t, size_t len)
{
	char answer[32];
	size_t digits = 0;
	while (digits < len && t[digits] >= '0' && t[digits] <= '9')
		digits++;
	if (digits && digits < 16)
		conn_send(c, answer, (size_t)snprintf(answer, sizeof answer, "43%.*s[]", (int)digits, t));
	t += digits;
	len -= digits;
	if (!begins(t, len, "[\"bench:") && !begins(t, len, "[\"chat:message:new\"")) {
		l->other++;
		return;
	}
	l->watched++;
	if (!l->begun)
		return;
	const char *at = memmem(t, len, "\"bench ", 7);
	uint32_t i = at ? (uint32_t)strtoul(at + 7, NULL, 10) : l->paced;
	if (i >= l->paced)
		return;
	note(l, now_us(), i);
	if (!l->seen)
		return;
	if (l->seen[i] < 255)
		l->seen[i]++;
	if (i < l->newest)
		l->misordered++;
	else
		l->newest = i;
}

static void on_packet(struct conn *c, const char *t, size_t len, void *ctx)
{
	struct load *l = ctx;
	if (t[0] == '3')
		on_ack(l, c, t, len);
	else if (t[0] == '2')
		on_event(l, c, t + 1, len - 1);
}

/* One turn; how many events there were. The database's answers are the caller's. */
static int turn_us(struct load *l, int64_t us, bool *db)
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

static int turn(struct load *l, int ms)
{
	return turn_us(l, ms * 1000L, NULL);
}

static void wait_for(struct load *l, const uint64_t *counter, uint64_t want)
{
	uint64_t before = *counter;
	int64_t since = now_us();
	while (*counter < want) {
		turn(l, 1000);
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

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

static void print_latency(const char *name, int64_t *v, size_t n)
{
	qsort(v, n, sizeof *v, by_value);
	if (n)
		printf(",\"%s\":{\"n\":%zu,\"p50\":%ld,\"p99\":%ld,\"max\":%ld}", name, n, (long)v[n / 2],
		       (long)v[n * 99 / 100], (long)v[n - 1]);
}

static void expect_latencies(struct load *l, size_t n)
{
	free(l->lat);
	free(l->lat2);
	free(l->of);
	l->lat = need(calloc(n, sizeof *l->lat));
	l->lat2 = need(calloc(n, sizeof *l->lat2));
	l->of = need(calloc(n, sizeof *l->of));
	l->cap_lat = n;
	l->n_lat = 0;
}

static void do_connect(struct load *l, size_t first, size_t count, size_t at_once)
{
	int64_t t = now_us();
	if (first + count > l->n)
		fail("connect", "not so many users");
	size_t want = l->ready + l->dead + count;
	l->next_open = first;
	l->end_open = first + count;
	l->first = first;
	l->asked = count;
	while (at_once--)
		open_next(l);
	while (l->ready + l->dead < want) {
		if (turn(l, MAX_STALL_MS) <= 0)
			fail("connect", "stalled");
	}
	printf("{\"ready\":%zu,\"dead\":%zu,\"why\":\"%s\",\"us\":%ld}\n", l->ready, l->dead, l->why ? l->why : "",
	       (long)(now_us() - t));
}

static void do_settle(struct load *l, int ms, uint64_t others)
{
	int64_t since = now_us(), give_up = since + MAX_STALL_MS * 1000L;
	uint64_t before = 0;
	while (now_us() - since < ms * 1000L || (l->other < others && now_us() < give_up)) {
		turn(l, ms);
		/* heartbeats never end */
		if (l->watched + l->other == before)
			continue;
		before = l->watched + l->other;
		since = now_us();
	}
	printf("{\"watched\":%lu,\"others\":%lu,\"dead\":%zu}\n", (unsigned long)l->watched, (unsigned long)l->other,
	       l->dead);
}

static void do_wait(struct load *l, int ms)
{
	int64_t until = now_us() + ms * 1000L, left;
	while ((left = until - now_us()) > 0)
		turn_us(l, left, NULL);
	printf("{\"dead\":%zu}\n", l->dead);
}

static void do_emit(struct load *l, unsigned steps, unsigned frames, const char *sql)
{
	int64_t t = now_us();
	uint64_t begin = l->watched;
	for (unsigned i = 0; i < steps; i++) {
		PGresult *r = PQexec(l->db, sql);
		if (PQresultStatus(r) != PGRES_TUPLES_OK && PQresultStatus(r) != PGRES_COMMAND_OK)
			fail("emit", PQerrorMessage(l->db));
		PQclear(r);
		wait_for(l, &l->watched, begin + (uint64_t)(i + 1) * frames);
	}
	printf("{\"deliveries\":%lu,\"us\":%ld}\n", (unsigned long)(l->watched - begin), (long)(now_us() - t));
}

static void do_send(struct load *l, uint64_t count, unsigned at_once, unsigned frames)
{
	int64_t t = now_us();
	uint64_t begin = l->watched;
	expect_latencies(l, count);
	l->sent = l->acked = l->refused = 0;
	l->to_send = count;
	while (at_once-- && l->sent < count)
		send_one(l);
	wait_for(l, &l->acked, count);
	int64_t us = now_us() - t;
	wait_for(l, &l->watched, begin + (count - l->refused) * frames);
	printf("{\"acked\":%lu,\"refused\":%lu,\"deliveries\":%lu,\"us\":%ld", (unsigned long)l->acked,
	       (unsigned long)l->refused, (unsigned long)(l->watched - begin), (long)us);
	print_latency("ack", l->lat, l->n_lat);
	printf("}\n");
}

/* Committed is what ReadyForQuery says, which is the end of the results. */
static void pace_result(struct load *l)
{
	if (!PQconsumeInput(l->db))
		fail("pace", PQerrorMessage(l->db));
	while (l->written < l->paced && !PQisBusy(l->db)) {
		PGresult *r = PQgetResult(l->db);
		if (!r) {
			l->committed[l->written++] = now_us();
		} else if (PQresultStatus(r) != PGRES_TUPLES_OK && PQresultStatus(r) != PGRES_COMMAND_OK) {
			fail("pace", PQerrorMessage(l->db));
		}
		PQclear(r);
	}
}

static void pace_write(struct load *l, const char *sql)
{
	char number[16];
	snprintf(number, sizeof number, "%u", l->paced);
	l->begun[l->paced++] = now_us();
	if (!PQsendQueryParams(l->db, sql, 1, NULL, (const char *[]){number}, NULL, NULL, 0))
		fail("pace", PQerrorMessage(l->db));
}

/* Writes them all; with `frames` it also waits until each has made so many. */
static void pace(struct load *l, unsigned count, unsigned per_second, unsigned frames, const char *sql)
{
	int64_t start = now_us(), step = 1000000 / per_second, due = start + step;
	uint64_t begin = l->watched;
	expect_latencies(l, (size_t)count * (frames ? frames : 1));
	l->begun = need(calloc(count, sizeof *l->begun));
	l->committed = need(calloc(count, sizeof *l->committed));
	l->paced = l->written = 0;
	while (l->watched < begin + (uint64_t)count * frames || l->written < count) {
		int64_t now = now_us();
		if (l->paced < count && now >= due && l->written == l->paced) {
			pace_write(l, sql);
			/* not in step with anybody's timer */
			due = start + (int64_t)l->paced * step + rand() % step;
		}
		bool db = false;
		int64_t wait = l->paced < count && l->written == l->paced ? due - now : 1000000;
		turn_us(l, wait < 0 ? 0 : wait, &db);
		if (db)
			pace_result(l);
		if (now_us() - start > (int64_t)count * step + MAX_STALL_MS * 1000L)
			fail("pace", "frames are missing");
	}
}

static void pace_over(struct load *l)
{
	free(l->begun);
	free(l->committed);
	l->begun = l->committed = NULL;
}

static void do_pace(struct load *l, unsigned count, unsigned per_second, unsigned frames, const char *sql)
{
	int64_t start = now_us();
	pace(l, count, per_second, frames, sql);
	printf("{\"events\":%u,\"us\":%ld", count, (long)(now_us() - start));
	for (size_t i = 0; i < l->n_lat; i++) {
		l->lat2[i] = l->lat[i] - l->begun[l->of[i]];
		l->lat[i] -= l->committed[l->of[i]];
	}
	print_latency("commit", l->lat, l->n_lat);
	print_latency("begin", l->lat2, l->n_lat);
	printf("}\n");
	pace_over(l);
}

static void do_tally(struct load *l, unsigned count, unsigned per_second, const char *sql)
{
	l->seen = need(calloc(count, 1));
	l->newest = l->misordered = 0;
	pace(l, count, per_second, 0, sql);
	for (uint64_t before = 0; before != l->watched;) {
		before = l->watched;
		for (int64_t until = now_us() + 3000000, left; (left = until - now_us()) > 0;)
			turn_us(l, left, NULL);
	}
	unsigned lost = 0, twice = 0;
	for (unsigned i = 0; i < count; i++) {
		lost += !l->seen[i];
		twice += l->seen[i] > 1;
	}
	printf("{\"events\":%u,\"lost\":%u,\"twice\":%u,\"misordered\":%u}\n", count, lost, twice, l->misordered);
	free(l->seen);
	l->seen = NULL;
	pace_over(l);
}

static void do_freeze(struct load *l, size_t first, size_t count)
{
	for (size_t i = first; i < first + count && i < l->n; i++)
		epoll_ctl(l->epoll, EPOLL_CTL_DEL, l->conns[i].fd, NULL);
	printf("{\"frozen\":%zu}\n", count);
}

static void order(struct load *l, char *line)
{
	unsigned a, b, c;
	int at = 0;
	line[strcspn(line, "\n")] = 0;
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
	else if (sscanf(line, "send %u %u %u", &a, &b, &c) == 3)
		do_send(l, a, b, c);
	else if (sscanf(line, "pace %u %u %u %n", &a, &b, &c, &at) == 3 && at)
		do_pace(l, a, b, c, line + at);
	else if (sscanf(line, "tally %u %u %n", &a, &b, &at) == 2 && at)
		do_tally(l, a, b, line + at);
	else if (sscanf(line, "freeze %u %u", &a, &b) == 2)
		do_freeze(l, a, b);
	else
		fail("unknown order", line);
	fflush(stdout);
}

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

int main(int argc, char **argv)
{
	if (argc != 4)
		fail("usage: load PORT USERS POSTGRES-URL", "");
	struct load l = {.epoll = epoll_create1(EPOLL_CLOEXEC)};
	struct rlimit r;
	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	read_users(&l, argv[2]);
	l.conns = need(calloc(l.n ? l.n : 1, sizeof *l.conns));
	l.sent_at = need(calloc(l.n ? l.n : 1, sizeof *l.sent_at));
	for (size_t i = 0; i < l.n; i++)
		l.conns[i] = (struct conn){.fd = -1, .n = (uint32_t)i};
	l.pool = conn_pool_new(l.epoll, atoi(argv[1]), &(struct conn_calls){on_ready, on_dead, on_packet}, &l);
	l.db = PQconnectdb(argv[3]);
	if (PQstatus(l.db) != CONNECTION_OK)
		fail("database", PQerrorMessage(l.db));
	PQclear(PQexec(l.db, "set synchronous_commit = off")); /* how fast the disk is, is not the question */
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
	epoll_ctl(l.epoll, EPOLL_CTL_ADD, PQsocket(l.db), &e);
	/* clients are served between orders, too: they have heartbeats to answer */
	char line[8192];
	int in = fileno(stdin);
	size_t have = 0;
	fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK);
	for (;;) {
		ssize_t n = read(in, line + have, sizeof line - 1 - have);
		if (n == 0)
			break;
		if (n > 0)
			have += (size_t)n;
		line[have] = 0;
		char *end = memchr(line, '\n', have);
		if (end) {
			*end = 0;
			order(&l, line);
			have -= (size_t)(end + 1 - line);
			memmove(line, end + 1, have);
		} else if (have == sizeof line - 1) {
			fail("order too long", "");
		} else {
			turn(&l, 5);
		}
	}
	for (size_t i = 0; i < l.n; i++)
		conn_shut(&l.conns[i]);
	PQfinish(l.db);
	conn_pool_free(l.pool);
	return 0;
}
