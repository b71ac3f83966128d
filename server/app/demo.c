/*
 * Serves the files of one directory, and nothing below it.
 */
#include "app/demo.h"
#include "base/mem.h"
#include "http/http.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "/demo/"
#define FILE_MAX (4u << 20)

/* The page may load its own files and talk to this server, and nothing else: injected markup could do no more. */
#define HEADERS                                                                                          \
	"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n" \
	"Content-Security-Policy: default-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'\r\n"

static const char *demo_type(struct slice name)
{
	static const struct {
		const char *end, *type;
	} types[] = {{".html", "text/html; charset=utf-8"},
	             {".css", "text/css"},
	             {".js", "text/javascript"},
	             {".json", "application/json"},
	             {".svg", "image/svg+xml"}};
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		size_t n = strlen(types[i].end);
		if (name.n > n && memcmp(name.p + name.n - n, types[i].end, n) == 0)
			return types[i].type;
	}
	return "application/octet-stream";
}

/* Whether it is a plain name of a file: no directory, no hidden file. */
static bool demo_name_valid(struct slice name)
{
	if (name.n == 0 || name.n > 64 || name.p[0] == '.')
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", name.p[i]))
			return false;
	return true;
}

static bool demo_read(const char *dir, struct slice name, struct buf *out)
{
	char *path = mem_printf("%s/%.*s", dir, (int)name.n, name.p);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	free(path);
	bool good = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_MAX;
	while (good) {
		ssize_t n = read(fd, buf_room(out, 65536), 65536);
		if (n <= 0) {
			good = n == 0;
			break;
		}
		out->n += (size_t)n;
	}
	if (fd >= 0)
		close(fd);
	return good;
}

bool demo_wants(const char *dir, struct slice path)
{
	return dir && *dir &&
	       (slice_starts(path, SLICE(PREFIX)) || slice_eq(path, SLICE("/demo")) || slice_eq(path, SLICE("/")));
}

void demo_handle(const char *dir, struct http_exchange *x)
{
	const struct http_head *h = http_head(x);
	struct buf body = {0};
	if (!slice_starts(h->path, SLICE(PREFIX))) {
		http_respond(x, &(struct http_reply){.status = 302, .headers = SLICE("Location: /demo/\r\n")});
		return;
	}
	struct slice name = slice_of(h->path.p + sizeof(PREFIX) - 1, h->path.n - (sizeof(PREFIX) - 1));
	if (name.n == 0)
		name = SLICE("index.html");
	if ((h->method == HTTP_GET || h->method == HTTP_HEAD) && demo_name_valid(name) && demo_read(dir, name, &body))
		http_respond(x, &(struct http_reply){.status = 200,
		                                     .content_type = demo_type(name),
		                                     .headers = SLICE(HEADERS),
		                                     .body = buf_view(&body)});
	else
		http_respond(x, &(struct http_reply){
					.status = 404, .content_type = "text/plain", .body = SLICE("not found\n")});
	buf_fini(&body);
}
