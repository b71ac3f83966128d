/*
 * echo-server: the protocol layers without the product. The wire tests speak to it; it is also the smallest use of
 * sio.h and eio.h.
 *
 *   /engine.io/          raw Engine.IO: text and binary messages come back
 *   /socket.io/          namespaces / and /custom emit `auth` with the payload of CONNECT;
 *                        `message` comes back as `message-back`, `message-with-ack` as its ack, with the same arguments
 */
#include "base/mem.h"
#include "base/number.h"
#include "eio/eio.h"
#include "net/listener.h"
#include "sio/encode.h"
#include "sio/sio.h"
#include <ev.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>

struct echo {
	struct loop *loop;
	struct conn_budget budget;
	struct http_config http;
	struct eio_server *eio;
	struct sio_server *sio;
	struct listener *listener;
};

struct options {
	const char *host, *cors;
	uint64_t port, max_payload;
	struct eio_limits limits;
	uint64_t connect_timeout_ms;
};

/* ---- Engine.IO ---- */

static void eio_opened(struct eio_session *s, struct slice authorization, void *ctx)
{
	(void)authorization;
	(void)s, (void)ctx;
}

static void eio_echo(struct eio_session *s, bool binary, struct slice data, void *ctx)
{
	(void)ctx;
	struct packet *p = binary ? packet_binary(data) : packet_text('4', data);
	eio_settle(s);
	eio_send(s, p);
	packet_unref(&p);
}

static void eio_closed(struct eio_session *s, enum close_reason why, void *ctx)
{
	(void)ctx;
	log_debug(eio_ident(s), "closed", LS("reason", close_label(why)));
}

static const struct eio_events engine_echo = {.on_open = eio_opened, .on_message = eio_echo, .on_close = eio_closed};

/* ---- Socket.IO ---- */

static void sio_connected(struct sio_socket *s, struct slice auth, unsigned flaws, void *ctx)
{
	(void)flaws;
	sio_settle(s);
	sio_accept(s, slice_of("", 0));
	struct packet *p = sio_event_packet(ctx, SLICE("auth"), auth.n ? auth : SLICE("{}"));
	sio_send(s, p);
	packet_unref(&p);
}

/* The arguments behind the name, as they were sent. */
static void put_args(struct buf *out, const struct sio_event *ev)
{
	for (size_t i = 0; i < ev->nargs; i++) {
		if (i)
			buf_char(out, ',');
		buf_slice(out, ev->args[i]);
	}
}

static void send_with_attachments(struct sio_socket *s, struct buf *text, const struct sio_event *ev)
{
	struct packet *header = sio_packet_of(text), *attachments[16];
	for (unsigned i = 0; i < ev->nattachments; i++)
		attachments[i] = packet_binary(ev->attachments[i]);
	sio_send_binary(s, header, attachments, ev->nattachments);
	packet_unref(&header);
	for (unsigned i = 0; i < ev->nattachments; i++)
		packet_unref(&attachments[i]);
}

static void sio_echo(struct sio_socket *s, const struct sio_event *ev, void *ctx)
{
	bool back = slice_eq(ev->name, SLICE("message")),
	     ack = slice_eq(ev->name, SLICE("message-with-ack")) && ev->wants_ack;
	if (!back && !ack)
		return;
	struct buf text = {0};
	bool binary = ev->nattachments > 0;
	sio_put_head(&text, back ? binary ? '5' : '2' : binary ? '6' : '3', ev->nattachments, ctx);
	if (ack)
		buf_u64(&text, ev->ack_id);
	buf_str(&text, back ? "[\"message-back\"" : "[");
	if (back && ev->nargs)
		buf_char(&text, ',');
	put_args(&text, ev);
	buf_char(&text, ']');
	send_with_attachments(s, &text, ev);
}

static void sio_gone(struct sio_socket *s, enum close_reason why, void *ctx)
{
	(void)ctx;
	log_debug(sio_ident(s), "disconnected", LS("reason", close_label(why)));
}

static const struct sio_namespace namespaces[] = {
	{.name = "/",
         .on_connect = sio_connected,
         .on_event = sio_echo,
         .on_disconnect = sio_gone,
         .ctx = "/",
         .event_ctx = "/"},
	{.name = "/custom",
         .on_connect = sio_connected,
         .on_event = sio_echo,
         .on_disconnect = sio_gone,
         .ctx = "/custom",
         .event_ctx = "/custom"},
};

/* ---- HTTP ---- */

static void echo_route(struct http_exchange *x, void *ctx)
{
	struct echo *e = ctx;
	if (eio_wants(e->eio, http_head(x)->path))
		eio_handle(e->eio, x);
	else if (sio_wants(e->sio, x))
		sio_handle(e->sio, x);
	else
		http_respond(x, &(struct http_reply){.status = 404, .close = http_head(x)->upgrade});
}

static const struct http_events http_routes = {.on_head = echo_route};

static void echo_on_conn(struct conn *c, void *ctx)
{
	struct echo *e = ctx;
	http_serve(c, &e->http, &http_routes, e);
}

/* ---- start and stop ---- */

static int echo_usage(const char *name)
{
	fprintf(stderr,
	        "usage: %s [--host 127.0.0.1] [--port 3001] [--ping-interval ms] [--ping-timeout ms]\n"
	        "       [--connect-timeout ms] [--upgrade-timeout ms] [--linger ms] [--max-payload bytes] [--cors origin] [--log level]\n"
	        "Port 0 lets the kernel choose; `listening port=N` on stdout tells.\n",
	        name);
	return 2;
}

