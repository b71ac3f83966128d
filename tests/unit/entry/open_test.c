/* CONNECT, from the token to `connected`, and everybody who does not get that far. */
#include "house.h"

#define REFUSED "42[\"error\",{\"code\":\"UNAUTHORIZED\",\"message\":\"Invalid token\",\"timestamp\":\"TIME\"}]\n41\n"

static struct counts *counts(void)
{
	return &house.stage.people.counts;
}

static void drop(struct guest *g)
{
	shutdown(g->fd, SHUT_RDWR);
	house_some_turns();
}

TEST(an_opening_is_told_in_order_with_every_room_entered)
{
	house_opens();
	database_answers(&house.base, "rt.socket_open_one", OPENS("1", "user:" ANNA "^participants:1^followers:2"));
	struct guest *a = house_comes(ANNA);
	guest_waits_for(a, "sync:required");
	guest_reads(a, "40{\"sid\":\"ID\"}\n"
	               "42[\"connected\",{\"socket_id\":\"ID\",\"user_id\":\"" ANNA "\",\"timestamp\":\"TIME\"}]\n"
	               "42[\"sync:required\",{\"user_id\":\"" ANNA
	               "\",\"reason\":\"reconnection\",\"timestamp\":\"TIME\"}]\n");
	CHECK(house_is_in(a, "participants:1") && house_is_in(a, "followers:2"));
	char want[300];
	snprintf(want, sizeof want, "rt.socket_open_one " EDGE " %.*s " ANNA " f null f\n", SIO_ID_LEN, a->id);
	CHECK_STR(database_said(&house.base), want);
	CHECK_INT(counts()->connects[CONNECT_RECONNECTION], 1);
	CHECK(guest_client(a)->registered);
	house_end();
}

TEST(a_token_that_is_not_accepted_enters_nothing)
{
	house_opens();
	static const char *const payloads[] = {"40", "40{}", "40{\"token\":7}", "40{\"token\":\"x.y.z\"}"};
	struct guest *guests[ARRAY_LEN(payloads)];
	for (size_t i = 0; i < ARRAY_LEN(payloads); i++)
		guest_say(guests[i] = stage_guest(&house.stage), payloads[i]);
	for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
		CHECK_ROW(payloads[i]);
		struct guest *g = guests[i];
		guest_waits_for(g, "41\n"); /* all but the first for a moment: they come from one address */
		guest_reads(g, "40{\"sid\":\"ID\"}\n" REFUSED);
	}
	CHECK_INT(counts()->tokens_refused[AUTH_MALFORMED], 4);
	CHECK_INT(people_present(&house.stage.people), 0);
	CHECK(!strstr(database_said(&house.base), "rt.socket_open"));
	house_end();
}

/* socket.on('disconnect', () => socket.connect()), with a token that stays bad: the second refusal takes its time. */
TEST(a_client_that_is_refused_again_and_again_is_held_back)
{
	static const struct {
		const char *name;
		int seconds;
		const char *asked;
	} rows[] = {{"a token that has expired", -60, ""}, {"a sub that has no row", 3600, "rt.socket_open"}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].name);
		house_opens();
		for (int k = 0; k < 2; k++) {
			database_said(&house.base);
			database_answers(&house.base, "rt.socket_open_one", "1|f||~|200:200:");
			struct guest *g = house_comes_with(ANNA, rows[i].seconds, "");
			uint64_t came = loop_now(house.stage.loop);
			if (k) {
				house_some_turns();
				guest_reads(g, "");
				CHECK_STR(database_said(&house.base), "");
				house_guest(i ? BORIS : ANNA); /* a good client does not wait */
				database_answers(&house.base, "rt.socket_open_one", "1|f||~|200:200:");
			}
			HOUSE_UNTIL(g->got.n);
			guest_waits_for(g, "41\n");
			guest_reads(g, "40{\"sid\":\"ID\"}\n" REFUSED);
			uint64_t took = loop_now(house.stage.loop) - came;
			CHECK(k ? took >= 1000 : took < 1000);
			CHECK(strstr(database_said(&house.base), rows[i].asked));
		}
		house_end();
	}
	CHECK_ROW("");
}

TEST(an_expired_token_is_noted_once_in_a_while)
{
	house_opens();
	struct guest *a = house_comes_with(ANNA, -60, "");
	guest_reads(a, "40{\"sid\":\"ID\"}\n" REFUSED);
	house_some_turns();
	CHECK_STR(database_said(&house.base), "rt.token_expired " ANNA "\n");
	house_comes_with(ANNA, -60, "");
	house_some_turns();
	CHECK_STR(database_said(&house.base), "");
	CHECK_INT(counts()->tokens_refused[AUTH_EXPIRED], 2);
	house_end();
}

