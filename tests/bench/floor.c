/* What the kernel alone takes for the work: a server that does nothing but accept and send, on loopback as well.
 *
 *   floor CLIENTS PER-EVENT BYTES COUNT BURST
 *
 * accepts so many clients, then sends COUNT times BURST events of so many bytes to PER-EVENT of them, BURST of them in one
 * write, waiting after each until all has been read. Prints the CPU of the sender, in microseconds. */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

static void check(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

static double cpu_us(void)
{
	struct rusage r;
	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e6 +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

/* The clients: read what comes; a byte into the pipe when `step` bytes have come. */
static _Noreturn void reader(struct sockaddr_in at, int clients, size_t step, int pipe)
{
	static char buf[1 << 18];
	int epoll = epoll_create1(0);
	for (int i = 0; i < clients; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		check(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0, "connect");
		struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
		epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
	}
	for (size_t got = 0;;) {
		struct epoll_event e[256];
		int n = epoll_wait(epoll, e, 256, -1);
		for (int i = 0; i < n; i++) {
			ssize_t k = recv(e[i].data.fd, buf, sizeof buf, MSG_DONTWAIT);
			if (k == 0)
				exit(0); /* the sender is done */
			if (k > 0)
				got += (size_t)k;
		}
		if (got < step)
			continue;
		got -= step;
		check(write(pipe, "x", 1) == 1, "write");
	}
}

int main(int argc, char **argv)
{
	check(argc == 6, "floor CLIENTS PER-EVENT BYTES COUNT BURST");
	int clients = atoi(argv[1]), to = atoi(argv[2]), bytes = atoi(argv[3]), count = atoi(argv[4]),
	    burst = atoi(argv[5]), ends[2];
	struct rlimit r;
	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	check(bind(listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(listener, 4096) == 0 && pipe(ends) == 0,
	      "listen");
	getsockname(listener, (struct sockaddr *)&at, &(socklen_t){sizeof at});
	size_t len = (size_t)bytes * (size_t)burst;
	char *data = calloc(1, len);
	int *fds = calloc((size_t)clients, sizeof *fds);
	check(data && fds, "memory");
	pid_t child = fork();
	check(child >= 0, "fork");
	if (child == 0)
		reader(at, clients, (size_t)to * len, ends[1]);
	double begin = cpu_us();
	for (int i = 0; i < clients; i++) {
		fds[i] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		check(fds[i] >= 0, "accept");
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	}
	double accepted = cpu_us();
	for (int k = 0, next = 0; k < count; k++) {
		for (int i = 0; i < to; i++, next = (next + 1) % clients)
			check(send(fds[next], data, len, MSG_NOSIGNAL) == (ssize_t)len, "send");
		check(read(ends[0], data, 1) == 1, "read");
	}
	printf("{\"accept\":%.3f,\"delivery\":%.4f}\n", (accepted - begin) / clients,
	       (cpu_us() - accepted) / ((double)count * to * burst));
	for (int i = 0; i < clients; i++)
		close(fds[i]);
	waitpid(child, NULL, 0);
	return 0;
}
