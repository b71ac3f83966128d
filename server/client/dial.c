/*
 * URLs, names and sockets for client/. A connection is given to net/conn.c at once: until it is made the kernel takes
 * no bytes, which looks like a peer that is slow, and a refusal looks like a reset.
 */
#include "client/dial.h"

#include "base/mem.h"
#include "net/tls.h"
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct place {
	char *url, *host; /* host: with its port, where the URL has one */
	struct addrinfo *found;
	struct tls_context *tls; /* NULL: plain */
};

static struct place *place_wrong(struct place *p, char *error, size_t n, const char *why)
{
	snprintf(error, n, "%s: %s", p->url, why);
	place_free(&p);
	return NULL;
}

/* "host", "host:port" or "[v6]:port" in two. */
static void place_split(struct place *p, char **host, const char **port)
{
	const char *from = p->host, *end = NULL;
	if (*from == '[' && (end = strchr(from, ']'))) {
		*host = mem_strndup(from + 1, (size_t)(end - from - 1));
		end++;
	} else {
		end = from + strcspn(from, ":");
		*host = mem_strndup(from, (size_t)(end - from));
	}
	*port = *end == ':' ? end + 1 : NULL;
}

static const char *place_find(struct place *p, const char *host, const char *port, bool secure)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	int failed = getaddrinfo(host, port ? port : secure ? "443" : "80", &hints, &p->found);
	return failed ? gai_strerror(failed) : NULL;
}

struct place *place_new(const char *url, char *error, size_t n)
{
	struct place *p = NEW(struct place);
	bool secure = strncmp(url, "https://", 8) == 0;
	p->url = mem_strndup(url, strlen(url));
	if (!secure && strncmp(url, "http://", 7) != 0)
		return place_wrong(p, error, n, "a URL of an edge begins with http:// or https://");
	const char *from = url + (secure ? 8 : 7);
	size_t host_n = strcspn(from, "/");
	p->host = mem_strndup(from, host_n);
	if (from[host_n] && from[host_n + 1])
		return place_wrong(p, error, n, "a URL of an edge has no path");
	char *host = NULL;
	const char *port = NULL;
	place_split(p, &host, &port);
	const char *wrong = place_find(p, host, port, secure);
	if (!wrong && secure && !(p->tls = tls_context_to(host, error, n)))
		place_free(&p);
	free(host);
	return wrong ? place_wrong(p, error, n, wrong) : p;
}

void place_free(struct place **pp)
{
	struct place *p = *pp;
	*pp = NULL;
	if (!p)
		return;
	if (p->found)
		freeaddrinfo(p->found);
	tls_context_unref(&p->tls);
	free(p->url);
	free(p->host);
	free(p);
}

const char *place_url(const struct place *p)
{
	return p->url;
}

const char *place_host(const struct place *p)
{
	return p->host;
}

struct conn *place_dial(const struct place *p, struct loop *l, struct conn_budget *b, const char **error)
{
	int fd = socket(p->found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && (connect(fd, p->found->ai_addr, p->found->ai_addrlen) == 0 || errno == EINPROGRESS))
		return conn_new(l, b, fd, p->tls, p->host);
	*error = strerror(errno);
	if (fd >= 0)
		close(fd);
	return NULL;
}