TEST(a_user_whom_the_database_does_not_know_is_refused)
{
	house_opens();
	database_answers(&house.base, "rt.socket_open_one", "1|f||~|200:200:");
	struct guest *a = house_comes(ANNA);
	guest_waits_for(a, "41\n");
	guest_reads(a, "40{\"sid\":\"ID\"}\n" REFUSED);
	CHECK_INT(counts()->tokens_refused[AUTH_USER], 1);
	house_some_turns();
	CHECK(!strstr(database_said(&house.base), "rt.socket_close")); /* it was never there */
	house_end();
}

TEST(a_token_that_runs_out_in_the_queue_opens_nothing)
{
	house_opens();
	database_answers(&house.base, "rt.socket_open_one", OPENS("1", "followers:1"));
	database_holds(&house.base, "rt.socket_open_one");
	struct guest *a = house_comes_with(ANNA, 1, "");
	HOUSE_UNTIL(database_is_held(&house.base, "rt.socket_open_one"));
	struct client *c = list_first(&user_find(&house.stage.people, SLICE(ANNA))->clients, struct client, user_link);
	c->until_ms = clock_wall_ms() - 1;
	database_release(&house.base, "rt.socket_open_one");
	guest_waits_for(a, "41\n");
	guest_reads(a, "40{\"sid\":\"ID\"}\n" REFUSED);
	house_some_turns();
	CHECK(strstr(database_said(&house.base), " token_expired f\n")); /* it is registered, and ends */
	house_end();
}

TEST(sockets_of_a_user_have_a_limit)
{
	house_opens();
	for (int i = 0; i < 3; i++)
		house_guest(ANNA);
	struct guest *g = house_comes(ANNA);
	guest_reads(g, "40{\"sid\":\"ID\"}\n"
	               "42[\"error\",{\"code\":\"RATE_LIMIT\",\"message\":\"Too many sockets\",\"timestamp\":\"TIME\","
	               "\"retry_after_ms\":45000}]\n41\n");
	CHECK_INT(counts()->sockets_refused, 1);
	house_guest(BORIS);
	house_end();
}

TEST(those_who_come_while_a_call_is_out_are_the_next_batch)
{
	house_opens();
	database_answers(&house.base, "rt.socket_open_one", OPENS("1", "followers:1"));
	database_holds(&house.base, "rt.socket_open_one");
	struct guest *a = house_comes(ANNA);
	HOUSE_UNTIL(database_is_held(&house.base, "rt.socket_open_one"));
	struct guest *b = house_comes(BORIS), *c = house_comes_with(CLARA, 3600, ",\"recovery\":true,\"pid\":\"x\"");
	house_some_turns();
	database_said(&house.base);
	database_release(&house.base, "rt.socket_open_one");
	database_answers(&house.base, "rt.socket_open", OPENS("1", "followers:b") "\n" OPENS("2", "followers:c"));
	guest_waits_for(c, "connected");
	CHECK(house_is_in(a, "followers:1") && house_is_in(b, "followers:b") && house_is_in(c, "followers:c"));
	const char *said = database_said(&house.base);
	CHECK(strstr(said, "\\\"user_id\\\":\\\"" BORIS "\\\",\\\"recovery\\\":false}\"") &&
	      strstr(said, "\\\"recovery\\\":true,\\\"pid\\\":\\\""));
	house_end();
}

TEST(rows_in_another_order_are_no_answer)
{
	house_opens();
	database_answers(&house.base, "rt.socket_open_one", OPENS("2", "followers:wrong"));
	struct guest *a = house_comes(ANNA);
	guest_waits_for(a, "UNAVAILABLE");
	CHECK_INT(counts()->connects[CONNECT_RECONNECTION], 0);
	database_answers(&house.base, "rt.socket_open_one", OPENS("1", "followers:right"));
	guest_waits_for(a, "connected"); /* asked for again, after a second */
	CHECK(house_is_in(a, "followers:right") && !house_is_in(a, "followers:wrong"));
	house_end();
}

