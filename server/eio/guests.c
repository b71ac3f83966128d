/*
 * How many sessions there may be, and who goes when there are too many. Called by session.c when a session begins and
 * ends, by server.c before a handshake, and through eio.h (eio_settle) by sio/.
 *
 * A session is a guest until the application says who its client is. Anybody can ask for sessions, without a token and
 * by polling even without a connection, so guests have a share of their own: in all, and for each network. Beyond it the
 * oldest of them ends. A client with a token is a guest for one round trip; a client that floods the edge with handshakes
 * mostly loses his own.
 */
#include "eio/session.h"

#include "base/mem.h"

/* ---- networks ---- */

static bool counts_networks(const struct eio_server *srv)
{
	return srv->cfg.limits.max_sessions_per_address || srv->cfg.limits.max_guests_per_address;
}

/* NULL: it has no sessions, or nobody counts them. */
static struct address *address_of(const struct eio_server *srv, struct slice client)
{
	char network[ADDRESS_TEXT_MOST + 1];
	if (!counts_networks(srv))
		return NULL;
	address_network(client, network);
	struct map_node *n = map_find(&srv->addresses, slice_str(network));
	return n ? container_of(n, struct address, node) : NULL;
}

static struct address *address_enter(struct eio_session *s)
{
	struct eio_server *srv = s->srv;
	struct address *a = address_of(srv, slice_str(s->peer));
	if (!a && counts_networks(srv)) {
		a = NEW(struct address);
		list_init(&a->guests);
		address_network(slice_str(s->peer), a->text);
		map_add(&srv->addresses, &a->node);
	}
	if (a)
		a->sessions++;
	return a;
}

void address_leave(struct eio_session *s)
{
	struct address *a = address_of(s->srv, slice_str(s->peer));
	if (!a || --a->sessions)
		return;
	map_del(&s->srv->addresses, &a->node);
	free(a);
}

bool address_full(const struct eio_server *srv, struct slice client)
{
	const struct address *a = address_of(srv, client);
	unsigned most = srv->cfg.limits.max_sessions_per_address;
	return most && a && a->sessions >= most;
}

/* ---- guests ---- */

/* NULL: there is none. */
static void guest_end(struct guest *g)
{
	struct eio_session *s = g ? g->session : NULL;
	if (!s)
		return;
	if (s->ws)
		ws_finish(s->ws, CLOSE_LIMIT);
	session_end(s, CLOSE_LIMIT);
}

void guest_enter(struct eio_session *s)
{
	struct eio_server *srv = s->srv;
	const struct eio_limits *most = &srv->cfg.limits;
	struct guest *g = s->guest = NEW(struct guest);
	struct address *a = address_enter(s);
	g->session = s;
	g->address = a;
	list_init(&g->near);
	list_add_tail(&srv->guests, &g->all);
	srv->stats.guests++;
	if (a) {
		list_add_tail(&a->guests, &g->near);
		a->nguests++;
	}
	if (most->max_guests_per_address && a->nguests > most->max_guests_per_address)
		guest_end(list_first(&a->guests, struct guest, near));
	if (most->max_guests && srv->stats.guests > most->max_guests)
		guest_end(list_first(&srv->guests, struct guest, all));
}

void eio_settle(struct eio_session *s)
{
	struct guest *g = s->guest;
	s->guest = NULL;
	if (!g)
		return;
	list_del(&g->all);
	list_del(&g->near);
	if (g->address)
		g->address->nguests--;
	s->srv->stats.guests--;
	free(g);
}

bool session_room(struct eio_server *srv)
{
	if (!srv->cfg.limits.max_sessions || srv->stats.sessions < srv->cfg.limits.max_sessions)
		return true;
	struct guest *oldest = list_first(&srv->guests, struct guest, all);
	if (!oldest)
		return false;
	guest_end(oldest);
	return true;
}
