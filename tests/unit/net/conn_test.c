#include "net/conn.h"

#include "base/mem.h"
#include "pair.h"
#include "test.h"
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

/* An owner: takes `take` bytes a call (0: none), remembers all bytes that it was shown, and may do something when it is
 * shown some. */
struct owner {
	size_t take;
	struct buf seen;
	unsigned calls, eofs, drained, dead;
	bool arrived; /* at its end */
	enum close_reason why;
	void (*act)(struct conn *c, struct owner *o);
};

static size_t on_data(struct conn *c, void *owner, const char *p, size_t n)
{
	struct owner *o = owner;
	size_t k = o->take < n ? o->take : n;
	CHECK(n > 0);
	o->calls++;
	buf_add(&o->seen, p, k);
	if (o->act)
		o->act(c, o);
	return k;
}

static void on_eof(struct conn *c, void *owner)
{
	(void)c;
	((struct owner *)owner)->eofs++;
}

static void on_drained(struct conn *c, void *owner)
{
	CHECK_INT(conn_queued(c), 0);
	((struct owner *)owner)->drained++;
}

static void on_dead(struct conn *c, void *owner, enum close_reason why)
{
	struct owner *o = owner;
	CHECK(conn_is_dead(c));
	o->dead++;
	o->arrived = conn_arrived(c);
	o->why = why;
}

static const struct conn_events events = {
	.on_data = on_data, .on_eof = on_eof, .on_drained = on_drained, .on_dead = on_dead};

static void open_with(struct pair *p, struct owner *o)
{
	pair_open(p);
	conn_set_events(p->conn, &events, o);
}

static void shut(struct pair *p, struct owner *o)
{
	pair_close(p);
	CHECK_INT(o->dead, 1);
	buf_fini(&o->seen);
}

TEST(identity)
{
	struct pair p;
	struct owner o = {0};
	open_with(&p, &o);
	CHECK_STR(conn_peer(p.conn), "192.0.2.1");
	CHECK(conn_loop(p.conn) == p.loop && !conn_is_dead(p.conn));
	CHECK_INT(p.budget.open, 1);
	shut(&p, &o);
	CHECK_INT(o.why, CLOSE_SHUTDOWN);
	CHECK_INT(p.budget.killed[CLOSE_SHUTDOWN], 1);
}

TEST(data_is_shown_until_nothing_is_taken)
{
	struct pair p;
	struct owner o = {.take = 2};
	open_with(&p, &o);
	pair_say(&p, SLICE("abcde"));
	CHECK_SLICE(buf_view(&o.seen), SLICE("abcde"));
	CHECK_INT(o.calls, 3);
	CHECK_INT(p.budget.bytes_in, 5);
	shut(&p, &o);
}

TEST(what_is_left_is_shown_again_with_more)
{
	struct pair p;
	struct owner o = {.take = 0};
	open_with(&p, &o);
	pair_say(&p, SLICE("abc"));
	CHECK_INT(o.calls, 1);
	o.take = 100;
	pair_say(&p, SLICE("def"));
	CHECK_SLICE(buf_view(&o.seen), SLICE("abcdef"));
	CHECK_INT(o.calls, 2);
	shut(&p, &o);
}

TEST(reshow_shows_kept_bytes)
{
	struct pair p;
	struct owner o = {.take = 0};
	open_with(&p, &o);
	pair_say(&p, SLICE("abc"));
	o.take = 2;
	conn_reshow(p.conn);
	pair_turn(&p);
	CHECK_SLICE(buf_view(&o.seen), SLICE("abc"));
	shut(&p, &o);
}

static struct owner heir;
static void hand_over(struct conn *c, struct owner *o)
{
	(void)o;
	conn_set_events(c, &events, &heir);
}

TEST(hand_over_inside_on_data_shows_the_rest_to_the_new_owner)
{
	struct pair p;
	struct owner o = {.take = 2, .act = hand_over};
	heir = (struct owner){.take = 100};
	open_with(&p, &o);
	pair_say(&p, SLICE("abcde"));
	CHECK_SLICE(buf_view(&o.seen), SLICE("ab"));
	CHECK_SLICE(buf_view(&heir.seen), SLICE("cde"));
	pair_say(&p, SLICE("f"));
	CHECK_SLICE(buf_view(&heir.seen), SLICE("cdef"));
	shut(&p, &heir);
	CHECK_INT(o.dead, 0);
	buf_fini(&o.seen);
}

