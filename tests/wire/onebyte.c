/*
 * Preloaded into the server for the second run of every row: recv() gives one byte at a time, so whatever reads the stream sees it cut at
 * every position. Writing byte by byte from outside does not do that: the kernel joins what the server has not fetched yet. Of a long
 * stretch only the edges are cut, the middle comes in one piece.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/types.h>

#define EDGE 700
#define FDS 65536

static unsigned short singles[FDS]; /* since the socket was last empty */
static unsigned long reads;

ssize_t recv(int fd, void *p, size_t n, int flags)
{
	static ssize_t (*real)(int, void *, size_t, int);
	if (!real)
		real = (ssize_t(*)(int, void *, size_t, int))dlsym(RTLD_NEXT, "recv");
	int waiting = 0;
	if (fd < 0 || fd >= FDS || ioctl(fd, FIONREAD, &waiting) != 0)
		return real(fd, p, n, flags);
	size_t give = 1;
	if (waiting <= 1)
		singles[fd] = 0;
	else if (singles[fd] < EDGE)
		singles[fd]++;
	else if (waiting > 2 * EDGE)
		give = (size_t)waiting - EDGE;
	ssize_t got = real(fd, p, n < give ? n : give, flags);
	reads += got == 1;
	return got;
}

__attribute__((destructor)) static void tell(void)
{
	fprintf(stderr, "onebyte: %lu\n", reads);
}
