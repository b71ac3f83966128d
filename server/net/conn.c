/*
 * A connection's life: reading into the loop's scratch buffer, flushing, the goodbye. Driven by the loop (conn_on_io,
 * conn_on_turn); called by http/, ws/ and whoever kills connections. Its struct is in conn_internal.h.
 */
#include "net/conn_internal.h"

#include "base/mem.h"
#include "net/transport.h"
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Unsent bytes that the kernel takes: without a limit it takes 4 MiB, and a slow reader is noticed only after those. */
#define UNSENT_MAX 65536
#define IGNORED_MAX \
	(UINT64_C(1) << 20)    /* bytes of a peer that goes on sending after our last word; then a reset may come */
#define FAREWELL_MAX 64        /* bytes of a close_notify and a FIN */
#define HANDSHAKES_PER_TURN 16 /* a step of TLS takes up to a millisecond */
#define LINGER_MS 1000         /* W9: how long the peer's FIN is waited for after ours */
#define PARTING_MS 5000        /* a peer that takes our last bytes takes so many in so long, */
#define PARTING_LEAST 1024
#define PARTING_MOST_MS 300000 /* and all of them in this */

/* ---- states ---- */

static const uint8_t conn_next[] = {
	[CONN_LIVE] = 1u << CONN_FLUSHING | 1u << CONN_DEAD,
	[CONN_FLUSHING] = 1u << CONN_LINGERING | 1u << CONN_DEAD,
	[CONN_LINGERING] = 1u << CONN_DEAD,
	[CONN_DEAD] = 0,
};

static const char *const conn_state_name[] = {
#define X(NAME, label) #label,
	CONN_STATES(X)
#undef X
};

static void conn_enter(struct conn *c, enum conn_state to, enum close_reason why)
{
	assert(conn_next[c->state] & 1u << to);
	log_move(conn_ident(c), "connection", conn_state_name[c->state], conn_state_name[to],
	         LS("reason", close_label(why)));
	c->state = to;
	c->why = why;
}

/* ---- watching ---- */

void conn_watch(struct conn *c)
{
	int want = 0;
	bool dead = c->state == CONN_DEAD;
	if (!dead && (!c->eof || c->write_wants_read))
		want |= EV_READ;
	if (!dead && (c->blocked || c->read_wants_write))
		want |= EV_WRITE;
	int has = ev_is_active(&c->io) ? c->io.events & (EV_READ | EV_WRITE) : 0;
	if (want == has)
		return;
	ev_io_stop(loop_ev(conn_loop(c)), &c->io);
	if (want) {
		ev_io_set(&c->io, c->io.fd, want);
		ev_io_start(loop_ev(conn_loop(c)), &c->io);
	}
}

void conn_mark(struct conn *c)
{
	if (c->ready)
		c->marked = true;
	else if (c->waited && c->state != CONN_DEAD)
		loop_defer_first(conn_loop(c), LOOP_FLUSH, &c->turn);
	else if (c->state != CONN_DEAD)
		loop_defer(conn_loop(c), LOOP_FLUSH, &c->turn);
}

/* ---- what has arrived ---- */

/* Bytes that the peer's kernel has not acknowledged, or ours has not taken. */
static size_t conn_underway(const struct conn *c)
{
	int left = 0;
	return outq_bytes(&c->out) + (ioctl(c->io.fd, SIOCOUTQ, &left) == 0 ? (size_t)left : 0);
}

static bool conn_all_acknowledged(const struct conn *c)
{
	int left = 0;
	if (outq_count(&c->out))
		return false;
	/* A peer's kernel delays acknowledgements, and its reset carries none: behind one, bytes that were sent at all may
	 * have been read. haproxy ends its connections so as soon as it has an answer. */
	if (ioctl(c->io.fd, c->broken ? SIOCOUTQNSD : SIOCOUTQ, &left) != 0)
		return true;
	return left <= (c->state == CONN_LINGERING ? FAREWELL_MAX : 0);
}

bool conn_arrived(const struct conn *c)
{
	return c->state == CONN_DEAD ? c->arrived : conn_all_acknowledged(c);
}

