/*
 * Settings of the application that decide about handshakes: the gate, draining, limits, the cookie.
 */
#include "net/address.h"
#include "site.h"
#include "test.h"

/* H6 step 9: the gate refuses; H7, H8: how a refusal looks */
static const char *refuse_all(const struct http_exchange *x, void *ctx)
{
	(void)x;
	return ctx;
}

static void expect_answer(struct site *t, const char *status, const char *body)
{
	const char *end = memmem(t->pair.got.p, t->pair.got.n, "\r\n\r\n", 4);
	CHECK(end);
	CHECK(t->pair.got.n > strlen(status) && memcmp(t->pair.got.p, status, strlen(status)) == 0);
	CHECK_SLICE(slice_of(end + 4, t->pair.got.n - (size_t)(end + 4 - t->pair.got.p)), slice_str(body));
	t->pair.got.n = 0;
}

#define HANDSHAKE "/socket.io/?EIO=4&transport=polling"

TEST(the_gate_refuses_before_the_revision_is_looked_at)
{
	struct site t;
	struct sio_config cfg = ordinary();
	cfg.eio.admit = refuse_all;
	cfg.eio.ctx = "not \"you\"";
	start(&t, cfg);
	say_http(&t, HANDSHAKE, "");
	expect_answer(&t, "HTTP/1.1 403 ", "{\"code\":4,\"message\":\"not \\\"you\\\"\"}");
	say_http(&t, "/socket.io/?EIO=3&transport=polling", "");
	expect_answer(&t, "HTTP/1.1 403 ", "{\"code\":4,\"message\":\"not \\\"you\\\"\"}");
	say_http(&t, "/socket.io/?EIO=4&transport=websocket", "");
	expect_answer(&t, "HTTP/1.1 400 ", "{\"code\":3,\"message\":\"Bad request\"}");
	say_http(&t, "/socket.io/?EIO=4&transport=websocket", UPGRADE);
	expect_answer(&t, "HTTP/1.1 400 ", "not \"you\"");
	CHECK_INT(sio_server_stats(t.sio)->refused[4], 3);
	finish(&t);
}

TEST(draining_refuses_new_sessions_only)
{
	struct site t;
	open_socket(&t, ordinary());
	sio_refuse_new(t.sio);
	SAY(&t, "42[\"still\"]");
	expect(&t, "event still\n", "");
	CHECK_INT(sio_drain_some(t.sio, 5, 3000), 0);
	turn(&t);
	expect(&t, "gone shutdown\n", "FIN\n"); /* C7: no 41, no Close */
	finish(&t);
	start(&t, ordinary());
	sio_refuse_new(t.sio);
	say_http(&t, HANDSHAKE, "");
	expect_answer(&t, "HTTP/1.1 403 ", "{\"code\":4,\"message\":\"Draining\"}");
	finish(&t);
}

TEST(sessions_of_one_address_are_limited)
{
	struct site t;
	struct sio_config cfg = ordinary();
	struct address_list *proxies = address_list_new("192.0.2.1");
	CHECK(proxies);
	cfg.eio.limits.max_sessions_per_address = 2;
	cfg.eio.trusted_proxies = proxies;
	start(&t, cfg);
	for (int i = 0; i < 2; i++) {
		say_http(&t, HANDSHAKE, "");
		CHECK(memcmp(t.pair.got.p, "HTTP/1.1 200 ", 13) == 0);
		t.pair.got.n = 0;
	}
	say_http(&t, HANDSHAKE, "");
	expect_answer(&t, "HTTP/1.1 403 ", "{\"code\":4,\"message\":\"Too many sessions\"}");
	/* the peer is a trusted proxy: each of its clients has a count of its own */
	say_http(&t, HANDSHAKE, "X-Forwarded-For: 198.51.100.7\r\n");
	CHECK(memcmp(t.pair.got.p, "HTTP/1.1 200 ", 13) == 0);
	/* a proxy that appends a line: the lines before it are only the client's word */
	for (int i = 0; i < 2; i++) {
		t.pair.got.n = 0;
		say_http(&t, HANDSHAKE,
		         i ? "X-Forwarded-For: 8.8.4.4\r\nX-Forwarded-For: 198.51.100.7\r\n"
		           : "X-Forwarded-For: 8.8.8.8\r\nX-Forwarded-For: 198.51.100.7, 192.0.2.1\r\n");
		CHECK(memcmp(t.pair.got.p, i ? "HTTP/1.1 403 " : "HTTP/1.1 200 ", 13) == 0);
	}
	t.pair.got.n = 0;
	say_http(&t, HANDSHAKE, "X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-For: 192.0.2.1\r\n");
	CHECK(memcmp(t.pair.got.p, "HTTP/1.1 403 ", 13) == 0);
	finish(&t);
	address_list_free(&proxies);
}

