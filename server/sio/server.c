/*
 * The server: its Engine.IO and its counters. Called by app/ and echo/ at start, from their routers, and when they drain.
 */
#include "sio/session.h"

#include "base/mem.h"

static struct slice socket_key(const struct map_node *n)
{
	return slice_of(container_of(n, struct sio_socket, node)->id, SIO_ID_LEN);
}

struct sio_server *sio_server_new(struct loop *l, const struct sio_config *cfg, const struct sio_namespace *nsps,
                                  size_t n)
{
	struct sio_server *srv = NEW(struct sio_server);
	assert(cfg->limits.max_attachments <= 16 && n <= 32);
	srv->loop = l;
	srv->cfg = *cfg;
	srv->nsps = nsps;
	srv->nnsps = n;
	map_init(&srv->sockets, socket_key);
	srv->eio = eio_server_new(l, &cfg->eio, &sio_session_events, srv);
	return srv;
}

void sio_server_free(struct sio_server **psrv)
{
	struct sio_server *srv = *psrv;
	*psrv = NULL;
	if (!srv)
		return;
	eio_server_free(&srv->eio);
	map_fini(&srv->sockets);
	free(srv);
}

const struct sio_stats *sio_server_stats(struct sio_server *srv)
{
	const struct eio_stats *e = eio_server_stats(srv->eio);
	struct sio_stats *out = &srv->stats;
	out->sessions = e->sessions;
	out->guests = e->guests;
	out->sessions_opened = e->opened;
	out->websockets = e->websockets;
	out->upgrades = e->upgrades;
	out->packets_out = e->packets_out;
	memcpy(out->refused, e->refused, sizeof out->refused);
	memcpy(out->lost, e->lost, sizeof out->lost);
	memcpy(out->session_closed, e->closed, sizeof out->session_closed);
	return out;
}

bool sio_wants(const struct sio_server *srv, const struct http_exchange *x)
{
	return eio_wants(srv->eio, http_head(x)->path);
}

void sio_handle(struct sio_server *srv, struct http_exchange *x)
{
	eio_handle(srv->eio, x);
}

void sio_refuse_new(struct sio_server *srv)
{
	eio_refuse_new(srv->eio);
}

size_t sio_drain_some(struct sio_server *srv, size_t n, uint64_t linger_ms)
{
	return eio_drain_some(srv->eio, n, linger_ms);
}