bool conn_given(const struct conn *c)
{
	return c->state == CONN_DEAD ? c->given : outq_count(&c->out) == 0;
}

/* ---- writing ---- */

void conn_want_drained(struct conn *c)
{
	c->want_drained = true;
	if (outq_count(&c->out) == 0)
		conn_mark(c);
}

static void input_free(struct conn *c)
{
	if (c->in)
		buf_fini(c->in);
	free(c->in);
	c->in = NULL;
}

static void conn_say_fin(struct conn *c)
{
	conn_enter(c, CONN_LINGERING, c->why);
	if (c->tls)
		tls_shutdown(c->tls);
	if (shutdown(c->io.fd, SHUT_WR) != 0 || c->eof) {
		conn_kill(c, c->why);
		return;
	}
	if (c->in)
		conn_unkeep(c, c->in->n);
	input_free(c);
	timer_set(conn_loop(c), &c->parting->timer, loop_now(conn_loop(c)) + LINGER_MS);
}

static void conn_flush(struct conn *c)
{
	conn_drain(c);
	if (c->state == CONN_DEAD || outq_count(&c->out))
		return;
	if (c->want_drained) {
		c->want_drained = false;
		if (c->ev && c->ev->on_drained)
			c->ev->on_drained(c, c->owner);
	}
	if (c->state == CONN_FLUSHING && outq_count(&c->out) == 0) /* on_drained may have queued more */
		conn_say_fin(c);
	conn_watch(c);
}

/* ---- reading ---- */

/* Calls on_data until it takes nothing more. How many bytes were taken. When a handler hands the connection over, the
 * new owner is called with the rest. */
static size_t conn_show(struct conn *c, const char *p, size_t n)
{
	size_t taken = 0;
	c->showing = true;
	while (taken < n && c->state == CONN_LIVE) {
		const struct conn_events *ev = c->ev;
		void *owner = c->owner;
		size_t k = ev->on_data(c, owner, p + taken, n - taken);
		taken += k;
		if (k == 0 && c->ev == ev && c->owner == owner && !c->reshow)
			break;
		c->reshow = false;
	}
	c->showing = false;
	return taken;
}

/* Shows the bytes that were kept; `before` of them are in the budget already. */
static void conn_show_kept(struct conn *c, size_t before)
{
	buf_drop(c->in, conn_show(c, c->in->p, c->in->n));
	if (c->in->n > before)
		conn_keep(c, c->in->n - before);
	else
		conn_unkeep(c, before - c->in->n);
	if (c->state != CONN_DEAD && c->in->n == 0)
		input_free(c);
}

/* W9: bytes behind the end are thrown away; were they left unread, the kernel's reset would destroy our last bytes. */
static void conn_ignore(struct conn *c, size_t n)
{
	if (c->parting && (c->parting->ignored += n) > IGNORED_MAX)
		conn_kill(c, c->why);
}

static void conn_received(struct conn *c, const char *p, size_t n)
{
	c->holder.budget->bytes_in += n;
	if (c->state != CONN_LIVE) {
		conn_ignore(c, n);
		return;
	}
	if (c->in) {
		size_t before = c->in->n;
		buf_add(c->in, p, n);
		conn_show_kept(c, before);
		return;
	}
	size_t taken = conn_show(c, p, n);
	if (c->state == CONN_LIVE && taken < n) {
		c->in = NEW(struct buf);
		buf_add(c->in, p + taken, n - taken);
		conn_keep(c, n - taken);
	}
}

static void conn_peer_done(struct conn *c)
{
	c->eof = true;
	if (c->state == CONN_LINGERING) {
		conn_kill(c, c->why);
		return;
	}
	if (c->state == CONN_LIVE)
		c->ev->on_eof(c, c->owner);
	conn_watch(c);
}

enum close_reason conn_fault(const struct conn *c)
{
	return c->tls && !tls_established(c->tls) ? CLOSE_TLS : CLOSE_TRANSPORT;
}