/* One of text and number says where the value goes; neither: it is the level of the log. */
struct echo_option {
	const char *name;
	uint64_t *number;
	uint64_t most;
	const char **text;
};

static bool option_take(const struct echo_option *o, const char *value)
{
	if (o->text)
		*o->text = value;
	else if (o->number)
		return u64_parse(slice_str(value), o->number) && *o->number <= o->most;
	else
		return log_level_parse(slice_str(value), &log_threshold);
	return true;
}

static int parse_options(int argc, char **argv, struct options *o)
{
	const struct echo_option known[] = {
		{.name = "host", .text = &o->host},
		{.name = "port", .number = &o->port, .most = 65535},
		{.name = "ping-interval", .number = &o->limits.ping_interval_ms, .most = INT32_MAX},
		{.name = "ping-timeout", .number = &o->limits.ping_timeout_ms, .most = INT32_MAX},
		{.name = "connect-timeout", .number = &o->connect_timeout_ms, .most = INT32_MAX},
		{.name = "upgrade-timeout", .number = &o->limits.upgrade_timeout_ms, .most = INT32_MAX},
		{.name = "linger", .number = &o->limits.linger_ms, .most = INT32_MAX},
		{.name = "max-payload", .number = &o->max_payload, .most = INT32_MAX},
		{.name = "cors", .text = &o->cors},
		{.name = "log"},
	};
	struct option names[ARRAY_LEN(known) + 1] = {{0}};
	int i;
	for (size_t k = 0; k < ARRAY_LEN(known); k++)
		names[k] = (struct option){known[k].name, required_argument, NULL, (int)k};
	while ((i = getopt_long(argc, argv, "", names, NULL)) != -1)
		if (i == '?' || !option_take(&known[i], optarg))
			return echo_usage(argv[0]);
	return optind == argc ? 0 : echo_usage(argv[0]);
}

static void echo_on_signal(struct ev_loop *ev, ev_signal *w, int revents)
{
	(void)ev, (void)revents;
	loop_stop(w->data);
}

static bool echo_start(struct echo *e, const struct options *o)
{
	e->budget = (struct conn_budget){.max_queue_bytes = 1 << 20,
	                                 .max_queue_items = 16384,
	                                 .max_total_bytes = 256 << 20,
	                                 .max_input_bytes = 64 << 20};
	e->http = (struct http_config){.max_head = 16384,
	                               .max_body = 65536,
	                               .head_timeout_ms = 60000,
	                               .request_timeout_ms = 300000,
	                               .idle_timeout_ms = 65000};
	struct eio_config eio = {.path = "/engine.io/",
	                         .limits = o->limits,
	                         .budget = &e->budget,
	                         .cors_origin = o->cors,
	                         .polling = true,
	                         .websocket = true};
	eio.limits.max_payload = (size_t)o->max_payload;
	struct sio_config sio = {.eio = eio, .limits = sio_default_limits};
	sio.eio.path = "/socket.io/";
	sio.limits.connect_timeout_ms = o->connect_timeout_ms;
	e->loop = loop_new();
	e->eio = eio_server_new(e->loop, &eio, &engine_echo, e);
	e->sio = sio_server_new(e->loop, &sio, namespaces, ARRAY_LEN(namespaces));
	char *address = mem_printf("%s:%u", o->host, (unsigned)o->port);
	struct listener_config listen = {.address = address, .backlog = 1024, .accepts_per_turn = 64};
	const char *error = NULL;
	e->listener = listener_new(e->loop, &e->budget, &listen, echo_on_conn, e, &error);
	if (!e->listener)
		fprintf(stderr, "cannot listen on %s: %s\n", address, error);
	free(address);
	return e->listener != NULL;
}

int main(int argc, char **argv)
{
	mem_for_libraries();
	struct options o = {.host = "127.0.0.1",
	                    .port = 3001,
	                    .limits = eio_default_limits,
	                    .max_payload = eio_default_limits.max_payload,
	                    .connect_timeout_ms = sio_default_limits.connect_timeout_ms};
	o.limits.max_sessions = 20000;
	struct echo e = {0};
	if (parse_options(argc, argv, &o) != 0)
		return 2;
	bool listening = echo_start(&e, &o);
	ev_signal term, interrupt;
	if (listening) {
		ev_signal_init(&term, echo_on_signal, SIGTERM);
		ev_signal_init(&interrupt, echo_on_signal, SIGINT);
		term.data = interrupt.data = e.loop;
		ev_signal_start(loop_ev(e.loop), &term);
		ev_signal_start(loop_ev(e.loop), &interrupt);
		printf("listening port=%u\n", listener_port(e.listener));
		fflush(stdout);
		loop_run(e.loop);
		ev_signal_stop(loop_ev(e.loop), &term);
		ev_signal_stop(loop_ev(e.loop), &interrupt);
	}
	listener_free(&e.listener);
	sio_server_free(&e.sio);
	eio_server_free(&e.eio);
	conn_budget_kill_all(&e.budget, CLOSE_SHUTDOWN);
	loop_settle(e.loop);
	loop_free(&e.loop);
	return listening ? 0 : 1;
}
