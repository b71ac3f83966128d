/* Ends of sockets, and how the database is told; the edge's lease; sockets registered again after an outage. */
#include "house.h"

static bool has_said(const char *text)
{
	buf_char(&house.base.said, '\0');
	house.base.said.n--;
	return strstr(house.base.said.p, text) != NULL;
}

#define waits_until_said(text) HOUSE_UNTIL(has_said(text))

/* ---- ends ---- */

TEST(a_clean_end_and_a_lost_connection_are_told_as_what_they_are)
{
	house_opens();
	struct guest *a = house_guest(ANNA), *b = house_guest(BORIS);
	char id[SIO_ID_LEN + 1] = "", want[300];
	memcpy(id, a->id, SIO_ID_LEN);
	guest_say(a, "41");
	waits_until_said("rt.socket_close");
	snprintf(want, sizeof want, "rt.socket_close_one " EDGE " %s " ANNA " t t null f\n", id);
	CHECK_STR(database_said(&house.base), want);
	shutdown(b->fd, SHUT_RDWR);
	waits_until_said("rt.socket_close");
	const char *said = database_said(&house.base);
	CHECK(strstr(said, " " BORIS " f f null f\n"));
	CHECK_INT(house.stage.people.counts.disconnects[CLOSE_CLIENT_LEFT], 1);
	house_end();
}

TEST(ends_are_told_again_until_the_database_knows_them)
{
	house_opens();
	struct guest *a = house_guest(ANNA);
	database_holds(&house.base, "rt.socket_close_one");
	guest_say(a, "41");
	HOUSE_UNTIL(database_is_held(&house.base, "rt.socket_close_one"));
	database_canned(&house.base, "rt.socket_close_one")->holds = false;
	database_said(&house.base);
	database_breaks(&house.base);
	waits_until_said("rt.socket_close");
	HOUSE_UNTIL(closes_idle(&house.entry));
	house_end();
}

TEST(an_end_that_the_database_refuses_for_good_is_dropped)
{
	house_opens();
	struct guest *a = house_guest(ANNA);
	database_answers(&house.base, "rt.socket_close_one", "!42883 no such function");
	database_answers(&house.base, "rt.socket_close", "!42883 no such function");
	guest_say(a, "41");
	HOUSE_UNTIL(closes_idle(&house.entry));
	house_end();
}

TEST(many_ends_are_one_call)
{
	house_opens();
	struct guest *g[3] = {house_guest(ANNA), house_guest(ANNA), house_guest(BORIS)};
	for (int i = 0; i < 3; i++)
		guest_send(g[i], "41");
	HOUSE_UNTIL(people_present(&house.stage.people) == 0);
	HOUSE_UNTIL(closes_idle(&house.entry));
	const char *said = database_said(&house.base);
	CHECK(!strstr(strstr(said, "rt.socket_close") + 1, "rt.socket_close"));
	house_end();
}

/* ---- entered again ---- */

TEST(after_an_outage_live_sockets_are_entered_again_and_ends_wait_for_that)
{
	house_opens();
	struct guest *a = house_guest(ANNA), *b = house_guest(BORIS);
	database_holds(&house.base, "rt.socket_register");
	database_breaks(&house.base);
	HOUSE_UNTIL(database_is_held(&house.base, "rt.socket_register"));
	CHECK(has_said("rt.socket_register " EDGE));
	CHECK(has_said(ANNA) && has_said(BORIS));
	guest_say(a, "41");
	house_some_turns();
	CHECK(!has_said("rt.socket_close")); /* it would be undone */
	database_said(&house.base);
	database_release(&house.base, "rt.socket_register");
	waits_until_said("rt.socket_close");
	CHECK(!has_said("rt.socket_register")); /* all of them were in one call */
	CHECK(guest_client(b)->registered);
	house_end();
}

TEST(an_outage_while_they_are_entered_begins_anew)
{
	house_opens();
	house_guest(ANNA);
	database_holds(&house.base, "rt.socket_register");
	database_breaks(&house.base);
	HOUSE_UNTIL(database_is_held(&house.base, "rt.socket_register"));
	database_said(&house.base);
	database_canned(&house.base, "rt.socket_register")->holds = false;
	database_breaks(&house.base);
	HOUSE_UNTIL(house.ups == 3);
	waits_until_said("rt.socket_register");
	house_end();
}

TEST(an_outage_of_the_pump_alone_begins_anew_once_the_call_is_answered)
{
	house_opens();
	house_guest(ANNA);
	database_holds(&house.base, "rt.socket_register");
	database_breaks(&house.base);
	HOUSE_UNTIL(database_is_held(&house.base, "rt.socket_register"));
	fake_cut(fake_find(&house.base.pg, "pump"));
	HOUSE_UNTIL(house.ups == 3);
	house_some_turns();
	database_said(&house.base);
	database_release(&house.base, "rt.socket_register");
	waits_until_said("rt.socket_register"); /* the rows that it registered may be gone with a crash */
	house_end();
}

