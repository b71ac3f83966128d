/*
 * Packets of Socket.IO as text. Called by socket.c, receive.c and the product; each becomes one Engine.IO packet.
 */
#include "sio/encode.h"

#include "base/buf.h"

#define ROOM_AROUND 32 /* bytes of what stands around an event's name and data, mostly */

void sio_put_head(struct buf *out, char type, unsigned attachments, const char *nsp)
{
	buf_char(out, type);
	if (attachments)
		buf_printf(out, "%u-", attachments);
	if (strcmp(nsp, "/") != 0) { /* S2: the main namespace is never written; others are, with the comma */
		buf_str(out, nsp);
		buf_char(out, ',');
	}
}

struct packet *sio_packet_of(struct buf *text)
{
	struct packet *p = packet_text('4', buf_view(text));
	buf_fini(text);
	return p;
}

struct packet *sio_raw_event_packet(const char *nsp, struct slice array)
{
	struct buf b = {0};
	sio_put_head(&b, '2', 0, nsp);
	buf_slice(&b, array);
	return sio_packet_of(&b);
}

struct packet *sio_event_packet(const char *nsp, struct slice name, struct slice data)
{
	struct buf b = {0};
	buf_room(&b, name.n + data.n + ROOM_AROUND);
	sio_put_head(&b, '2', 0, nsp);
	buf_char(&b, '[');
	buf_json_str(&b, name);
	if (data.n) {
		buf_char(&b, ',');
		buf_slice(&b, data);
	}
	buf_char(&b, ']');
	return sio_packet_of(&b);
}
