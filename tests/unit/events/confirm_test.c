/* Deliveries: the ping behind a message, its pong, and what the database is told. */
#include "hall.h"

#include "base/text.h"
#include "db/sender.h"

static void deliver(const char *rooms, const char *confirm)
{
	hall_publish((struct published){.rooms = rooms, .event = "m", .confirm = confirm});
}

TEST(a_pong_confirms_what_was_sent_before_its_ping)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA);
	deliver(NULL, "{\"message_id\": 1}");
	deliver(NULL, "{\"message_id\": 2}");
	guest_reads(a, "42[\"m\",{}]\n2\n42[\"m\",{}]\n"); /* one ping is out at a time */
	CHECK(confirms_idle(&hall.events));
	guest_say(a, "3");
	CHECK(!confirms_idle(&hall.events));
	HALL_UNTIL(confirms_idle(&hall.events));
	CHECK_STR(database_said(&hall.base), "rt.confirm {\"{\\\"user_id\\\":\\\"" ANNA
	                                     "\\\",\\\"confirm\\\":{\\\"message_id\\\": 1}}\"} {} {} {} {}\n");
	guest_reads(a, "2\n"); /* for the second one */
	guest_say(a, "3");
	HALL_UNTIL(confirms_idle(&hall.events));
	CHECK(strstr(database_said(&hall.base), "message_id\\\": 2"));
	CHECK_INT(hall.stage.people.counts.confirmed.count, 2);
	hall_end();
}

TEST(confirmations_of_a_moment_are_one_call)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA), *b = hall_guest(BORIS);
	deliver(NULL, "7");
	guest_say(a, "3");
	guest_say(b, "3");
	HALL_UNTIL(confirms_idle(&hall.events));
	CHECK_STR(database_said(&hall.base),
	          "rt.confirm {\"{\\\"user_id\\\":\\\"" ANNA "\\\",\\\"confirm\\\":7}\",\"{\\\"user_id\\\":\\\"" BORIS
	          "\\\",\\\"confirm\\\":7}\"} {} {} {} {}\n");
	hall_end();
}

/* The nth call of rt.confirm, to its line's end; NULL: not made yet. */
static const char *call(int n)
{
	buf_char(&hall.base.said, '\0');
	hall.base.said.n--;
	const char *said = hall.base.said.p;
	while (n-- > 0 && said)
		said = strchr(said, '\n') ? strchr(said, '\n') + 1 : NULL;
	return said && *said ? said : NULL;
}

static bool call_has(int n, const char *text)
{
	const char *line = call(n), *found = line ? strstr(line, text) : NULL;
	return found && found < line + strcspn(line, "\n");
}

/* What is confirmed from here on is one call, however long it takes to come: one is out that has no answer. */
static void call_hangs(struct guest *g, struct guest *h)
{
	database_holds(&hall.base, "rt.confirm");
	deliver(NULL, "0");
	guest_say(g, "3");
	guest_say(h, "3");
	HALL_UNTIL(call(0));
}

#define MESSAGE "018f0000-0000-7000-8000-00000000000a"

static uint64_t now(void)
{
	return loop_now(hall.stage.loop);
}

static void confirmed(struct guest *g, int n)
{
	while (n-- > 0)
		confirm_covered(&hall.events, guest_client(g), SLICE(MESSAGE));
}

static uint64_t until_told(void)
{
	uint64_t from = now();
	HALL_UNTIL(confirms_idle(&hall.events));
	return now() - from;
}

static void silence(void)
{
	for (uint64_t from = now(); now() < from + 200;)
		hall_turns();
}

/* A time that must be short is that once in so many attempts: the machine may be busy. */
#define ATTEMPTS 10

static void one_by_itself(struct guest *g)
{
	uint64_t took = 100;
	for (int i = 0; i < ATTEMPTS && took >= 100; i++) {
		silence();
		confirmed(g, 1);
		took = until_told();
		CHECK(took >= 25);
	}
	CHECK(took < 100);
}

static void confirmed_behind_another(struct guest *g, int n)
{
	one_by_itself(g);
	confirmed(g, n);
}

/* A row that somebody holds keeps nobody waiting but those that need it. */
TEST(what_met_a_lock_is_tried_alone_and_what_is_new_goes_without_it)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA), *b = hall_guest(BORIS);
	database_answers(&hall.base, "rt.confirm", "!55P03 held");
	deliver(NULL, "7");
	guest_say(a, "3");
	guest_say(b, "3");
	HALL_UNTIL(call(0));
	CHECK(call_has(0, ANNA) && call_has(0, BORIS));
	HALL_UNTIL(call(1));
	CHECK(call_has(1, ANNA) && !call_has(1, BORIS)); /* and it meets it again */
	deliver(NULL, "8");
	guest_say(b, "3");
	HALL_UNTIL(call(2));
	CHECK(!call_has(2, ANNA) && call_has(2, BORIS) && call_has(2, ":8"));
	database_answers(&hall.base, "rt.confirm", "");
	HALL_UNTIL(confirms_idle(&hall.events));
	confirmed_behind_another(a, 1);
	CHECK(until_told() >= 100); /* none goes alone any more */
	hall_end();
}

