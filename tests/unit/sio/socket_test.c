/*
 * Sockets as an application sees them, over a real connection.
 */
#include "site.h"
#include "test.h"

/* N1, N2: CONNECT and its reply; N9: the reply may take its time */
TEST(accepted_later)
{
	struct site t;
	open_session(&t, ordinary());
	SAY(&t, "40{\"token\":1}", "2x"); /* work takes its time; packets of other namespaces are handled meanwhile */
	expect(&t, "connect {\"token\":1}\ngone transport\n", "Close\n");
	finish(&t);

	open_session(&t, ordinary());
	SAY(&t, "40{\"token\":1}", "3", "6");
	expect(&t, "connect {\"token\":1}\n", "");
	sio_accept(t.socket, SLICE("\"pid\":\"p\""));
	sio_accept(t.socket, slice_of("", 0)); /* nothing is sent twice */
	turn(&t);
	expect(&t, "", "40{\"sid\":\"ID\",\"pid\":\"p\"}\n");
	SAY(&t, "42[\"hello\"]");
	expect(&t, "event hello\n", "");
	finish(&t);
}

/* N9: the session ends while the socket is connecting */
TEST(the_session_dies_while_the_answer_is_awaited)
{
	struct site t;
	open_session(&t, ordinary());
	SAY(&t, "40");
	char id[SIO_ID_LEN];
	memcpy(id, sio_id(t.socket).p, SIO_ID_LEN);
	CHECK(sio_find(t.sio, slice_of(id, SIO_ID_LEN)) == t.socket);
	shutdown(t.pair.fd, SHUT_WR);
	turn(&t);
	expect(&t, "connect \ngone peer\n", "FIN\n");
	CHECK(!sio_find(t.sio, slice_of(id, SIO_ID_LEN)));
	finish(&t);
}

/* S9: packets for a socket that is still connecting */
TEST(impatient_clients_are_closed)
{
	static const char *const packets[] = {"40", "42[\"e\"]", "421[\"e\"]", "41", "431[]"};
	for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
		struct site t;
		CHECK_ROW(packets[i]);
		open_session(&t, ordinary());
		SAY(&t, "40", packets[i]);
		expect(&t, "connect \ngone parse\n", "Close\n");
		finish(&t);
	}
}

/* N4, N8: a socket is refused, and the next one accepted */
TEST(refused)
{
	struct site t;
	open_session(&t, ordinary());
	SAY(&t, "40");
	sio_refuse(t.socket, SLICE("no \"way\""), SLICE("{\"code\":7}"));
	turn(&t);
	expect(&t, "connect \ngone unauthorized\n", "44{\"message\":\"no \\\"way\\\"\",\"data\":{\"code\":7}}\n");
	SAY(&t, "40/a,{}");
	sio_refuse(t.socket, SLICE("no"), slice_of("", 0));
	turn(&t);
	expect(&t, "connect {}\ngone unauthorized\n", "44/a,{\"message\":\"no\"}\n");
	SAY(&t, "40{\"again\":1}");
	sio_accept(t.socket, slice_of("", 0));
	turn(&t);
	expect(&t, "connect {\"again\":1}\n", "40{\"sid\":\"ID\"}\n");
	finish(&t);
}

/* N7, S9: sockets that the server ended; packets that the client had sent before are ignored, in each namespace */
TEST(removed_by_the_server)
{
	struct site t;
	open_socket(&t, ordinary());
	struct sio_socket *first = t.socket;
	SAY(&t, "40/a");
	sio_accept(t.socket, slice_of("", 0));
	turn(&t);
	expect(&t, "connect \n", "40/a,{\"sid\":\"ID\"}\n");
	t.inside = true;
	sio_disconnect(first, false, CLOSE_KICKED);
	sio_disconnect(first, false, CLOSE_KICKED);
	sio_disconnect(t.socket, false, CLOSE_KICKED);
	t.inside = false;
	turn(&t);
	expect(&t, "gone kicked\ngone kicked\n", "41\n41/a,\n");
	SAY(&t, "42[\"late\"]", "423[\"late\"]", "42/a,[\"late\"]", "431[]", "41", "41/a,", "42[\"late\"]", "3");
	expect(&t, "", "");
	SAY(&t, "40/b"); /* and that does not change the others */
	sio_accept(t.socket, slice_of("", 0));
	SAY(&t, "42[\"late\"]", "42/a,[\"late\"]", "42/b,[\"now\"]");
	expect(&t, "connect \nevent now\n", "40/b,{\"sid\":\"ID\"}\n");
	SAY(&t, "40"); /* from here on late packets for / are no longer ignored */
	expect(&t, "connect \n", "");
	SAY(&t, "42[\"early\"]");
	expect(&t, "gone parse\ngone parse\n", "Close\n");
	finish(&t);
}

