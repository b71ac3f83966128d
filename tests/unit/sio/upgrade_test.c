/*
 * Upgrades (U1-U9): which packets go where, and what happens when the WebSocket comes to nothing.
 */
#include "site.h"
#include "test.h"

/* A session that polls with a socket on the pair's connection, and a second connection for the WebSocket. */
struct climber {
	struct site site;
	char sid[21];
	int fd;         /* the client's end of the second */
	struct buf got; /* bytes that it read there */
};

static void climber_read(struct climber *k)
{
	for (ssize_t n; (n = recv(k->fd, buf_room(&k->got, 65536), 65536, MSG_DONTWAIT)) > 0;)
		k->got.n += (size_t)n;
}

static void climber_turn(struct climber *k)
{
	pair_turn(&k->site.pair);
	pair_read(&k->site.pair);
	climber_read(k);
}

/* The body of the answer to a GET or POST; a parked GET has none. */
static void ask(struct climber *k, const char *body, const char *answer)
{
	struct buf b = {0};
	struct buf *got = &k->site.pair.got;
	got->n = 0;
	buf_printf(&b,
	           "%s /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n%s",
	           *body ? "POST" : "GET", k->sid, strlen(body), body);
	pair_say(&k->site.pair, buf_view(&b));
	buf_fini(&b);
	const char *end = got->n ? memmem(got->p, got->n, "\r\n\r\n", 4) : NULL;
	CHECK(answer ? end != NULL : got->n == 0);
	if (answer)
		CHECK_SLICE(slice_of(end + 4, got->n - (size_t)(end + 4 - got->p)), slice_str(answer));
}

/* A parked GET has been answered so. */
static void released(struct climber *k, const char *answer)
{
	struct buf *got = &k->site.pair.got;
	size_t n = strlen(answer);
	CHECK(got->n > n + 4 && memcmp(got->p + got->n - n, answer, n) == 0 &&
	      memcmp(got->p + got->n - n - 4, "\r\n\r\n", 4) == 0);
	got->n = 0;
}

static void climber_open(struct climber *k, struct sio_config cfg)
{
	int fds[2];
	*k = (struct climber){0};
	start(&k->site, cfg);
	k->site.accepting = true;
	say_http(&k->site, "/socket.io/?EIO=4&transport=polling", "");
	const char *sid = memmem(k->site.pair.got.p, k->site.pair.got.n, "{\"sid\":\"", 8);
	CHECK(sid);
	memcpy(k->sid, sid + 8, 20);
	ask(k, "40", "ok");
	k->site.pair.got.n = 0;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	struct conn *c = conn_new(k->site.pair.loop, &k->site.pair.budget, fds[0], NULL, "192.0.2.1");
	http_serve(c, &k->site.http, &routes, &k->site);
	k->fd = fds[1];
	k->site.log.n = 0;
}

static void climb(struct climber *k)
{
	struct buf b = {0};
	buf_printf(&b, "GET /socket.io/?EIO=4&transport=websocket&sid=%s HTTP/1.1\r\nHost: h\r\n" UPGRADE "\r\n",
	           k->sid);
	CHECK_INT(send(k->fd, b.p, b.n, MSG_NOSIGNAL), b.n);
	buf_fini(&b);
	climber_turn(k);
	CHECK(k->got.n > 13 && memcmp(k->got.p, "HTTP/1.1 101 ", 13) == 0);
	k->got.n = 0;
}

static void say_up(struct climber *k, const char *text)
{
	struct buf b = {0};
	put_text(&b, text);
	CHECK_INT(send(k->fd, b.p, b.n, MSG_NOSIGNAL), b.n);
	buf_fini(&b);
	climber_turn(k);
}

/* The frames that arrived on the WebSocket: text, one a line. */
static void heard_up(struct climber *k, const char *lines)
{
	struct buf text = {0};
	for (size_t i = 0; i + 2 <= k->got.n;) {
		size_t n = (unsigned char)k->got.p[i + 1];
		buf_slice(&text, (unsigned char)k->got.p[i] == 0x88 ? SLICE("Close") : slice_of(k->got.p + i + 2, n));
		buf_char(&text, '\n');
		i += 2 + n;
	}
	CHECK_SLICE(buf_view(&text), slice_str(lines));
	k->got.n = 0;
	buf_fini(&text);
}

static void emit(struct climber *k, const char *name, uint64_t fence)
{
	struct packet *e = sio_event_packet("/", slice_str(name), slice_of("", 0));
	CHECK(sio_send(k->site.socket, e));
	packet_unref(&e);
	if (fence)
		sio_fence(k->site.socket, fence);
	climber_turn(k);
}

static void told(struct climber *k, const char *text)
{
	CHECK_SLICE(buf_view(&k->site.log), slice_str(text));
	k->site.log.n = 0;
}