TEST(control_rows_that_come_meanwhile_are_applied_on_top)
{
	house_opens();
	database_answers(&house.base, "rt.socket_open_one", OPENS("1", "followers:1"));
	database_holds(&house.base, "rt.socket_open_one");
	struct guest *a = house_comes(ANNA);
	HOUSE_UNTIL(database_is_held(&house.base, "rt.socket_open_one"));
	static const char *const data[] = {"{\"user_id\":\"" ANNA "\",\"room\":\"followers:seen\"}",
	                                   "{\"user_id\":\"" ANNA "\",\"room\":\"followers:late\"}",
	                                   "{\"user_id\":\"" ANNA "\",\"room\":\"followers:1\"}"};
	database_publish(&house.base, (struct published){.xid = 100, .control = "user_join", .data = data[0]});
	database_publish(&house.base, (struct published){.xid = 500, .control = "user_join", .data = data[1]});
	database_publish(&house.base, (struct published){.xid = 501, .control = "user_leave", .data = data[2]});
	HOUSE_UNTIL(house.base.rows.n == 0);
	house_turns();
	database_release(&house.base, "rt.socket_open_one");
	guest_waits_for(a, "connected");
	CHECK(house_is_in(a, "followers:late") && !house_is_in(a, "followers:1") && !house_is_in(a, "followers:seen"));
	house_end();
}

TEST(a_kick_that_comes_meanwhile_ends_it)
{
	house_opens();
	database_answers(&house.base, "rt.socket_open_one", OPENS("1", "followers:1"));
	database_holds(&house.base, "rt.socket_open_one");
	struct guest *a = house_comes(ANNA);
	HOUSE_UNTIL(database_is_held(&house.base, "rt.socket_open_one"));
	database_publish(&house.base,
	                 (struct published){.xid = 500, .control = "user_kick", .data = "{\"user_id\":\"" ANNA "\"}"});
	HOUSE_UNTIL(house.base.rows.n == 0);
	house_turns();
	database_release(&house.base, "rt.socket_open_one");
	guest_waits_for(a, "41\n");
	guest_reads(a, "40{\"sid\":\"ID\"}\n" REFUSED);
	house_end();
}

TEST(one_that_left_before_its_answer_is_closed_in_the_database)
{
	house_opens();
	database_answers(&house.base, "rt.socket_open_one", OPENS("1", "followers:1"));
	database_holds(&house.base, "rt.socket_open_one");
	struct guest *a = house_comes(ANNA);
	HOUSE_UNTIL(database_is_held(&house.base, "rt.socket_open_one"));
	drop(a);
	CHECK_INT(people_present(&house.stage.people), 0);
	database_said(&house.base);
	database_release(&house.base, "rt.socket_open_one");
	house_some_turns();
	const char *said = database_said(&house.base);
	CHECK(strstr(said, "rt.socket_close_one " EDGE) && strstr(said, " f t null f\n"));
	house_end();
}

TEST(while_the_database_is_away_a_socket_waits_and_is_asked_for_then)
{
	house_begin();
	struct guest *a = house_comes(ANNA);
	house_some_turns();
	guest_reads(
		a,
		"40{\"sid\":\"ID\"}\n42[\"error\",{\"code\":\"UNAVAILABLE\",\"message\":\"Try again\",\"timestamp\":\"TIME\"}]\n");
	CHECK_INT(guest_client(a)->state, CLIENT_WAITING);
	guest_say(a, "42[\"x\",{}]");
	CHECK(strstr(guest_text(a), "UNAVAILABLE"));
	database_answers(&house.base, "rt.socket_open_one", OPENS("1", "followers:1"));
	db_start(house.base.db);
	guest_waits_for(a, "connected");
	CHECK(!strstr(guest_text(a), "40{")); /* the reply is out already */
	CHECK_INT(guest_client(a)->state, CLIENT_OPEN);
	house_end();
}

TEST(a_socket_that_waits_too_long_is_sent_off_so_that_it_comes_back)
{
	house_begin();
	struct guest *a = house_comes(ANNA);
	house_some_turns();
	struct client *c = guest_client(a);
	CHECK(timer_is_set(&c->timer));
	c->timer.fire(&c->timer);
	HOUSE_UNTIL(people_present(&house.stage.people) == 0);
	CHECK(!strstr(guest_text(a), "41")); /* a disconnect would keep it away */
	CHECK_INT(counts()->disconnects[CLOSE_UNAVAILABLE], 1);
	house_end();
}

TEST(once_the_database_is_back_nobody_is_sent_off_for_the_time_that_it_was_away)
{
	house_begin();
	struct guest *a = house_comes(ANNA);
	house_some_turns();
	struct client *c = guest_client(a);
	timer_set(house.stage.loop, &c->timer, loop_now(house.stage.loop) + 1); /* all but over */
	opens_database_up(&house.entry);
	CHECK(c->timer.at >= loop_now(house.stage.loop) + 5000);
	house_end();
}