TEST(entering_that_fails_is_repeated_by_the_tick)
{
	house_opens();
	house_guest(ANNA);
	database_answers(&house.base, "rt.socket_register", "!57014 too slow");
	database_breaks(&house.base);
	waits_until_said("rt.socket_register");
	house_some_turns();
	database_said(&house.base);
	house_some_turns();
	CHECK(!has_said("rt.socket_register"));
	database_answers(&house.base, "rt.socket_register", "");
	registers_tick(&house.entry);
	waits_until_said("rt.socket_register");
	house_some_turns();
	database_said(&house.base);
	registers_tick(&house.entry); /* nothing is left */
	house_some_turns();
	CHECK(!has_said("rt.socket_register"));
	house_end();
}

/* ---- the lease ---- */

TEST(the_lease_is_kept_and_the_rest_swept_portion_by_portion)
{
	house_opens();
	house_guest(ANNA);
	database_answers(&house.base, "rt.maintain", "1234|0.25|3");
	database_answers(&house.base, "rt.monitor", "2|7.5");
	database_answers(&house.base, "rt.sweep", "t");
	database_holds(&house.base, "rt.sweep");
	maintenance_tick(&house.entry);
	HOUSE_UNTIL(database_is_held(&house.base, "rt.sweep"));
	CHECK(has_said("rt.maintain " EDGE " "));
	CHECK_INT(house.entry.figures.outbox_rows, 1234);
	CHECK_INT(house.entry.figures.edges, 3);
	CHECK(house.entry.figures.notify_usage == 0.25);
	HOUSE_UNTIL(house.entry.figures.foreign_locks == 2);
	CHECK(house.entry.figures.outbox_age == 7.5);
	database_said(&house.base);
	maintenance_tick(&house.entry); /* a long sweep holds up no lease, and is out once */
	waits_until_said("rt.maintain");
	house_some_turns();
	CHECK(!has_said("rt.sweep"));
	database_answers(&house.base, "rt.sweep", "t");
	database_release(&house.base, "rt.sweep");
	database_answers(&house.base, "rt.sweep", "f");
	waits_until_said("rt.sweep");
	house_some_turns();
	const char *said = database_said(&house.base);
	CHECK(!strstr(strstr(said, "rt.sweep") + 1, "rt.sweep"));
	house_end();
}

TEST(with_nobody_here_the_lease_is_kept_and_the_rest_is_left_to_others)
{
	house_opens();
	database_answers(&house.base, "rt.maintain", "1|0|2");
	database_answers(&house.base, "rt.sweep", "f");
	maintenance_tick(&house.entry);
	waits_until_said("rt.sweep"); /* the first time */
	house_some_turns();
	database_said(&house.base);
	maintenance_tick(&house.entry);
	waits_until_said("rt.maintain");
	house_some_turns();
	CHECK(!has_said("rt.sweep"));
	CHECK(!has_said("rt.monitor"));
	database_said(&house.base);
	house_guest(ANNA);
	maintenance_tick(&house.entry);
	waits_until_said("rt.maintain");
	waits_until_said("rt.monitor");
	waits_until_said("rt.sweep");
	house_end();
}

TEST(a_schema_that_is_too_old_is_looked_at_until_somebody_has_migrated)
{
	house_begin();
	CHECK_STR(maintenance_missing(&house.entry), "starting");
	database_answers(&house.base, "rt.version", "7|x");
	database_answers(&house.base, "rt.maintain", "1|0|1");
	db_start(house.base.db);
	HOUSE_UNTIL(house.entry.schema_version == 7);
	CHECK_STR(maintenance_missing(&house.entry), "schema too old: run bellwire migrate");
	database_answers(&house.base, "rt.version", "8|x");
	maintenance_tick(&house.entry);
	HOUSE_UNTIL(!maintenance_missing(&house.entry));
	house_some_turns();
	database_said(&house.base);
	maintenance_tick(&house.entry);
	waits_until_said("rt.maintain");
	CHECK(!has_said("rt.version"));
	house_end();
}

TEST(a_lease_that_cannot_be_kept_is_tried_at_the_next_tick)
{
	house_opens();
	database_answers(&house.base, "rt.maintain", "!42501 not yours");
	database_answers(&house.base, "rt.monitor", "!42501 not yours");
	maintenance_tick(&house.entry);
	waits_until_said("rt.maintain");
	house_some_turns();
	CHECK_INT(house.entry.figures.edges, 0);
	database_answers(&house.base, "rt.maintain", "1|0|2");
	maintenance_tick(&house.entry);
	HOUSE_UNTIL(house.entry.figures.edges == 2);
	house_end();
}