/* C7: a client that was kicked may close by itself; then the server does */
TEST(removed_with_the_session)
{
	struct site t;
	open_socket(&t, ordinary());
	uint64_t since = loop_now(t.pair.loop);
	sio_disconnect(t.socket, true, CLOSE_KICKED);
	turn(&t);
	expect(&t, "gone kicked\n", "41\n");
	while (!t.got.n) {
		usleep(10000);
		turn(&t);
	}
	CHECK(loop_now(t.pair.loop) - since >= 1000);
	expect(&t, "", "Close\n");
	finish(&t);
}

/* C7: a client comes back by itself only when it has seen neither 41 nor a Close */
TEST(dropped)
{
	struct site t;
	open_socket(&t, ordinary());
	struct packet *p = sio_event_packet("/", SLICE("last"), SLICE("{}"));
	sio_send(t.socket, p);
	packet_unref(&p);
	sio_drop_session(t.socket, CLOSE_UNAVAILABLE);
	turn(&t);
	expect(&t, "gone unavailable\n", "42[\"last\",{}]\nFIN\n");
	finish(&t);
}

/* V3: binary events; packets go out in the order of the calls */
TEST(what_comes_after_the_end_is_dropped)
{
	struct site t;
	open_socket(&t, ordinary());
	struct packet *p = sio_event_packet("/", SLICE("e"), SLICE("1"));
	sio_ack(t.socket, 7, SLICE("[{}]"));
	sio_send(t.socket, p);
	sio_disconnect(t.socket, false, CLOSE_KICKED);
	sio_ack(t.socket, 8, SLICE("[{}]"));
	sio_send(t.socket, p);
	sio_fence(t.socket, 9);
	CHECK(!sio_writable(t.socket));
	packet_unref(&p);
	turn(&t);
	expect(&t, "gone kicked\n", "437[{}]\n42[\"e\",1]\n41\n");
	finish(&t);
}

/* A fence: only the pong of a ping behind the data shows that the data arrived. One ping is on its way at a time. */
TEST(fences)
{
	struct site t;
	open_socket(&t, ordinary());
	struct packet *p = sio_event_packet("/", SLICE("e"), SLICE("1"));
	sio_send(t.socket, p);
	sio_fence(t.socket, 5);
	sio_send(t.socket, p);
	sio_fence(t.socket, 6);
	turn(&t);
	expect(&t, "", "42[\"e\",1]\n42[\"e\",1]\n2\n");
	sio_send(t.socket, p);
	sio_fence(t.socket, 7);
	turn(&t);
	expect(&t, "", "42[\"e\",1]\n");
	SAY(&t, "3");
	expect(&t, "fence 6\n", "2\n");
	SAY(&t, "3", "3");
	expect(&t, "fence 7\n", "");
	sio_fence(t.socket, 7); /* confirmed already */
	turn(&t);
	expect(&t, "", "");
	packet_unref(&p);
	finish(&t);
}

/* X6: limits of a session */
TEST(sockets_and_connects_of_a_session_are_limited)
{
	struct site t;
	struct sio_config cfg = ordinary();
	cfg.limits.max_sockets_per_session = 2;
	open_session(&t, cfg);
	SAY(&t, "40", "40/a", "40/b");
	expect(&t, "connect \nconnect \ngone limit\ngone limit\n", "Close\n");
	finish(&t);
	open_session(&t, cfg);
	t.accepting = true;
	SAY(&t, "40", "41", "40", "41", "40"); /* those that have ended do not count, though it is the same turn */
	expect(&t, "connect \nconnect \nconnect \ngone client_left\ngone client_left\n",
	       "40{\"sid\":\"ID\"}\n40{\"sid\":\"ID\"}\n40{\"sid\":\"ID\"}\n");
	finish(&t);
	cfg = ordinary();
	cfg.limits.max_connects_per_session = 3;
	open_session(&t, cfg);
	SAY(&t, "40/x", "40/y", "40/z");
	t.got.n = 0;
	SAY(&t, "40");
	expect(&t, "", "Close\n");
	CHECK_INT(sio_server_stats(t.sio)->session_closed[CLOSE_LIMIT], 1);
	finish(&t);
}

/* B5: the loop was busy while the deadline passed, and the pong lies in the kernel: the deadline counts */
TEST(a_pong_behind_the_deadline_is_none)
{
	struct site t;
	struct sio_config cfg = ordinary();
	cfg.eio.limits.ping_interval_ms = 30;
	cfg.eio.limits.ping_timeout_ms = 200; /* a busy machine may be late by less */
	open_socket(&t, cfg);
	while (!t.got.n) {
		usleep(1000);
		turn(&t);
	}
	expect(&t, "", "2\n");
	usleep(250000);
	SAY(&t, "3", "42[\"late\"]");
	expect(&t, "gone ping\n", "Close\n");
	finish(&t);
}
