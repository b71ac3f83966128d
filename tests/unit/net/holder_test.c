/*
 * Queues: their cost, slow readers, and which connection ends when memory is short. Peers are ends of socket pairs,
 * whose kernel buffers hold some two hundred thousand bytes.
 */
#include "net/holder.h"

#include "base/mem.h"
#include "pair.h"
#include "test.h"

#define SOFT 100000

struct peer {
	struct conn *conn;
	int fd;
	size_t got;
	bool dead;
	enum close_reason why;
};

static size_t peer_on_data(struct conn *c, void *owner, const char *p, size_t n)
{
	(void)c, (void)owner, (void)p;
	return n;
}

static void peer_on_eof(struct conn *c, void *owner)
{
	(void)c, (void)owner;
}

static void peer_on_dead(struct conn *c, void *owner, enum close_reason why)
{
	(void)c;
	struct peer *peer = owner;
	peer->dead = true;
	peer->why = why;
}

static const struct conn_events peer_events = {.on_data = peer_on_data, .on_eof = peer_on_eof, .on_dead = peer_on_dead};

/* The connection of the pair is the first peer's. */
static void peers_open(struct pair *p, struct peer *peers, int n)
{
	pair_open(p);
	p->budget.max_queue_bytes = SOFT;
	p->budget.max_total_bytes = 64 << 20;
	for (int i = 0; i < n; i++) {
		int fds[2];
		peers[i] = (struct peer){.conn = p->conn, .fd = p->fd};
		if (i) {
			CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
			peers[i] = (struct peer){.conn = conn_new(p->loop, &p->budget, fds[0], NULL, ""), .fd = fds[1]};
		}
		conn_set_events(peers[i].conn, &peer_events, &peers[i]);
	}
}

static void peers_close(struct pair *p, struct peer *peers, int n)
{
	for (int i = 1; i < n; i++)
		close(peers[i].fd);
	pair_close(p);
}

static void peer_read(struct peer *peer, size_t most)
{
	char got[65536];
	while (most) {
		ssize_t n = recv(peer->fd, got, most < sizeof got ? most : sizeof got, 0);
		if (n <= 0)
			return;
		peer->got += (size_t)n;
		most -= (size_t)n;
	}
}

/* Until the kernel takes no more. */
static void peer_block(struct pair *p, struct peer *peer)
{
	for (int i = 0; i < 1000 && !conn_blocked(peer->conn); i++) {
		CHECK(conn_send_bytes(peer->conn, 5000, 'b'));
		pair_turn(p);
	}
	CHECK(conn_blocked(peer->conn));
}

/* ---- a burst is not a slow reader ---- */

TEST(one_transaction_of_100_messages_of_16_kb_reaches_an_idle_client)
{
	struct pair p;
	struct peer peer;
	peers_open(&p, &peer, 1);
	for (int i = 0; i < 60; i++) /* in one turn: nobody has written anything yet */
		CHECK(conn_send_bytes(peer.conn, 16384, 'x'));
	for (int i = 0; i < 1000 && peer.got < 60 * 16384; i++) {
		pair_turn(&p);
		peer_read(&peer, SIZE_MAX);
	}
	CHECK_INT(peer.got, 60 * 16384);
	CHECK(!conn_is_dead(peer.conn));
	peers_close(&p, &peer, 1);
}

/* At the limit the kernel is asked once a turn, not at each send. */
TEST(a_full_queue_is_offered_once_a_turn)
{
	struct pair p;
	struct peer peer;
	peers_open(&p, &peer, 1);
	peer_block(&p, &peer);
	uint64_t writes = p.budget.writes;
	for (int i = 0; i < 100; i++)
		CHECK(conn_send_bytes(peer.conn, 5000, 'x'));
	CHECK(p.budget.writes - writes <= 1);
	peers_close(&p, &peer, 1);
}

