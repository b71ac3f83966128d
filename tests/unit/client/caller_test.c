/*
 * Our client against our server, in one loop and over TCP, by every transport: what one says the other hears.
 */
#include "client/caller.h"

#include "check.h"
#include "http/http.h"
#include "net/listener.h"
#include "sio/sio.h"
#include "test.h"
#include <ev.h>
#include <stdio.h>
#include <unistd.h>

struct room {
	struct loop *loop;
	struct conn_budget ours, theirs;
	struct http_config http;
	struct sio_server *sio;
	struct listener *listener;
	struct sio_socket *socket;
	struct place *place;
	struct caller *caller;
	struct buf server, client; /* what either was told, a line each */
};

static struct room *room_now; /* of the test that runs */

/* ---- the server ---- */

static void on_connect(struct sio_socket *s, struct slice auth, unsigned flaws, void *ctx)
{
	(void)flaws, (void)ctx;
	room_now->socket = s;
	buf_str(&room_now->server, "connect ");
	buf_slice(&room_now->server, auth);
	buf_char(&room_now->server, '\n');
	sio_accept(s, slice_str(memmem(auth.p, auth.n, "recovery", 8) ? "\"pid\":\"secret\"" : ""));
}

static void on_event(struct sio_socket *s, const struct sio_event *ev, void *ctx)
{
	(void)ctx;
	buf_slice(&room_now->server, ev->source);
	buf_char(&room_now->server, '\n');
	if (ev->wants_ack)
		sio_ack(s, ev->ack_id, SLICE("[{\"done\":1}]"));
}

static void on_disconnect(struct sio_socket *s, enum close_reason why, void *ctx)
{
	(void)s, (void)ctx;
	room_now->socket = NULL;
	buf_printf(&room_now->server, "gone %s\n", close_label(why));
}

static void on_fence(struct sio_socket *s, uint64_t value, void *ctx)
{
	(void)s, (void)ctx;
	buf_printf(&room_now->server, "fence %llu\n", (unsigned long long)value);
}

static const struct sio_namespace namespaces[] = {{"/", on_connect, on_event, on_disconnect, on_fence, NULL, NULL}};

static void on_head(struct http_exchange *x, void *ctx)
{
	(void)ctx;
	sio_handle(room_now->sio, x);
}

static void on_conn(struct conn *c, void *ctx)
{
	static const struct http_events events = {.on_head = on_head};
	(void)ctx;
	http_serve(c, &room_now->http, &events, NULL);
}

/* ---- the client ---- */

static void told_open(void *owner, bool recovered)
{
	(void)owner;
	buf_str(&room_now->client, recovered ? "recovered\n" : "open\n");
}

static void told_event(void *owner, struct slice name, struct slice data)
{
	(void)owner;
	buf_slice(&room_now->client, name);
	buf_char(&room_now->client, ' ');
	buf_slice(&room_now->client, data);
	buf_char(&room_now->client, '\n');
}

static void told_ack(void *owner, uint64_t id, struct slice data)
{
	(void)owner;
	buf_printf(&room_now->client, "ack %llu ", (unsigned long long)id);
	told_event(owner, (struct slice){0}, data);
}

static void told_end(void *owner, const char *why, bool by_server)
{
	(void)owner;
	buf_printf(&room_now->client, "end %s%s\n", by_server ? "by the server: " : "", why);
}

static const struct caller_events told = {
	.on_open = told_open, .on_event = told_event, .on_ack = told_ack, .on_end = told_end};

/* ---- turning ---- */

static void room_until(const struct buf *log, const char *text)
{
	for (int i = 0; i < 4000; i++) {
		if (log->n && memmem(log->p, log->n, text, strlen(text)))
			return;
		ev_run(loop_ev(room_now->loop), EVRUN_NOWAIT);
		usleep(500);
	}
	UNIT_FAIL("not heard: %s; client %.*s, server %.*s", text, (int)room_now->client.n, room_now->client.p,
	          (int)room_now->server.n, room_now->server.p);
}

static void room_open(struct room *r, bool recovery)
{
	const struct conn_budget budget = {.max_queue_bytes = 1 << 20,
	                                   .max_queue_items = 1000,
	                                   .max_total_bytes = 16 << 20,
	                                   .max_input_bytes = 16 << 20};
	char url[64], error[128];
	const char *wrong = NULL;
	*r = (struct room){.loop = loop_new(), .ours = budget, .theirs = budget};
	room_now = r;
	r->http = (struct http_config){
		.max_head = 16384, .max_body = 65536, .head_timeout_ms = 5000, .request_timeout_ms = 5000};
	struct sio_config cfg = {.eio = {.path = "/socket.io/",
	                                 .limits = eio_default_limits,
	                                 .budget = &r->theirs,
	                                 .polling = true,
	                                 .websocket = true},
	                         .limits = sio_default_limits};
	cfg.eio.limits.max_sessions = 100;
	r->sio = sio_server_new(r->loop, &cfg, namespaces, 1);
	const struct listener_config listen = {.address = "127.0.0.1:0", .backlog = 16, .accepts_per_turn = 16};
	r->listener = listener_new(r->loop, &r->theirs, &listen, on_conn, r, &wrong);
	CHECK(r->listener);
	snprintf(url, sizeof url, "http://127.0.0.1:%u", listener_port(r->listener));
	r->place = place_new(url, error, sizeof error);
	CHECK(r->place);
	const struct caller_config cc = {r->loop, &r->ours, "t", recovery};
	r->caller = caller_new(&cc, &told, r);
}