TEST(one_that_comes_by_itself_goes_soon)
{
	hall_opens();
	one_by_itself(hall_guest(ANNA));
	hall_end();
}

TEST(those_that_follow_each_other_wait_for_more)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA);
	confirmed_behind_another(a, 1);
	CHECK(until_told() >= 100);
	confirmed_behind_another(a, 31);
	CHECK(until_told() >= 100);
	hall_end();
}

TEST(enough_of_them_go_soon)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA);
	uint64_t took = 100;
	for (int i = 0; i < ATTEMPTS && took >= 100; i++) {
		confirmed_behind_another(a, 32);
		took = until_told();
		CHECK(took >= 25);
	}
	CHECK(took < 100);
	hall_end();
}

TEST(at_the_end_none_waits_for_others)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA);
	uint64_t took = 25;
	for (int i = 0; i < ATTEMPTS && took >= 25; i++) {
		confirmed_behind_another(a, 1);
		confirms_flush(&hall.events);
		took = until_told();
	}
	CHECK(took < 25);
	hall_end();
}

/* Five calls, and one for what is new: 25 ms between two of them, and not 100. */
TEST(those_that_go_alone_do_not_wait_for_others)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA);
	uint64_t took = 400;
	for (int i = 0; i < ATTEMPTS && took >= 400; i++) {
		silence();
		database_said(&hall.base);
		database_answers(&hall.base, "rt.confirm", "!55P03 held");
		confirmed(a, 5);
		HALL_UNTIL(call(0));
		database_answers(&hall.base, "rt.confirm", "");
		confirmed(a, 1);
		took = until_told();
	}
	CHECK(took < 400);
	hall_end();
}

TEST(what_is_told_again_is_not_hurried)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA);
	database_answers(&hall.base, "rt.confirm", "!40001 once more");
	database_holds(&hall.base, "rt.confirm");
	confirmed(a, 1);
	HALL_UNTIL(call(0));
	uint64_t from = now();
	database_release(&hall.base, "rt.confirm");
	for (int i = 0; i < 10; i++)
		hall_turns();
	database_answers(&hall.base, "rt.confirm", "");
	confirmed(a, 40);
	confirms_flush(&hall.events);
	HALL_UNTIL(call(1));
	CHECK(now() - from >= SENDER_AGAIN_MS);
	HALL_UNTIL(confirms_idle(&hall.events));
	hall_end();
}

#define EACH "{\"wanted\": \"all\", \"message_id\": \"" MESSAGE "\"}"
#define FIRST "{\"but\": \"" BORIS "\", \"wanted\": 1, \"message_id\": \"" MESSAGE "\"}"

/* Of what each confirmation counts, or the first, goes as keys; another value goes as it came. */
TEST(a_message_is_confirmed_by_its_key)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA), *b = hall_guest(BORIS);
	static const char *const values[] = {
		EACH,
		"{\"wanted\": \"all\", \"message_id\": \"no uuid, but as long as one is......\"}",
		"{\"wanted\": \"all\", \"message_id\": \"" MESSAGE "\", \"more\": 1}",
		"{\"but\": \"" BORIS "\", \"wanted\": 2, \"message_id\": \"" MESSAGE "\"}",
		"{\"but\": \"" BORIS "\"",
		FIRST,
	};
	call_hangs(a, b);
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		deliver(NULL, values[i]);
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		guest_say(a, "3");
		hall_turns();
	}
	guest_say(b, "3");
	hall_turns();
	database_release(&hall.base, "rt.confirm");
	HALL_UNTIL(confirms_idle(&hall.events));
	const char *said = database_said(&hall.base);
	CHECK(strstr(said, "} {\"" MESSAGE "\",\"" MESSAGE "\"} {\"" ANNA "\",\"" BORIS "\"} {\"" MESSAGE "\"} {\"" ANNA
	                   "\"}\n"));
	CHECK(strstr(said, "no uuid, but"));
	CHECK(strstr(said, "\\\"more\\\": 1"));
	CHECK(strstr(said, "\\\"wanted\\\": 2"));
	CHECK(strstr(said, "\\\"but\\\": \\\"" BORIS "\\\"}"));
	hall_end();
}

