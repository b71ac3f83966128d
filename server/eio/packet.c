/*
 * Packets that go out, and their wire forms. Called by eio/, sio/encode.c and the product; freed by the last receiver.
 */
#include "eio/packet.h"

#include "base/mem.h"
#include "base/text.h"
#include "ws/ws.h"

static struct blob *frame_new(unsigned opcode, struct slice a, struct slice b, uint32_t *head_n)
{
	char head[WS_HEAD_MAX];
	size_t n = ws_frame_head(head, opcode, a.n + b.n);
	struct blob *wire = blob_new(n + a.n + b.n);
	memcpy(wire->p, head, n);
	if (a.n)
		memcpy(wire->p + n, a.p, a.n);
	if (b.n)
		memcpy(wire->p + n + a.n, b.p, b.n);
	*head_n = (uint32_t)n;
	return wire;
}

struct packet *packet_text(char type, struct slice data)
{
	struct packet *p = NEW(struct packet);
	p->refs = 1;
	p->wire = frame_new(WS_TEXT, slice_of(&type, 1), data, &p->head);
	return p;
}

struct packet *packet_binary(struct slice data)
{
	struct packet *p = NEW(struct packet);
	p->refs = 1;
	p->binary = true;
	p->wire = frame_new(WS_BINARY, data, slice_of("", 0), &p->head);
	return p;
}

void packet_unref(struct packet **p)
{
	struct packet *gone = *p;
	*p = NULL;
	if (!gone || --gone->refs)
		return;
	blob_unref(&gone->wire);
	blob_unref(&gone->b64_frame);
	free(gone);
}

size_t packet_size(const struct packet *p)
{
	return p->wire->n;
}

static void make_b64(struct packet *p)
{
	if (p->b64_frame)
		return;
	struct buf text = {0};
	buf_char(&text, 'b');
	base64_encode(&text, slice_of(p->wire->p + p->head, p->wire->n - p->head));
	p->b64_frame = frame_new(WS_TEXT, buf_view(&text), slice_of("", 0), &p->b64_head);
	buf_fini(&text);
}

struct blob *packet_frame(struct packet *p, bool b64)
{
	if (!p->binary || !b64)
		return p->wire;
	make_b64(p);
	return p->b64_frame;
}

struct blob *packet_polling(struct packet *p, size_t *off)
{
	if (p->binary)
		make_b64(p);
	*off = p->binary ? p->b64_head : p->head;
	return p->binary ? p->b64_frame : p->wire;
}
