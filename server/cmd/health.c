#include "cmd/cmd.h"
#include "net/address.h"
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIMEOUT_S 2

static const char request[] = "GET /readyz HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/* Connects to the edge. Where the edge listens on every address (0.0.0.0, or none given), the loopback address reaches
 * it. */
static int dial(const char *address, const char **error)
{
	struct addrinfo *found = address_find(address, error);
	if (!found)
		return -1;
	struct timeval timeout = {.tv_sec = TIMEOUT_S};
	int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) == 0 &&
	            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0 &&
	            connect(fd, found->ai_addr, found->ai_addrlen) == 0;
	*error = errno == EINPROGRESS ? "no answer" : strerror(errno);
	freeaddrinfo(found);
	if (good)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Reads the first bytes of the answer, and terminates them. The status line is in them; the rest is not needed. */
static const char *ask(int fd, char *answer, size_t n)
{
	size_t have = 0;
	if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) != (ssize_t)sizeof request - 1)
		return "the request could not be sent";
	while (have < n - 1) {
		ssize_t got = recv(fd, answer + have, n - 1 - have, 0);
		if (got < 0)
			return errno == EAGAIN ? "no answer" : strerror(errno);
		if (got == 0)
			break;
		have += (size_t)got;
	}
	answer[have] = '\0';
	return NULL;
}

static int report(const char *answer)
{
	const char *body = strstr(answer, "\r\n\r\n");
	bool http = strncmp(answer, "HTTP/1.", 7) == 0 && strlen(answer) > 12;
	bool ready = http && strncmp(answer + 8, " 200", 4) == 0;
	if (!http)
		cmd_error("this is no HTTP answer");
	else if (!ready)
		cmd_error("not ready: %.3s %.*s", answer + 9, body ? (int)strcspn(body + 4, "\r\n") : 0,
		          body ? body + 4 : "");
	else
		puts("ready");
	return ready ? cmd_finish(EXIT_DONE) : EXIT_FAILED;
}

int cmd_health(int argc, char **argv)
{
	const char *file = NULL;
	const struct cmd_option options[] = {CMD_CONFIG(&file), {0}};
	int code;
	if (!cmd_options(options, "Asks for /readyz on BELLWIRE_ADMIN_LISTEN; done (0) means 200.\n", argc, argv,
	                 &code))
		return code;
	struct config c;
	if (!cmd_load(&c, file))
		return EXIT_FAILED;
	char answer[4096] = "";
	const char *error = "BELLWIRE_ADMIN_LISTEN is empty";
	int fd = c.admin_listen ? dial(c.admin_listen, &error) : -1;
	if (fd >= 0) {
		error = ask(fd, answer, sizeof answer);
		close(fd);
	}
	if (error)
		cmd_error("%s: %s", c.admin_listen ? c.admin_listen : "health", error);
	code = error ? EXIT_FAILED : report(answer);
	config_free(&c);
	return code;
}
