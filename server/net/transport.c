/*
 * Plain TCP: recv, send and sendmsg with the outcomes of transport.h. Called by conn.c; tls.c is the other transport.
 */
#include "net/transport.h"

#include <errno.h>
#include <string.h>
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

size_t transport_gather(const struct iovec *iov, int n, char *scratch, size_t scratch_n)
{
	size_t have = 0;
	for (int i = 0; i < n && have < scratch_n; i++) {
		size_t take = iov[i].iov_len < scratch_n - have ? iov[i].iov_len : scratch_n - have;
		memcpy(scratch + have, iov[i].iov_base, take);
		have += take;
	}
	return have;
}

/* The kernel takes a tenth longer for parts than for one run of bytes. */
ssize_t plain_writev(int fd, const struct iovec *iov, int n, char *scratch, size_t scratch_n)
{
	if (n == 1)
		return plain_outcome(send(fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL));
	size_t have = transport_gather(iov, n, scratch, scratch_n);
	if (have < scratch_n)
		return plain_outcome(send(fd, scratch, have, MSG_NOSIGNAL));
	struct msghdr m = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};
	return plain_outcome(sendmsg(fd, &m, MSG_NOSIGNAL));
}
