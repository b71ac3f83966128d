/* A client comes back: missed events, held events, and everything that can go wrong. */
#include "porch.h"

#include "base/number.h"
#include "trace.h"

#define ROOMS_ROW "1|rooms|~|user:" ANNA "^participants:" CHAT "|~|~|~||~\n"
#define EVENT_ROW(rooms, event) "1|row|5|" rooms "||" event "|~|{}|~\n"
#define CONTROL_ROW(verb, data) "1|row|5|~||~|" verb "|" data "|~\n"
#define OK_ROW "1|ok|~|~|~|~|~|~|~"

/* Anna was here, has an offset, and is gone. */
static void anna_was_here(void)
{
	struct guest *a = porch_asks(ANNA);
	porch_reads_offset(a);
	guest_say(a, "41");
	CHECK_INT(hall.gone, 1);
	porch.opened = 0;
	database_said(&hall.base);
}

static void anna_joined_a_chat(void)
{
	struct guest *a = porch_asks(ANNA);
	char data[120];
	porch_reads_offset(a);
	snprintf(data, sizeof data, "{\"socket_id\":\"%.*s\",\"room\":\"chat:" CHAT "\"}", SIO_ID_LEN, a->id);
	hall_publish((struct published){.control = "socket_join", .data = data});
	porch_reads_offset(a);
	guest_say(a, "41");
	porch.opened = 0;
	database_said(&hall.base);
}

static bool is_in(const struct guest *g, const char *room)
{
	return hub_is_in(hall.stage.people.hub, &guest_client(g)->member, slice_str(room));
}

/* It is opened as a new socket, and told so. */
static void opens_as_new(struct guest *a)
{
	guest_waits_for(a, "sync:required");
	CHECK_INT(porch.recovered, 0);
	CHECK_INT(porch.opened, 1);
	CHECK_INT(hall.stage.people.counts.recoveries[RECOVERY_REFUSED], 1);
	const char *text = guest_text(a);
	CHECK(strstr(text, "\"reason\":\"reconnection\""));
	CHECK(!strstr(text, porch.pid)); /* an id of its own */
}

TEST(what_was_missed_comes_first_then_what_was_held_then_connected)
{
	porch_opens();
	anna_was_here();
	database_answers(&hall.base, "rt.recover",
	                 ROOMS_ROW EVENT_ROW("participants:" CHAT, "missed 1") EVENT_ROW("chat:" CHAT, "not hers")
	                         EVENT_ROW("~", "missed 2") OK_ROW);
	database_holds(&hall.base, "rt.recover");
	struct guest *a = porch_returns(ANNA);
	HALL_UNTIL(database_is_held(&hall.base, "rt.recover"));
	hall_publish((struct published){.rooms = "user:" ANNA, .event = "held"});
	guest_reads(a, "");
	database_release(&hall.base, "rt.recover");
	guest_waits_for(a, "connected");
	guest_read(a);
	char want[300];
	snprintf(
		want, sizeof want,
		"40{\"sid\":\"ID\",\"pid\":\"%s\"}\n42[\"missed 1\",{}]\n42[\"missed 2\",{}]\n42[\"held\",{}]\n42[\"connected\",{}]\n",
		porch.pid);
	const char *text = guest_text(a);
	CHECK(strncmp(text, want, strlen(want)) == 0);
	CHECK_INT(porch.recovered, 1);
	CHECK_INT(hall.stage.people.counts.recoveries[RECOVERY_RECOVERED], 1);
	CHECK_INT(hall.stage.people.counts.recovered_events, 3);
	const char *said = database_said(&hall.base);
	CHECK(strstr(said, "rt.recover {") && strstr(said, "\\\"again\\\":false") && strstr(said, "\\\"chats\\\":[]"));
	porch_end();
}

/* Missed and held events have to fit the queue of a client together. */
TEST(more_bytes_than_a_queue_takes_are_not_recovered)
{
	porch_opens();
	anna_was_here();
	porch.recovery.bytes_max = 100;
	database_answers(&hall.base, "rt.recover",
	                 ROOMS_ROW EVENT_ROW("user:" ANNA, "missed") EVENT_ROW("user:" ANNA, "too") OK_ROW);
	database_holds(&hall.base, "rt.recover");
	struct guest *a = porch_returns(ANNA);
	HALL_UNTIL(database_is_held(&hall.base, "rt.recover"));
	hall_publish((struct published){.rooms = "user:" ANNA,
	                                .event = "held",
	                                .data = "{\"text\":\"of a hundred bytes, with the two that were missed: "
	                                        "so it has a rather long text\"}"});
	database_release(&hall.base, "rt.recover");
	opens_as_new(a);
	porch_end();
}

