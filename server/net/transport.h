/*
 * How the bytes of a connection cross its descriptor: plain or by TLS. Private to net/.
 */
#ifndef NET_TRANSPORT_H
#define NET_TRANSPORT_H

#include "net/tls.h"
#include <sys/types.h>
#include <sys/uio.h>

enum { TRANSPORT_AGAIN = -1, TRANSPORT_EOF = -2, TRANSPORT_BROKEN = -3 };

struct tls;

/* The bytes that were moved, or one of the above. TLS may have to write before it can read, and the other way round;
 * *wants_other says so. */
ssize_t plain_read(int fd, char *p, size_t n);
ssize_t plain_writev(int fd, const struct iovec *iov, int n, char *scratch, size_t scratch_n);

struct tls *tls_new(struct tls_context *ctx, int fd); /* the context is referenced until tls_free */
void tls_free(struct tls **t);
ssize_t tls_read(struct tls *t, char *p, size_t n, bool *wants_other);
ssize_t tls_writev(struct tls *t, const struct iovec *iov, int n, char *scratch, size_t scratch_n, bool *wants_other);
bool tls_established(const struct tls *t); /* the handshake was completed */
bool tls_pending(const struct tls *t);     /* it has decrypted bytes, which poll does not report */
void tls_shutdown(struct tls *t);          /* sends close_notify, if it can */

/* Copies the first bytes of the parts, as many as fit. How many they are. */
size_t transport_gather(const struct iovec *iov, int n, char *scratch, size_t scratch_n);

#endif
