/*
 * How bytes cross a connection's descriptor: plain or TLS. Private to net/.
 */
#ifndef NET_TRANSPORT_H
#define NET_TRANSPORT_H

#include "net/tls.h"
#include <sys/types.h>
#include <sys/uio.h>

enum { TRANSPORT_AGAIN = -1, TRANSPORT_EOF = -2, TRANSPORT_BROKEN = -3 };

struct tls;

/* Bytes moved, or one of the above. With TLS a read may need the descriptor writable and the other way round: *wants_other says so. */
ssize_t plain_read(int fd, char *p, size_t n);
ssize_t plain_writev(int fd, const struct iovec *iov, int n);

struct tls *tls_new(struct tls_context *ctx, int fd); /* the context is referenced until tls_free */
void tls_free(struct tls **t);
ssize_t tls_read(struct tls *t, char *p, size_t n, bool *wants_other);
ssize_t tls_writev(struct tls *t, const struct iovec *iov, int n, char *scratch, size_t scratch_n, bool *wants_other);
bool tls_established(const struct tls *t); /* the handshake is over */
bool tls_pending(const struct tls *t);     /* decrypted bytes that no readiness will announce */
void tls_shutdown(struct tls *t);          /* close_notify, best effort */

#endif
