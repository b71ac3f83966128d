/*
 * Lists of addresses and CIDR blocks, and addresses to listen on. Called with settings at start, and by
 * http/forwarded.c.
 */
#include "net/address.h"
#include "base/mem.h"
#include "base/number.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>

struct block {
	unsigned char bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
	unsigned bits;
};

struct address_list {
	size_t n;
	struct block blocks[];
};

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool parse_address(const char *text, unsigned char out[16], unsigned *bits)
{
	if (inet_pton(AF_INET6, text, out) == 1) {
		*bits = 128;
		return true;
	}
	memcpy(out, mapped, sizeof(mapped));
	*bits = 32;
	return inet_pton(AF_INET, text, out + 12) == 1;
}

static bool parse_block(char *text, struct block *b)
{
	char *slash = strchr(text, '/');
	unsigned full;
	uint64_t bits;
	if (slash)
		*slash++ = '\0';
	if (!parse_address(text, b->bytes, &full))
		return false;
	if (!slash)
		bits = full;
	else if (!u64_parse(slice_str(slash), &bits) || bits > full)
		return false;
	b->bits = 128 - full + (unsigned)bits;
	return true;
}

struct address_list *address_list_new(const char *text)
{
	char *copy = mem_strndup(text, strlen(text)), *save = NULL;
	struct address_list *l = NEW(struct address_list);
	for (char *part = strtok_r(copy, ", \t", &save); part; part = strtok_r(NULL, ", \t", &save)) {
		l = mem_realloc(l, sizeof(*l) + (l->n + 1) * sizeof(l->blocks[0]));
		if (!parse_block(part, &l->blocks[l->n++])) {
			free(l);
			l = NULL;
			break;
		}
	}
	free(copy);
	return l;
}

void address_list_free(struct address_list **l)
{
	free(*l);
	*l = NULL;
}

static bool in_block(const unsigned char a[16], const struct block *b)
{
	unsigned whole = b->bits / 8, rest = b->bits % 8;
	if (memcmp(a, b->bytes, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b->bytes[whole]) >> (8 - rest)) == 0;
}

static bool parse_slice(struct slice address, unsigned char out[16])
{
	char text[INET6_ADDRSTRLEN];
	unsigned bits;
	if (address.n >= sizeof(text))
		return false;
	memcpy(text, address.p, address.n);
	text[address.n] = '\0';
	return parse_address(text, out, &bits);
}

bool address_valid(struct slice text)
{
	unsigned char bytes[16];
	return parse_slice(text, bytes);
}

bool address_list_has(const struct address_list *l, struct slice address)
{
	unsigned char bytes[16];
	if (!l || !parse_slice(address, bytes))
		return false;
	for (size_t i = 0; i < l->n; i++)
		if (in_block(bytes, &l->blocks[i]))
			return true;
	return false;
}

struct slice address_host(struct slice entry)
{
	const char *colon = memchr(entry.p, ':', entry.n), *end = entry.p + entry.n;
	if (entry.n && entry.p[0] == '[') {
		const char *close = memchr(entry.p, ']', entry.n);
		bool port = close && (close + 1 == end || close[1] == ':');
		return port ? slice_of(entry.p + 1, (size_t)(close - entry.p - 1)) : entry;
	}
	bool one = colon && !memchr(colon + 1, ':', (size_t)(end - colon - 1));
	return one ? slice_of(entry.p, (size_t)(colon - entry.p)) : entry;
}

void address_network(struct slice address, char out[ADDRESS_TEXT_MOST + 1])
{
	unsigned char bytes[16];
	bool known = parse_slice(address, bytes);
	if (known && memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		inet_ntop(AF_INET, bytes + 12, out, ADDRESS_TEXT_MOST + 1);
	} else if (known) {
		memset(bytes + 8, 0, 8);
		inet_ntop(AF_INET6, bytes, out, ADDRESS_TEXT_MOST + 1);
	} else {
		size_t n = address.n < ADDRESS_TEXT_MOST ? address.n : ADDRESS_TEXT_MOST;
		if (n)
			memcpy(out, address.p, n);
		out[n] = '\0';
	}
}

struct addrinfo *address_find(const char *text, const char **error)
{
	const char *colon = strrchr(text, ':');
	*error = "address is not host:port";
	if (!colon || !colon[1])
		return NULL;
	bool v6 = text[0] == '[' && colon > text && colon[-1] == ']';
	char *host = mem_strndup(text + v6, (size_t)(colon - text) - (v6 ? 2 : 0));
	struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM},
			*found = NULL;
	int why = getaddrinfo(*host ? host : NULL, colon + 1, &hints, &found);
	free(host);
	if (why != 0)
		*error = gai_strerror(why);
	return why == 0 ? found : NULL;
}