TEST(the_walk_goes_through_rooms_as_they_were)
{
	porch_opens();
	anna_was_here();
	database_answers(&hall.base, "rt.recover",
	                 ROOMS_ROW EVENT_ROW("followers:9", "before")
	                         CONTROL_ROW("user_join", "{\"room\":\"followers:9\"}")
	                                 EVENT_ROW("followers:9", "within") CONTROL_ROW("socket_kick", "{}")
	                                         CONTROL_ROW("user_leave", "{\"room\":\"followers:9\"}")
	                                                 EVENT_ROW("followers:9", "after") OK_ROW);
	struct guest *a = porch_returns(ANNA);
	guest_waits_for(a, "connected");
	const char *text = guest_text(a);
	CHECK(strstr(text, "within") && !strstr(text, "before") && !strstr(text, "after"));
	porch_end();
}

/* Her offset names the rows, too. */
static void anna_was_sent(const struct db_row *rows, size_t n)
{
	unsigned char key[TOKEN_KEY];
	struct recovery_token t;
	struct token_head head;
	struct buf text = {0};
	anna_was_here();
	CHECK(hex_decode(key, TOKEN_KEY, SLICE(KEY)));
	CHECK(token_read(&t, key, SLICE(ANNA), slice_str(porch.pid), slice_str(porch.offset)));
	buf_char(&t.snapshot, '\0');
	buf_char(&t.mark, '\0');
	struct db_position at = {
		.snapshot = t.snapshot.p, .mark = t.mark.p, .now_us = (int64_t)t.issued_us, .ahead = rows, .nahead = n};
	CHECK(token_head(&head, t.epoch, &at));
	CHECK(token_put(&text, key, &head,
	                &(struct token_about){.user = SLICE(ANNA),
	                                      .pid = slice_str(porch.pid),
	                                      .socket = slice_of(t.socket, TOKEN_SOCKET)}));
	snprintf(porch.offset, sizeof porch.offset, "%.*s", (int)text.n, text.p);
	token_fini(&t);
	token_head_fini(&head);
	buf_fini(&text);
}

/* The time of all rows here is 5. */
TEST(what_she_was_sent_ahead_of_the_snapshot_is_not_sent_again)
{
	static const struct db_row sent[] = {{.id = 31, .at_us = 5}, {.id = 33, .at_us = 6}, {.id = 35, .at_us = 5}};
	porch_opens();
	anna_was_sent(sent, ARRAY_LEN(sent));
	database_answers(&hall.base, "rt.recover",
	                 ROOMS_ROW EVENT_ROW("user:" ANNA, "one") EVENT_ROW("user:" ANNA, "two")
	                         EVENT_ROW("user:" ANNA, "three") EVENT_ROW("user:" ANNA, "four")
	                                 EVENT_ROW("user:" ANNA, "five") "1|ok|~|~|~|~|~|31^32^33^34^35|~");
	struct guest *a = porch_returns(ANNA);
	guest_waits_for(a, "connected");
	const char *text = guest_text(a);
	CHECK(!strstr(text, "one") && strstr(text, "two") && strstr(text, "four") && !strstr(text, "five"));
	CHECK(strstr(text, "three")); /* a crash has given its number back */
	porch_end();
}

TEST(a_joined_chat_is_entered_again_where_rows_still_grant_it)
{
	porch_opens();
	anna_joined_a_chat();
	database_answers(&hall.base, "rt.recover", ROOMS_ROW EVENT_ROW("chat:" CHAT, "typed") OK_ROW);
	struct guest *a = porch_returns(ANNA);
	guest_waits_for(a, "connected");
	CHECK(is_in(a, "chat:" CHAT));
	CHECK(strstr(guest_text(a), "typed"));
	CHECK(strstr(database_said(&hall.base), "\\\"chats\\\":[\\\"chat:" CHAT "\\\"]"));
	porch_end();
}

TEST(where_the_walk_ends_in_other_chats_it_begins_again_from_the_pump)
{
	porch_opens();
	anna_joined_a_chat();
	database_answers(&hall.base, "rt.recover",
	                 ROOMS_ROW CONTROL_ROW("socket_leave", "{\"room\":\"chat:" CHAT "\"}") OK_ROW);
	struct guest *a = porch_returns(ANNA);
	guest_waits_for(a, "connected");
	CHECK(!is_in(a, "chat:" CHAT));
	const char *said = database_said(&hall.base);
	CHECK(strstr(said, "\\\"again\\\":false") && strstr(said, "\\\"again\\\":true"));
	CHECK_INT(porch.recovered, 1);
	porch_end();
}

