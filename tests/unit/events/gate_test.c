/* The gate: events that pass, their cost, and the answers. */
#include "hall.h"

#define ERROR(code, message, event)                                                                                 \
	"42[\"error\",{\"code\":\"" code "\",\"message\":\"" message "\",\"timestamp\":\"TIME\",\"event\":\"" event \
	"\"}]\n"

static const struct event_count *counted(const char *name)
{
	const struct counts *c = &hall.stage.people.counts;
	for (uint32_t i = 0; i < c->nevents; i++)
		if (strcmp(c->events[i].name, name) == 0)
			return &c->events[i];
	return NULL;
}

TEST(what_may_not_pass_is_refused_with_its_reason)
{
	static const struct {
		const char *said, *heard;
	} rows[] = {
		{"42[\"no:such\",{}]", ERROR("INVALID_DATA", "Unknown event", "no:such")},
		{"42[\"chat:send\"]", ERROR("INVALID_DATA", "One object is expected", "chat:send")},
		{"42[\"chat:send\",{},1]", ERROR("INVALID_DATA", "One object is expected", "chat:send")},
		{"42[\"chat:send\",7]", ERROR("INVALID_DATA", "One object is expected", "chat:send")},
		{"42[\"chat:send\",{\"a\":\"\\ud800\"}]", ERROR("INVALID_DATA", "One object is expected", "chat:send")},
		{"42[\"chat:lost\",{}]", ERROR("UNAVAILABLE", "Try again", "chat:lost")},
	};
	hall_opens();
	struct guest *g = hall_guest(ANNA);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].said);
		guest_say(g, rows[i].said);
		guest_reads(g, rows[i].heard);
	}
	CHECK_ROW("");
	char large[400];
	snprintf(large, sizeof large, "42[\"chat:send\",{\"x\":\"%0*d\"}]", 220, 0);
	guest_say(g, large);
	guest_reads(g, ERROR("MESSAGE_TOO_LARGE", "Payload too large", "chat:send"));
	CHECK_STR(database_said(&hall.base), ""); /* nothing of it was asked of the database */
	CHECK_INT(counted("chat:send")->n[STATUS_ERROR], 5);
	hall_end();
}

TEST(an_ack_is_what_the_function_returns)
{
	hall_opens();
	struct guest *g = hall_guest(ANNA);
	database_answers(&hall.base, "rt.dispatch", "1|ok|{\"status\": \"sent\"}|~|~|~|~\n0|quiet|~|~|~|~|~");
	guest_send(g, "4212[\"chat:send\",{\"chat_id\":\"c1\",\"client_id\":\"k\"}]");
	guest_waits_for(g, "43");
	guest_reads(g, "4312[{\"status\":\"sent\"}]\n");
	char want[300];
	snprintf(
		want, sizeof want,
		"rt.dispatch {\"{\\\"event\\\":\\\"chat:send\\\",\\\"user_id\\\":\\\"" ANNA
		"\\\",\\\"socket_id\\\":\\\"%.*s\\\",\\\"payload\\\":{\\\"chat_id\\\":\\\"c1\\\",\\\"client_id\\\":\\\"k\\\"}}\"}\n",
		SIO_ID_LEN, g->id);
	CHECK_STR(database_said(&hall.base), want);
	CHECK_INT(counted("chat:send")->n[STATUS_OK], 1);
	CHECK_INT(hall.stage.people.counts.ack.count, 1);

	guest_send(g, "42[\"chat:send\",{}]"); /* no ack asked for: none */
	HALL_UNTIL(counted("chat:send")->n[STATUS_OK] == 2);
	stage_turn(&hall.stage);
	guest_reads(g, "");
	hall_end();
}

TEST(what_the_function_refuses_its_client_is_told)
{
	hall_opens();
	struct guest *g = hall_guest(ANNA);
	database_answers(&hall.base, "rt.dispatch", "1|error|~|FORBIDDEN|not yours|RT403|~\n0|quiet|~|~|~|~|~");
	guest_send(g, "423[\"chat:send\",{\"client_id\":\"k\"}]");
	guest_waits_for(g, "433[");
	guest_reads(
		g,
		"42[\"error\",{\"code\":\"FORBIDDEN\",\"message\":\"not yours\",\"timestamp\":\"TIME\",\"event\":\"chat:send\","
		"\"client_id\":\"k\"}]\n"
		"433[{\"status\":\"error\",\"code\":\"FORBIDDEN\",\"message\":\"not yours\",\"timestamp\":\"TIME\","
		"\"client_id\":\"k\"}]\n");
	CHECK_INT(hall.stage.people.counts.errors[ERROR_FORBIDDEN], 1);
	CHECK_INT(counted("chat:send")->n[STATUS_ERROR], 1);
	hall_end();
}

