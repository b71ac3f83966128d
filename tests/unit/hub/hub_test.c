#include "hub/hub.h"

#include "base/buf.h"
#include "test.h"

enum { MEMBERS = 60, ROOMS = 80, STEPS = 30000 };

/* A table of who is in what, to hold the hub against. */
struct model {
	struct hub *hub;
	struct hub_member m[MEMBERS];
	bool in[MEMBERS][ROOMS], here[MEMBERS];
	unsigned got[MEMBERS];
};

static struct slice name_of(unsigned room, char text[32])
{
	/* of all lengths, so that occupants stand everywhere */
	return slice_of(text, (size_t)snprintf(text, 32, "room%u%.*s", room, (int)(room % 9), "xxxxxxxxx"));
}

static unsigned chance(unsigned n)
{
	return (unsigned)rand() % n;
}

static void deliver(struct hub_member *m, void *arg)
{
	struct model *k = arg;
	k->got[m - k->m]++;
}

static void send_and_compare(struct model *k)
{
	unsigned to[3], but = chance(ROOMS);
	struct buf rooms = {0};
	char text[32];
	size_t want = 0;
	for (unsigned i = 0; i < 3; i++) {
		to[i] = chance(ROOMS);
		if (i)
			buf_char(&rooms, '\n');
		buf_slice(&rooms, name_of(to[i], text));
	}
	memset(k->got, 0, sizeof k->got);
	size_t sent = hub_send(k->hub, buf_view(&rooms), name_of(but, text), deliver, k);
	for (unsigned i = 0; i < MEMBERS; i++) {
		bool due = (k->in[i][to[0]] || k->in[i][to[1]] || k->in[i][to[2]]) && !k->in[i][but];
		CHECK_INT(k->got[i], due);
		want += due;
	}
	CHECK_INT(sent, want);
	buf_fini(&rooms);
}

static void compare_member(struct model *k, unsigned i)
{
	struct slice name;
	char text[32];
	unsigned n = 0, want = 0;
	for (unsigned r = 0; r < ROOMS; r++) {
		want += k->in[i][r];
		CHECK(hub_is_in(k->hub, &k->m[i], name_of(r, text)) == k->in[i][r]);
	}
	for (; hub_room_of(k->hub, &k->m[i], n, &name); n++) {
		char copy[32] = "";
		memcpy(copy, name.p, name.n);
		CHECK(k->in[i][atoi(copy + 4)]);
	}
	CHECK_INT(n, want);
}

static unsigned members_of(const struct hub *h, struct slice room)
{
	unsigned n = 0;
	for (struct hub_cursor at = hub_room(h, room); hub_next(h, &at);)
		n++;
	return n;
}

/* Every room has one place, and says who is in it. */
static void compare_places(struct model *k)
{
	uint32_t members, rooms = 0;
	struct slice name;
	for (uint32_t i = 0; i < hub_places(k->hub); i++)
		if (hub_room_at(k->hub, i, &name, &members)) {
			CHECK_INT(members, members_of(k->hub, name));
			rooms++;
		}
	CHECK_INT(rooms, hub_stats(k->hub)->rooms);
	CHECK(!hub_room_at(k->hub, hub_places(k->hub), &name, &members));
}

static void compare_all(struct model *k)
{
	size_t rooms = 0, seats = 0, here = 0;
	char text[32];
	for (unsigned r = 0; r < ROOMS; r++) {
		unsigned n = 0;
		for (unsigned i = 0; i < MEMBERS; i++)
			n += k->in[i][r];
		CHECK_INT(members_of(k->hub, name_of(r, text)), n);
		rooms += n > 0;
		seats += n;
	}
	CHECK_INT(hub_stats(k->hub)->rooms, rooms);
	CHECK_INT(hub_stats(k->hub)->seats, seats);
	compare_places(k);
	memset(k->got, 0, sizeof k->got);
	hub_send(k->hub, SLICE(HUB_EVERYONE), (struct slice){0}, deliver, k);
	for (unsigned i = 0; i < MEMBERS; i++) {
		CHECK_INT(k->got[i], k->here[i]);
		here += k->here[i];
	}
}

