#include "http/client.h"

static struct slice trim(struct slice s)
{
	while (s.n && (*s.p == ' ' || *s.p == '\t'))
		s = slice_of(s.p + 1, s.n - 1);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

struct slice http_client(const struct http_exchange *x, const struct address_list *trusted)
{
	struct slice client = slice_str(conn_peer(http_conn(x))), rest;
	if (!address_list_has(trusted, client) || !http_header(x, "x-forwarded-for", &rest))
		return client;
	/* from the right: each proxy appended whom it saw; what a stranger wrote himself stands further left */
	while (rest.n) {
		const char *comma = memrchr(rest.p, ',', rest.n);
		struct slice part = comma ? slice_of(comma + 1, rest.n - (size_t)(comma + 1 - rest.p)) : rest;
		rest = comma ? slice_of(rest.p, (size_t)(comma - rest.p)) : (struct slice){0};
		part = trim(part);
		if (part.n == 0 || part.n >= 64)
			break;
		client = part;
		if (!address_list_has(trusted, client))
			break;
	}
	return client;
}
