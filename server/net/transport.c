/*
 * Plain TCP: recv, send and sendmsg with the outcomes of transport.h. Called by conn.c; tls.c is the other transport.
 */
#include "net/transport.h"

#include <errno.h>
#include <sys/socket.h>

static ssize_t plain_outcome(ssize_t n)
{
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? TRANSPORT_AGAIN : TRANSPORT_BROKEN;
}

ssize_t plain_read(int fd, char *p, size_t n)
{
	ssize_t got = recv(fd, p, n, 0);
	return got == 0 ? TRANSPORT_EOF : plain_outcome(got);
}

ssize_t plain_writev(int fd, const struct iovec *iov, int n)
{
	if (n == 1) /* most are, and an array of parts takes the kernel a tenth longer */
		return plain_outcome(send(fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL));
	struct msghdr m = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};
	return plain_outcome(sendmsg(fd, &m, MSG_NOSIGNAL));
}