static void conn_peer_broke(struct conn *c)
{
	/* Behind our close_notify a reset says nothing: many do not read that before they close. */
	c->broken = !c->tls || c->state != CONN_LINGERING;
	if (c->broken && c->ev->on_broken)
		c->ev->on_broken(c, c->owner);
	conn_kill(c, c->state == CONN_LINGERING ? c->why : conn_fault(c));
}

static void conn_read(struct conn *c)
{
	bool other = false;
	do {
		char *scratch = loop_scratch(conn_loop(c));
		ssize_t got = c->tls ? tls_read(c->tls, scratch, LOOP_SCRATCH, &other)
		                     : plain_read(c->io.fd, scratch, LOOP_SCRATCH);
		c->read_wants_write = other;
		if (got == TRANSPORT_AGAIN)
			break;
		if (got == TRANSPORT_EOF) {
			conn_peer_done(c);
			return;
		}
		if (got < 0) {
			conn_peer_broke(c);
			return;
		}
		conn_received(c, scratch, (size_t)got);
	} while (c->tls && c->state != CONN_DEAD && tls_pending(c->tls));
	conn_watch(c);
}

/* A crowd that says hello at once must not stop the loop for those who are in. A connection that has to wait stays
 * readable, so the next poll reports it again. */
static bool conn_must_wait(struct conn *c)
{
	struct conn_budget *b = c->holder.budget;
	uint64_t turn = loop_now_us(conn_loop(c));
	if (!c->tls || tls_established(c->tls) || c->state != CONN_LIVE)
		return false;
	if (b->handshake_turn != turn)
		b->handshake_steps = 0;
	b->handshake_turn = turn;
	return b->handshake_steps++ >= HANDSHAKES_PER_TURN;
}

/* Called from the read list. */
static void conn_serve(struct conn *c)
{
	int revents = c->ready;
	c->ready = 0;
	if (conn_must_wait(c))
		return;
	if (revents & EV_WRITE || c->write_wants_read)
		conn_flush(c);
	if (c->state != CONN_DEAD && (revents & EV_READ || c->read_wants_write) && !c->eof)
		conn_read(c);
	if (c->marked)
		conn_mark(c);
	c->marked = c->waited = false;
}

/* Called from the flush list: a new owner sees kept bytes first, then everything that is queued is written at once. */
static void reshow_and_flush(struct conn *c)
{
	if (c->reshow && c->state == CONN_LIVE) {
		c->reshow = false;
		if (c->in)
			conn_show_kept(c, c->in->n);
	}
	if (c->state != CONN_DEAD && !c->blocked)
		conn_flush(c);
}

static void conn_on_turn(struct deferred *d)
{
	struct conn *c = container_of(d, struct conn, turn);
	if (c->ready)
		conn_serve(c);
	else
		reshow_and_flush(c);
}

/*
 * The kernel reports connections in the order in which bytes arrived; libev calls back in the reverse of it. Of two
 * requests for one session the later one must not be served first (P5, P12). So loop_ready collects the connections,
 * each before the others, and they are served in LOOP_READ when all have been reported.
 */
static void conn_on_io(struct ev_loop *ev, ev_io *w, int revents)
{
	(void)ev;
	struct conn *c = container_of(w, struct conn, io);
	if (!c->ready && deferred_is_set(&c->turn)) { /* in the flush list: another callback of this poll has sent */
		deferred_cancel(&c->turn);
		c->marked = true;
		c->waited = loop_is_behind(conn_loop(c)); /* since the turn before: it keeps its place, about */
	}
	c->ready |= (uint8_t)(revents & (EV_READ | EV_WRITE));
	if (c->ready)
		loop_ready(conn_loop(c), &c->turn);
}

/* ---- life ---- */

static void conn_sweep(struct deferred *d)
{
	struct conn *c = container_of(d, struct conn, turn);
	input_free(c);
	tls_free(&c->tls);
	close(c->io.fd);
	list_del(&c->link);
	c->holder.budget->open--;
	c->holder.budget->killed[c->why]++;
	if (c->ev && c->ev->on_dead)
		c->ev->on_dead(c, c->owner, c->why);
	free(c);
}

