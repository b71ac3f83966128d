#include "net/listener.h"

#define UNIT_TOGETHER 1
#include "test.h"
#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

struct door {
	struct loop *loop;
	struct conn_budget budget;
	struct listener *listener;
	unsigned came;
	char peer[64];
};

static size_t on_data(struct conn *c, void *owner, const char *p, size_t n)
{
	(void)c, (void)owner, (void)p;
	return n;
}

static void on_eof(struct conn *c, void *owner)
{
	(void)owner;
	conn_kill(c, CLOSE_PEER);
}

static const struct conn_events events = {.on_data = on_data, .on_eof = on_eof};

static void on_conn(struct conn *c, void *ctx)
{
	struct door *d = ctx;
	d->came++;
	snprintf(d->peer, sizeof d->peer, "%s", conn_peer(c));
	conn_set_events(c, &events, d);
}

static void door_open(struct door *d, struct listener_config cfg)
{
	const char *error = NULL;
	*d = (struct door){.loop = loop_new()};
	d->budget = (struct conn_budget){
		.max_queue_bytes = 1 << 20, .max_queue_items = 100, .max_total_bytes = 1 << 20};
	if (!cfg.address)
		cfg.address = "127.0.0.1:0";
	cfg.backlog = 16;
	if (!cfg.accepts_per_turn)
		cfg.accepts_per_turn = 8;
	d->listener = listener_new(d->loop, &d->budget, &cfg, on_conn, d, &error);
	CHECK(d->listener);
}

static void door_turn(struct door *d)
{
	ev_run(loop_ev(d->loop), EVRUN_NOWAIT);
	loop_settle(d->loop);
}

static void door_close(struct door *d)
{
	listener_free(&d->listener);
	CHECK(!d->listener);
	listener_free(&d->listener); /* may be repeated */
	conn_budget_kill_all(&d->budget, CLOSE_SHUTDOWN);
	loop_settle(d->loop);
	CHECK_INT(d->budget.open, 0);
	loop_free(&d->loop);
}

/* A client; the kernel has connected it when this returns. */
static int knock(const struct door *d)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)listener_port(d->listener))};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(inet_pton(AF_INET, "127.0.0.1", &to.sin_addr) == 1);
	CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
	return fd;
}

static bool is_closed(int fd)
{
	char c;
	ssize_t n = recv(fd, &c, 1, MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno == ECONNRESET);
}

TEST(who_knocks_is_let_in)
{
	struct door d;
	door_open(&d, (struct listener_config){.sndbuf = 65536});
	CHECK(listener_port(d.listener) > 0);
	int a = knock(&d), b = knock(&d);
	door_turn(&d);
	CHECK(d.came == 2 && d.budget.open == 2);
	CHECK_STR(d.peer, "127.0.0.1");
	CHECK(!is_closed(a) && !is_closed(b));
	close(a);
	close(b);
	door_close(&d);
}

TEST(a_turn_takes_only_so_many)
{
	struct door d;
	int fds[5];
	door_open(&d, (struct listener_config){.accepts_per_turn = 2});
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = knock(&d);
	for (unsigned want = 2; want <= 4; want += 2) {
		door_turn(&d);
		CHECK_INT(d.came, want);
	}
	door_turn(&d);
	CHECK_INT(d.came, 5);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	door_close(&d);
}

TEST(beyond_the_limit_newcomers_are_closed)
{
	struct door d;
	door_open(&d, (struct listener_config){.max_connections = 1});
	int a = knock(&d);
	door_turn(&d);
	int b = knock(&d);
	door_turn(&d);
	CHECK(d.came == 1 && !is_closed(a) && is_closed(b));
	CHECK_INT(d.budget.killed[CLOSE_LIMIT], 1);
	close(a);
	close(b);
	door_close(&d);
}

TEST(or_the_oldest_makes_room)
{
	struct door d;
	door_open(&d, (struct listener_config){.max_connections = 1, .end_oldest = true});
	int a = knock(&d);
	door_turn(&d);
	int b = knock(&d);
	door_turn(&d);
	CHECK(d.came == 2 && is_closed(a) && !is_closed(b));
	CHECK_INT(d.budget.killed[CLOSE_LIMIT], 1);
	close(a);
	close(b);
	door_close(&d);
}

TEST(a_listener_that_stopped_refuses)
{
	struct door d;
	door_open(&d, (struct listener_config){0});
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)listener_port(d.listener))};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener_stop(d.listener);
	listener_stop(d.listener);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno == ECONNREFUSED);
	close(fd);
	door_close(&d);
}

TEST(without_descriptors_it_waits_and_goes_on)
{
	struct door d;
	struct rlimit all, few;
	door_open(&d, (struct listener_config){0});
	int a = knock(&d), next = dup(a), quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
	CHECK(getrlimit(RLIMIT_NOFILE, &all) == 0 && next >= 0 && dup2(quiet, STDERR_FILENO) >= 0);
	close(quiet);
	close(next);
	few = (struct rlimit){(rlim_t)next, all.rlim_max};
	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	door_turn(&d);
	door_turn(&d);
	CHECK_INT(d.came, 0);
	CHECK(setrlimit(RLIMIT_NOFILE, &all) == 0);
	for (int i = 0; i < 2000 && d.came == 0; i++, usleep(1000))
		door_turn(&d);
	CHECK_INT(d.came, 1);
	close(a);
	door_close(&d);
}

TEST(addresses_that_cannot_be_listened_on)
{
	static const char *const bad[] = {"", "3000", "localhost:3000", "127.0.0.1", "192.0.2.1:0", "127.0.0.1:port"};
	struct loop *l = loop_new();
	struct conn_budget b = {0};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *error = NULL;
		CHECK_ROW(bad[i]);
		CHECK(!listener_new(l, &b, &(struct listener_config){.address = bad[i]}, on_conn, NULL, &error) &&
		      error);
	}
	loop_free(&l);
}

TEST(a_port_that_is_taken)
{
	struct door d;
	const char *error = NULL;
	char address[32];
	door_open(&d, (struct listener_config){0});
	snprintf(address, sizeof address, "127.0.0.1:%u", listener_port(d.listener));
	CHECK(!listener_new(d.loop, &d.budget, &(struct listener_config){.address = address}, on_conn, NULL, &error));
	CHECK_STR(error, strerror(EADDRINUSE));
	door_close(&d);
}
