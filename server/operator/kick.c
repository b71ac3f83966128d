/*
 * Ending sockets.
 */
#include "operator/kick.h"
#include "base/json_write.h"
#include "people/audience.h"

#define PIECE 200 /* sockets in a turn */

/* The sockets of a user: those too that are not in rooms yet. */
static uint32_t kick_find_user(struct operator* op, struct slice id, struct client *out[PIECE])
{
	struct user *u = user_find(op->people, id);
	struct list *it, *tmp;
	uint32_t n = 0;
	if (!u)
		return 0;
	list_each (it, tmp, &u->clients) {
		struct client *c = list_entry(it, struct client, user_link);
		if (c->state != CLIENT_REFUSED && n < PIECE)
			out[n++] = c;
	}
	return n;
}

static uint32_t kick_find_room(struct operator* op, struct slice rooms, struct client *out[PIECE])
{
	struct audience at;
	struct client *c;
	uint32_t n = 0;
	audience_begin(&at, op->people, rooms, (struct slice){0});
	while (n < PIECE && (c = audience_next(&at)))
		out[n++] = c;
	return n;
}

/* How many are in the rooms now: whoever comes while others are being ended is not meant. */
static uint32_t kick_count(struct operator* op, struct slice rooms)
{
	struct audience at;
	uint32_t n = 0;
	audience_begin(&at, op->people, rooms, (struct slice){0});
	while (audience_next(&at))
		n++;
	return n;
}

static uint32_t kick_piece(struct operator* op, struct ask *a, struct slice reason)
{
	struct client *found[PIECE];
	struct buf text = {0};
	uint32_t n, left = UINT32_MAX;
	if (ask_text(a, "user_id", &text)) {
		n = kick_find_user(op, buf_view(&text), found);
	} else if (ask_whom(a, &text)) {
		if (!a->at)
			a->at = kick_count(op, buf_view(&text));
		left = a->at - a->seen;
		n = kick_find_room(op, buf_view(&text), found);
	} else {
		n = 0;
	}
	n = n < left ? n : left;
	for (uint32_t i = 0; i < n; i++)
		client_dismiss(found[i], reason);
	buf_fini(&text);
	return n;
}

bool kick_work(struct operator* op, struct ask *a)
{
	struct buf reason = {0};
	uint32_t n = ask_text(a, "reason", &reason) ? kick_piece(op, a, buf_view(&reason)) : 0;
	buf_fini(&reason);
	a->seen += n;
	if (n == PIECE)
		return false;
	json_open(&a->body);
	json_member_u64(&a->body, "ended", a->seen);
	json_close(&a->body);
	if (a->seen)
		log_info(op->people->ident, "sockets ended by an operator", LU("sockets", a->seen));
	return true;
}