TEST(hand_over_outside_shows_kept_bytes)
{
	struct pair p;
	struct owner o = {.take = 0};
	heir = (struct owner){.take = 100};
	open_with(&p, &o);
	pair_say(&p, SLICE("abc"));
	conn_set_events(p.conn, &events, &heir);
	pair_turn(&p);
	CHECK_SLICE(buf_view(&heir.seen), SLICE("abc"));
	shut(&p, &heir);
	buf_fini(&o.seen);
}

static void kill_it(struct conn *c, struct owner *o)
{
	(void)o;
	conn_kill(c, CLOSE_PARSE);
	conn_kill(c, CLOSE_DONE); /* the first reason stays */
	conn_send_copy(c, SLICE("unsent"));
}

TEST(killed_inside_on_data)
{
	struct pair p;
	struct owner o = {.take = 1, .act = kill_it};
	open_with(&p, &o);
	pair_say(&p, SLICE("abc"));
	CHECK_SLICE(buf_view(&o.seen), SLICE("a"));
	CHECK(o.calls == 1 && o.dead == 1 && o.why == CLOSE_PARSE);
	CHECK(p.got.n == 0 && (p.eof || p.reset));
	CHECK_INT(p.budget.killed[CLOSE_PARSE], 1);
	shut(&p, &o);
}

TEST(one_write_a_turn)
{
	struct pair p;
	struct owner o = {0};
	struct blob *b = blob_copy(SLICE("0123456789"));
	open_with(&p, &o);
	conn_send(p.conn, b);
	conn_send_part(p.conn, b, 2, 3);
	conn_send_part(p.conn, b, 9, 0);
	conn_send_copy(p.conn, SLICE("xyz"));
	CHECK_INT(conn_queued(p.conn), 16);
	CHECK_INT(b->refs, 3);
	pair_turn(&p);
	pair_read(&p);
	CHECK_SLICE(buf_view(&p.got), SLICE("0123456789234xyz"));
	CHECK(conn_queued(p.conn) == 0 && p.budget.writes == 1 && p.budget.bytes_out == 16 && b->refs == 1);
	blob_unref(&b);
	shut(&p, &o);
}

/* More bytes than the kernel takes, in parts of odd sizes: all arrive, in order. */
TEST(partial_writes_continue)
{
	struct pair p;
	struct owner o = {0};
	open_with(&p, &o);
	char *bytes = mem_alloc(1000000);
	for (size_t i = 0; i < 1000000; i++)
		bytes[i] = (char)(i * 7 + i / 256);
	size_t sent = 0;
	for (size_t n = 1; sent < 1000000; n = n * 3 % 4999 + 1) {
		n = n > 1000000 - sent ? 1000000 - sent : n;
		conn_send_copy(p.conn, slice_of(bytes + sent, n));
		sent += n;
	}
	conn_want_drained(p.conn);
	pair_turn(&p);
	CHECK(!conn_is_dead(p.conn) && conn_queued(p.conn) > 0 && o.drained == 0);
	for (int i = 0; i < 1000 && p.got.n < 1000000; i++) {
		pair_read(&p);
		pair_turn(&p);
	}
	CHECK_SLICE(buf_view(&p.got), slice_of(bytes, 1000000));
	CHECK_INT(o.drained, 1);
	free(bytes);
	shut(&p, &o);
}

TEST(drained_without_a_queue)
{
	struct pair p;
	struct owner o = {0};
	open_with(&p, &o);
	conn_want_drained(p.conn);
	CHECK_INT(o.drained, 0); /* not from inside the call */
	pair_turn(&p);
	CHECK_INT(o.drained, 1);
	pair_turn(&p);
	CHECK_INT(o.drained, 1);
	shut(&p, &o);
}

TEST(what_was_never_written_is_counted)
{
	for (int counted = 0; counted < 2; counted++) {
		struct pair p;
		struct owner o = {0};
		open_with(&p, &o);
		if (counted)
			conn_count_lost(p.conn);
		CHECK(pair_send(&p, 40, 'x'));
		pair_turn(&p);
		CHECK(pair_send(&p, 40, 'x') && pair_send(&p, 40, 'x'));
		conn_kill(p.conn, CLOSE_PING);
		CHECK(!pair_send(&p, 40, 'x'));
		CHECK(!pair_send(&p, 40, 'x'));
		shut(&p, &o);
		CHECK_INT(p.budget.lost[CLOSE_PING], counted ? 4 : 0); /* the first was written */
	}
}

