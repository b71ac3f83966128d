/* Questions of operators: their line, its bounds, and what is answered. */
#include "operator/ask.h"

#include "events/hall.h"
#include "operator/history.h"

#define EDGE "6f1e7f8e-0000-4000-8000-000000000001"
#define ASKED "6f1e7f8e-0000-4000-8000-0000000000a"

static struct operator operator;

static void begin(void)
{
	hall_begin();
	operator=(struct operator){.people = &hall.stage.people, .db = hall.base.db, .edge_id = EDGE};
	asks_start(&operator);
	asks_stop(&operator); /* and once more: stopped asks may be started */
	asks_start(&operator);
	history_start(&operator);
	db_start(hall.base.db);
	HALL_UNTIL(!routes_missing(&hall.events));
	database_answers(&hall.base, "rt.answer", "x");
	database_said(&hall.base);
}

static void end(void)
{
	stage_end_clients(&hall.stage);
	db_free(&hall.base.db);
	history_stop(&operator);
	asks_stop(&operator);
	hall_end_floor();
}

/* The n-th question, of which more is known. */
static void asks(unsigned n, const char *more)
{
	char data[9000];
	snprintf(data, sizeof data, "{\"ask\": \"" ASKED "%x\", \"what\": %s}", n % 16, more);
	ask_take(&operator, slice_str(data));
}

static char *said(void)
{
	const char *text = "";
	while (!*text) {
		hall_turns();
		text = database_said(&hall.base);
	}
	return strdup(text);
}

static void answers(const char *part)
{
	char *text = said();
	if (!strstr(text, part))
		UNIT_FAIL("%s is not in %s", part, text);
	free(text);
}

TEST(a_user_and_a_room_are_looked_up)
{
	begin();
	struct guest *a = hall_guest(ANNA);
	hall_guest(BORIS);
	client_join_all(guest_client(a), SLICE("chat:1\nit's \"so\""));
	asks(1, "\"sockets\", \"user_id\": \"" ANNA "\"");
	answers("it's ");
	asks(2, "\"sockets\", \"room\": \"it's \\\"so\\\"\"");
	answers(ANNA);
	asks(3, "\"sockets\", \"user_id\": \"" CLARA "\"");
	answers("\\\"sockets\\\":[]");
	asks(4, "\"rooms\", \"prefix\": \"chat:\", \"limit\": 1");
	answers("\\\"room\\\":\\\"chat:1\\\",\\\"sockets\\\":1}]");
	asks(5, "\"edges\"");
	answers("\\\"users\\\":2,\\\"sockets\\\":2");
	end();
}

TEST(the_largest_rooms_are_named_and_the_rest_is_said_to_be_there)
{
	char rooms[40];
	begin();
	struct guest *g[3] = {hall_guest(ANNA), hall_guest(BORIS), hall_guest(CLARA)};
	for (int room = 0; room < 60; room++)
		for (int i = 0; i < 1 + (room == 17) + (room > 57 ? 1 : 0) + (room == 17); i++) {
			snprintf(rooms, sizeof rooms, "r%d", room);
			client_join_all(guest_client(g[i]), slice_str(rooms));
		}
	asks(1, "\"rooms\", \"prefix\": \"\", \"limit\": 3");
	char *text = said();
	CHECK(strstr(text, "[{\\\"room\\\":\\\"r17\\\",\\\"sockets\\\":3},{\\\"room\\\":\\\"r58\\\",\\\"sockets\\\":2},"
	                   "{\\\"room\\\":\\\"r59\\\",\\\"sockets\\\":2}]"));
	CHECK(strstr(text, "\\\"more\\\":true"));
	CHECK(strstr(text, "\\\"rooms_here\\\":60"));
	free(text);
	end();
}

