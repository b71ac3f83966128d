/* The floors put together: readiness, the lists of parts, what comes in, and the end. */
#include "edge.h"

#include "people/client.h"

TEST(ready_is_what_nothing_is_missing_for)
{
	EDGE_BEGIN();
	EDGE_IS(edge_admin("/livez"), 200, "ok\n");
	EDGE_IS(edge_admin("/nothing"), 404, "/livez /readyz /metrics\n");
	EDGE_IS(edge_ask(listener_port(edge.w.admin.listener), "POST", "/livez", "Content-Length: 0\r\n"), 405,
	        "GET only\n");
	edge.w.entry.schema_needed = 9;
	EDGE_UNTIL(edge.w.entry.schema_version == 8);
	EDGE_IS(edge_admin("/readyz"), 503, "schema too old: run bellwire migrate\n");
	edge.w.entry.schema_needed = 8;
	database_holds(&edge.base, "rt.routes");
	EDGE_UNTIL(!edge_is(edge_admin("/readyz"), 503, "starting\n"));
	EDGE_IS(edge_admin("/readyz"), 200, "ok\n");
	edge.w.draining = true;
	EDGE_IS(edge_admin("/readyz"), 503, "draining\n");
	edge.w.draining = false;
	fake_stop_listening(&edge.base.pg);
	database_breaks(&edge.base);
	EDGE_UNTIL(db_state(edge.w.db) != DB_UP);
	CHECK(edge_is(edge_admin("/readyz"), 503, "\n"));
	fake_listen(&edge.base.pg);
	edge_end();
}

TEST(what_no_floor_wants_is_not_found)
{
	EDGE_BEGIN("BELLWIRE_REST", "off");
	EDGE_IS(edge_get("/"), 404, "not found\n");
	EDGE_IS(edge_get("/demo/"), 404, "not found\n");
	EDGE_IS(edge_get("/api/v2/chats"), 404, "not found\n");
	EDGE_IS(edge_get("/socket.io/?EIO=4&transport=polling"), 200, "\"pingInterval\":25000");
	edge_end();
}

TEST(settings_reach_what_they_are_about)
{
	EDGE_BEGIN("BELLWIRE_PING_INTERVAL_MS", "7000", "BELLWIRE_PING_TIMEOUT_MS", "6000", "BELLWIRE_MAX_PAYLOAD",
	           "12345", "BELLWIRE_COOKIE", "io", "BELLWIRE_MAX_CONNECTIONS", "40", "BELLWIRE_MAX_SOCKETS_PER_USER",
	           "4");
	const char *answer = edge_get("/socket.io/?EIO=4&transport=polling");
	EDGE_IS(answer, 200, "\"pingInterval\":7000,\"pingTimeout\":6000,\"maxPayload\":12345");
	EDGE_IS(answer, 200, "Set-Cookie: io=");
	CHECK_INT(edge.w.max_connections, 40);
	CHECK_INT(edge.w.entry.max_sockets_per_user, 4);
	CHECK_INT(edge.w.entry.lost_after_ms, 13000);
	CHECK_INT(strlen(edge.w.edge_id), UUID_LEN);
	CHECK(uuid_valid(slice_str(edge.w.edge_id)) && edge.w.edge_id[14] == '4');
	edge_end();
}

TEST(an_address_that_is_taken_is_said_and_ends_it)
{
	EDGE_BEGIN();
	char address[40], error[200];
	snprintf(address, sizeof address, "127.0.0.1:%u", listener_port(edge.w.listener));
	struct config second = edge.cfg;
	second.listen = address;
	second.admin_listen = "";
	struct worker w = {.cfg = &second, .auth = auth_new(&edge_keys, error, sizeof error)};
	CHECK(!worker_start(&w));
	worker_stop(&w);
	edge_end();
}

/* A call of each part that has something to do when the database is up, after a gap, and by the tick. */
TEST(each_part_is_called_for_what_it_has_asked_for)
{
	EDGE_BEGIN();
	EDGE_UNTIL(edge_is(edge_admin("/readyz"), 200, "ok"));
	const char *said = database_said(&edge.base);
	CHECK(strstr(said, "rt.routes\n") && strstr(said, "rt.recovery_key\n") && strstr(said, "rt.version\n"));
	parts_tick(&edge.w);
	EDGE_UNTIL(edge.base.said.n);
	for (int i = 0; i < 10; i++)
		edge_turns();
	said = database_said(&edge.base);
	CHECK(strstr(said, "rt.maintain ") && strstr(said, "rt.monitor\n"));
	edge.base.has_gap = true;
	EDGE_UNTIL(!edge.base.has_gap);
	for (int i = 0; i < 10; i++)
		edge_turns();
	CHECK(strstr(database_said(&edge.base), "rt.routes\n"));
	edge_end();
}
