/*
 * The opening handshake: is it good, and what is the answer. Called by eio/server.c (ws_check) and ws.c.
 */
#include "ws/handshake.h"

#include "base/text.h"
#include <openssl/sha.h>

static bool good_key(struct slice key)
{
	struct buf raw = {0};
	bool good = key.n == 24 && base64_decode(&raw, key) && raw.n == 16;
	buf_fini(&raw);
	return good;
}

int ws_check(const struct http_exchange *x, const char **why)
{
	const struct http_head *h = http_head(x);
	struct slice v;
	*why = "Bad handshake method";
	if (h->method != HTTP_GET)
		return 400;
	*why = "Bad request";
	if (h->http10 || !h->upgrade_websocket)
		return 400;
	*why = "Missing or invalid Sec-WebSocket-Key header";
	if (!http_header(x, "sec-websocket-key", &v) || !good_key(v))
		return 400;
	*why = "Missing or invalid Sec-WebSocket-Version header";
	if (!http_header(x, "sec-websocket-version", &v) || !slice_eq(v, SLICE("13")))
		return 400;
	*why = NULL;
	return 0;
}

void ws_accept_value(struct buf *out, struct slice key)
{
	unsigned char digest[SHA_DIGEST_LENGTH];
	struct buf text = {0};
	buf_slice(&text, key);
	buf_str(&text, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
	SHA1((const unsigned char *)text.p, text.n, digest);
	buf_fini(&text);
	base64_encode(out, slice_of(digest, sizeof digest));
}

/* W3: the first subprotocol that was offered; empty when none was. */
static struct slice first_protocol(const struct http_exchange *x)
{
	struct slice v = {0};
	if (!http_header(x, "sec-websocket-protocol", &v))
		return v;
	const char *comma = memchr(v.p, ',', v.n);
	if (comma)
		v.n = (size_t)(comma - v.p);
	return slice_trim(v, " \t");
}

/* W1: the spelling matters. dart:io and OkHttp compare whole values; Starscream compares names with their case. */
void ws_accept_head(struct buf *out, const struct http_exchange *x, struct slice headers)
{
	struct slice key = {0};
	http_header(x, "sec-websocket-key", &key);
	buf_str(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	             "Sec-WebSocket-Accept: ");
	ws_accept_value(out, key);
	buf_str(out, "\r\n");
	struct slice protocol = first_protocol(x);
	if (protocol.n) {
		buf_str(out, "Sec-WebSocket-Protocol: ");
		buf_slice(out, protocol);
		buf_str(out, "\r\n");
	}
	buf_slice(out, headers);
	buf_str(out, "\r\n");
}
