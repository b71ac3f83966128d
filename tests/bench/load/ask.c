#include "load.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct asking {
	const char *event; /* $chat and $n stand for the client's chat and the number of the event */
	uint64_t to_ask, asked, acked, refused;
	bool closed;      /* an answered request makes room for the next */
	int64_t *sent_at; /* by client; 0: none is out */
	struct times acks;
};

/* "[...]" with its places filled in; `out` has room for size bytes. */
static int fill(char *out, size_t size, const char *event, const char *chat, uint64_t number)
{
	size_t n = 0;
	for (const char *p = event; *p && n < size; p++) {
		if (!strncmp(p, "$chat", 5)) {
			n += (size_t)snprintf(out + n, size - n, "%s", chat);
			p += 4;
		} else if (!strncmp(p, "$n", 2)) {
			n += (size_t)snprintf(out + n, size - n, "%lu", (unsigned long)number);
			p += 1;
		} else {
			out[n++] = *p;
		}
	}
	if (n >= size)
		fail("event too long", event);
	return (int)n;
}

/* A stride, so that those in flight are in different chats. */
static size_t next_client(const struct load *l)
{
	const struct asking *a = l->asking;
	size_t place = a->asked * 10 + a->asked * 10 / l->asked;
	for (size_t tried = 0; tried < l->asked; tried++) {
		size_t i = l->first + (place + tried) % l->asked;
		if (!a->sent_at[i])
			return i;
	}
	fail("ask", "everybody waits for an ack");
}

static void ask_one(struct load *l)
{
	struct asking *a = l->asking;
	size_t i = next_client(l);
	char event[1024], text[1100];
	if (l->conns[i].state != CONN_READY)
		fail("ask", "a client is gone");
	int len = fill(event, sizeof event, a->event, l->users[i].chat, a->asked);
	len = snprintf(text, sizeof text, "42%lu%.*s", (unsigned long)a->asked, len, event);
	a->sent_at[i] = now_us();
	a->asked++;
	conn_send(&l->conns[i], text, (size_t)len);
}

void ask_answered(struct load *l, const struct conn *c, const char *text, size_t len)
{
	struct asking *a = l->asking;
	if (!a->sent_at[c->n])
		return;
	times_note(&a->acks, now_us() - a->sent_at[c->n], 0);
	a->sent_at[c->n] = 0;
	a->acked++;
	if (memmem(text, len, "\"code\"", 6))
		a->refused++;
	if (a->closed && a->asked < a->to_ask)
		ask_one(l);
}

static struct asking *asking_new(struct load *l, uint64_t count, const char *event)
{
	struct asking *a = need(calloc(1, sizeof *a));
	a->event = event;
	a->to_ask = count;
	a->sent_at = need(calloc(l->n, sizeof *a->sent_at));
	times_begin(&a->acks, count);
	l->asking = a;
	return a;
}

/* The events that the answered ones make are awaited, too. */
static void asking_end(struct load *l, int64_t began, uint64_t watched, unsigned frames)
{
	struct asking *a = l->asking;
	int64_t us = now_us() - began;
	wait_for(l, &l->watched, watched + (a->to_ask - a->refused) * frames);
	printf("{\"acked\":%lu,\"refused\":%lu,\"deliveries\":%lu,\"us\":%ld", (unsigned long)a->acked,
	       (unsigned long)a->refused, (unsigned long)(l->watched - watched), (long)us);
	times_print(&a->acks, "ack");
	printf("}\n");
	times_end(&a->acks);
	free(a->sent_at);
	free(a);
	l->asking = NULL;
}

void do_ask(struct load *l, uint64_t count, unsigned at_once, unsigned frames, const char *event)
{
	int64_t began = now_us();
	uint64_t watched = l->watched;
	struct asking *a = asking_new(l, count, event);
	a->closed = true;
	while (at_once-- && a->asked < count)
		ask_one(l);
	wait_for(l, &a->acked, count);
	asking_end(l, began, watched, frames);
}

void do_ask_at(struct load *l, uint64_t count, unsigned per_second, unsigned frames, const char *event)
{
	int64_t began = now_us(), step = 1000000 / per_second, due = began + step;
	uint64_t watched = l->watched;
	struct asking *a = asking_new(l, count, event);
	while (a->asked < count) {
		int64_t left = due - now_us();
		if (left > 0) {
			turn_us(l, left, NULL);
			continue;
		}
		ask_one(l);
		/* not in step with anybody's timer */
		due = began + (int64_t)a->asked * step + rand() % step;
	}
	wait_for(l, &a->acked, count);
	asking_end(l, began, watched, frames);
}