TEST(over_the_hard_limit_a_peer_is_slow_at_once)
{
	static const struct {
		size_t bytes, items;
	} rows[] = {{SOFT, 1 << 20}, {1 << 30, 100}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pair p;
		struct peer peer;
		peers_open(&p, &peer, 1);
		p.budget.max_queue_bytes = rows[i].bytes;
		p.budget.max_queue_items = rows[i].items;
		size_t sent = 0, most = 2 * HOLDER_HARD * SOFT / 1000;
		while (sent < most && conn_send_bytes(peer.conn, 1000, 'x'))
			sent++;
		CHECK(i ? sent > HOLDER_HARD_ITEMS * 100 && sent < HOLDER_HARD_ITEMS * 100 + 400
		        : sent > HOLDER_HARD * SOFT / 1000 && sent < most);
		pair_turn(&p);
		CHECK(peer.dead && peer.why == CLOSE_SLOW);
		peers_close(&p, &peer, 1);
	}
}

/*
 * Four peers with queues over the limit: one reads nothing, one a byte now and then, one enough, and one has read
 * nothing for long before its queue filled.
 */
TEST(a_peer_that_takes_next_to_nothing_over_the_limit_is_slow)
{
	enum { NOTHING, DRIPS, READS, LONG_AGO, N };
	struct pair p;
	struct peer peers[N];
	peers_open(&p, peers, N);
	peer_block(&p, &peers[LONG_AGO]);
	uint64_t begin = loop_now(p.loop);
	for (int i = 0; i < LONG_AGO; i++)
		for (int k = 0; k < 140; k++) /* the kernel takes a part */
			CHECK(conn_send_bytes(peers[i].conn, 5000, 'x'));
	while (loop_now(p.loop) < begin + HOLDER_STALL_MS + 300) {
		usleep(20000);
		peer_read(&peers[DRIPS], 1);
		peer_read(&peers[READS], 8000);
		pair_turn(&p);
		if (loop_now(p.loop) < begin + HOLDER_STALL_MS / 2)
			CHECK(!peers[NOTHING].dead && !peers[DRIPS].dead);
	}
	CHECK(peers[NOTHING].dead && peers[NOTHING].why == CLOSE_SLOW);
	CHECK(peers[DRIPS].dead && peers[DRIPS].why == CLOSE_SLOW);
	CHECK(!peers[READS].dead);
	CHECK(!peers[LONG_AGO].dead && conn_queued(peers[LONG_AGO].conn) < SOFT);
	while (!peers[LONG_AGO].dead && conn_send_bytes(peers[LONG_AGO].conn, 5000, 'x'))
		CHECK(conn_queued(peers[LONG_AGO].conn) < SOFT + 5000); /* it does not get two seconds more */
	pair_turn(&p);
	CHECK(peers[LONG_AGO].why == CLOSE_SLOW);
	peers_close(&p, peers, N);
}

/* The worker did not turn for a while (SIGSTOP): its clients are not blamed for that. */
TEST(a_peer_that_reads_when_it_is_asked_is_not_slow)
{
	struct pair p;
	struct peer peer;
	peers_open(&p, &peer, 1);
	peer_block(&p, &peer);
	CHECK(conn_send_bytes(peer.conn, SOFT, 'x'));
	usleep((HOLDER_STALL_MS + 100) * 1000);
	peer_read(&peer, SIZE_MAX);
	ev_run(loop_ev(p.loop), EVRUN_NOWAIT);
	CHECK(conn_send_bytes(peer.conn, 5000, 'x'));
	pair_turn(&p);
	CHECK(!peer.dead);
	peers_close(&p, &peer, 1);
}

/* ---- memory ---- */

TEST(a_blob_is_charged_once_and_given_back_with_its_last_reference)
{
	enum { N = 8 };
	struct pair p;
	struct peer peers[N];
	peers_open(&p, peers, N);
	struct blob *b = blob_new(50000);
	memset(b->p, 'x', b->n);
	size_t first = holder_cost(b);
	CHECK(first > b->n && first < b->n + 200);
	for (int i = 0; i < N; i++) {
		CHECK(conn_send(peers[i].conn, b));
		CHECK(p.budget.total_bytes < 50000 + 200 + N * 50);
	}
	CHECK(holder_cost(b) < 50);
	CHECK(conn_send_part(peers[0].conn, b, 100, 10)); /* twice in one queue */
	CHECK(p.budget.total_bytes < 50000 + 200 + N * 50);
	blob_unref(&b);
	for (int i = 1; i < N; i += 2) {
		conn_kill(peers[i].conn, CLOSE_DONE);
		CHECK(p.budget.total_bytes > 50000);
	}
	pair_turn(&p);
	CHECK_INT(p.budget.total_bytes, 0);
	peers_close(&p, peers, N);
}

