/*
 * An Engine.IO packet that goes out: shared by its receivers, and encoded once for each wire form that a receiver
 * needs.
 *
 * A text packet has both forms in one blob:
 *
 *   blob:  [ WebSocket frame head ][ '4' data ... ]
 *          |<------ websocket form ------------->|
 *                                 |<- polling -->|
 *
 * A binary message is a binary frame on a WebSocket. Its base64 form, for polling and for WebSockets that asked for b64
 * (E6), is made when the first receiver needs it.
 *
 * A packet begins with one reference, its maker's.
 */
#ifndef EIO_PACKET_H
#define EIO_PACKET_H

#include "base/blob.h"

struct packet {
	uint32_t refs;
	uint32_t head; /* size of the frame's head in wire */
	bool binary;
	struct blob *wire; /* the WebSocket form; of text also the polling form, behind head */
	struct blob
		*b64_frame; /* of a binary packet: text frame of 'b' and base64, used as wire is; NULL until needed */
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
struct blob *packet_frame(struct packet *p, bool b64);      /* the WebSocket form, borrowed */
struct blob *packet_polling(struct packet *p, size_t *off); /* the polling form, borrowed: from *off to the end */
size_t packet_size(const struct packet *p);                 /* bytes that it adds to a queue */

#endif
