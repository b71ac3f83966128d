/* Rows of the outbox: to whom they go, and what control rows do. */
#include "hall.h"

static bool is_in(const struct guest *g, const char *room)
{
	return hub_is_in(hall.stage.people.hub, &guest_client(g)->member, slice_str(room));
}

static const char *about(const char *format, const struct guest *g)
{
	static char text[200];
	snprintf(text, sizeof text, format, SIO_ID_LEN, g->id);
	return text;
}

TEST(a_row_reaches_the_sockets_of_its_rooms_in_order)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA), *b = hall_guest(BORIS);
	client_join_all(guest_client(a), SLICE("chat:1"));
	client_join_all(guest_client(b), SLICE("chat:1\nchat:2"));
	database_publish(&hall.base, (struct published){.rooms = "chat:1", .event = "one", .data = "{\"n\": 1}"});
	database_publish(&hall.base, (struct published){.rooms = "chat:1", .except = "chat:2", .event = "two"});
	database_publish(&hall.base, (struct published){.event = "all"});
	hall_publish((struct published){.rooms = "user:" BORIS "^chat:2", .event = "three", .data = "[1, null]"});
	guest_reads(a, "42[\"one\",{\"n\":1}]\n42[\"two\",{}]\n42[\"all\",{}]\n");
	guest_reads(b, "42[\"one\",{\"n\":1}]\n42[\"all\",{}]\n42[\"three\",[1,null]]\n");
	CHECK_INT(hall.stage.people.counts.latency.count, 6);
	hall_end();
}

/* 900 x 250 KB for a room that nobody is in: nobody looks at the data, which is not even there. */
TEST(an_event_that_reaches_nobody_is_not_encoded)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA);
	struct slice nowhere = {(const char *)16, 250000}; /* NOLINT(performance-no-int-to-ptr) */
	struct db_event e = {
		.id = 1, .rooms = SLICE("room:none"), .event = SLICE("e"), .data = nowhere, .confirm = nowhere};
	CHECK_INT(feed_batch(&hall.events, &(struct db_batch){.events = &e, .n = 1}), 1);
	e.rooms = SLICE("room:none\nuser:" ANNA);
	e.except_rooms = SLICE("user:" ANNA);
	CHECK_INT(feed_batch(&hall.events, &(struct db_batch){.events = &e, .n = 1}), 1);
	hall_turns();
	guest_reads(a, "");
	hall_end();
}

TEST(of_an_event_that_is_bare_nobody_hears)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA);
	/* whatever stands in it: the word alone says that it is none to deliver */
	struct db_event e = {.id = 1,
	                     .xid = 1,
	                     .at_us = 1,
	                     .bare = true,
	                     .rooms = SLICE("user:" ANNA),
	                     .event = SLICE("e"),
	                     .data = SLICE("{}"),
	                     .except_rooms = SLICE(""),
	                     .confirm = SLICE("")};
	CHECK_INT(feed_batch(&hall.events, &(struct db_batch){.events = &e, .n = 1}), 1);
	hall_turns();
	guest_reads(a, "");
	CHECK_INT(hall.stage.people.counts.latency.count, 0);
	hall_end();
}

TEST(control_rows_act_between_the_events_around_them)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA), *a2 = hall_guest(ANNA);
	const char *join = "{\"user_id\":\"" ANNA "\",\"room\":\"chat:1\"}";
	database_publish(&hall.base, (struct published){.rooms = "chat:1", .event = "before"});
	database_publish(&hall.base, (struct published){.control = "user_join", .data = join});
	database_publish(&hall.base, (struct published){.rooms = "chat:1", .event = "within"});
	database_publish(&hall.base, (struct published){.control = "user_leave", .data = join});
	hall_publish((struct published){.rooms = "chat:1", .event = "after"});
	guest_reads(a, "42[\"within\",{}]\n");
	guest_reads(a2, "42[\"within\",{}]\n");
	hall_end();
}

TEST(a_socket_joins_and_leaves_alone)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA), *a2 = hall_guest(ANNA);
	hall_publish((struct published){.control = "socket_join",
	                                .data = about("{\"socket_id\":\"%.*s\",\"room\":\"chat:7\"}", a)});
	CHECK(is_in(a, "chat:7") && !is_in(a2, "chat:7"));
	hall_publish((struct published){.control = "socket_leave",
	                                .data = about("{\"socket_id\":\"%.*s\",\"room\":\"chat:7\"}", a)});
	CHECK(!is_in(a, "chat:7"));
	hall_publish(
		(struct published){.control = "socket_join", .data = "{\"socket_id\":\"gone\",\"room\":\"chat:7\"}"});
	CHECK_INT(hub_stats(hall.stage.people.hub)->rooms, 0);
	hall_end();
}

