/* Deliveries of which one confirmation counts: who is asked, who is asked next, and what the database is told. */
#include "hall.h"

#define CROWD 60
#define ROOM "participants:1"
#define ONE "{\"but\": \"" ANNA "\", \"wanted\": 1, \"message_id\": 1}"

static struct guest *crowd[CROWD];

static const char *crowd_user(int i)
{
	static char id[UUID_LEN + 1];
	snprintf(id, sizeof id, "00000000-0000-4000-8000-%012d", i);
	return id;
}

/* Everybody is in ROOM. */
static void crowd_comes(int n)
{
	for (int i = 0; i < n; i++) {
		crowd[i] = hall_guest(crowd_user(i));
		CHECK(client_join(guest_client(crowd[i]), SLICE(ROOM)));
	}
}

static void deliver(const char *confirm)
{
	hall_publish((struct published){.rooms = ROOM, .event = "m", .confirm = confirm});
}

/* Those who were pinged since the last time; each ping is noted in `asked`. */
static int crowd_asked(int n, bool asked[])
{
	int now = 0;
	for (int i = 0; i < n; i++)
		if (strstr(guest_text(crowd[i]), "2\n")) {
			CHECK(!asked[i]); /* nobody twice */
			asked[i] = true;
			now++;
		}
	return now;
}

/* Turns until more are asked. */
static int crowd_asked_next(int n, bool asked[])
{
	int now;
	while (!(now = crowd_asked(n, asked))) {
		usleep(1000);
		hall_turns();
	}
	return now;
}

static void crowd_answers(const bool asked[CROWD])
{
	for (int i = 0; i < CROWD; i++)
		if (asked[i])
			guest_say(crowd[i], "3");
}

static int confirmed(void)
{
	const char *said = database_said(&hall.base);
	int n = 0;
	while ((said = strstr(said, "user_id"))) {
		said++;
		n++;
	}
	return n;
}

TEST(one_is_asked_and_told)
{
	bool asked[CROWD] = {0};
	hall_opens();
	struct guest *anna = hall_guest(ANNA);
	CHECK(client_join(guest_client(anna), SLICE(ROOM)));
	crowd_comes(CROWD);
	deliver(ONE);
	guest_reads(anna, "42[\"m\",{}]\n");
	CHECK_INT(crowd_asked(CROWD, asked), 1);
	crowd_answers(asked);
	HALL_UNTIL(confirms_idle(&hall.events));
	CHECK_INT(confirmed(), 1);
	hall_end();
}

TEST(who_is_excepted_is_never_asked)
{
	hall_opens();
	struct guest *anna = hall_guest(ANNA);
	for (int i = 0; i < 20; i++)
		hall_publish((struct published){.event = "m", .confirm = ONE});
	CHECK(!strstr(guest_text(anna), "2\n"));
	hall_end();
}

TEST(chance_asks_others_the_next_time)
{
	bool ever[CROWD] = {0};
	hall_opens();
	crowd_comes(CROWD);
	for (int round = 0; round < 40; round++) {
		bool asked[CROWD] = {0};
		deliver(ONE);
		CHECK_INT(crowd_asked(CROWD, asked), 1);
		crowd_answers(asked);
		for (int i = 0; i < CROWD; i++)
			ever[i] |= asked[i];
	}
	int n = 0;
	for (int i = 0; i < CROWD; i++)
		n += ever[i];
	CHECK(n > CROWD / 4); /* 29 are to be expected */
	hall_end();
}

TEST(while_nobody_answers_more_are_asked_and_in_the_end_all)
{
	bool asked[CROWD] = {0};
	hall_opens();
	crowd_comes(CROWD);
	/* Before any clock of the edge starts. That the spare's is the shorter one is said by the order of the rounds. */
	uint64_t then = loop_clock_us();
	deliver(ONE);
	CHECK_INT(crowd_asked(CROWD, asked), 1);
	CHECK_INT(crowd_asked_next(CROWD, asked), 1);
	CHECK(loop_clock_us() - then >= (FEW_SPARE_MS - 1) * 1000);
	CHECK_INT(crowd_asked_next(CROWD, asked), 32);
	CHECK(loop_clock_us() - then >= (FEW_AGAIN_MS - 1) * 1000);
	CHECK_INT(crowd_asked_next(CROWD, asked), CROWD - 34);
	guest_say(crowd[7], "3");
	guest_say(crowd[8], "3");
	HALL_UNTIL(confirms_idle(&hall.events));
	CHECK_INT(confirmed(), 1);
	hall_end();
}

