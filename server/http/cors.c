/*
 * Cross-origin headers. Called by eio/ for each of its answers.
 */
#include "http/cors.h"

bool http_origin_listed(const char *list, struct slice origin)
{
	for (const char *p = list; *p;) {
		size_t n = strcspn(p, ",");
		if (slice_eq(slice_trim(slice_of(p, n), " "), origin))
			return true;
		p += n + (p[n] == ',');
	}
	return false;
}

bool http_cors_is_on(const char *allowed)
{
	return allowed && *allowed;
}

static void put_line(struct buf *headers, const char *name, struct slice value)
{
	buf_str(headers, name);
	buf_str(headers, ": ");
	buf_slice(headers, value);
	buf_str(headers, "\r\n");
}

void http_cors_put(struct buf *headers, const char *allowed, const struct http_exchange *x)
{
	struct slice origin;
	if (!http_cors_is_on(allowed))
		return;
	if (strcmp(allowed, "*") == 0) {
		put_line(headers, "Access-Control-Allow-Origin", SLICE("*"));
		return;
	}
	put_line(headers, "Vary", SLICE("Origin")); /* without it a cache hands one origin's answer to another */
	if (!http_header(x, "origin", &origin) || !http_origin_listed(allowed, origin))
		return;
	put_line(headers, "Access-Control-Allow-Origin", origin);
	put_line(headers, "Access-Control-Allow-Credentials", SLICE("true"));
}

void http_cors_put_preflight(struct buf *headers, const char *methods, const struct http_exchange *x)
{
	struct slice asked;
	put_line(headers, "Access-Control-Allow-Methods", slice_str(methods));
	put_line(headers, "Vary", SLICE("Access-Control-Request-Headers"));
	if (http_header(x, "access-control-request-headers", &asked))
		put_line(headers, "Access-Control-Allow-Headers", asked);
	put_line(headers, "Access-Control-Max-Age", SLICE("600"));
}
