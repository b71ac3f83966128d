/*
 * An Engine.IO packet on its way out: shared, encoded at most once per wire form.
 *
 * Text packets need one allocation for both forms:
 *
 *   blob:  [ WebSocket frame head ][ '4' data ... ]
 *          |<------ websocket form ------------->|
 *                                 |<- polling -->|
 *
 * A binary message is a binary frame on WebSocket; its base64 form (polling, or b64 on WebSocket, E6) is made when the first
 * receiver needs it.
 */
#ifndef EIO_PACKET_H
#define EIO_PACKET_H

#include "base/blob.h"

struct packet {
	uint32_t refs;
	uint32_t head; /* size of the frame head in wire */
	bool binary;
	struct blob *wire; /* WebSocket form; behind head the polling form when text */
	struct blob *
		b64_frame; /* binary only: text frame of 'b' + base64, made on first use; serves both forms as wire does */
	uint32_t b64_head;
};

struct packet *packet_text(char type, struct slice data); /* type '0'..'6' */
struct packet *packet_binary(struct slice data);
static inline struct packet *packet_ref(struct packet *p)
{
	p->refs++;
	return p;
}
void packet_unref(struct packet **p);
struct blob *packet_frame(struct packet *p, bool b64);      /* WebSocket form, borrowed */
struct blob *packet_polling(struct packet *p, size_t *off); /* polling form: from *off to the end, borrowed */
size_t packet_size(const struct packet *p);                 /* bytes it adds to a queue */

#endif
