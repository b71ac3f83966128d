/*
 * Sessions that poll, in cases that depend on what the application and the connections do at the same moment: which
 * fence a GET confirms, and which session ends when there is no room.
 */
#include "site.h"
#include "test.h"

#define PAD_100 "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"

/* A session that polls, with a socket, on the connection of the pair. target: path and query with its sid. */
struct poller {
	struct site site;
	char target[128];
};

static struct slice body_of(struct site *t)
{
	const char *end = memmem(t->pair.got.p, t->pair.got.n, "\r\n\r\n", 4);
	CHECK(end && memcmp(t->pair.got.p, "HTTP/1.1 200 ", 13) == 0);
	return slice_of(end + 4, t->pair.got.n - (size_t)(end + 4 - t->pair.got.p));
}

static void get(struct poller *p, const char *answer)
{
	p->site.pair.got.n = 0;
	say_http(&p->site, p->target, "");
	if (answer)
		CHECK_SLICE(body_of(&p->site), slice_str(answer));
	else
		CHECK_INT(p->site.pair.got.n, 0);
}

static void post(struct poller *p, const char *text)
{
	struct buf b = {0};
	buf_printf(&b, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n%s", p->target, strlen(text), text);
	p->site.pair.got.n = 0;
	pair_say(&p->site.pair, buf_view(&b));
	CHECK_SLICE(body_of(&p->site), SLICE("ok"));
	buf_fini(&b);
}

static void open_poller(struct poller *p, struct eio_limits limits)
{
	struct sio_config cfg = {.eio = {.limits = limits, .budget = &p->site.pair.budget},
	                         .limits = sio_default_limits};
	start(&p->site, cfg);
	say_http(&p->site, "/socket.io/?EIO=4&transport=polling", "");
	struct slice open = body_of(&p->site);
	CHECK(open.n > 28 && memcmp(open.p, "0{\"sid\":\"", 9) == 0);
	snprintf(p->target, sizeof(p->target), "/socket.io/?EIO=4&transport=polling&sid=%.20s", open.p + 9);
	p->site.accepting = true;
	post(p, "40");
	p->site.pair.got.n = 0;
	say_http(&p->site, p->target, "");
	CHECK(body_of(&p->site).n);
	p->site.pair.got.n = p->site.log.n = 0;
}

static void event(struct poller *p, const char *name, uint64_t fence)
{
	struct packet *e = sio_event_packet("/", slice_str(name), slice_of("", 0));
	CHECK(sio_send(p->site.socket, e));
	packet_unref(&e);
	if (fence)
		sio_fence(p->site.socket, fence);
	pair_turn(&p->site.pair);
	pair_read(&p->site.pair);
}

static void told(struct poller *p, const char *text)
{
	CHECK_SLICE(buf_view(&p->site.log), slice_str(text));
	p->site.log.n = 0;
}

static struct eio_limits eager(void)
{
	struct eio_limits l = eio_default_limits;
	l.ping_interval_ms = 60;
	return l;
}

static void wait_for_ping(struct poller *p)
{
	for (uint64_t until = loop_now(p->site.pair.loop) + 60; loop_now(p->site.pair.loop) <= until; usleep(5000))
		pair_turn(&p->site.pair);
	pair_turn(&p->site.pair); /* a turn that began late has its timers behind it */
	pair_turn(&p->site.pair);
}

/* A GET shows that the answer before it arrived. It says nothing about packets that waited for this GET. */
TEST(a_ping_that_waits_in_the_queue_moves_no_fence)
{
	struct poller p;
	open_poller(&p, eager());
	event(&p, "a", 1);
	wait_for_ping(&p);
	get(&p, "42[\"a\"]\x1e"
	        "2");
	told(&p, "");
	get(&p, NULL);
	told(&p, "fence 1\n");
	finish(&p.site);
}

/* The pong of an earlier ping says nothing about a later answer. */
TEST(a_pong_by_polling_confirms_nothing)
{
	struct poller p;
	open_poller(&p, eager());
	wait_for_ping(&p);
	get(&p, "2");
	event(&p, "a", 1);
	get(&p, "42[\"a\"]");
	told(&p, "");
	post(&p, "3");
	told(&p, "");
	get(&p, NULL);
	told(&p, "fence 1\n");
	finish(&p.site);
}

static struct conn *second(struct poller *p, int *peer)
{
	int fds[2];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	struct conn *c = conn_new(p->site.pair.loop, &p->site.pair.budget, fds[0], NULL, "192.0.2.2");
	http_serve(c, &p->site.http, &routes, &p->site);
	*peer = fds[1];
	return c;
}

static void upgrade(struct poller *p, int peer, const char *target)
{
	char ask[512], got[1024];
	int n = snprintf(ask, sizeof(ask), "GET %s HTTP/1.1\r\nHost: h\r\n" UPGRADE "\r\n", target);
	CHECK_INT(send(peer, ask, (size_t)n, MSG_NOSIGNAL), n);
	pair_turn(&p->site.pair);
	ssize_t k = recv(peer, got, sizeof(got), 0);
	CHECK(k > 13 && memcmp(got, "HTTP/1.1 101 ", 13) == 0);
}

/* The next GET would be taken as a sign that the answer arrived, so the session must not live on. */
TEST(an_answer_that_has_no_room_ends_the_session)
{
	struct poller p;
	open_poller(&p, eio_default_limits);
	event(&p, "a", 1);
	p.site.pair.budget.max_total_bytes = 50;
	get(&p, NULL);
	CHECK(p.site.pair.eof);
	told(&p, "gone transport\n");
	CHECK_INT(sio_server_stats(p.site.sio)->sessions, 0);
	CHECK_INT(sio_server_stats(p.site.sio)->lost[CLOSE_TRANSPORT], 1);
	finish(&p.site);
}

/* An upload that takes longer than the time for a pong: its bytes are life. */
TEST(a_session_lives_while_the_body_of_its_post_moves)
{
	struct poller p;
	struct eio_limits l = eio_default_limits;
	char head[256];
	l.ping_interval_ms = 50;
	l.ping_timeout_ms = 1000; /* a busy machine may pause for most of it */
	open_poller(&p, l);
	p.site.pair.got.n = 0;
	snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 56\r\n\r\n42[\"", p.target);
	pair_say(&p.site.pair, slice_str(head));
	for (int i = 0; i < 50; i++, usleep(30000))
		pair_say(&p.site.pair, SLICE("x"));
	pair_say(&p.site.pair, SLICE("\"]"));
	CHECK_SLICE(body_of(&p.site), SLICE("ok"));
	told(&p, "event xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n");
	finish(&p.site);
}

/* A GET on another connection: what HTTP libraries do by themselves when the first one failed. */
static bool answered(struct poller *p, int peer, const char *status)
{
	char ask[256], got[4096];
	int n = snprintf(ask, sizeof(ask), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", p->target);
	CHECK_INT(send(peer, ask, (size_t)n, MSG_NOSIGNAL), n);
	pair_turn(&p->site.pair);
	ssize_t k = recv(peer, got, sizeof(got), 0);
	return k > 12 && memcmp(got + 9, status, 3) == 0;
}

/* An answer that its client had not read: the next GET must not confirm it, nor hide that packets are missing. */
TEST(an_answer_that_was_not_read_ends_the_session)
{
	static const struct {
		const char *name;
		bool close, read, anew, lost;
	} rows[] = {
		{"reset", false, false, false, true},
		{"reset, Connection: close", true, false, false, true},
		/* as a proxy does that has passed the answer on */
		{"reset, and asked in other words", false, false, true, false},
		{"read and closed", false, true, false, false},
		{"read and closed, Connection: close", true, true, false, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct poller p;
		int peer;
		CHECK_ROW(rows[i].name);
		open_poller(&p, eio_default_limits);
		second(&p, &peer);
		p.site.pair.got.n = 0;
		say_http(&p.site, p.target, rows[i].close ? "Connection: close\r\n" : "");
		struct packet *e = sio_event_packet("/", SLICE("a"), slice_of("", 0));
		CHECK(sio_send(p.site.socket, e));
		packet_unref(&e);
		sio_fence(p.site.socket, 1);
		pair_turn(&p.site.pair);
		if (rows[i].read)
			pair_read(&p.site.pair);
		close(p.site.pair.fd); /* with bytes that were not read it is a reset */
		if (rows[i].anew)
			strcat(p.target, "&t=2");
		CHECK(rows[i].lost ? answered(&p, peer, "400") : !answered(&p, peer, "400"));
		told(&p, rows[i].lost ? "gone transport\n" : "fence 1\n");
		CHECK_INT(sio_server_stats(p.site.sio)->lost[CLOSE_TRANSPORT], rows[i].lost);
		p.site.pair.fd = peer;
		finish(&p.site);
	}
	CHECK_ROW("");
}

/* A slow line: the answer is on its way when we give its connection up, and the client asks in other words when it has it. */
TEST(an_answer_that_is_not_acknowledged_in_time_may_arrive)
{
	struct poller p;
	int peer;
	open_poller(&p, eio_default_limits);
	second(&p, &peer);
	say_http(&p.site, p.target, "Connection: close\r\n");
	struct packet *e = sio_event_packet("/", SLICE("a"), slice_of("", 0));
	CHECK(sio_send(p.site.socket, e));
	packet_unref(&e);
	sio_fence(p.site.socket, 1);
	for (pair_turn(&p.site.pair); p.site.pair.budget.open == 2; usleep(20000))
		pair_turn(&p.site.pair);
	told(&p, "");
	strcat(p.target, "&t=2");
	CHECK(!answered(&p, peer, "400"));
	told(&p, "fence 1\n");
	finish(&p.site);
	close(peer);
}

/* The 101 needs room while the session has no transport yet. */
TEST(a_websocket_opens_where_there_is_no_room)
{
	struct poller p;
	int peer;
	open_poller(&p, eio_default_limits);
	for (int i = 0; i < 10; i++)
		event(&p, PAD_100, 0);
	p.site.pair.budget.max_total_bytes = p.site.pair.budget.total_bytes + 50;
	second(&p, &peer);
	upgrade(&p, peer, "/socket.io/?EIO=4&transport=websocket");
	told(&p, "gone limit\n"); /* the one that held most */
	CHECK_INT(sio_server_stats(p.site.sio)->sessions, 1);
	finish(&p.site);
	close(peer);
}

/* The answer to its last poll needs the room that its own queue had. Packets are lost by that, so the session must
 * end. */
TEST(an_upgrade_whose_queue_had_to_go_ends_the_session)
{
	struct poller p;
	int peer;
	char target[160];
	struct buf five = {0};
	open_poller(&p, eio_default_limits);
	second(&p, &peer);
	snprintf(target, sizeof(target), "/socket.io/?EIO=4&transport=websocket&sid=%s", strstr(p.target, "sid=") + 4);
	upgrade(&p, peer, target);
	get(&p, NULL);
	put_text(&five, "5");
	CHECK_INT(send(peer, five.p, five.n, MSG_NOSIGNAL), five.n);
	ev_run(loop_ev(p.site.pair.loop), EVRUN_NOWAIT); /* the 5 stands in line to be read, before writes */
	struct packet *e = sio_event_packet("/", SLICE(PAD_100 PAD_100 PAD_100 PAD_100 PAD_100), slice_of("", 0));
	CHECK(sio_send(p.site.socket, e));
	packet_unref(&e);
	p.site.pair.budget.max_total_bytes = p.site.pair.budget.total_bytes + 50;
	pair_turn(&p.site.pair);
	told(&p, "gone limit\n");
	CHECK_INT(sio_server_stats(p.site.sio)->sessions, 0);
	finish(&p.site);
	buf_fini(&five);
	close(peer);
}