/* Proxies that write the client's port, and clients that have a whole network of IPv6 addresses. */
TEST(a_port_or_another_address_of_its_network_is_no_other_client)
{
	static const char *const clients[][2] = {
		{"203.0.113.7:50001", "203.0.113.7:50002"},
		{"8.8.8.8, 203.0.113.8:50001", "8.8.4.4:1, 203.0.113.8, 192.0.2.1:80"},
		{"[2001:db8:1:2::1]:50001", "[2001:db8:1:2::1]:50002"},
		{"2001:db8:1:3::1", "[2001:db8:1:3::2]"},
	};
	struct site t;
	struct sio_config cfg = ordinary();
	struct address_list *proxies = address_list_new("192.0.2.1");
	CHECK(proxies);
	cfg.eio.limits.max_sessions_per_address = 1;
	cfg.eio.trusted_proxies = proxies;
	start(&t, cfg);
	for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
		for (int k = 0; k < 2; k++) {
			char header[128];
			CHECK_ROW(clients[i][k]);
			snprintf(header, sizeof header, "X-Forwarded-For: %s\r\n", clients[i][k]);
			t.pair.got.n = 0;
			say_http(&t, HANDSHAKE, header);
			CHECK(memcmp(t.pair.got.p, k ? "HTTP/1.1 403 " : "HTTP/1.1 200 ", 13) == 0);
		}
	}
	CHECK_ROW("");
	finish(&t);
	address_list_free(&proxies);
}

/* H12: the cookie */
TEST(the_cookie_of_a_handshake)
{
	struct site t;
	struct sio_config cfg = ordinary();
	cfg.eio.cookie = "io";
	start(&t, cfg);
	say_http(&t, HANDSHAKE, "");
	const char *sid = memmem(t.pair.got.p, t.pair.got.n, "\"sid\":\"", 7);
	CHECK(sid);
	char line[128];
	snprintf(line, sizeof line, "\r\nSet-Cookie: io=%.20s; Path=/; HttpOnly; SameSite=Lax\r\n", sid + 7);
	CHECK(memmem(t.pair.got.p, t.pair.got.n, line, strlen(line)));
	char target[128];
	snprintf(target, sizeof target, HANDSHAKE "&sid=%.20s", sid + 7);
	t.pair.got.n = 0;
	sio_drain_some(t.sio, 1, 3000); /* so that the GET is answered */
	say_http(&t, target, "");
	CHECK(t.pair.got.n > 0 && !memmem(t.pair.got.p, t.pair.got.n, "Set-Cookie", 10));
	finish(&t);
	open_session(&t, cfg);
	CHECK(!memmem(t.pair.got.p, t.pair.got.n, "Set-Cookie", 10));
	finish(&t);
}

static void handshake(struct site *t, char sid[21])
{
	t->pair.got.n = 0;
	say_http(t, HANDSHAKE, "");
	const char *at = memmem(t->pair.got.p, t->pair.got.n, "\"sid\":\"", 7);
	CHECK(at);
	snprintf(sid, 21, "%.20s", at + 7);
	t->pair.got.n = 0;
}