TEST(busy_rooms_are_named_and_their_sockets_counted)
{
	begin();
	struct guest *a = hall_guest(ANNA), *b = hall_guest(BORIS);
	hall_guest(ANNA);
	client_join_all(guest_client(a), SLICE("chat:1"));
	client_join_all(guest_client(b), SLICE("chat:1"));
	asks(1, "\"busy\", \"names\": \"chat:1\\nuser:" ANNA "\\nchat:2\\nuser:x\"");
	answers("[{\\\"room\\\":\\\"chat:1\\\",\\\"sockets\\\":2},{\\\"room\\\":\\\"user:" ANNA
	        "\\\",\\\"sockets\\\":2},{\\\"room\\\":\\\"chat:2\\\",\\\"sockets\\\":0},"
	        "{\\\"room\\\":\\\"user:x\\\",\\\"sockets\\\":0}]");
	asks(2, "\"busy\", \"names\": \"\"");
	answers("{\\\"rooms\\\":[]}");
	asks(3, "\"busy\"");
	answers("{\\\"rooms\\\":[]}");
	end();
}

/* The trace is off here: what was sent is in page.test.mjs. */
TEST(a_user_is_shown_without_addresses)
{
	begin();
	hall_guest(ANNA);
	asks(1, "\"user\", \"user_id\": \"" ANNA "\"");
	char *text = said();
	CHECK(strstr(text, "\\\"state\\\":\\\"open\\\""));
	CHECK(strstr(text, "\\\"ended\\\":[],\\\"deliveries\\\":[]"));
	CHECK(!strstr(text, "peer"));
	free(text);
	asks(2, "\"user\", \"user_id\": \"" CLARA "\"");
	answers("\\\"sockets\\\":[]");
	asks(3, "\"user\"");
	answers("\\\"sockets\\\":[]");
	asks(4, "\"history\"");
	answers("\\\"step_ms\\\":5000,\\\"sockets\\\":[],\\\"events_in\\\":[],\\\"packets_out\\\":[]");
	end();
}

TEST(sockets_are_ended_with_a_reason)
{
	begin();
	struct guest *a = hall_guest(ANNA), *b = hall_guest(BORIS);
	client_join_all(guest_client(a), SLICE("chat:1"));
	client_join_all(guest_client(b), SLICE("chat:1"));
	asks(1, "\"kick\", \"user_id\": \"" ANNA "\", \"reason\": \"no \\\"more\\\"\"");
	answers("\\\"ended\\\":1");
	guest_reads(
		a,
		"42[\"error\",{\"code\":\"FORBIDDEN\",\"message\":\"no \\\"more\\\"\",\"timestamp\":\"TIME\"}]\n41\n");
	asks(2, "\"kick\", \"room\": \"chat:1\", \"reason\": \"x\"");
	answers("\\\"ended\\\":1");
	asks(3, "\"kick\", \"reason\": \"x\"");
	answers("\\\"ended\\\":0");
	asks(4, "\"kick\", \"room\": \"chat:1\"");
	answers("\\\"ended\\\":0");
	end();
}

TEST(what_is_no_question_is_left_out)
{
	static const char *const none[] = {"{}",
	                                   "[]",
	                                   "{\"ask\": 1, \"what\": \"edges\"}",
	                                   "{\"ask\": \"" ASKED "1\"}",
	                                   "{\"ask\": \"" ASKED "1\", \"what\": \"weather\"}",
	                                   "{\"ask\": \"x\", \"what\": \"edges\"}"};
	begin();
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		ask_take(&operator, slice_str(none[i]));
	char large[8600];
	memset(large, 'x', sizeof large);
	snprintf(large, 60, "\"edges\", \"room\": \"");
	large[strlen(large)] = 'x';
	snprintf(large + 8400, 10, "\"");
	asks(1, large);
	asks(2, "\"edges\"");
	char *text = said();
	CHECK(strstr(text, ASKED "2"));
	CHECK(!strstr(text, ASKED "1"));
	free(text);
	end();
}

TEST(a_crowd_of_questions_costs_no_more_than_its_bound)
{
	unsigned n = 0;
	begin();
	for (unsigned i = 0; i < 10000; i++)
		asks(i, "\"edges\"");
	for (int turns = 0; turns < 2000; turns++) {
		hall_turns();
		for (const char *at = database_said(&hall.base); (at = strstr(at, "\\\"ask\\\":")); at++)
			n++;
	}
	CHECK_INT(n, 128);
	end();
}