TEST(a_kick_ends_all_sockets_of_a_user)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA), *a2 = hall_guest(ANNA), *b = hall_guest(BORIS);
	hall_publish((struct published){.control = "user_kick",
	                                .data = "{\"user_id\":\"" ANNA "\",\"reason\":\"disabled\"}"});
	CHECK(strstr(guest_text(a), "UNAUTHORIZED"));
	CHECK(strstr(guest_text(a2), "UNAUTHORIZED"));
	guest_reads(b, "");
	CHECK_INT(hall.gone, 2);
	CHECK_INT(guest_client(b)->state, CLIENT_OPEN);
	hall_publish((struct published){.control = "socket_kick", .data = about("{\"socket_id\":\"%.*s\"}", b)});
	guest_reads(b, "41\n");
	hall_end();
}

TEST(what_is_no_control_row_of_ours_changes_nothing)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA);
	database_publish(&hall.base, (struct published){.control = "no_such_verb"});
	database_publish(&hall.base,
	                 (struct published){.control = "user_join", .data = "{\"user_id\":7,\"room\":\"chat:1\"}"});
	database_publish(&hall.base, (struct published){.control = "user_join", .data = "{\"user_id\":\"" ANNA "\"}"});
	database_publish(&hall.base, (struct published){.control = "settings_changed"});
	hall_publish((struct published){.event = "e"});
	guest_reads(a, "42[\"e\",{}]\n");
	CHECK_INT(hub_stats(hall.stage.people.hub)->seats, 0);
	CHECK_STR(database_said(&hall.base), "");
	hall_end();
}

TEST(routes_are_read_again_when_a_row_says_so)
{
	hall_opens();
	CHECK(route_find(&hall.events, SLICE("chat:send")) && !route_find(&hall.events, SLICE("chat:new")));
	database_answers(&hall.base, "rt.routes", "chat:new|rt.chat_new|300|x|10|50||always|t|~|~|~|~");
	hall_publish((struct published){.control = "routes_changed"});
	HALL_UNTIL(route_find(&hall.events, SLICE("chat:new")));
	const struct route *r = route_find(&hall.events, SLICE("chat:new"));
	CHECK(!route_find(&hall.events, SLICE("chat:send")));
	CHECK_INT(r->max_bytes, 300);
	CHECK_INT(r->repeat, DB_REPEAT_ALWAYS);
	CHECK_INT(r->limit.burst, 50);
	CHECK(!r->lock_key && r->fit);
	hall_end();
}

TEST(routes_that_changed_while_they_were_read_are_read_once_more)
{
	hall_opens();
	database_answers(&hall.base, "rt.routes", "chat:old|rt.chat_old|300|x|10|50||by key|t|~|~|~|~");
	database_holds(&hall.base, "rt.routes");
	hall_publish((struct published){.control = "routes_changed"});
	HALL_UNTIL(database_is_held(&hall.base, "rt.routes"));
	hall_publish((struct published){.control = "routes_changed"});
	hall_publish((struct published){.control = "routes_changed"});
	database_release(&hall.base, "rt.routes");
	database_answers(&hall.base, "rt.routes", "chat:new|rt.chat_new|300|x|10|50||never|t|~|~|~|~");
	HALL_UNTIL(route_find(&hall.events, SLICE("chat:new")));
	CHECK_STR(database_said(&hall.base), "rt.routes\nrt.routes\n");
	hall_end();
}

TEST(routes_that_cannot_be_read_are_asked_for_again_and_the_old_ones_stay)
{
	hall_opens();
	database_answers(&hall.base, "rt.routes", "!57014 too slow");
	hall_publish((struct published){.control = "routes_changed"});
	HALL_UNTIL(hall.base.said.n);
	hall_turns(), hall_turns();
	CHECK(route_find(&hall.events, SLICE("chat:send")));
	database_answers(&hall.base, "rt.routes", "chat:new|rt.chat_new|300|x|10|50||never|t|~|~|~|~");
	HALL_UNTIL(route_find(&hall.events, SLICE("chat:new"))); /* after a second, by itself */
	hall_end();
}
