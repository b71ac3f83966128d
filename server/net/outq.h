/*
 * What a connection has yet to write: a ring of references to shared bytes. Embedded in its connection. Private to net/.
 */
#ifndef NET_OUTQ_H
#define NET_OUTQ_H

#include "base/blob.h"
#include <sys/uio.h>

#define OUTQ_IOV 64 /* parts in one write */

struct outq_part {
	struct blob *blob;
	uint32_t off, n;
};

struct outq {
	struct outq_part *parts;
	uint32_t head, count, cap;
	struct outq_part own[2]; /* the first two places live here, so that an ordinary send allocates nothing */
	size_t bytes;
};

void outq_init(struct outq *q);
void outq_push(struct outq *q, struct blob *b, size_t off, size_t n); /* takes a reference */
int outq_iov(const struct outq *q, struct iovec iov[OUTQ_IOV]);       /* the first parts, for writev; how many */
void outq_drop(struct outq *q, size_t n);                             /* n bytes were written */
void outq_clear(struct outq *q);

#endif
