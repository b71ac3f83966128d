/*
 * The address of a client behind trusted proxies. Called by eio/ for every handshake.
 */
#include "http/forwarded.h"

/* Reads one line of X-Forwarded-For from the right: each proxy appends the address that it saw, so a lie of the client
 * stands further left. False: *client is the client's. True: all addresses of the line are trusted, and a line before
 * this one decides. */
static bool step_back(struct slice *client, struct slice line, const struct address_list *trusted)
{
	while (line.n) {
		const char *comma = memrchr(line.p, ',', line.n);
		struct slice part = comma ? slice_of(comma + 1, line.n - (size_t)(comma + 1 - line.p)) : line;
		line = comma ? slice_of(line.p, (size_t)(comma - line.p)) : (struct slice){0};
		part = address_host(slice_trim(part, " \t"));
		if (part.n == 0 || part.n > ADDRESS_TEXT_MOST)
			return false;
		*client = part;
		if (!address_list_has(trusted, part))
			return false;
	}
	return true;
}

struct slice http_client(const struct http_exchange *x, const struct address_list *trusted)
{
	struct slice client = slice_str(conn_peer(http_conn(x))), line;
	bool more = address_list_has(trusted, client);
	/* A proxy may append a line of its own instead of an address. */
	for (unsigned i = 0; more && http_header_back(x, "x-forwarded-for", i, &line); i++)
		more = step_back(&client, line, trusted);
	return client;
}