TEST(a_former_socket_of_the_answer_is_followed_too)
{
	porch_opens();
	anna_was_here();
	database_answers(&hall.base, "rt.recover",
	                 "1|rooms|~|participants:" CHAT
	                 "|~|~|~|aaaaaaaaaaaaaaaaaaaa|~\n" EVENT_ROW("aaaaaaaaaaaaaaaaaaaa", "to the old one") OK_ROW);
	struct guest *a = porch_returns(ANNA);
	guest_waits_for(a, "connected");
	CHECK(strstr(guest_text(a), "to the old one"));
	CHECK(is_in(a, "aaaaaaaaaaaaaaaaaaaa"));
	CHECK(strstr(database_said(&hall.base),
	             "\\\"again\\\":true")); /* events to it may have been missed by the first round */
	porch_end();
}

TEST(an_answer_that_is_no_opens_a_new_socket)
{
	static const struct {
		const char *rows, *why;
	} cases[] = {
		{ROOMS_ROW EVENT_ROW("~", "x") "1|no|~|~|~|~|~|size|~", "size"},
		{"1|no|~|~|~|~|~|age|~", "age"},
		{"1|no|~|~|~|~|~|of tomorrow|~", "unknown cause"},
		{"1|no|~|~|~|~|~|no key|~", "unknown cause"}, /* the edge alone says this one */
		{"1|no|~|~|~|~|~|~|~", "unknown cause"},
		{ROOMS_ROW "1|what|~|~|~|~|~|~|~\n" OK_ROW, "an answer that is none"},
		{ROOMS_ROW "1|row|later|~||e|~|{}|~\n" OK_ROW, "an answer that is none"},
		{ROOMS_ROW CONTROL_ROW("user_join", "{}") OK_ROW, "an answer that is none"},
		{EVENT_ROW("~", "x") OK_ROW, "an answer that is none"},
		{"7|no|~|~|~|~|~|pid|~", "the database did not answer"}, /* another's */
		{"1|no", "the database did not answer"},
		{"!57014 too slow", "the database did not answer"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CHECK_ROW(cases[i].rows);
		memset(&hall, 0, sizeof hall);
		porch.opened = porch.recovered = 0;
		porch_opens();
		anna_was_here();
		database_answers(&hall.base, "rt.recover", cases[i].rows);
		struct trace lines = trace_begin();
		struct guest *a = porch_returns(ANNA);
		opens_as_new(a);
		char want[80], *said = trace_end(&lines);
		snprintf(want, sizeof want, "why=\"%s\"", cases[i].why);
		if (!strchr(cases[i].why, ' '))
			snprintf(want, sizeof want, "why=%s", cases[i].why);
		CHECK(strstr(said, "not recovered") && strstr(said, want));
		free(said);
		porch_end();
	}
}

TEST(an_offset_that_is_not_hers_opens_a_new_socket)
{
	porch_opens();
	anna_was_here();
	struct guest *b = porch_returns(BORIS);
	opens_as_new(b);
	CHECK_STR(database_said(&hall.base), ""); /* nothing is looked for */
	porch_end();
}

TEST(what_is_no_id_presents_nothing)
{
	porch_opens();
	anna_was_here();
	static const char *const rows[] = {"\"pid\":\"short\",\"offset\":\"x\"",
	                                   "\"pid\":\"!!!!!!!!!!!!!!!!!!!!!!!!\",\"offset\":\"x\"",
	                                   "\"pid\":7,\"offset\":\"x\"", "\"offset\":\"x\""};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i]);
		struct guest *a = porch_guest("40{\"user\":\"" ANNA "\",\"recovery\":true,%s}", rows[i]);
		CHECK(strstr(guest_text(a), "sync:required"));
	}
	CHECK_INT(hall.stage.people.counts.recoveries[RECOVERY_REFUSED], 0);
	porch_end();
}

TEST(it_waits_for_the_key)
{
	porch_opens();
	anna_was_here();
	database_holds(&hall.base, "rt.recovery_key");
	database_breaks(&hall.base);
	porch.recovery.offsets = (offsets_stop(&porch.recovery), NULL); /* as in an edge that has just been started */
	offsets_start(&porch.recovery);
	HALL_UNTIL(database_is_held(&hall.base, "rt.recovery_key"));
	database_answers(&hall.base, "rt.recover", ROOMS_ROW EVENT_ROW("~", "missed") OK_ROW);
	struct guest *a = porch_returns(ANNA);
	for (int i = 0; i < 10; i++)
		hall_turns();
	guest_reads(a, "");
	database_release(&hall.base, "rt.recovery_key");
	guest_waits_for(a, "connected");
	CHECK_INT(porch.recovered, 1);
	porch_end();
}