/* A request that uses the sid and changes nothing else (H13). */
static bool alive(struct site *t, const char *sid)
{
	char text[256];
	snprintf(text, sizeof text, "PUT %s&sid=%s HTTP/1.1\r\nHost: h\r\n\r\n", HANDSHAKE, sid);
	t->pair.got.n = 0;
	pair_say(&t->pair, slice_str(text));
	const char *code = memmem(t->pair.got.p, t->pair.got.n, "{\"code\":", 8);
	CHECK(code && (code[8] == '1' || code[8] == '3'));
	t->pair.got.n = 0;
	return code[8] == '3';
}

static struct sio_socket *polling_socket(struct site *t)
{
	char sid[21], text[300];
	handshake(t, sid);
	snprintf(text, sizeof text, "POST %s&sid=%s HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n40", HANDSHAKE,
	         sid);
	pair_say(&t->pair, slice_str(text));
	t->pair.got.n = 0;
	sio_accept(t->socket, slice_of("", 0));
	return t->socket;
}

/* X6: a polling session needs no connection. Sessions of nobody in particular must not keep others out. */
TEST(sessions_are_limited_and_the_oldest_guest_goes_first)
{
	struct site t;
	struct sio_config cfg = ordinary();
	char sids[5][21];
	cfg.eio.limits.max_sessions = 3;
	start(&t, cfg);
	sio_settle(polling_socket(&t));
	for (int i = 1; i < 5; i++) {
		handshake(&t, sids[i]);
		CHECK(alive(&t, sids[i])); /* a use of its sid makes nobody known */
	}
	CHECK_INT(sio_server_stats(t.sio)->sessions, 3);
	CHECK(!alive(&t, sids[1]));
	CHECK(!alive(&t, sids[2]));
	CHECK(alive(&t, sids[3]));
	CHECK(alive(&t, sids[4]));
	CHECK_INT(sio_server_stats(t.sio)->session_closed[CLOSE_LIMIT], 2);
	for (int i = 0; i < 2; i++)
		sio_settle(polling_socket(&t));
	say_http(&t, HANDSHAKE, ""); /* refused: all sessions are in use */
	expect_answer(&t, "HTTP/1.1 403 ", "{\"code\":4,\"message\":\"Too many sessions\"}");
	finish(&t);
}

/* An event of n bytes that nobody else gets. */
static bool send_big(struct sio_socket *s, size_t n)
{
	struct buf big = {0};
	for (size_t i = 0; i < n; i++)
		buf_char(&big, '1');
	struct packet *p = sio_event_packet("/", SLICE("e"), buf_view(&big));
	bool sent = sio_send(s, p);
	packet_unref(&p);
	buf_fini(&big);
	return sent;
}

/* One connection asks for sessions without end, and uses each. Clients with a token come in meanwhile and stay. */
TEST(a_flood_of_guests_ends_itself)
{
	struct site t;
	struct sio_config cfg = ordinary();
	struct address_list *proxies = address_list_new("192.0.2.1");
	CHECK(proxies);
	cfg.eio.trusted_proxies = proxies;
	cfg.eio.limits.max_sessions = 100;
	cfg.eio.limits.max_guests = 8;
	cfg.eio.limits.max_guests_per_address = 5;
	start(&t, cfg);
	struct sio_socket *known = polling_socket(&t);
	sio_settle(known);
	for (int i = 0; i < 50; i++) { /* of one address, the peer's */
		char sid[21];
		handshake(&t, sid);
		CHECK(alive(&t, sid));
	}
	CHECK_INT(sio_server_stats(t.sio)->guests, 5);
	for (int i = 0; i < 50; i++) { /* of many, the peer being a proxy */
		char header[64];
		snprintf(header, sizeof header, "X-Forwarded-For: 203.0.113.%d\r\n", i);
		say_http(&t, HANDSHAKE, header);
	}
	const struct sio_stats *stats = sio_server_stats(t.sio);
	CHECK_INT(stats->guests, 8);
	CHECK_INT(stats->sessions, 9);
	CHECK_INT(stats->session_closed[CLOSE_LIMIT], 92);
	CHECK_INT(stats->sockets, 1);
	sio_settle(polling_socket(&t)); /* and another one comes in */
	CHECK_INT(sio_server_stats(t.sio)->sockets, 2);
	finish(&t);
	address_list_free(&proxies);
}

