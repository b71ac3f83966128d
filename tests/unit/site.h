/*
 * A Socket.IO server with an application on one end of a pair, and a client that speaks WebSocket on the other. It
 * shows what the wire tests cannot: echo-server accepts everybody at once and ends nobody. What the application was
 * told and what the client got is text.
 */
#ifndef UNIT_SITE_H
#define UNIT_SITE_H

#include "sio/sio.h"

#include "pair.h"

struct site {
	struct pair pair;
	struct sio_server *sio;
	struct http_config http;
	struct sio_socket *socket; /* the last one that connected */
	struct buf log, got;       /* calls of the application; bytes that the client got */
	bool gone_inside;          /* on_disconnect came inside of a call of the test's */
	bool inside;
	bool accepting; /* every socket, at once */
	void (*heard)(struct site *t, struct sio_socket *s,
	              const struct sio_event *ev); /* behind the name; may be NULL */
};

static void on_connect(struct sio_socket *s, struct slice auth, unsigned flaws, void *ctx)
{
	(void)flaws;
	struct site *t = *(struct site **)ctx;
	t->socket = s;
	buf_str(&t->log, "connect ");
	buf_slice(&t->log, auth);
	buf_char(&t->log, '\n');
	if (t->accepting)
		sio_accept(s, slice_of("", 0));
}

static void on_event(struct sio_socket *s, const struct sio_event *ev, void *ctx)
{
	struct site *t = *(struct site **)ctx;
	buf_str(&t->log, "event ");
	buf_slice(&t->log, ev->name);
	if (t->heard)
		t->heard(t, s, ev);
	buf_char(&t->log, '\n');
}

static void on_disconnect(struct sio_socket *s, enum close_reason why, void *ctx)
{
	struct site *t = *(struct site **)ctx;
	t->gone_inside |= t->inside;
	if (t->socket == s)
		t->socket = NULL;
	buf_printf(&t->log, "gone %s\n", close_label(why));
}

static void on_fence(struct sio_socket *s, uint64_t value, void *ctx)
{
	(void)s;
	buf_printf(&(*(struct site **)ctx)->log, "fence %llu\n", (unsigned long long)value);
}

static struct site *site_now; /* of the test that runs */
static const struct sio_namespace namespaces[] = {
	{"/", on_connect, on_event, on_disconnect, on_fence, &site_now, &site_now},
	{"/a", on_connect, on_event, on_disconnect, on_fence, &site_now, &site_now},
	{"/b", on_connect, on_event, on_disconnect, on_fence, &site_now, &site_now},
};

static void on_head(struct http_exchange *x, void *ctx)
{
	struct site *t = ctx;
	if (sio_wants(t->sio, x))
		sio_handle(t->sio, x);
	else
		http_respond(x, &(struct http_reply){.status = 404, .close = http_head(x)->upgrade});
}

static const struct http_events routes = {.on_head = on_head};

static inline void start(struct site *t, struct sio_config cfg)
{
	*t = (struct site){.http = {.max_head = 16384, .max_body = 65536}};
	site_now = t;
	pair_open(&t->pair);
	cfg.eio.path = "/socket.io/";
	cfg.eio.polling = cfg.eio.websocket = true;
	t->sio = sio_server_new(t->pair.loop, &cfg, namespaces, ARRAY_LEN(namespaces));
	http_serve(t->pair.conn, &t->http, &routes, t);
}

static inline void finish(struct site *t)
{
	CHECK(!t->gone_inside);
	sio_server_free(&t->sio);
	pair_close(&t->pair);
	buf_fini(&t->log);
	buf_fini(&t->got);
}

static inline void put_text(struct buf *b, const char *text)
{
	size_t n = strlen(text);
	CHECK(n < 126);
	buf_char(b, (char)0x81);
	buf_char(b, (char)(0x80 | n));
	buf_add(b, "\0\0\0\0", 4); /* a mask that changes nothing */
	buf_add(b, text, n);
}

/* The frames that arrived, each a line. */
static inline void read_frames(struct site *t)
{
	struct buf *in = &t->pair.got;
	while (in->n >= 2) {
		const unsigned char *p = (const unsigned char *)in->p;
		size_t ext = p[1] == 126 ? 2 : 0, n = ext ? (size_t)(p[2] << 8 | p[3]) : p[1];
		if (in->n < 2 + ext + n)
			break;
		if (p[0] == 0x88)
			buf_str(&t->got, "Close");
		else
			buf_slice(&t->got, slice_of(in->p + 2 + ext, n));
		buf_char(&t->got, '\n');
		buf_drop(in, 2 + ext + n);
	}
	if (t->pair.eof)
		buf_str(&t->got, "FIN\n");
}

static inline void turn(struct site *t)
{
	pair_turn(&t->pair);
	pair_read(&t->pair);
	read_frames(t);
}

static inline void say(struct site *t, const char *const *texts, size_t n)
{
	struct buf b = {0};
	for (size_t i = 0; i < n; i++)
		put_text(&b, texts[i]);
	CHECK_INT(send(t->pair.fd, b.p, b.n, MSG_NOSIGNAL), b.n);
	buf_fini(&b);
	turn(t);
}
#define SAY(t, ...) \
	say(t, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* The calls to both since the last time; an id of a socket reads as ID. */
static inline void expect(struct site *t, const char *app, const char *client)
{
	for (char *at = t->got.p, *end = at + t->got.n;
	     t->got.n && (at = memmem(at, (size_t)(end - at), "\"sid\":\"", 7));) {
		memmove(at + 9, at + 7 + SIO_ID_LEN, (size_t)(end - at) - 7 - SIO_ID_LEN);
		memcpy(at + 7, "ID", 2);
		end -= SIO_ID_LEN - 2;
		t->got.n = (size_t)(end - t->got.p);
		at += 9;
	}
	CHECK_SLICE(buf_view(&t->log), slice_str(app));
	CHECK_SLICE(buf_view(&t->got), slice_str(client));
	t->log.n = t->got.n = 0;
}

static inline struct sio_config ordinary(void)
{
	return (struct sio_config){.eio.limits = eio_default_limits, .limits = sio_default_limits};
}

static inline void say_http(struct site *t, const char *target, const char *headers)
{
	struct buf b = {0};
	buf_printf(&b, "GET %s HTTP/1.1\r\nHost: h\r\n%s\r\n", target, headers);
	pair_say(&t->pair, buf_view(&b));
	buf_fini(&b);
}

#define UPGRADE \
	"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

/* A session over a WebSocket, its open packet read. */
static inline void open_session(struct site *t, struct sio_config cfg)
{
	start(t, cfg);
	say_http(t, "/socket.io/?EIO=4&transport=websocket", UPGRADE);
	const char *end = memmem(t->pair.got.p, t->pair.got.n, "\r\n\r\n", 4);
	CHECK(end && memcmp(t->pair.got.p, "HTTP/1.1 101 ", 13) == 0);
	buf_drop(&t->pair.got, (size_t)(end + 4 - t->pair.got.p));
	read_frames(t);
	CHECK(t->got.n && t->got.p[0] == '0');
	t->got.n = 0;
}

/* The same, with a socket in the main namespace. */
static inline void open_socket(struct site *t, struct sio_config cfg)
{
	open_session(t, cfg);
	SAY(t, "40");
	CHECK(t->socket);
	sio_accept(t->socket, slice_of("", 0));
	turn(t);
	expect(t, "connect \n", "40{\"sid\":\"ID\"}\n");
}

#endif
