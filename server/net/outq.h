/*
 * The bytes that a connection has yet to write: references to parts of blobs, in order. Embedded in the connection.
 * Private to net/.
 *
 * The first part is in the struct itself, so an ordinary send allocates nothing. The ring exists while more than one
 * part waits. The holder is charged for each part, from outq_push until it is written or cleared away.
 */
#ifndef NET_OUTQ_H
#define NET_OUTQ_H

#include "net/holder.h"
#include <sys/uio.h>

#define OUTQ_IOV 64 /* parts in one write */

struct outq_part {
	struct blob *blob;
	uint32_t off, n;
};

struct outq_ring {
	size_t bytes;
	uint32_t head, count, cap;
	struct outq_part parts[];
};

/* Zeroed is empty. */
struct outq {
	struct outq_part first; /* its blob is NULL: none */
	struct outq_ring *rest; /* the parts behind it; NULL: none */
};

static inline size_t outq_bytes(const struct outq *q)
{
	return q->first.n + (q->rest ? q->rest->bytes : 0);
}

static inline uint32_t outq_count(const struct outq *q)
{
	return (q->first.blob != NULL) + (q->rest ? q->rest->count : 0);
}

void outq_push(struct outq *q, struct holder *h, struct blob *b, size_t off, size_t n); /* takes a reference */
int outq_iov(const struct outq *q, struct iovec iov[OUTQ_IOV]); /* the first parts, for writev; how many there are */
void outq_drop(struct outq *q, struct holder *h, size_t n);     /* n bytes were written */
void outq_clear(struct outq *q, struct holder *h);

#endif