/* Over TCP: our end, and the peer's (*fd). */
static void tcp_pair(int *fd, int *peer)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(bind(listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(listener, 1) == 0);
	getsockname(listener, (struct sockaddr *)&at, &(socklen_t){sizeof at});
	*peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(connect(*peer, (struct sockaddr *)&at, sizeof at) == 0);
	*fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	CHECK(*fd >= 0);
	close(listener);
}

TEST(a_slow_peer_fills_our_queue_not_the_kernel)
{
	struct pair p = {.loop = loop_new(),
	                 .budget = {.max_queue_bytes = 4 << 20, .max_queue_items = 1000, .max_total_bytes = 4 << 20}};
	struct owner o = {0};
	static char block[16384];
	int fd, in_kernel = 0;
	tcp_pair(&fd, &p.fd);
	p.conn = conn_new(p.loop, &p.budget, fd, NULL, "192.0.2.1");
	conn_set_events(p.conn, &events, &o);
	for (int k = 0; k < 200; k++) { /* 3.1 MiB; the peer's own buffer takes some */
		conn_send_copy(p.conn, slice_of(block, sizeof block));
		pair_turn(&p);
	}
	CHECK(ioctl(fd, SIOCOUTQ, &in_kernel) == 0);
	CHECK(in_kernel < 512 << 10);
	CHECK(conn_queued(p.conn) > 1 << 20);
	shut(&p, &o);
}

/* What haproxy does with a connection whose answer it has: nothing was acknowledged, and everything was read. */
TEST(a_reset_behind_bytes_that_were_sent_is_no_proof_that_they_are_lost)
{
	for (int too_much = 0; too_much < 2; too_much++) {
		struct pair p = {
			.loop = loop_new(),
			.budget = {.max_queue_bytes = 32 << 20, .max_queue_items = 10000, .max_total_bytes = 32 << 20}};
		struct owner o = {0};
		static char block[16384];
		char got[8];
		int fd, unacknowledged = 0;
		tcp_pair(&fd, &p.fd);
		CHECK(setsockopt(p.fd, IPPROTO_TCP, TCP_QUICKACK, &(int){0}, sizeof(int)) == 0);
		p.conn = conn_new(p.loop, &p.budget, fd, NULL, "192.0.2.1");
		conn_set_events(p.conn, &events, &o);
		conn_send_copy(p.conn, SLICE("answer"));
		for (int k = 0; too_much && k < 1000; k++) /* 16 MiB: more than the kernels take */
			conn_send_copy(p.conn, slice_of(block, sizeof block));
		pair_turn(&p);
		CHECK_INT(recv(p.fd, got, 6, MSG_WAITALL), 6);
		CHECK(ioctl(fd, SIOCOUTQ, &unacknowledged) == 0 && unacknowledged > 0);
		CHECK(setsockopt(p.fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger)) == 0);
		close(p.fd);
		p.fd = -1;
		for (int k = 0; k < 100 && !o.dead; k++)
			pair_turn(&p);
		CHECK(o.dead == 1 && o.why == CLOSE_TRANSPORT);
		CHECK_INT(o.arrived, !too_much);
		shut(&p, &o);
	}
}

TEST(peer_says_fin)
{
	struct pair p;
	struct owner o = {.take = 100};
	open_with(&p, &o);
	CHECK_INT(send(p.fd, "bye", 3, 0), 3);
	CHECK(shutdown(p.fd, SHUT_WR) == 0);
	pair_turn(&p);
	CHECK_SLICE(buf_view(&o.seen), SLICE("bye"));
	CHECK(o.eofs == 1 && o.dead == 0);
	conn_send_copy(p.conn, SLICE("still")); /* a half-closed peer can be answered */
	pair_turn(&p);
	pair_read(&p);
	CHECK_SLICE(buf_view(&p.got), SLICE("still"));
	CHECK_INT(o.eofs, 1);
	conn_finish(p.conn, CLOSE_PEER);
	pair_turn(&p);
	pair_read(&p);
	CHECK(p.eof && o.dead == 1 && o.why == CLOSE_PEER); /* nothing to linger for */
	shut(&p, &o);
}

TEST(peer_vanishes)
{
	struct pair p;
	struct owner o = {.take = 100};
	open_with(&p, &o);
	close(p.fd);
	p.fd = -1;
	conn_send_copy(p.conn, SLICE("into the void")); /* no SIGPIPE */
	pair_turn(&p);
	CHECK(o.dead == 1 && o.why == CLOSE_TRANSPORT);
	shut(&p, &o);
}

