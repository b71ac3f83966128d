/* Relayed events: when the edge decides by itself, and what other edges are told. */
#include "events/relay.h"
#include "hall.h"

#define CHAT "7c1f2a30-0000-4000-8000-0000000000c1"
#define TYPING_ROUTE \
	"chat:typing|rt.chat_typing|1024|typing|0|0||always|t|~|chat:{chat_id}|participants:{chat_id}|chat_id uuid^is_typing boolean^user_name user_name"
#define SAYS "[\"chat:typing\",{\"chat_id\":\"" CHAT "\",\"is_typing\":true}]"
#define HEARS "42[\"chat:typing\",{\"chat_id\":\"" CHAT "\",\"is_typing\":true,\"user_name\":\"Anna\"}]\n"

static struct guest *anna, *boris;

static struct client *client_of_guest(const struct guest *g)
{
	return client_of(&hall.stage.people, slice_of(g->id, SIO_ID_LEN));
}

/* Anna and Boris take part in the chat, and Boris has it on screen. Edges: as rt.maintain said. */
static void relay_begin(uint64_t edges)
{
	hall_begin();
	database_answers(&hall.base, "rt.routes", TYPING_ROUTE "\n" ROUTES);
	database_answers(&hall.base, "rt.names", ANNA "|Anna");
	database_answers(&hall.base, "rt.dispatch", "1|ok|{\"by\":\"sql\"}|~|~|~|~\n0|quiet|~|~|~|~|~");
	database_answers(&hall.base, "rt.relayed", "~");
	db_start(hall.base.db);
	HALL_UNTIL(!routes_missing(&hall.events));
	anna = hall_guest(ANNA);
	boris = hall_guest(BORIS);
	client_join_all(client_of_guest(anna), SLICE("participants:" CHAT));
	client_join_all(client_of_guest(boris), SLICE("participants:" CHAT "\nchat:" CHAT));
	hall_turns();
	relay_edges(&hall.events, edges, loop_now(hall.stage.loop) + 1);
	struct slice name;
	while (!names_of(&hall.events, client_of_guest(anna)->user, &name))
		hall_turns();
	database_said(&hall.base);
}

TEST(alone_nothing_is_asked_of_the_database)
{
	relay_begin(1);
	guest_say(anna, "421" SAYS);
	guest_reads(anna, "431[{\"status\":\"ok\"}]\n");
	guest_reads(boris, HEARS);
	hall_turns();
	CHECK_STR(database_said(&hall.base), "");
	client_join_all(client_of_guest(anna), SLICE("chat:" CHAT)); /* its own socket hears nothing */
	guest_say(anna, "42" SAYS);
	guest_reads(anna, "");
	guest_reads(boris, HEARS);
	hall_end();
}

TEST(what_the_edge_is_not_sure_of_the_database_decides)
{
	relay_begin(1);
	struct client *c = client_of_guest(anna);
	static const char *const cases[] = {"no member",
	                                    "another payload",
	                                    "the name is not known",
	                                    "rooms are read",
	                                    "a gap",
	                                    "an event of its own before it",
	                                    "the pump is behind it"};
	for (int i = 0; i < (int)ARRAY_LEN(cases); i++) {
		const char *says = "421" SAYS;
		CHECK_ROW(cases[i]);
		if (i == 0)
			client_leave(c, SLICE("participants:" CHAT));
		else if (i == 1)
			says = "421[\"chat:typing\",{\"chat_id\":\"" CHAT "\",\"is_typing\":1}]";
		else if (i == 2)
			names_forget(c->user);
		else if (i == 3)
			c->user->stale = true;
		else if (i == 4)
			c->owed_sync = true;
		else if (i == 5)
			c->waiting_bytes = 9;
		else
			c->behind = db_pump_moment(hall.base.db) + 1000;
		guest_send(anna, says);
		guest_waits_for(anna, "431[");
		guest_reads(anna, "431[{\"by\":\"sql\"}]\n");
		CHECK(strstr(database_said(&hall.base), "rt.dispatch "));
		guest_reads(boris, "");
		client_join_all(c, SLICE("participants:" CHAT));
		c->user->stale = c->owed_sync = false;
		c->waiting_bytes = c->behind = 0;
		HALL_UNTIL(c->user->name_state == NAME_KNOWN);
		database_said(&hall.base);
	}
	CHECK_ROW("");
	guest_say(anna, "421" SAYS);
	guest_reads(anna, "431[{\"status\":\"ok\"}]\n"); /* and each was the only cause */
	hall_end();
}

TEST(after_an_effect_of_its_own_the_pump_comes_first)
{
	relay_begin(1);
	struct client *c = client_of_guest(anna);
	database_answers(&hall.base, "rt.dispatch", "1|ok|{}|~|~|~|~\n0|published|~|~|~|~|~");
	guest_send(anna, "421[\"chat:send\",{}]");
	guest_waits_for(anna, "431[");
	guest_text(anna);
	CHECK(c->behind);
	HALL_UNTIL(db_pump_past(hall.base.db, c->behind));
	database_said(&hall.base);
	guest_say(anna, "422" SAYS);
	guest_reads(anna, "432[{\"status\":\"ok\"}]\n");
	CHECK_STR(database_said(&hall.base), "");
	hall_end();
}