TEST(a_gap_meanwhile_ends_it)
{
	porch_opens();
	anna_was_here();
	database_answers(&hall.base, "rt.recover", ROOMS_ROW OK_ROW);
	database_answers(&hall.base, "rt.rooms", ANNA "|t|participants:" CHAT "|200:200:");
	database_holds(&hall.base, "rt.recover");
	struct guest *a = porch_returns(ANNA);
	HALL_UNTIL(database_is_held(&hall.base, "rt.recover"));
	hall.base.has_gap = true;
	HALL_UNTIL(!hall.base.has_gap);
	hall_turns();
	database_release(&hall.base, "rt.recover");
	guest_waits_for(a, "sync:required");
	CHECK_INT(hall.stage.people.counts.recoveries[RECOVERY_REFUSED], 1);
	porch_end();
}

TEST(more_than_can_be_held_ends_it)
{
	porch_opens();
	anna_was_here();
	database_answers(&hall.base, "rt.recover", ROOMS_ROW OK_ROW);
	database_holds(&hall.base, "rt.recover");
	struct guest *a = porch_returns(ANNA);
	HALL_UNTIL(database_is_held(&hall.base, "rt.recover"));
	for (int i = 0; i < 501; i++)
		database_publish(&hall.base, (struct published){.event = "e"});
	HALL_UNTIL(hall.base.rows.n == 0);
	hall_turns();
	database_release(&hall.base, "rt.recover");
	opens_as_new(a);
	porch_end();
}

TEST(one_that_leaves_while_it_is_looked_for_costs_nothing)
{
	porch_opens();
	anna_was_here();
	database_answers(&hall.base, "rt.recover", ROOMS_ROW OK_ROW);
	database_holds(&hall.base, "rt.recover");
	struct guest *a = porch_returns(ANNA);
	HALL_UNTIL(database_is_held(&hall.base, "rt.recover"));
	shutdown(a->fd, SHUT_RDWR);
	HALL_UNTIL(hall.gone == 2);
	database_release(&hall.base, "rt.recover");
	for (int i = 0; i < 10; i++)
		hall_turns();
	CHECK_INT(porch.opened, 0);
	porch_end();
}

TEST(missed_events_are_confirmed_too)
{
	porch_opens();
	anna_was_here();
	database_answers(&hall.base, "rt.recover", ROOMS_ROW "1|row|5|~||m|~|{}|{\"message_id\": 3}\n" OK_ROW);
	struct guest *a = porch_returns(ANNA);
	guest_waits_for(a, "connected");
	guest_say(a, "3");
	HALL_UNTIL(confirms_idle(&hall.events));
	CHECK(strstr(database_said(&hall.base), "message_id\\\": 3"));
	porch_end();
}

/* Two messages and the offset behind them arrive, no pong comes back. Whether the recovery succeeds is another matter. */
TEST(what_an_authentic_offset_covers_is_confirmed)
{
	porch_opens();
	struct guest *a = porch_asks(ANNA);
	porch_reads_offset(a);
	static const char *const confirms[] = {"{\"message_id\": \"" CHAT "\"}", "{\"else\": 1}",
	                                       "{\"message_id\": \"" OTHER "\"}"};
	for (size_t i = 0; i < ARRAY_LEN(confirms); i++) {
		hall_publish((struct published){.rooms = "participants:" CHAT, .event = "m", .confirm = confirms[i]});
		porch_reads_offset(a);
	}
	guest_say(a, "41");
	porch.opened = 0;
	database_said(&hall.base);
	database_answers(&hall.base, "rt.recover", "1|no|~|~|~|~|~|too old|~");
	opens_as_new(porch_returns(ANNA));
	HALL_UNTIL(confirms_idle(&hall.events));
	const char *said = database_said(&hall.base);
	CHECK(strstr(said, "{\\\"user_id\\\":\\\"" ANNA "\\\",\\\"confirm\\\":{\\\"message_id\\\": \\\"" CHAT));
	CHECK(strstr(said, "message_id\\\": \\\"" OTHER));
	CHECK(!strstr(said, "else"));
	porch_end();
}
