/* What messages of the emitter do to the sockets that are here. */
#include "emitter/emitter.h"

#include "events/hall.h"

#define CHANNEL "socket.io#/"

static struct emitter emitter;

static void begin(void)
{
	hall_begin();
	emitter = (struct emitter){.people = &hall.stage.people, .db = hall.base.db, .on = true};
	emitter_start(&emitter);
	db_start(hall.base.db);
	HALL_UNTIL(!routes_missing(&hall.events));
	database_said(&hall.base);
}

static void end(void)
{
	stage_end_clients(&hall.stage);
	db_free(&hall.base.db);
	emitter_stop(&emitter);
	hall_end_floor();
}

static void notify(const char *payload)
{
	fake_notify(fake_find(&hall.base.pg, "pump"), CHANNEL, payload);
	for (int i = 0; i < 10; i++)
		hall_turns();
}

#define OPTS(rooms, except, flags) "\"opts\":{\"rooms\":[" rooms "],\"except\":[" except "],\"flags\":{" flags "}}"
#define EMIT(name, opts)                                                                     \
	"{\"uid\":\"emitter\",\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":[\"" name \
	"\",{\"n\":1}],\"nsp\":\"/\"}," opts "}}"
#define MOVE(type, opts, rooms) "{\"uid\":\"emitter\",\"type\":" type ",\"data\":{" opts ",\"rooms\":[" rooms "]}}"

TEST(an_event_reaches_its_rooms)
{
	begin();
	struct guest *a = hall_guest(ANNA), *b = hall_guest(BORIS);
	client_join_all(guest_client(a), SLICE("chat:1"));
	notify(EMIT("booking:moved", OPTS("\"chat:1\"", "", "")));
	notify(EMIT("booking:all", OPTS("", "\"chat:1\"", "")));
	guest_reads(a, "42[\"booking:moved\",{\"n\":1}]\n");
	guest_reads(b, "42[\"booking:all\",{\"n\":1}]\n");
	CHECK_INT(emitter.stats.outcomes[EMITTER_DONE], 2);
	end();
}

TEST(sockets_join_leave_and_are_sent_away)
{
	begin();
	struct guest *a = hall_guest(ANNA), *b = hall_guest(BORIS);
	notify(MOVE("4", OPTS("\"user:" ANNA "\"", "", ""), "\"desk 1\",\"desk 2\""));
	CHECK_INT(guest_client(a)->emitter_rooms, 2);
	CHECK(hub_is_in(hall.stage.people.hub, &guest_client(a)->member, SLICE("desk 2")));
	notify(MOVE("5", OPTS("\"desk 2\"", "", ""), "\"desk 1\""));
	CHECK_INT(guest_client(a)->emitter_rooms, 1);
	notify("{\"uid\":\"emitter\",\"type\":6,\"data\":{" OPTS("\"desk 2\"", "", "") ",\"close\":false}}");
	guest_reads(a, "41\n");
	guest_reads(b, "");
	CHECK_INT(emitter.stats.outcomes[EMITTER_DONE], 3);
	end();
}

TEST(a_socket_is_in_so_many_rooms_by_it)
{
	begin();
	struct guest *a = hall_guest(ANNA);
	guest_client(a)->emitter_rooms = 999;
	notify(MOVE("4", OPTS("", "", ""), "\"one\",\"two\""));
	CHECK_INT(guest_client(a)->emitter_rooms, 1000);
	CHECK(!hub_is_in(hall.stage.people.hub, &guest_client(a)->member, SLICE("two")));
	CHECK_INT(emitter.stats.outcomes[EMITTER_REFUSED], 1);
	end();
}

TEST(what_it_does_not_take_is_counted)
{
	begin();
	notify("not json");
	notify("{\"uid\":\"node\",\"type\":7,\"data\":{}}");
	CHECK_INT(emitter.stats.outcomes[EMITTER_INVALID] + emitter.stats.outcomes[EMITTER_IGNORED], 2);
	CHECK_INT(emitter.stats.outcomes[EMITTER_DONE], 0);
	end();
}

#define LARGE(row) "{\"uid\":\"emitter\",\"type\":3,\"attachmentId\":\"" row "\"}"

/* {"uid":"emitter","type":3,"data":{...}} of EMIT("large", everyone) in MessagePack, in base64 */
static const char packed[] =
	"g6N1aWSnZW1pdHRlcqR0eXBlA6RkYXRhgqZwYWNrZXSDpHR5cGUCpGRhdGGSpWxhcmdlgaFuAaNuc3ChL6RvcHRzg6Vyb29tc5CmZXhjZXB0kKVmbGFnc4A=";

TEST(a_large_message_is_read_from_its_row)
{
	begin();
	struct guest *a = hall_guest(ANNA);
	database_answers(&hall.base, "rt.emitter_attachment", packed);
	database_holds(&hall.base, "rt.emitter_attachment");
	notify(LARGE("7"));
	HALL_UNTIL(database_is_held(&hall.base, "rt.emitter_attachment"));
	CHECK_STR(database_said(&hall.base), "rt.emitter_attachment {7}\n");
	notify(LARGE("8")); /* one call is out: they wait, in their order */
	notify(LARGE("9"));
	CHECK_STR(database_said(&hall.base), "");
	database_release(&hall.base, "rt.emitter_attachment");
	database_answers(&hall.base, "rt.emitter_attachment", "~\n.");
	guest_waits_for(a, "large");
	guest_reads(a, "42[\"large\",{\"n\":1}]\n");
	HALL_UNTIL(emitter.stats.outcomes[EMITTER_INVALID] == 1);
	CHECK_STR(database_said(&hall.base), "rt.emitter_attachment {8,9}\n");
	CHECK_INT(emitter.stats.outcomes[EMITTER_DONE], 1);
	CHECK_INT(emitter.stats.outcomes[EMITTER_MISSING], 1);
	end();
}

TEST(a_row_that_cannot_be_read_is_missing_and_one_of_an_outage_is_lost)
{
	begin();
	database_answers(&hall.base, "rt.emitter_attachment", "!42501 not granted");
	notify(LARGE("7"));
	HALL_UNTIL(emitter.stats.outcomes[EMITTER_MISSING] == 1);
	database_holds(&hall.base, "rt.emitter_attachment");
	notify(LARGE("8"));
	HALL_UNTIL(database_is_held(&hall.base, "rt.emitter_attachment"));
	database_breaks(&hall.base);
	HALL_UNTIL(emitter.stats.outcomes[EMITTER_LOST] == 1);
	end();
}

TEST(switched_off_it_hears_nothing)
{
	hall_begin();
	emitter = (struct emitter){.people = &hall.stage.people, .db = hall.base.db};
	emitter_start(&emitter);
	emitter_resumed(&emitter);
	CHECK_INT(emitter.stats.gaps, 0);
	emitter.on = true;
	emitter_resumed(&emitter);
	CHECK_INT(emitter.stats.gaps, 1);
	end();
}