TEST(an_ack_of_a_batch_that_moved_sockets_waits_for_the_pump)
{
	hall_opens();
	struct guest *g = hall_guest(ANNA);
	char data[100];
	snprintf(data, sizeof data, "{\"socket_id\":\"%.*s\",\"room\":\"chat:9\"}", SIO_ID_LEN, g->id);
	database_answers(&hall.base, "rt.dispatch", "1|ok|{}|~|~|~|~\n0|published|moved|~|~|~|~");
	database_holds(&hall.base, "rt.dispatch");
	guest_send(g, "425[\"chat:send\",{}]");
	HALL_UNTIL(database_is_held(&hall.base, "rt.dispatch"));
	database_publish(&hall.base, (struct published){.control = "socket_join", .data = data});
	database_publish(&hall.base, (struct published){.rooms = "chat:9", .event = "e"});
	database_release(&hall.base, "rt.dispatch");
	guest_waits_for(g, "435[");
	guest_reads(g, "42[\"e\",{}]\n435[{}]\n"); /* told that it is in, it is in */
	hall_end();
}

TEST(an_ack_of_a_batch_that_moved_nobody_does_not_wait_for_the_pump)
{
	hall_opens();
	struct guest *g = hall_guest(ANNA);
	hall.base.pump_hangs = true;
	database_answers(&hall.base, "rt.dispatch", "1|ok|{}|~|~|~|~\n0|published|~|~|~|~|~");
	guest_send(g, "425[\"chat:send\",{}]");
	guest_waits_for(g, "435[");
	CHECK(hall.stage.people.counts.ack.sum < 1); /* which is how long those wait that moved somebody */
	hall_end();
}

TEST(a_client_that_left_meanwhile_is_told_nothing)
{
	hall_opens();
	struct guest *g = hall_guest(ANNA);
	database_answers(&hall.base, "rt.dispatch", "1|ok|{}|~|~|~|~\n0|quiet|~|~|~|~|~");
	database_holds(&hall.base, "rt.dispatch");
	guest_send(g, "421[\"chat:send\",{}]");
	HALL_UNTIL(database_is_held(&hall.base, "rt.dispatch"));
	guest_say(g, "41");
	CHECK_INT(hall.gone, 1);
	database_release(&hall.base, "rt.dispatch");
	HALL_UNTIL(counted("chat:send")->n[STATUS_OK] == 1);
	hall_end();
}

TEST(a_rate_is_its_class_and_refusals_cost_as_much)
{
	hall_opens();
	struct guest *g = hall_guest(ANNA);
	guest_say(g, "42[\"chat:rare\",7]");
	guest_say(g, "42[\"chat:rare\",7]");
	guest_reads(g, ERROR("INVALID_DATA", "One object is expected", "chat:rare")
	                       ERROR("INVALID_DATA", "One object is expected", "chat:rare"));
	guest_say(g, "42[\"chat:rare\",{}]");
	const char *text = guest_text(g);
	CHECK(strstr(text, "\"code\":\"RATE_LIMIT\",\"message\":\"Too many events\""));
	CHECK(strstr(text, "\"retry_after_ms\":"));
	struct guest *other = hall_guest(ANNA); /* the user's, not the socket's */
	guest_say(other, "42[\"chat:rare\",{}]");
	CHECK(strstr(guest_text(other), "RATE_LIMIT"));
	struct guest *b = hall_guest(BORIS);
	database_answers(&hall.base, "rt.dispatch", "1|ok|{}|~|~|~|~\n0|quiet|~|~|~|~|~");
	guest_send(b, "421[\"chat:rare\",{}]");
	guest_waits_for(b, "431[{}]");
	hall_end();
}

TEST(unknown_names_have_a_bucket_too)
{
	hall_opens();
	struct guest *g = hall_guest(ANNA);
	for (int i = 0; i < 50; i++)
		guest_send(g, "42[\"no:such\",{}]");
	guest_say(g, "42[\"no:other\",{}]");
	guest_waits_for(g, "RATE_LIMIT");
	CHECK_INT(hall.stage.people.counts.errors[ERROR_INVALID_DATA], 50);
	hall_end();
}

TEST(before_routes_are_read_nothing_is_known_to_be_wrong)
{
	hall_begin();
	struct guest *g = hall_guest(ANNA);
	guest_say(g, "42[\"chat:send\",{}]");
	guest_reads(g, ERROR("UNAVAILABLE", "Try again", "chat:send"));
	hall_end();
}

TEST(while_the_database_is_away_an_event_did_not_happen)
{
	hall_opens();
	struct guest *g = hall_guest(ANNA);
	database_answers(&hall.base, "rt.dispatch", "1|ok|{}|~|~|~|~\n0|quiet|~|~|~|~|~");
	database_holds(&hall.base, "rt.dispatch");
	guest_send(g, "421[\"chat:send\",{}]"); /* no client_id: its route is not repeated */
	HALL_UNTIL(database_is_held(&hall.base, "rt.dispatch"));
	database_breaks(&hall.base);
	guest_waits_for(g, "431[");
	guest_reads(
		g,
		ERROR("UNAVAILABLE", "Try again",
	              "chat:send") "431[{\"status\":\"error\",\"code\":\"UNAVAILABLE\",\"message\":\"Try again\",\"timestamp\":\"TIME\"}]\n");
	CHECK_INT(db_stats(hall.base.db)->items_uncertain, 1);
	hall_end();
}