static void room_close(struct room *r)
{
	caller_free(&r->caller);
	listener_free(&r->listener);
	sio_server_free(&r->sio);
	conn_budget_kill_all(&r->theirs, CLOSE_SHUTDOWN);
	conn_budget_kill_all(&r->ours, CLOSE_SHUTDOWN);
	loop_settle(r->loop);
	place_free(&r->place);
	loop_free(&r->loop);
	buf_fini(&r->server);
	buf_fini(&r->client);
}

static void say_event(struct room *r, const char *array)
{
	struct packet *p = sio_raw_event_packet("/", slice_str(array));
	CHECK(sio_send(r->socket, p));
	packet_unref(&p);
}

static void both_ways(enum client_transport t)
{
	struct room r;
	uint64_t ack;
	room_open(&r, false);
	caller_open(r.caller, r.place, t);
	room_until(&r.client, "open\n");
	room_until(&r.server, "connect {\"token\":\"t\"}\n");
	CHECK(caller_emit(r.caller, "hello", SLICE("{\"a\":\"\xf0\x9f\x94\x94\"}"), &ack));
	room_until(&r.server, "[\"hello\",{\"a\":\"\xf0\x9f\x94\x94\"}]\n");
	room_until(&r.client, "ack 1  {\"done\":1}\n");
	say_event(&r, "[\"first\",{\"n\":1}]");
	say_event(&r, "[\"sec\\u006fnd\"]");
	sio_fence(r.socket, 7);
	room_until(&r.client, "first {\"n\":1}\nsecond \n");
	room_until(&r.server, "fence 7\n");
	if (t == CLIENT_UPGRADE)
		for (int i = 0; i < 4000 && !caller_upgraded(r.caller); i++)
			ev_run(loop_ev(r.loop), EVRUN_NOWAIT);
	CHECK_INT(caller_upgraded(r.caller), t != CLIENT_POLLING);
	caller_leave(r.caller);
	room_until(&r.server, "gone client_left\n");
	room_until(&r.client, "end it left\n");
	room_close(&r);
}

TEST(both_ways_by_websocket)
{
	both_ways(CLIENT_WEBSOCKET);
}

TEST(both_ways_by_polling)
{
	both_ways(CLIENT_POLLING);
}

TEST(both_ways_by_an_upgrade)
{
	both_ways(CLIENT_UPGRADE);
}

TEST(who_hangs_confirms_nothing_until_it_goes_on)
{
	for (int t = 0; t < CLIENT_TRANSPORT_MAX; t++) {
		struct room r;
		CHECK_ROW(client_transport_label((enum client_transport)t));
		room_open(&r, false);
		caller_open(r.caller, r.place, (enum client_transport)t);
		room_until(&r.client, "open\n");
		for (int i = 0; i < 4000 && t == CLIENT_UPGRADE && !caller_upgraded(r.caller); i++)
			ev_run(loop_ev(r.loop), EVRUN_NOWAIT);
		caller_hang(r.caller, true);
		say_event(&r, "[\"taken\",{}]");
		sio_fence(r.socket, 1);
		room_until(&r.client, "taken {}\n");
		for (int i = 0; i < 200; i++)
			ev_run(loop_ev(r.loop), EVRUN_NOWAIT);
		CHECK(!memmem(r.server.p, r.server.n, "fence", 5));
		caller_hang(r.caller, false);
		room_until(&r.server, "fence 1\n");
		room_close(&r);
	}
}

TEST(a_lost_client_comes_back_with_what_it_was_given)
{
	struct room r;
	room_open(&r, true);
	caller_open(r.caller, r.place, CLIENT_WEBSOCKET);
	room_until(&r.client, "open\n");
	say_event(&r, "[\"$o\",0,\"place\"]");
	room_until(&r.client, "$o \n");
	caller_cut(r.caller, "it was cut");
	room_until(&r.client, "end it was cut\n");
	room_until(&r.server, "gone ");
	caller_open(r.caller, r.place, CLIENT_POLLING);
	room_until(&r.client, "recovered\n");
	room_until(&r.server, "connect {\"pid\":\"secret\",\"offset\":\"place\",\"token\":\"t\",\"recovery\":true}\n");
	room_close(&r);
}

TEST(sent_away_it_forgets_what_it_was_given)
{
	struct room r;
	room_open(&r, true);
	caller_open(r.caller, r.place, CLIENT_WEBSOCKET);
	room_until(&r.client, "open\n");
	say_event(&r, "[\"$o\",0,\"place\"]");
	sio_disconnect(r.socket, true, CLOSE_KICKED);
	room_until(&r.client, "end by the server: ");
	r.server.n = 0;
	caller_open(r.caller, r.place, CLIENT_WEBSOCKET);
	room_until(&r.server, "connect {\"token\":\"t\",\"recovery\":true}\n");
	room_close(&r);
}

TEST(nobody_listens)
{
	for (int t = 0; t < CLIENT_TRANSPORT_MAX; t++) {
		struct room r;
		room_open(&r, false);
		listener_stop(r.listener);
		caller_open(r.caller, r.place, (enum client_transport)t);
		room_until(&r.client, "end ");
		room_close(&r);
	}
}

TEST(urls)
{
	static const char *const wrong[] = {"127.0.0.1:3000", "ftp://127.0.0.1", "http://127.0.0.1:3000/api",
	                                    "http://127.0.0.1:port"};
	char error[128];
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		CHECK_ROW(wrong[i]);
		CHECK(!place_new(wrong[i], error, sizeof error));
		CHECK(strstr(error, wrong[i]));
	}
	struct place *p = place_new("http://[::1]:3000/", error, sizeof error);
	CHECK(p);
	CHECK_STR(place_host(p), "[::1]:3000");
	place_free(&p);
}
