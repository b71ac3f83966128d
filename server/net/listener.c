/*
 * A listening socket. Called at start and stop by whoever serves: app/ (twice: clients, operators) and echo/.
 */
#include "net/listener.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/address.h"
#include "net/tls.h"
#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAUSE_MS 100 /* until the next try without descriptors; polling a backlog that cannot be taken would spin */

struct listener {
	struct loop *loop;
	struct conn_budget *budget;
	struct listener_config cfg;
	void (*on_conn)(struct conn *c, void *ctx);
	void *ctx;
	struct tls_context *tls;
	struct ev_io io;
	struct timer resume;
	int fd;
	bool starved; /* out of descriptors, and the log says so */
};

static int open_socket(const char *address, int backlog, const char **error)
{
	struct addrinfo *found = address_find(address, error);
	if (!found)
		return -1;
	int on = 1, fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool good = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	            bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, backlog) == 0;
	freeaddrinfo(found);
	if (good)
		return fd;
	*error = strerror(errno);
	if (fd >= 0)
		close(fd);
	return -1;
}

static void peer_text(const struct sockaddr_storage *a, char out[INET6_ADDRSTRLEN])
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)a;
	if (a->ss_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)a)->sin_addr, out, INET6_ADDRSTRLEN);
	else if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		inet_ntop(AF_INET, six->sin6_addr.s6_addr + 12, out, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, &six->sin6_addr, out, INET6_ADDRSTRLEN);
}

static void listener_starved(struct listener *ls, const char *why)
{
	if (!ls->starved)
		log_error(LOG_NOBODY, "accept_failed", LS("error", why));
	ls->starved = true;
	ev_io_stop(loop_ev(ls->loop), &ls->io);
	timer_set(ls->loop, &ls->resume, loop_now(ls->loop) + PAUSE_MS);
}

static void listener_resume(struct timer *t)
{
	struct listener *ls = container_of(t, struct listener, resume);
	if (ls->fd >= 0)
		ev_io_start(loop_ev(ls->loop), &ls->io);
}

static bool accept_one(struct listener *ls)
{
	struct sockaddr_storage from = {0};
	socklen_t n = sizeof from;
	int fd = accept4(ls->fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			listener_starved(ls, strerror(errno));
		return errno == ECONNABORTED || errno == EINTR;
	}
	ls->starved = false;
	bool full = ls->cfg.max_connections && ls->budget->open >= ls->cfg.max_connections;
	if (full && !(ls->cfg.end_oldest && conn_budget_end_oldest(ls->budget))) {
		ls->budget->killed[CLOSE_LIMIT]++;
		close(fd);
		return true;
	}
	if (ls->cfg.sndbuf)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &ls->cfg.sndbuf, sizeof ls->cfg.sndbuf);
	char peer[INET6_ADDRSTRLEN] = "";
	peer_text(&from, peer);
	ls->on_conn(conn_new(ls->loop, ls->budget, fd, ls->tls, peer), ls->ctx);
	return true;
}

static void listener_on_ready(struct ev_loop *ev, ev_io *w, int revents)
{
	(void)ev, (void)revents;
	struct listener *ls = container_of(w, struct listener, io);
	for (unsigned i = 0; i < ls->cfg.accepts_per_turn && accept_one(ls); i++)
		;
}

struct listener *listener_new(struct loop *l, struct conn_budget *b, const struct listener_config *cfg,
                              void (*on_conn)(struct conn *c, void *ctx), void *ctx, const char **error)
{
	int fd = open_socket(cfg->address, cfg->backlog, error);
	if (fd < 0)
		return NULL;
	struct listener *ls = NEW(struct listener);
	ls->loop = l;
	ls->budget = b;
	ls->cfg = *cfg;
	ls->cfg.address = NULL; /* belongs to the caller */
	ls->on_conn = on_conn;
	ls->ctx = ctx;
	ls->fd = fd;
	ls->tls = cfg->tls ? tls_context_ref(cfg->tls) : NULL;
	ls->resume.fire = listener_resume;
	ev_io_init(&ls->io, listener_on_ready, fd, EV_READ);
	ev_io_start(loop_ev(l), &ls->io);
	return ls;
}

unsigned listener_port(const struct listener *ls)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} a = {0};
	socklen_t n = sizeof a;
	if (getsockname(ls->fd, &a.any, &n) != 0)
		return 0;
	return ntohs(a.any.sa_family == AF_INET ? a.in.sin_port : a.in6.sin6_port);
}

void listener_stop(struct listener *ls)
{
	if (ls->fd < 0)
		return;
	ev_io_stop(loop_ev(ls->loop), &ls->io);
	timer_stop(ls->loop, &ls->resume);
	close(ls->fd);
	ls->fd = -1;
}

void listener_set_tls(struct listener *ls, struct tls_context *tls)
{
	tls_context_ref(tls);
	tls_context_unref(&ls->tls);
	ls->tls = tls;
}

void listener_free(struct listener **ls)
{
	struct listener *gone = *ls;
	*ls = NULL;
	if (!gone)
		return;
	listener_stop(gone);
	tls_context_unref(&gone->tls);
	free(gone);
}