TEST(an_answer_in_time_spares_the_others)
{
	bool asked[CROWD] = {0};
	hall_opens();
	crowd_comes(CROWD);
	deliver(ONE);
	CHECK_INT(crowd_asked(CROWD, asked), 1);
	crowd_answers(asked);
	/* a second delivery without an answer comes to its second round later than the first one would have */
	bool then[CROWD] = {0};
	deliver(ONE);
	for (int n = 0; n < 34;)
		n += crowd_asked_next(CROWD, then);
	CHECK_INT(confirmed(), 1);
	hall_end();
}

TEST(who_came_behind_the_event_does_not_confirm_it)
{
	bool asked[CROWD] = {0};
	hall_opens();
	crowd_comes(6);
	deliver(ONE);
	CHECK_INT(crowd_asked(6, asked), 1);
	CHECK_INT(crowd_asked_next(6, asked), 1);
	crowd[6] = hall_guest(crowd_user(6));
	CHECK(client_join(guest_client(crowd[6]), SLICE(ROOM)));
	client_leave(guest_client(crowd[0]), SLICE(ROOM)); /* and comes back: it may have been away for the event */
	CHECK(client_join(guest_client(crowd[0]), SLICE(ROOM)));
	int more = crowd_asked_next(7, asked);
	CHECK_INT(more, asked[0] ? 4 : 3);
	CHECK(!asked[6]);
	hall_end();
}

TEST(a_confirmation_that_counts_for_nothing_is_followed_by_another)
{
	bool asked[CROWD] = {0};
	hall_opens();
	crowd_comes(CROWD);
	database_answers(&hall.base, "rt.confirm", "1");
	deliver(ONE);
	CHECK_INT(crowd_asked(CROWD, asked), 1);
	crowd_answers(asked);
	HALL_UNTIL(confirms_idle(&hall.events));
	CHECK_INT(confirmed(), 1);
	database_answers(&hall.base, "rt.confirm", "");
	CHECK_INT(crowd_asked_next(CROWD, (bool[CROWD]){0}), 1);
	CHECK_INT(crowd_asked_next(CROWD, (bool[CROWD]){0}), 32);
	for (int i = 0; i < CROWD; i++)
		guest_say(crowd[i], "3");
	HALL_UNTIL(confirms_idle(&hall.events));
	CHECK_INT(confirmed(), 1);
	hall_end();
}

TEST(an_answer_behind_the_first_look_spares_the_others)
{
	bool asked[CROWD] = {0};
	hall_opens();
	crowd_comes(CROWD);
	deliver(ONE);
	CHECK_INT(crowd_asked(CROWD, asked), 1);
	CHECK_INT(crowd_asked_next(CROWD, asked), 1);
	crowd_answers(asked);
	HALL_UNTIL(confirms_idle(&hall.events));
	CHECK_INT(confirmed(), 1);
	uint64_t end = loop_clock_us() + 2 * FEW_AGAIN_MS * 1000;
	while (loop_clock_us() < end) {
		usleep(1000);
		hall_turns();
	}
	CHECK_INT(crowd_asked(CROWD, asked), 0);
	hall_end();
}

TEST(who_owes_an_answer_is_not_asked_again_while_others_are_there)
{
	hall_opens();
	crowd_comes(4);
	for (int i = 0; i < 4; i++) {
		deliver(ONE);
		hall_turns();
	}
	CHECK_INT(crowd_asked(4, (bool[4]){0}), 4);
	deliver(ONE); /* all owe one: that of some client confirms this as well, or its next */
	for (int told = 0; told < 5; told += confirmed()) {
		for (int i = 0; i < 4; i++)
			guest_say(crowd[i], "3");
		hall_turns();
	}
	CHECK_INT(confirmed(), 0);
	hall_end();
}

TEST(more_than_a_few_are_all)
{
	hall_opens();
	crowd_comes(8);
	deliver("{\"wanted\": 5, \"message_id\": 1}");
	CHECK_INT(crowd_asked(8, (bool[8]){0}), 8);
	for (int i = 0; i < 8; i++)
		guest_say(crowd[i], "3");
	HALL_UNTIL(confirms_idle(&hall.events));
	CHECK_INT(confirmed(), 8);
	hall_end();
}
