/* Rooms read again: rooms that an answer grants and takes away, and control rows that come meanwhile. */
#include "hall.h"

#define CHAT "11111111-0000-4000-8000-000000000001"
#define OTHER "22222222-0000-4000-8000-000000000002"

static bool is_in(const struct guest *g, const char *room)
{
	return hub_is_in(hall.stage.people.hub, &guest_client(g)->member, slice_str(room));
}

static void wait_for_answer(void)
{
	HALL_UNTIL(hall.base.said.n);
	HALL_UNTIL(!hall.events.rooms || db_stats(hall.base.db)->calls[DB_OK] > 1);
	for (int i = 0; i < 10; i++)
		hall_turns();
}

TEST(an_answer_grants_and_takes_away)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA);
	client_join_all(guest_client(a), SLICE("participants:" OTHER "\nfollowers:" OTHER "\nchat:" CHAT "\nchat:" OTHER
	                                       "\nroom of the emitter"));
	database_answers(&hall.base, "rt.rooms", ANNA "|t|user:" ANNA "^participants:" CHAT "|200:200:");
	hall_publish(
		(struct published){.control = "rooms_stale", .data = "{\"user_ids\":[\"" ANNA "\",\"" BORIS "\",7]}"});
	wait_for_answer();
	CHECK_STR(database_said(&hall.base), "rt.rooms {\"" ANNA "\"}\n"); /* only of users who are here */
	CHECK(is_in(a, "participants:" CHAT));
	CHECK(!is_in(a, "participants:" OTHER) && !is_in(a, "followers:" OTHER));
	CHECK(is_in(a, "chat:" CHAT));   /* joined on request, and its participation is granted */
	CHECK(!is_in(a, "chat:" OTHER)); /* it is not any more */
	CHECK(is_in(a, "room of the emitter"));
	guest_reads(a, "");
	hall_end();
}

TEST(control_rows_that_an_answer_does_not_see_are_applied_on_top)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA);
	database_holds(&hall.base, "rt.rooms");
	hall_publish((struct published){.control = "rooms_stale", .data = "{}"});
	HALL_UNTIL(database_is_held(&hall.base, "rt.rooms"));
	/* the snapshot of the answer sees transaction 100, and neither 500 nor 501 */
	hall_publish((struct published){
		.xid = 100, .control = "user_join", .data = "{\"user_id\":\"" ANNA "\",\"room\":\"followers:seen\"}"});
	hall_publish((struct published){
		.xid = 500, .control = "user_join", .data = "{\"user_id\":\"" ANNA "\",\"room\":\"followers:late\"}"});
	hall_publish((struct published){.xid = 501,
	                                .control = "user_leave",
	                                .data = "{\"user_id\":\"" ANNA "\",\"room\":\"participants:" CHAT "\"}"});
	database_answers(&hall.base, "rt.rooms", ANNA "|t|participants:" CHAT "|200:200:");
	database_release(&hall.base, "rt.rooms");
	HALL_UNTIL(!is_in(a, "followers:seen")); /* seen: the answer knows better */
	CHECK(is_in(a, "followers:late"));
	CHECK(!is_in(a, "participants:" CHAT));
	hall_end();
}

TEST(a_user_who_may_not_be_here_any_more_goes)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA), *b = hall_guest(BORIS);
	database_answers(&hall.base, "rt.rooms", ANNA "|f||200:200:\n" BORIS "|t|followers:x|200:200:");
	rooms_read(&hall.events, guest_client(a)->user);
	rooms_read(&hall.events, guest_client(b)->user);
	rooms_read(&hall.events, guest_client(b)->user); /* in line once */
	guest_waits_for(a, "UNAUTHORIZED");
	CHECK(is_in(b, "followers:x"));
	CHECK_STR(database_said(&hall.base), "rt.rooms {\"" ANNA "\",\"" BORIS "\"}\n");
	hall_end();
}

TEST(after_a_gap_everybody_is_read_and_told_to_synchronise)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA);
	client_join_all(guest_client(a), SLICE("followers:lost"));
	database_answers(&hall.base, "rt.rooms", ANNA "|t|followers:found|200:200:");
	hall.base.has_gap = true;
	guest_waits_for(a, "sync:required");
	guest_reads(a, "42[\"sync:required\",{\"user_id\":\"" ANNA
	               "\",\"reason\":\"reconnection\",\"timestamp\":\"TIME\"}]\n");
	CHECK(is_in(a, "followers:found") && !is_in(a, "followers:lost"));
	CHECK(strstr(database_said(&hall.base), "rt.routes\n")); /* they may have changed, too */
	hall_end();
}

TEST(an_answer_for_somebody_else_is_none_and_is_asked_for_again)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA);
	client_join_all(guest_client(a), SLICE("followers:kept"));
	database_answers(&hall.base, "rt.rooms", BORIS "|t|followers:boris|200:200:");
	rooms_read(&hall.events, guest_client(a)->user);
	wait_for_answer();
	CHECK(is_in(a, "followers:kept") && !is_in(a, "followers:boris"));
	database_answers(&hall.base, "rt.rooms", ANNA "|t|followers:anna|200:200:");
	HALL_UNTIL(is_in(a, "followers:anna"));
	hall_end();
}

TEST(a_read_that_fails_is_repeated)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA);
	database_holds(&hall.base, "rt.rooms");
	rooms_read(&hall.events, guest_client(a)->user);
	HALL_UNTIL(database_is_held(&hall.base, "rt.rooms"));
	database_canned(&hall.base, "rt.rooms")->holds = false;
	database_answers(&hall.base, "rt.rooms", ANNA "|t|followers:anna|200:200:");
	database_breaks(&hall.base);
	HALL_UNTIL(is_in(a, "followers:anna"));
	CHECK_INT(hall.ups, 2);
	hall_end();
}