/* The first key behind one value counts for nothing, so another client's answer is told as well. */
TEST(the_number_of_a_key_is_behind_those_of_values)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA), *c = hall_guest(CLARA);
	call_hangs(a, c);
	hall_turns();
	guest_text(a), guest_text(c);
	deliver(NULL, FIRST);
	for (int asked = 0; asked < 2;) { /* one of them at first, then the other */
		hall_turns();
		asked += strstr(guest_text(a), "2\n") != NULL;
		asked += strstr(guest_text(c), "2\n") != NULL;
	}
	deliver(NULL, "7");
	guest_say(a, "3");
	hall_turns();
	guest_say(a, "3");
	hall_turns();
	database_release(&hall.base, "rt.confirm");
	database_answers(&hall.base, "rt.confirm", "2");
	HALL_UNTIL(call(1));
	CHECK(call_has(1, " {} {} {\"" MESSAGE "\"} {\"" ANNA "\"}"));
	HALL_UNTIL(confirms_idle(&hall.events));
	guest_say(c, "3");
	HALL_UNTIL(call(2));
	CHECK(call_has(2, "rt.confirm_lone " MESSAGE " " CLARA " t f"));
	HALL_UNTIL(confirms_idle(&hall.events));
	hall_end();
}

TEST(one_message_has_a_call_of_its_own)
{
	static const struct {
		bool alone; /* is the edge: it rings nobody */
		const char *value, *answer, *said;
	} cases[] = {
		{false, EACH, "4711", "rt.confirm_lone " MESSAGE " " ANNA " f f\n"},
		{false, FIRST, "4711", "rt.confirm_lone " MESSAGE " " ANNA " t f\n"},
		{true, EACH, "4711", "rt.confirm_lone " MESSAGE " " ANNA " f t\n"},
		{true, EACH, "0", "rt.confirm_lone " MESSAGE " " ANNA " f t\n"},
		{false, EACH, "~",
	         "rt.confirm_lone " MESSAGE " " ANNA " f f\nrt.confirm {} {\"" MESSAGE "\"} {\"" ANNA "\"} {} {}\n"},
		{false, EACH, "!23000 no", "rt.confirm_lone " MESSAGE " " ANNA " f f\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		hall_opens();
		struct guest *a = hall_guest(ANNA);
		db_set_alone(hall.base.db, cases[i].alone);
		database_answers(&hall.base, "rt.confirm_lone", cases[i].answer);
		deliver(NULL, cases[i].value);
		guest_say(a, "3");
		HALL_UNTIL(confirms_idle(&hall.events));
		CHECK_STR(database_said(&hall.base), cases[i].said);
		hall_end();
	}
}

TEST(functions_of_an_earlier_program_are_told_values)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA);
	deliver(NULL, EACH);
	database_answers(&hall.base, "rt.confirm_lone", "!42883 no such function");
	guest_say(a, "3");
	HALL_UNTIL(confirms_idle(&hall.events));
	CHECK_STR(database_said(&hall.base),
	          "rt.confirm_lone " MESSAGE " " ANNA " f f\n"
	          "rt.confirm {\"{\\\"user_id\\\":\\\"" ANNA "\\\",\\\"confirm\\\":{\\\"wanted\\\": \\\"all\\\", "
	          "\\\"message_id\\\": \\\"" MESSAGE "\\\"}}\"}\n");
	hall_end();
}

TEST(what_could_not_be_told_is_told_again)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA);
	deliver(NULL, "7");
	database_answers(&hall.base, "rt.confirm", "!40001 once more");
	guest_say(a, "3");
	HALL_UNTIL(hall.base.said.n);
	for (int i = 0; i < 10; i++)
		hall_turns();
	CHECK(!confirms_idle(&hall.events));
	database_answers(&hall.base, "rt.confirm", "");
	HALL_UNTIL(confirms_idle(&hall.events));
	const char *said = database_said(&hall.base);
	CHECK(strstr(strstr(said, "rt.confirm") + 1, "rt.confirm"));
	hall_end();
}

TEST(what_the_database_refuses_for_good_is_dropped)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA);
	deliver(NULL, "7");
	database_answers(&hall.base, "rt.confirm", "!42883 no such function");
	guest_say(a, "3");
	HALL_UNTIL(confirms_idle(&hall.events));
	hall_end();
}

TEST(a_client_that_is_told_to_go_confirms_nothing)
{
	hall_opens();
	struct guest *a = hall_guest(ANNA);
	deliver(NULL, "7");
	client_kick(guest_client(a), false);
	guest_say(a, "3");
	CHECK(confirms_idle(&hall.events));
	hall_end();
}

TEST(more_than_a_client_can_remember_is_never_claimed)
{
	hall_opens();
	hall_guest(ANNA);
	for (int i = 0; i < FENCES_MAX + 3; i++)
		database_publish(&hall.base, (struct published){.event = "m", .confirm = "1"});
	HALL_UNTIL(hall.base.rows.n == 0);
	hall_turns();
	CHECK_INT(hall.stage.people.counts.fences_skipped, 3);
	hall_end();
}
