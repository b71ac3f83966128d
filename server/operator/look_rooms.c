/*
 * The largest rooms. All rooms are looked at, some in each turn; the largest so far are a heap with the smallest of them
 * on top.
 */
#include "base/json_write.h"
#include "base/mem.h"
#include "hub/hub.h"
#include "operator/look.h"
#include "people/client.h"
#include "people/room_names.h"

#define PIECE 8192 /* places in a turn */

static void room_sink(struct room_count *heap, uint32_t n, uint32_t i)
{
	for (uint32_t child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && heap[child + 1].members < heap[child].members)
			child++;
		if (heap[i].members <= heap[child].members)
			return;
		struct room_count c = heap[i];
		heap[i] = heap[child];
		heap[child] = c;
	}
}

static void room_rise(struct room_count *heap, uint32_t i)
{
	for (uint32_t up; i && heap[up = (i - 1) / 2].members > heap[i].members; i = up) {
		struct room_count c = heap[i];
		heap[i] = heap[up];
		heap[up] = c;
	}
}

static void room_consider(struct ask *a, uint32_t limit, struct room_count r)
{
	if (a->nfound < limit) {
		a->found[a->nfound++] = r;
		room_rise(a->found, a->nfound - 1);
		return;
	}
	a->more = true;
	if (r.members > a->found[0].members) {
		a->found[0] = r;
		room_sink(a->found, a->nfound, 0);
	}
}

static bool rooms_piece(struct operator* op, struct ask *a, uint32_t limit)
{
	struct buf prefix = {0};
	struct slice name;
	struct room_count r;
	uint32_t end = a->at + PIECE, places = hub_places(op->people->hub);
	ask_text(a, "prefix", &prefix);
	for (; a->at < end && a->at < places; a->at++) {
		r.place = a->at;
		if (hub_room_at(op->people->hub, r.place, &name, &r.members) && slice_starts(name, buf_view(&prefix)))
			room_consider(a, limit, r);
	}
	buf_fini(&prefix);
	return a->at >= places;
}

static int room_larger(const void *x, const void *y)
{
	const struct room_count *a = x, *b = y;
	return a->members != b->members ? (a->members < b->members ? 1 : -1)
	                                : (a->place > b->place) - (a->place < b->place);
}

/* A room may have ended since it was counted, and another one have its place: what is there now is told. */
static void rooms_put(struct operator* op, struct ask *a)
{
	struct slice name;
	uint32_t members, n = 0;
	qsort(a->found, a->nfound, sizeof *a->found, room_larger);
	buf_str(&a->body, "{\"rooms\":[");
	for (uint32_t i = 0; i < a->nfound; i++) {
		if (!hub_room_at(op->people->hub, a->found[i].place, &name, &members) || memchr(name.p, 0, name.n))
			continue;
		if (a->body.n + name.n > ASK_BODY_MOST) {
			a->more = true;
			continue;
		}
		if (n++)
			buf_char(&a->body, ',');
		json_open(&a->body);
		json_member_str(&a->body, "room", name);
		json_member_u64(&a->body, "sockets", members);
		json_close(&a->body);
	}
	buf_str(&a->body, "]");
	json_member_u64(&a->body, "rooms_here", hub_stats(op->people->hub)->rooms);
	json_close(&a->body);
}

bool look_rooms(struct operator* op, struct ask *a)
{
	uint32_t limit = ask_limit(a);
	if (!a->found)
		a->found = mem_alloc(limit * sizeof *a->found);
	if (!rooms_piece(op, a, limit))
		return false;
	rooms_put(op, a);
	return true;
}

/* ---- some, by their names ---- */

static uint32_t room_sockets(const struct people *p, struct slice name)
{
	struct slice found;
	uint32_t n = 0;
	hub_room_at(p->hub, hub_room(p->hub, name).room, &found, &n);
	if (room_family(name) != ROOM_USER)
		return n;
	const struct user *u = user_find(p, room_rest(name, ROOM_USER));
	for (const struct list *at = u ? u->clients.next : NULL; at && at != &u->clients; at = at->next)
		n += client_in_rooms(list_entry(at, struct client, user_link));
	return n;
}

bool look_busy(struct operator* op, struct ask *a)
{
	struct buf names = {0};
	struct slice rest = {0}, name;
	if (ask_text(a, "names", &names))
		rest = buf_view(&names);
	buf_str(&a->body, "{\"rooms\":[");
	for (bool first = true; hub_next_name(&rest, &name); first = false) {
		if (!first)
			buf_char(&a->body, ',');
		json_open(&a->body);
		json_member_str(&a->body, "room", name);
		json_member_u64(&a->body, "sockets", room_sockets(op->people, name));
		json_close(&a->body);
	}
	buf_str(&a->body, "]}");
	buf_fini(&names);
	return true;
}
