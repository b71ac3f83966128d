/*
 * Packets that go out, for code that builds one for which sio.h has no function.
 */
#ifndef SIO_ENCODE_H
#define SIO_ENCODE_H

#include "base/buf.h"
#include "sio/sio.h"

/* Type, number of attachments and namespace: everything before the id of an ack. */
void sio_put_head(struct buf *out, char type, unsigned attachments, const char *nsp);
struct packet *sio_packet_of(struct buf *text); /* the Engine.IO message with this text, which is freed */

#endif
