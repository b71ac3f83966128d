#include "load.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

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

/* ---- input ---- */

static bool is_watched(const char *t, size_t len)
{
	static const char *const begins[] = {"[\"bench:", "[\"chat:message:new\"", "[\"chat:typing\""};
	for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
		size_t n = strlen(begins[i]);
		if (len >= n && !memcmp(t, begins[i], n))
			return true;
	}
	return false;
}

static void on_event(struct load *l, struct conn *c, const char *t, size_t len)
{
	char answer[32];
	size_t digits = 0;
	while (digits < len && t[digits] >= '0' && t[digits] <= '9')
		digits++;
	if (digits && digits < 16)
		conn_send(c, answer, (size_t)snprintf(answer, sizeof answer, "43%.*s[]", (int)digits, t));
	if (!is_watched(t + digits, len - digits)) {
		l->other++;
		return;
	}
	l->watched++;
	if (l->writing)
		write_seen(l, t + digits, len - digits);
}

static void on_packet(struct conn *c, const char *t, size_t len, void *ctx)
{
	struct load *l = ctx;
	if (t[0] == '3' && l->asking)
		ask_answered(l, c, t, len);
	else if (t[0] == '2')
		on_event(l, c, t + 1, len - 1);
}

const struct conn_calls clients = {on_ready, on_dead, on_packet};

/* ---- orders ---- */

void do_connect(struct load *l, size_t first, size_t count, size_t at_once)
{
	int64_t t = now_us();
	if (first + count > l->n)
		fail("connect", "not so many users");
	size_t ready = l->ready, want = ready + l->dead + count;
	l->next_open = first;
	l->end_open = first + count;
	l->first = first;
	l->asked = count;
	while (at_once--)
		open_next(l);
	while (l->ready + l->dead < want) {
		if (turn_us(l, MAX_STALL_MS * 1000L, NULL) <= 0)
			fail("connect", "stalled");
	}
	printf("{\"ready\":%zu,\"dead\":%zu,\"why\":\"%s\",\"us\":%ld}\n", l->ready - ready, l->dead,
	       l->why ? l->why : "", (long)(now_us() - t));
}

void do_settle(struct load *l, int ms, uint64_t others)
{
	int64_t since = now_us(), give_up = since + MAX_STALL_MS * 1000L;
	uint64_t before = 0;
	while (now_us() - since < ms * 1000L || (l->other < others && now_us() < give_up)) {
		turn_us(l, ms * 1000L, NULL);
		/* heartbeats never end */
		if (l->watched + l->other == before)
			continue;
		before = l->watched + l->other;
		since = now_us();
	}
	printf("{\"watched\":%lu,\"others\":%lu,\"dead\":%zu}\n", (unsigned long)l->watched, (unsigned long)l->other,
	       l->dead);
}

void do_wait(struct load *l, int ms)
{
	int64_t until = now_us() + ms * 1000L, left;
	while ((left = until - now_us()) > 0)
		turn_us(l, left, NULL);
	printf("{\"dead\":%zu}\n", l->dead);
}

void do_freeze(struct load *l, size_t first, size_t count)
{
	for (size_t i = first; i < first + count && i < l->n; i++)
		epoll_ctl(l->epoll, EPOLL_CTL_DEL, l->conns[i].fd, NULL);
	printf("{\"frozen\":%zu}\n", count);
}

void do_leave(struct load *l, size_t first, size_t count, unsigned per_second)
{
	int64_t begin = now_us(), left;
	for (size_t i = 0; i < count && first + i < l->n; i++) {
		while ((left = begin + (int64_t)i * 1000000 / per_second - now_us()) > 0)
			turn_us(l, left, NULL);
		if (l->conns[first + i].state != CONN_READY)
			fail("leave", "a client is not there");
		conn_send(&l->conns[first + i], "41", 2);
		conn_shut(&l->conns[first + i]);
	}
	printf("{\"left\":%zu}\n", count);
}