TEST(it_holds_what_a_table_would)
{
	static struct model k;
	char text[32];
	k.hub = hub_new();
	srand(7);
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = chance(MEMBERS), r = chance(chance(2) ? ROOMS : 5); /* some rooms are large */
		bool *in = &k.in[i][r];
		switch (chance(8)) {
		case 0:
		case 1:
		case 2:
		case 3:
			CHECK(hub_join(k.hub, &k.m[i], name_of(r, text)) == !*in);
			*in = k.here[i] = true;
			break;
		case 4:
		case 5:
			CHECK(hub_leave(k.hub, &k.m[i], name_of(r, text)) == *in);
			*in = false;
			break;
		case 6:
			if (chance(10) == 0) {
				hub_leave_all(k.hub, &k.m[i]);
				memset(k.in[i], 0, sizeof k.in[i]);
				k.here[i] = false;
			}
			break;
		default:
			send_and_compare(&k);
			compare_member(&k, i);
		}
		if (step % 1000 == 0)
			compare_all(&k);
	}
	compare_all(&k);
	for (unsigned i = 0; i < MEMBERS; i++)
		hub_leave_all(k.hub, &k.m[i]);
	hub_free(&k.hub);
	CHECK(k.hub == NULL);
}

TEST(who_has_entered_is_one_of_all_without_a_room)
{
	struct model *k = calloc(1, sizeof *k);
	k->hub = hub_new();
	hub_enter(k->hub, &k->m[3]);
	hub_enter(k->hub, &k->m[3]);
	hub_join(k->hub, &k->m[4], SLICE("a"));
	hub_leave(k->hub, &k->m[4], SLICE("a"));
	CHECK_INT(hub_send(k->hub, SLICE(HUB_EVERYONE), SLICE("a"), deliver, k), 2);
	CHECK(k->got[3] == 1 && k->got[4] == 1);
	hub_leave_all(k->hub, &k->m[3]);
	CHECK_INT(hub_send(k->hub, SLICE(HUB_EVERYONE), SLICE("a"), deliver, k), 1);
	hub_leave_all(k->hub, &k->m[4]);
	hub_free(&k->hub);
	free(k);
}

TEST(members_from_elsewhere_are_reached_and_excepted_like_those_who_joined)
{
	struct model *k = calloc(1, sizeof *k);
	struct hub_member *m;
	unsigned reached = 0;
	k->hub = hub_new();
	for (unsigned i = 0; i < 4; i++)
		hub_join(k->hub, &k->m[i], SLICE("all"));
	hub_begin(k->hub);
	CHECK(hub_reach(k->hub, &k->m[0])); /* excepted */
	CHECK(hub_reach(k->hub, &k->m[2])); /* a room of one */
	CHECK(!hub_reach(k->hub, &k->m[2]));
	for (struct hub_cursor at = hub_room(k->hub, SLICE("all")); (m = hub_next(k->hub, &at));)
		if (hub_reach(k->hub, m))
			reached |= 1u << (m - k->m);
	CHECK_INT(reached, 1u << 1 | 1u << 3);
	hub_begin(k->hub);
	CHECK(hub_reach(k->hub, &k->m[0]));
	for (unsigned i = 0; i < 4; i++)
		hub_leave_all(k->hub, &k->m[i]);
	hub_free(&k->hub);
	free(k);
}

TEST(a_room_that_is_not_there_has_no_members)
{
	struct hub *h = hub_new();
	struct hub_cursor nobody = hub_room(h, SLICE("none")), all = hub_room(h, SLICE(HUB_EVERYONE));
	CHECK(!hub_next(h, &nobody) && !hub_next(h, &all));
	hub_free(&h);
}

TEST(a_name_that_is_too_long_is_no_room)
{
	struct hub *h = hub_new();
	struct hub_member m = {0};
	static char name[HUB_NAME_MOST + 1];
	memset(name, 'n', sizeof name);
	CHECK(!hub_join(h, &m, slice_of(name, sizeof name)));
	CHECK(hub_join(h, &m, slice_of(name, HUB_NAME_MOST)) && hub_is_in(h, &m, slice_of(name, HUB_NAME_MOST)));
	hub_leave_all(h, &m);
	hub_free(&h);
}
