/*
 * The walk, and the list of packets that are held until they are sent.
 */
#include "recovery/walk.h"
#include "base/json.h"
#include "base/mem.h"
#include "events/confirm.h"
#include "events/control.h"
#include "events/deliver.h"
#include "people/room_names.h"

/* ---- held packets ---- */

void held_add(struct held_list *l, struct packet *p, struct delivery *d, uint64_t row)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 8;
		l->all = mem_realloc(l->all, l->cap * sizeof(*l->all));
	}
	l->bytes += packet_size(p);
	l->all[l->n++] = (struct held){packet_ref(p), d ? delivery_ref(d) : NULL, row};
}

void held_free(struct held_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		packet_unref(&l->all[i].packet);
		delivery_unref(&l->all[i].delivery);
	}
	free(l->all);
	*l = (struct held_list){0};
}

/* ---- the walk ---- */

static void walk_names(struct walk *k, struct slice names)
{
	struct slice name;
	while (hub_next_name(&names, &name))
		hub_join(k->hub, &k->member, name);
}

void walk_begin(struct walk *k, struct slice rooms, struct slice former, struct slice id, struct slice chats)
{
	struct buf room = {0};
	walk_names(k, rooms);
	walk_names(k, former);
	hub_join(k->hub, &k->member, id);
	hub_enter(k->hub, &k->member);
	for (size_t i = 0; i < chats.n; i += UUID_LEN) {
		room.n = 0;
		room_put(&room, ROOM_CHAT, slice_of(chats.p + i, UUID_LEN));
		hub_join(k->hub, &k->member, buf_view(&room));
	}
	buf_fini(&room);
}

static void walk_hit(struct hub_member *m, void *arg)
{
	(void)m;
	*(bool *)arg = true;
}

bool walk_number(struct slice text, int64_t *us)
{
	*us = 0;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < '0' || text.p[i] > '9' || __builtin_mul_overflow(*us, 10, us) ||
		    __builtin_add_overflow(*us, text.p[i] - '0', us))
			return false;
	return text.n > 0;
}

/* The next of the ids; 0: there is none. */
static uint64_t walk_id(struct walk *k)
{
	int64_t id;
	struct slice text = {0};
	return hub_next_name(&k->ids, &text) && walk_number(text, &id) ? (uint64_t)id : 0;
}

static bool walk_was_sent(const struct walk *k, uint64_t id, int64_t at_us)
{
	const struct recovery_token *t = k->token;
	for (size_t i = 0; i < t->nahead; i++)
		if (t->ahead[i].id == id && t->ahead[i].at_us == at_us)
			return true;
	return false;
}

static bool walk_event(struct walk *k, const struct db_result *r, int row, uint64_t id)
{
	bool everyone = db_is_null(r, row, COL_ROOMS), reached = false;
	struct db_event e = {.event = db_value(r, row, COL_EVENT),
	                     .data = db_value(r, row, COL_DATA),
	                     .confirm = db_value(r, row, COL_CONFIRM)};
	if (!walk_number(db_value(r, row, COL_AT), &e.at_us))
		return false;
	if (walk_was_sent(k, id, e.at_us))
		return true;
	hub_send(k->hub, everyone ? SLICE(HUB_EVERYONE) : db_value(r, row, COL_ROOMS), db_value(r, row, COL_EXCEPT),
	         walk_hit, &reached);
	if (!reached)
		return true;
	struct packet *p = deliver_packet(&e);
	struct delivery *d = e.confirm.n ? confirm_delivery(&e) : NULL;
	held_add(&k->missed, p, d, id);
	packet_unref(&p);
	delivery_unref(&d);
	return true;
}

/* rt.recover returns control rows of this user and of its former sockets only. */
static bool walk_control(struct walk *k, struct slice verb, struct slice data)
{
	enum control_verb said = control_find(verb);
	bool join = said == CONTROL_USER_JOIN || said == CONTROL_SOCKET_JOIN;
	struct buf room = {0};
	struct slice v;
	if (!join && said != CONTROL_USER_LEAVE && said != CONTROL_SOCKET_LEAVE)
		return true; /* the kick of a former socket; rt.recover answers "no" where a kick ends the recovery */
	bool good = json_get(data, "room", &v) && json_unescape(&room, v) && room.n;
	if (good && join)
		hub_join(k->hub, &k->member, buf_view(&room));
	else if (good)
		hub_leave(k->hub, &k->member, buf_view(&room));
	buf_fini(&room);
	return good;
}

bool walk_row(struct walk *k, const struct db_result *r, int row)
{
	struct slice verb = db_value(r, row, COL_CONTROL);
	if (!slice_eq(db_value(r, row, COL_WHAT), SLICE("row")))
		return false;
	uint64_t id = walk_id(k);
	return verb.n ? walk_control(k, verb, db_value(r, row, COL_DATA)) : walk_event(k, r, row, id);
}

void walk_end(struct walk *k)
{
	held_free(&k->missed);
	hub_leave_all(k->hub, &k->member);
	hub_free(&k->hub);
}
