/* The offsets of clients that asked for recovery, and when they are sent. */
#include "porch.h"

static unsigned offsets_in(struct guest *g)
{
	unsigned n = 0;
	for (const char *at = guest_text(g); (at = strstr(at, "[\"$o\",0,\"")); at++)
		n++;
	return n;
}

static void some_turns(void)
{
	for (int i = 0; i < 15; i++)
		hall_turns();
}

TEST(who_asks_is_given_an_id_and_an_offset_and_others_are_not)
{
	porch_opens();
	struct guest *a = porch_asks(ANNA), *b = porch_guest("40{\"user\":\"" BORIS "\"}");
	porch_reads_offset(a);
	CHECK_INT(strlen(porch.pid), PID_LEN);
	struct recovery_token t;
	CHECK(token_read(&t, offsets_key(&porch.recovery), SLICE(ANNA), slice_str(porch.pid), slice_str(porch.offset)));
	CHECK_SLICE(slice_of(t.socket, TOKEN_SOCKET), slice_of(a->id, SIO_ID_LEN));
	CHECK_SLICE(buf_view(&t.chats), SLICE(""));
	token_fini(&t);
	some_turns();
	const char *text = guest_text(b);
	CHECK(!strstr(text, "$o") && !strstr(text, "pid"));
	porch_end();
}

TEST(a_key_that_was_lost_with_its_link_is_read_again)
{
	porch_begin();
	database_holds(&hall.base, "rt.recovery_key");
	HALL_UNTIL(database_is_held(&hall.base, "rt.recovery_key"));
	database_loses(&hall.base, "rt.recovery_key");
	HALL_UNTIL(!offsets_key_wanted(&porch.recovery));
	CHECK(!offsets_key(&porch.recovery));
	CHECK_INT(db_state(hall.base.db), DB_UP); /* no outage: nobody tells that the database is up */
	offsets_tick(&porch.recovery);
	HALL_UNTIL(offsets_key(&porch.recovery));
	porch_end();
}

TEST(a_key_that_was_refused_is_read_again)
{
	porch_begin();
	database_answers(&hall.base, "rt.recovery_key", "no key");
	HALL_UNTIL(!offsets_key_wanted(&porch.recovery));
	database_answers(&hall.base, "rt.recovery_key", KEY);
	offsets_tick(&porch.recovery);
	HALL_UNTIL(offsets_key(&porch.recovery));
	porch_end();
}

TEST(each_turn_that_brings_something_brings_one_offset)
{
	porch_opens();
	struct guest *a = porch_asks(ANNA);
	porch_reads_offset(a);
	database_publish(&hall.base, (struct published){.event = "one"});
	database_publish(&hall.base, (struct published){.event = "two"});
	guest_waits_for(a, "$o");
	const char *text = guest_text(a);
	CHECK(strstr(strstr(strstr(text, "one"), "two"), "$o"));
	hall_publish((struct published){.rooms = "user:" BORIS, .event = "three"}); /* not for it */
	some_turns();
	CHECK_INT(offsets_in(a), 0);
	porch_end();
}

TEST(an_offset_names_the_chats_that_were_joined)
{
	porch_opens();
	struct guest *a = porch_asks(ANNA);
	porch_reads_offset(a);
	char data[120];
	snprintf(data, sizeof data, "{\"socket_id\":\"%.*s\",\"room\":\"chat:" CHAT "\"}", SIO_ID_LEN, a->id);
	hall_publish((struct published){.control = "socket_join", .data = data});
	porch_reads_offset(a);
	struct recovery_token t;
	CHECK(token_read(&t, offsets_key(&porch.recovery), SLICE(ANNA), slice_str(porch.pid), slice_str(porch.offset)));
	CHECK_SLICE(buf_view(&t.chats), SLICE(CHAT));
	token_fini(&t);
	porch_end();
}

TEST(a_socket_that_cannot_be_restored_has_its_offset_taken_back_once)
{
	porch_opens();
	struct guest *a = porch_asks(ANNA);
	porch_reads_offset(a);
	hub_join(hall.stage.people.hub, &guest_client(a)->member, SLICE("a room of the emitter"));
	hall_publish((struct published){.event = "e"});
	guest_waits_for(a, "[\"$o\",0,\"\"]");
	guest_text(a);
	hall_publish((struct published){.event = "e"});
	some_turns();
	CHECK_INT(offsets_in(a), 0);
	hub_leave(hall.stage.people.hub, &guest_client(a)->member, SLICE("a room of the emitter"));
	hall_publish((struct published){.event = "e"});
	porch_reads_offset(a);
	porch_end();
}

TEST(no_offset_while_presence_waits_to_be_sent)
{
	porch_opens();
	struct guest *a = porch_asks(ANNA);
	porch_reads_offset(a);
	hall_publish((struct published){.event = "user:online", .data = "{\"user_id\":\"x\"}"});
	guest_waits_for(a, "$o");
	guest_text(a);
	hall_publish((struct published){.event = "user:offline", .data = "{\"user_id\":\"x\"}"});
	hall_publish((struct published){.event = "e"});
	some_turns();
	CHECK(!presence_idle(&hall.events));
	CHECK_INT(offsets_in(a), 0); /* it would say that the socket knows of the change */
	guest_waits_for(a, "user:offline");
	guest_waits_for(a, "$o");
	porch_end();
}

TEST(after_a_gap_none_before_sync_required)
{
	porch_opens();
	struct guest *a = porch_asks(ANNA);
	porch_reads_offset(a);
	database_answers(&hall.base, "rt.rooms", ANNA "|t|participants:" CHAT "|200:200:");
	database_holds(&hall.base, "rt.rooms");
	hall.base.has_gap = true;
	HALL_UNTIL(database_is_held(&hall.base, "rt.rooms"));
	hall_publish((struct published){.event = "e"});
	some_turns();
	CHECK_INT(offsets_in(a), 0);
	database_release(&hall.base, "rt.rooms");
	guest_waits_for(a, "$o");
	const char *text = guest_text(a);
	CHECK(strstr(strstr(text, "sync:required"), "$o"));
	porch_end();
}

TEST(a_quiet_socket_gets_a_fresh_one_now_and_then)
{
	porch_opens();
	struct guest *a = porch_asks(ANNA);
	porch_reads_offset(a);
	offsets_tick(&porch.recovery);
	some_turns();
	CHECK_INT(offsets_in(a), 0);
	guest_client(a)->recoverable->sent_at -= 60001;
	offsets_tick(&porch.recovery);
	porch_reads_offset(a);
	porch_end();
}

TEST(without_a_key_there_are_none_and_it_is_read_when_the_database_is_up_again)
{
	porch_begin();
	database_answers(&hall.base, "rt.recovery_key", "not hex");
	HALL_UNTIL(hall.ups == 1 && !offsets_key_wanted(&porch.recovery));
	CHECK(!offsets_key(&porch.recovery));
	struct guest *a = porch_asks(ANNA);
	some_turns();
	CHECK_INT(offsets_in(a), 0);
	database_answers(&hall.base, "rt.recovery_key", KEY);
	database_breaks(&hall.base);
	HALL_UNTIL(offsets_key(&porch.recovery));
	guest_waits_for(a, "$o");
	porch_end();
}