/* A turn queues more than the budget has room for: bytes that the receivers take at once are no reason to end them. */
TEST(what_nobody_has_tried_to_write_yet_is_written_first)
{
	enum { N = 8 };
	struct pair p;
	struct peer peers[N];
	peers_open(&p, peers, N);
	p.budget.max_total_bytes = 100000;
	for (int i = 0; i < N; i++)
		CHECK(conn_send_bytes(peers[i].conn, 60000, 'x'));
	pair_turn(&p);
	for (int i = 0; i < N; i++) {
		peer_read(&peers[i], SIZE_MAX);
		CHECK(!peers[i].dead && peers[i].got == 60000);
	}
	peers_close(&p, peers, N);
}

TEST(what_can_never_fit_ends_nobody_else)
{
	struct pair p;
	struct peer peers[2];
	peers_open(&p, peers, 2);
	p.budget.max_total_bytes = 1000;
	CHECK(conn_send_bytes(peers[1].conn, 100, 'x'));
	CHECK(!conn_send_bytes(peers[0].conn, 1001, 'x'));
	pair_turn(&p);
	CHECK(peers[0].dead && peers[0].why == CLOSE_LIMIT && !peers[1].dead);
	peers_close(&p, peers, 2);
}

/*
 * Nobody reads. Three share a large blob, whose memory the end of one of them would not give back; one holds a smaller
 * one alone. That one goes, then those that share, until the last of them gives the memory back.
 */
TEST(who_holds_most_alone_goes_first)
{
	enum { SHARES, SHARES_TOO, SHARES_AS_WELL, ALONE, READS, N };
	struct pair p;
	struct peer peers[N];
	peers_open(&p, peers, N);
	for (int i = 0; i < READS; i++)
		peer_block(&p, &peers[i]);
	struct blob *b = blob_new(80000);
	memset(b->p, 'x', b->n);
	for (int i = 0; i <= SHARES_AS_WELL; i++)
		CHECK(conn_send(peers[i].conn, b));
	blob_unref(&b);
	CHECK(conn_send_bytes(peers[ALONE].conn, 30000, 'x'));
	pair_turn(&p);
	p.budget.max_total_bytes = p.budget.total_bytes + 10000;
	CHECK(conn_send_bytes(peers[READS].conn, 30000, 'x'));
	pair_turn(&p);
	CHECK(peers[ALONE].dead && peers[ALONE].why == CLOSE_LIMIT);
	CHECK(!peers[SHARES].dead && !peers[SHARES_TOO].dead && !peers[SHARES_AS_WELL].dead);
	peer_block(&p, &peers[READS]);
	p.budget.max_total_bytes = p.budget.total_bytes + 10000;
	CHECK(conn_budget_room(&p.budget, 90000));
	CHECK(conn_is_dead(peers[SHARES].conn) && conn_is_dead(peers[SHARES_TOO].conn) &&
	      conn_is_dead(peers[SHARES_AS_WELL].conn));
	CHECK(!conn_is_dead(peers[READS].conn));
	peers_close(&p, peers, N);
}

TEST(who_does_not_read_goes_before_who_holds_more)
{
	struct pair p;
	struct peer peers[2];
	peers_open(&p, peers, 2);
	p.budget.max_queue_bytes = 1 << 20;
	peer_block(&p, &peers[0]);
	usleep((HOLDER_STALL_MS + 50) * 1000);
	ev_run(loop_ev(p.loop), EVRUN_NOWAIT);
	CHECK(conn_send_bytes(peers[1].conn, 900000, 'x'));
	pair_turn(&p);
	CHECK(conn_blocked(peers[1].conn) && conn_queued(peers[1].conn) > conn_queued(peers[0].conn));
	p.budget.max_total_bytes = p.budget.total_bytes;
	CHECK(conn_budget_room(&p.budget, 1));
	CHECK(conn_is_dead(peers[0].conn) && !conn_is_dead(peers[1].conn));
	peers_close(&p, peers, 2);
}
