/*
 * Socket.IO packets on their way out, for who builds one that sio.h has no function for.
 */
#ifndef SIO_ENCODE_H
#define SIO_ENCODE_H

#include "base/buf.h"
#include "sio/sio.h"

void sio_put_head(struct buf *out, char type, unsigned attachments, const char *nsp);
struct packet *sio_packet_of(struct buf *text); /* an Engine.IO message; frees the text */

#endif