/* The Authorization header of a handshake is kept for CONNECT, if it can be a token. */
TEST(an_authorization_is_kept_counted_and_dropped)
{
	static const struct {
		const char *name, *start;
		size_t fill;
		bool kept;
	} rows[] = {
		{"a token", "Bearer eyJh.eyJz.c2ln", 0, true},
		{"any case, more blanks", "bearer   abc", 0, true},
		{"8 KiB", "Bearer ", 8192, true},
		{"16 KB", "Bearer ", 15000, false},
		{"another scheme", "Basic dXNlcjpwYXNz", 0, false},
		{"no token", "Bearer {\"a\":1}", 0, false},
		{"nothing", "", 0, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct site t;
		struct sio_config cfg = ordinary();
		struct buf header = {0};
		CHECK_ROW(rows[i].name);
		cfg.eio.budget = &t.pair.budget;
		buf_str(&header, "Authorization: ");
		buf_str(&header, rows[i].start);
		for (size_t k = 0; k < rows[i].fill; k++)
			buf_char(&header, 'x');
		size_t n = header.n - strlen("Authorization: ");
		buf_str(&header, "\r\n" UPGRADE);
		buf_char(&header, '\0');
		start(&t, cfg);
		say_http(&t, "/socket.io/?EIO=4&transport=websocket", header.p);
		buf_fini(&header);
		CHECK_INT(t.pair.budget.input_bytes, rows[i].kept ? n : 0);
		SAY(&t, "40");
		CHECK(t.socket);
		CHECK_INT(t.pair.budget.input_bytes, 0);
		finish(&t);
	}
	CHECK_ROW("");
}

/* X6: packets that wait for a GET, and attachments that wait for the others, count in the budget as bytes of
 * connections do */
TEST(what_sessions_hold_is_counted)
{
	struct site t;
	struct sio_config cfg = ordinary();
	cfg.eio.budget = &t.pair.budget;
	char sid[21], text[300];
	start(&t, cfg);
	t.pair.budget.max_total_bytes = 60000;
	t.pair.budget.max_input_bytes = 5000;
	handshake(&t, sid);
	static const char body[] = "40\x1e"
				   "452-[\"e\"]\x1e"
				   "bAAAA";
	snprintf(text, sizeof text, "POST %s&sid=%s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n%s", HANDSHAKE,
	         sid, sizeof body - 1, body);
	t.log.n = 0;
	pair_say(&t.pair, slice_str(text));
	/* the socket is not accepted, so an event for it closes the session; not before its attachments are there */
	CHECK_INT(t.pair.budget.input_bytes, strlen("52-[\"e\"]") + 3);
	CHECK_INT(t.pair.budget.total_bytes, 0);
	sio_accept(t.socket, slice_of("", 0));
	size_t reply = strlen("40{\"sid\":\"\"}") + SIO_ID_LEN + 2, around = t.pair.budget.total_bytes - reply;
	CHECK(around > 0 && around < 200);
	CHECK(send_big(t.socket, 30000));
	CHECK(t.pair.budget.total_bytes > 30000);
	CHECK(!send_big(t.socket, 30000));
	pair_turn(&t.pair);
	CHECK_INT(t.pair.budget.total_bytes, 0);
	CHECK_INT(t.pair.budget.input_bytes, 0);
	CHECK_INT(sio_server_stats(t.sio)->session_closed[CLOSE_LIMIT], 1);
	finish(&t);
}

/* X6: when there is no room, the session whose client fetches nothing ends, and not the one that is sent to next. */
TEST(the_fullest_session_makes_room)
{
	struct site t;
	struct sio_config cfg = ordinary();
	cfg.eio.budget = &t.pair.budget;
	start(&t, cfg);
	t.pair.budget.max_total_bytes = 60000;
	struct sio_socket *idle = polling_socket(&t), *other = polling_socket(&t);
	t.log.n = 0;
	CHECK(send_big(idle, 20000) && send_big(idle, 20000));
	CHECK(send_big(other, 20000)); /* there is no room for the third */
	CHECK(t.pair.budget.total_bytes > 20000 && t.pair.budget.total_bytes < 21000);
	CHECK(!send_big(idle, 20000));
	CHECK(send_big(other, 20000));
	t.socket = NULL;
	pair_turn(&t.pair);
	CHECK_SLICE(buf_view(&t.log), SLICE("gone limit\n"));
	const struct sio_stats *stats = sio_server_stats(t.sio);
	CHECK(stats->sessions == 1 && stats->session_closed[CLOSE_LIMIT] == 1);
	CHECK_INT(stats->lost[CLOSE_LIMIT], 4); /* CONNECT's reply, two events, and one that came later */
	CHECK(t.pair.budget.total_bytes > 40000);
	finish(&t);
	CHECK_INT(t.pair.budget.total_bytes, 0);
}

/* X6: sessions that begin binary packets and complete none end, and leave half of the input to the others. */
TEST(unfinished_binary_takes_half_of_the_input_at_most)
{
	struct site t;
	struct sio_config cfg = ordinary();
	cfg.eio.budget = &t.pair.budget;
	char sids[4][21],
		body[400] = "452-[\"e\"]\x1e"
			    "b",
		text[700];
	size_t n = strlen(body), each = strlen("52-[\"e\"]") + 300 / 4 * 3;
	memset(body + n, 'A', 300);
	start(&t, cfg);
	t.pair.budget.max_input_bytes = 4 * each + 100; /* half of it has room for two */
	for (size_t i = 0; i < ARRAY_LEN(sids); i++) {
		handshake(&t, sids[i]);
		snprintf(text, sizeof text, "POST %s&sid=%s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n%s",
		         HANDSHAKE, sids[i], strlen(body), body);
		pair_say(&t.pair, slice_str(text));
		CHECK_INT(t.pair.budget.input_bytes, (i < 2 ? i + 1 : 2) * each);
	}
	CHECK_INT(sio_server_stats(t.sio)->session_closed[CLOSE_LIMIT], 2);
	CHECK_INT(t.pair.budget.killed[CLOSE_LIMIT], 0);
	finish(&t);
	CHECK_INT(t.pair.budget.input_bytes, 0);
}

static unsigned separators(const struct buf *b)
{
	unsigned n = 0;
	for (size_t i = 0; i < b->n; i++)
		n += b->p[i] == '\x1e';
	return n;
}

/* C3, C4: the answer to the parked GET takes as much as one answer may; the rest is not lost when the session
 * closes. */
TEST(closing_with_more_queued_than_the_parked_poll_takes)
{
	struct site t;
	char sid[21], text[300], target[128];
	start(&t, ordinary());
	handshake(&t, sid);
	snprintf(text, sizeof text, "POST %s&sid=%s HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n40", HANDSHAKE,
	         sid);
	pair_say(&t.pair, slice_str(text));
	sio_accept(t.socket, slice_of("", 0));
	snprintf(target, sizeof target, "%s&sid=%s", HANDSHAKE, sid);
	say_http(&t, target, ""); /* the CONNECT reply */
	t.pair.got.n = 0;
	say_http(&t, target, ""); /* parked */
	CHECK_INT(t.pair.got.n, 0);
	struct packet *p = sio_event_packet("/", SLICE("e"), slice_of("", 0));
	for (int i = 0; i < 20; i++)
		sio_send(t.socket, p);
	packet_unref(&p);
	sio_drain_some(t.sio, 1, 3000);
	pair_turn(&t.pair);
	pair_read(&t.pair);
	CHECK_INT(separators(&t.pair.got), 15);
	t.pair.got.n = 0;
	say_http(&t, target, "");
	CHECK_INT(separators(&t.pair.got), 4);
	CHECK(t.pair.got.n && t.pair.got.p[t.pair.got.n - 1] == '1');
	CHECK_INT(sio_server_stats(t.sio)->lost[CLOSE_SHUTDOWN], 0);
	finish(&t);
}
