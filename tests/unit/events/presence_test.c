/* Presence on its way: coalesced, in order, within the budget. */
#include "hall.h"

static void change(const char *user, const char *event, const char *rooms)
{
	char data[100];
	snprintf(data, sizeof data, "{\"user_id\":\"%s\"}", user);
	database_publish(&hall.base, (struct published){.rooms = rooms, .event = event, .data = data});
}

static void take(void)
{
	HALL_UNTIL(hall.base.rows.n == 0);
	hall_turns();
}

TEST(the_first_change_goes_at_once_and_the_last_state_is_what_is_told)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA);
	client_join_all(guest_client(a), SLICE("chat:1"));
	uint64_t began = loop_now(hall.stage.loop);
	change("x", "user:online", "chat:1");
	guest_waits_for(a, "user:online");
	CHECK(loop_now(hall.stage.loop) - began < PRESENCE_FLUSH_MS);
	guest_reads(a, "42[\"user:online\",{\"user_id\":\"x\"}]\n");
	CHECK_INT(hall.turns, 1);

	change("x", "user:offline", "chat:1");
	change("y", "user:online", "chat:1");
	change("x", "user:online", "chat:1"); /* nobody has seen that it was away */
	take();
	CHECK(!presence_idle(&hall.events));
	guest_reads(a, "");
	CHECK_INT(hall.stage.people.counts.presence_dropped, 1);
	guest_waits_for(a, "\"y\"");
	CHECK(loop_now(hall.stage.loop) - began >= PRESENCE_FLUSH_MS);
	guest_reads(
		a,
		"42[\"user:online\",{\"user_id\":\"x\"}]\n42[\"user:online\",{\"user_id\":\"y\"}]\n"); /* in its old place */
	CHECK(presence_idle(&hall.events));
	CHECK_INT(hall.turns, 2);
	hall_end();
}

TEST(a_socket_is_told_so_many_in_one_flush)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA);
	char user[20];
	client_join_all(guest_client(a), SLICE("chat:1"));
	for (int i = 0; i < 200; i++) { /* of these nobody hears */
		snprintf(user, sizeof user, "nobody %d", i);
		change(user, "user:online", "chat:2");
	}
	for (int i = 0; i < PRESENCE_PER_SOCKET + 10; i++) {
		snprintf(user, sizeof user, "%d", i);
		change(user, "user:online", "chat:1");
	}
	HALL_UNTIL(a->got.n);
	hall_turns();
	unsigned told = 0;
	for (const char *at = guest_text(a); (at = strstr(at, "user:online")); at++)
		told++;
	CHECK_INT(told, PRESENCE_PER_SOCKET);
	CHECK(!presence_idle(&hall.events));
	guest_waits_for(a, "\"59\"");
	CHECK(presence_idle(&hall.events));
	hall_end();
}

TEST(what_is_no_presence_passes_by)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA);
	change("x", "user:online", NULL);
	database_publish(&hall.base, (struct published){.event = "user:online", .data = "[1]"}); /* names no user */
	hall_publish((struct published){.event = "user:renamed", .data = "{\"user_id\": 1}"});
	guest_waits_for(a, "\"x\"");
	guest_reads(
		a,
		"42[\"user:online\",[1]]\n42[\"user:renamed\",{\"user_id\":1}]\n42[\"user:online\",{\"user_id\":\"x\"}]\n");
	hall_end();
}

/* Nobody was here then, so the edge does not know whom a row was about that came after what waits. */
TEST(what_waits_is_dropped_before_an_event_that_is_bare)
{
	hall_opens();
	change("x", "user:online", "chat:1");
	change("x", "user:online", "chat:1");
	take();
	change("y", "user:online", "chat:1");
	take();
	CHECK(!presence_idle(&hall.events));
	struct db_event bare = {.id = 9, .xid = 9, .bare = true};
	CHECK_INT(feed_batch(&hall.events, &(struct db_batch){.events = &bare, .n = 1}), 1);
	CHECK(presence_idle(&hall.events));
	struct guest *a = hall_guest(ANNA);
	client_join_all(guest_client(a), SLICE("chat:1"));
	change("z", "user:online", "chat:1");
	guest_waits_for(a, "\"z\"");
	guest_reads(a, "42[\"user:online\",{\"user_id\":\"z\"}]\n");
	hall_end();
}

TEST(what_waits_is_dropped_with_the_floor)
{
	hall_opens();
	change("x", "user:online", "chat:1");
	take();
	change("x", "user:offline", "chat:1");
	change("y", "user:offline", "chat:1");
	take();
	CHECK(!presence_idle(&hall.events));
	hall_end(); /* and a leak would be seen */
}