/* A peer on a slow line takes our last bytes in its own time: it is not left as long as they move. */
static void conn_parting_over(struct timer *t)
{
	struct parting *g = container_of(t, struct parting, timer);
	struct conn *c = g->conn;
	size_t left = conn_underway(c);
	uint64_t now = loop_now(conn_loop(c));
	bool whole = c->state == CONN_LINGERING && left <= FAREWELL_MAX;
	if (whole || left + PARTING_LEAST > g->left || now >= g->until) {
		conn_kill(c, c->why);
		return;
	}
	g->left = left;
	timer_set(conn_loop(c), t, now + PARTING_MS);
}

struct conn *conn_new(struct loop *l, struct conn_budget *b, int fd, struct tls_context *tls, const char *peer)
{
	size_t peer_n = strlen(peer);
	struct conn *c = mem_zalloc(offsetof(struct conn, peer) + peer_n + 1);
	int on = 1, unsent = UNSENT_MAX;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
	conn_budget_begin(b, l);
	c->holder.budget = b;
	c->tls = tls ? tls_new(tls, fd) : NULL;
	memcpy(c->peer, peer, peer_n);
	deferred_init(&c->turn, conn_on_turn);
	ev_io_init(&c->io, conn_on_io, fd, EV_READ);
	list_add_tail(&b->all, &c->link);
	b->open++;
	log_move(conn_ident(c), "connection", "new", conn_state_name[c->state], LS("transport", tls ? "tls" : "tcp"));
	return c;
}

void conn_set_events(struct conn *c, const struct conn_events *ev, void *owner)
{
	c->ev = ev;
	c->owner = owner;
	conn_watch(c);
	if (!c->showing && c->in)
		conn_reshow(c);
}

void conn_reshow(struct conn *c)
{
	c->reshow = true;
	if (!c->showing)
		conn_mark(c);
}

void conn_finish(struct conn *c, enum close_reason why)
{
	if (c->state != CONN_LIVE)
		return;
	conn_enter(c, CONN_FLUSHING, why);
	if (!c->blocked)
		conn_mark(c);
	/* A peer that takes nothing must not keep the connection. */
	uint64_t now = loop_now(conn_loop(c));
	c->parting = NEW(struct parting);
	*c->parting = (struct parting){
		.conn = c, .timer.fire = conn_parting_over, .left = conn_underway(c), .until = now + PARTING_MOST_MS};
	timer_set(conn_loop(c), &c->parting->timer, now + PARTING_MS);
}

void conn_kill(struct conn *c, enum close_reason why)
{
	if (c->state == CONN_DEAD)
		return;
	c->arrived = conn_all_acknowledged(c);
	c->given = conn_given(c);
	conn_enter(c, CONN_DEAD, why);
	/* Its bytes are given back now and not in the sweep: others may need the room in this turn. */
	conn_unkeep_all(c);
	holder_clear(&c->holder);
	conn_lose(c, outq_count(&c->out));
	outq_clear(&c->out, &c->holder);
	c->ready = 0;
	ev_io_stop(loop_ev(conn_loop(c)), &c->io);
	if (c->parting)
		timer_stop(conn_loop(c), &c->parting->timer);
	free(c->parting);
	c->parting = NULL;
	deferred_cancel(&c->turn);
	deferred_init(&c->turn, conn_sweep);
	loop_defer(conn_loop(c), LOOP_SWEEP, &c->turn);
}

bool conn_is_dead(const struct conn *c)
{
	return c->state == CONN_DEAD;
}

const char *conn_peer(const struct conn *c)
{
	return c->peer;
}

static void put_conn(struct log_line *line, const void *of)
{
	const struct conn *c = of;
	log_put(line, LI("conn", c->io.fd));
	log_put(line, LS("peer", c->peer));
}

int conn_fd(const struct conn *c)
{
	return c->io.fd;
}

struct log_ident conn_ident(const struct conn *c)
{
	return (struct log_ident){put_conn, c};
}

struct loop *conn_loop(const struct conn *c)
{
	return c->holder.budget->loop;
}