TEST(others_are_told_by_one_row_and_the_ack_waits_for_it)
{
	relay_begin(2);
	database_holds(&hall.base, "rt.relayed");
	guest_send(anna, "421" SAYS);
	guest_send(anna, "422" SAYS);
	guest_waits_for(boris, HEARS HEARS); /* at once */
	HALL_UNTIL(database_is_held(&hall.base, "rt.relayed"));
	guest_reads(anna, "");
	guest_send(anna, "423" SAYS); /* the next row */
	guest_waits_for(boris, HEARS);
	database_release(&hall.base, "rt.relayed");
	guest_waits_for(anna, "433[");
	guest_reads(anna, "431[{\"status\":\"ok\"}]\n432[{\"status\":\"ok\"}]\n433[{\"status\":\"ok\"}]\n");
	const char *said = database_said(&hall.base), *second = strstr(said, "\nrt.relayed own [");
	CHECK(strncmp(said, "rt.relayed own [{\"event\":\"chat:typing\",\"room\":\"chat:" CHAT "\",\"except\":\"",
	              80) == 0);
	CHECK(second && strstr(said, "},{\"event\"") && strstr(said, "},{\"event\"") < second);
	hall_end();
}

TEST(a_row_that_fails_is_not_claimed)
{
	relay_begin(2);
	database_answers(&hall.base, "rt.relayed", "!57014 too slow");
	guest_send(anna, "421" SAYS);
	guest_waits_for(anna, "431[");
	CHECK(strstr(guest_text(anna), "\"code\":\"UNAVAILABLE\""));
	database_answers(&hall.base, "rt.relayed", "~");
	database_holds(&hall.base, "rt.relayed");
	guest_send(anna, "422" SAYS);
	guest_waits_for(anna, "432["); /* no answer: after a second */
	CHECK(strstr(guest_text(anna), "\"code\":\"UNAVAILABLE\""));
	CHECK(database_is_held(&hall.base, "rt.relayed"));
	database_release(&hall.base, "rt.relayed");
	hall_turns();
	guest_send(anna, "423" SAYS);
	guest_waits_for(anna, "433[");
	guest_reads(anna, "433[{\"status\":\"ok\"}]\n");
	hall_end();
}

TEST(its_other_events_stay_behind_it_at_other_edges)
{
	relay_begin(2);
	database_holds(&hall.base, "rt.relayed");
	guest_send(anna, "42" SAYS);
	guest_send(anna, "421[\"chat:send\",{}]");
	HALL_UNTIL(database_is_held(&hall.base, "rt.relayed"));
	hall_turns(), hall_turns();
	CHECK(!strstr(database_said(&hall.base), "rt.dispatch"));
	guest_send(boris, "422[\"chat:send\",{}]"); /* others need not wait */
	guest_waits_for(boris, "432[");
	CHECK(strstr(database_said(&hall.base), "rt.dispatch"));
	database_release(&hall.base, "rt.relayed");
	guest_waits_for(anna, "431[");
	CHECK(strstr(database_said(&hall.base), "rt.dispatch"));
	hall_end();
}

TEST(what_another_edge_has_relayed_is_delivered_and_the_own_row_is_not)
{
	relay_begin(2);
	hall_publish((struct published){.control = "relayed",
	                                .data = "{\"edge_id\": \"own\", \"events\": [{\"event\": \"chat:typing\", "
	                                        "\"room\": \"chat:" CHAT
	                                        "\", \"except\": \"x\", \"data\": {\"n\": 1}}]}"});
	guest_reads(boris, "");
	hall_publish((struct published){
		.control = "relayed",
		.data = "{\"edge_id\": \"other\", \"events\": [{\"event\": \"chat:typing\", \"room\": \"chat:" CHAT
			"\", \"except\": \"x\", \"data\": {\"n\": 1}}, {\"event\": \"chat:send\", \"room\": \"chat:" CHAT
			"\", \"except\": \"x\", \"data\": {}}, {\"event\": \"chat:typing\", \"room\": \"user:" ANNA
			"\", \"except\": \"x\", \"data\": {\"n\": 2}}]}"});
	guest_reads(boris, "42[\"chat:typing\",{\"n\":1}]\n"); /* chat:send is not relayed: no edge says it so */
	guest_reads(anna, "42[\"chat:typing\",{\"n\":2}]\n");
	hall_end();
}

TEST(an_edge_that_has_come_is_told_whatever_was_asked_before)
{
	relay_begin(1);
	uint64_t before = loop_now(hall.stage.loop);
	hall_turns();
	hall_publish((struct published){.control = "edge_came"});
	relay_edges(&hall.events, 1, before); /* an answer that was on its way */
	guest_send(anna, "421" SAYS);
	guest_waits_for(anna, "431[");
	CHECK(strstr(database_said(&hall.base), "rt.relayed"));
	relay_edges(&hall.events, 1, loop_now(hall.stage.loop) + 1);
	guest_send(anna, "421" SAYS);
	guest_waits_for(anna, "431[");
	CHECK_STR(database_said(&hall.base), "");
	hall_end();
}

TEST(a_new_name_is_read_before_it_is_said)
{
	relay_begin(1);
	database_answers(&hall.base, "rt.names", ANNA "|Ann");
	hall_publish((struct published){.control = "user_renamed", .data = "{\"user_id\": \"" ANNA "\"}"});
	guest_send(anna, "421" SAYS);
	guest_waits_for(anna, "431[");
	guest_reads(anna, "431[{\"by\":\"sql\"}]\n"); /* which knows it */
	HALL_UNTIL(client_of_guest(anna)->user->name_state == NAME_KNOWN);
	guest_say(anna, "42" SAYS);
	guest_reads(boris, "42[\"chat:typing\",{\"chat_id\":\"" CHAT "\",\"is_typing\":true,\"user_name\":\"Ann\"}]\n");
	hall_end();
}