static void climber_close(struct climber *k)
{
	finish(&k->site);
	buf_fini(&k->got);
	close(k->fd);
}

/* Fetches CONNECT's reply, so that the queue is empty. */
static void drain(struct climber *k)
{
	k->site.pair.got.n = 0;
	struct buf b = {0};
	buf_printf(&b, "GET /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: h\r\n\r\n", k->sid);
	pair_say(&k->site.pair, buf_view(&b));
	CHECK(k->site.pair.got.n);
	buf_fini(&b);
	k->site.pair.got.n = 0;
}

TEST(an_upgrade)
{
	struct climber k;
	climber_open(&k, ordinary());
	drain(&k);
	ask(&k, "", NULL);
	climb(&k);
	CHECK_INT(k.site.pair.got.n, 0); /* the GET stays parked until the probe */
	say_up(&k, "2probe");
	heard_up(&k, "3probe\n");
	released(&k, "6");
	ask(&k, "", "6"); /* a poll behind the probe is answered at once */
	emit(&k, "a", 0);
	heard_up(&k, ""); /* nothing before the 5 */
	say_up(&k, "5");
	heard_up(&k, "42[\"a\"]\n");
	emit(&k, "b", 0);
	heard_up(&k, "42[\"b\"]\n");
	say_up(&k, "42[\"c\"]");
	told(&k, "event c\n");
	CHECK_INT(sio_server_stats(k.site.sio)->upgrades, 1);
	CHECK_INT(sio_server_stats(k.site.sio)->websockets, 1);
	climber_close(&k);
}

TEST(a_fence_crosses_the_upgrade)
{
	struct climber k;
	climber_open(&k, ordinary());
	drain(&k);
	climb(&k);
	emit(&k, "a", 1); /* it waits in the queue */
	say_up(&k, "2probe");
	told(&k, "");
	say_up(&k, "5");
	heard_up(&k, "3probe\n42[\"a\"]\n2\n");
	told(&k, "");
	say_up(&k, "3");
	told(&k, "fence 1\n");
	climber_close(&k);
}

TEST(an_upgrade_confirms_the_last_answer)
{
	struct climber k;
	climber_open(&k, ordinary());
	drain(&k);
	climb(&k);
	emit(&k, "a", 1);
	ask(&k, "", "42[\"a\"]");
	told(&k, "");
	say_up(&k, "5");
	told(&k, "fence 1\n");
	climber_close(&k);
}

/* U7: the session goes on with polling. */
TEST(a_probe_that_says_something_else_is_closed)
{
	struct climber k;
	climber_open(&k, ordinary());
	drain(&k);
	climb(&k);
	say_up(&k, "42[\"early\"]");
	heard_up(&k, "Close\n");
	told(&k, "");
	emit(&k, "a", 0);
	ask(&k, "", "42[\"a\"]");
	climber_close(&k);
}

TEST(a_probe_that_breaks_off)
{
	struct climber k;
	climber_open(&k, ordinary());
	drain(&k);
	climb(&k);
	say_up(&k, "2probe");
	shutdown(k.fd, SHUT_RDWR);
	climber_turn(&k);
	told(&k, "");
	emit(&k, "a", 0);
	ask(&k, "", "42[\"a\"]");
	climber_close(&k);
}

TEST(a_probe_that_says_nothing_is_closed_in_time)
{
	struct climber k;
	struct sio_config cfg = ordinary();
	cfg.eio.limits.upgrade_timeout_ms = 200;
	climber_open(&k, cfg);
	drain(&k);
	climb(&k);
	for (int i = 0; i < 2000 && k.got.n == 0; i++, usleep(1000))
		climber_turn(&k);
	heard_up(&k, "Close\n");
	emit(&k, "a", 0);
	ask(&k, "", "42[\"a\"]");
	climber_close(&k);
}

TEST(a_session_that_ends_takes_its_probe_along)
{
	struct climber k;
	climber_open(&k, ordinary());
	drain(&k);
	climb(&k);
	ask(&k, "1", "ok");
	climber_turn(&k);
	told(&k, "gone peer\n");
	heard_up(&k, "Close\n");
	climber_close(&k);
}

/* U9: the queue goes out over the WebSocket, and its Close ends the session. */
TEST(an_upgrade_of_a_session_that_is_closing)
{
	struct climber k;
	climber_open(&k, ordinary());
	drain(&k);
	climb(&k);
	emit(&k, "a", 0);
	CHECK_INT(sio_drain_some(k.site.sio, 1, 3000), 0);
	climber_turn(&k);
	told(&k, "gone shutdown\n");
	CHECK_INT(sio_server_stats(k.site.sio)->sessions, 1);
	say_up(&k, "5");
	heard_up(&k, "42[\"a\"]\nClose\n");
	CHECK_INT(sio_server_stats(k.site.sio)->sessions, 0);
	climber_close(&k);
}