TEST(an_opening_waits_for_the_ends_of_its_user)
{
	house_opens();
	struct guest *a = house_guest(ANNA);
	database_holds(&house.base, "rt.socket_close_one");
	guest_say(a, "41");
	HOUSE_UNTIL(database_is_held(&house.base, "rt.socket_close_one"));
	database_said(&house.base);
	struct guest *b = house_comes(BORIS);
	guest_waits_for(b, "connected"); /* her end is not his affair */
	database_said(&house.base);
	struct guest *again = house_comes(ANNA);
	house_some_turns();
	CHECK_STR(database_said(&house.base), ""); /* her end decides why she is told to synchronise */
	database_release(&house.base, "rt.socket_close_one");
	guest_waits_for(again, "connected");
	house_end();
}

TEST(an_opening_does_not_wait_for_ends_that_fail)
{
	house_opens();
	struct guest *a = house_guest(ANNA);
	database_answers(&house.base, "rt.socket_close_one", "!57014 too slow");
	guest_say(a, "41");
	struct guest *b = house_comes(BORIS);
	guest_waits_for(b, "connected");
	CHECK(!closes_idle(&house.entry)); /* her end is told again */
	database_answers(&house.base, "rt.socket_close_one", "");
	HOUSE_UNTIL(closes_idle(&house.entry));
	house_end();
}

TEST(an_end_whose_user_somebody_holds_is_told_again)
{
	house_opens();
	struct guest *a = house_guest(ANNA);
	database_answers(&house.base, "rt.socket_close_one", "1");
	guest_say(a, "41");
	house_some_turns();
	CHECK(strstr(database_said(&house.base), "rt.socket_close"));
	CHECK(!closes_idle(&house.entry));
	database_answers(&house.base, "rt.socket_close_one", "");
	HOUSE_UNTIL(closes_idle(&house.entry));
	house_end();
}

TEST(a_client_hears_that_it_waits_where_the_call_has_no_answer)
{
	house_opens();
	database_answers(&house.base, "rt.socket_open_one", OPENS("1", "followers:1"));
	database_holds(&house.base, "rt.socket_open_one");
	struct guest *a = house_comes(ANNA);
	guest_waits_for(a, "\"UNAVAILABLE\"");
	database_release(&house.base, "rt.socket_open_one");
	guest_waits_for(a, "connected");
	CHECK(!strstr(guest_text(a), "41"));
	house_end();
}

TEST(who_asks_for_recovery_says_so_and_gets_an_id)
{
	house_opens();
	database_answers(&house.base, "rt.socket_open_one", OPENS("1", "followers:1"));
	struct guest *a = house_comes_with(ANNA, 3600, ",\"recovery\":true,\"pid\":\"x\"");
	guest_waits_for(a, "connected");
	const char *got = strstr(guest_text(a), "\"pid\":\""), *said = database_said(&house.base);
	CHECK(got);
	char pid[100], want[300];
	sscanf(got + 7, "%99[^\"]", pid);
	snprintf(want, sizeof want, " " ANNA " t %s f\n", pid);
	CHECK(strstr(said, want));
	house_end();
}

TEST(an_edge_that_is_alone_has_nobody_rung)
{
	house_opens();
	db_set_alone(house.base.db, true);
	database_answers(&house.base, "rt.socket_open_one", OPENS("1", "followers:1") "|77");
	struct guest *a = house_comes(ANNA);
	guest_waits_for(a, "connected");
	CHECK(strstr(database_said(&house.base), " t\n"));
	database_answers(&house.base, "rt.socket_close_one", "~|78");
	guest_say(a, "41");
	HOUSE_UNTIL(closes_idle(&house.entry));
	CHECK(strstr(database_said(&house.base), " t t null t\n"));
	house_end();
}

/* A deploy went back, and this edge is still there. */
TEST(a_database_without_the_call_for_one_is_asked_as_for_many)
{
	house_opens();
	database_answers(&house.base, "rt.socket_open_one", "!42883 no such function");
	database_answers(&house.base, "rt.socket_open", OPENS("1", "followers:1"));
	struct guest *a = house_comes(ANNA);
	guest_waits_for(a, "sync:required");
	CHECK(!strstr(guest_text(a), "UNAVAILABLE"));
	guest_say(a, "41");
	HOUSE_UNTIL(closes_idle(&house.entry));
	CHECK(strstr(database_said(&house.base), "rt.socket_close " EDGE " {"));
	house_end();
}