TEST(finish_flushes_says_fin_and_discards)
{
	struct pair p;
	struct owner o = {.take = 100};
	open_with(&p, &o);
	conn_send_copy(p.conn, SLICE("last words"));
	conn_finish(p.conn, CLOSE_IDLE);
	conn_finish(p.conn, CLOSE_DONE);
	conn_send_copy(p.conn, SLICE("too late"));
	pair_turn(&p);
	pair_read(&p);
	CHECK_SLICE(buf_view(&p.got), SLICE("last words"));
	CHECK(p.eof && o.dead == 0);
	pair_say(&p, SLICE("nobody listens"));
	CHECK(o.calls == 0 && o.dead == 0);
	shutdown(p.fd, SHUT_WR);
	pair_turn(&p);
	CHECK(o.dead == 1 && o.why == CLOSE_IDLE && o.eofs == 0);
	shut(&p, &o);
}

TEST(finish_does_not_wait_for_ever)
{
	struct pair p, slow, stuck; /* slow takes some of its last words, stuck none */
	struct owner o = {0}, of_slow = {0}, of_stuck = {0};
	static char some[4096];
	open_with(&slow, &of_slow);
	open_with(&stuck, &of_stuck);
	CHECK(pair_send(&slow, 60000, 's') && pair_send(&stuck, 60000, 's'));
	conn_finish(slow.conn, CLOSE_DONE);
	conn_finish(stuck.conn, CLOSE_DONE);
	pair_turn(&slow);
	pair_turn(&stuck);
	open_with(&p, &o);
	conn_finish(p.conn, CLOSE_DONE);
	pair_turn(&p);
	CHECK_INT(o.dead, 0);
	for (int i = 0; i < 14; i++)
		CHECK_INT(recv(slow.fd, some, sizeof some, 0), sizeof some);
	usleep(1100000);
	pair_turn(&p);
	pair_turn(&slow);
	pair_turn(&stuck);
	CHECK(o.dead == 1 && o.why == CLOSE_DONE);
	CHECK(of_stuck.dead == 1 && !of_stuck.arrived && of_slow.dead == 0);
	shut(&p, &o);
	shut(&stuck, &of_stuck);
	shut(&slow, &of_slow);
}

/* Three peers send bytes that nobody takes. When there are too many together, the one that has sent most goes. */
TEST(what_is_kept_of_the_input_is_bounded)
{
	enum { N = 3 };
	static const char *const texts[N] = {"1234", "1234567", "12345"};
	struct pair p;
	struct owner o[N] = {{0}};
	struct conn *c[N];
	int fds[N][2];
	open_with(&p, &o[0]);
	c[0] = p.conn;
	fds[0][1] = p.fd;
	p.budget.max_input_bytes = 17;
	for (int i = 1; i < N; i++) {
		CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds[i]) == 0);
		c[i] = conn_new(p.loop, &p.budget, fds[i][0], NULL, "");
		conn_set_events(c[i], &events, &o[i]);
	}
	for (int i = 0; i < N; i++)
		CHECK_INT(send(fds[i][1], texts[i], strlen(texts[i]), MSG_NOSIGNAL), strlen(texts[i]));
	pair_turn(&p);
	CHECK_INT(p.budget.input_bytes, 16);
	conn_keep(c[2], 1); /* a reader that keeps something of its own */
	CHECK(!conn_is_dead(c[0]) && !conn_is_dead(c[1]) && !conn_is_dead(c[2]));
	conn_unkeep(c[2], 1);
	CHECK_INT(send(fds[0][1], "56", 2, MSG_NOSIGNAL), 2);
	pair_turn(&p);
	CHECK_INT(o[1].dead, 1);
	CHECK_INT(o[1].why, CLOSE_LIMIT);
	CHECK_INT(p.budget.killed[CLOSE_LIMIT], 1);
	CHECK_INT(p.budget.input_bytes, 11);
	o[0].take = 100;
	pair_say(&p, SLICE("."));
	CHECK_SLICE(buf_view(&o[0].seen), SLICE("123456."));
	CHECK_INT(p.budget.input_bytes, 5);
	/* the greediest may be the one that has just received */
	p.budget.max_input_bytes = 4;
	CHECK_INT(send(fds[2][1], "6", 1, MSG_NOSIGNAL), 1);
	pair_turn(&p);
	CHECK_INT(o[2].why, CLOSE_LIMIT);
	CHECK_INT(p.budget.input_bytes, 0);
	close(fds[1][1]);
	close(fds[2][1]);
	shut(&p, &o[0]);
}
