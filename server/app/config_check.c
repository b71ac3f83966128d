#include "app/config_check.h"

#include "base/buf.h"
#include "base/mem.h"
#include "net/tls.h"
#include <arpa/inet.h>
#include <libpq-fe.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define NAME_MAX_BYTES 64 /* the longest name of a host */

struct auth_config config_auth(const struct config *c)
{
	return (struct auth_config){
		.algorithm = c->jwt_algorithm,
		.secret = c->jwt_secret,
		.public_key_file = c->jwt_public_key_file,
		.issuer = c->jwt_issuer,
		.audience = c->jwt_audience,
		.user_claim = c->jwt_user_claim,
		.user_elsewhere = c->jwt_user_hook,
		.leeway_s = (uint32_t)c->jwt_leeway_s,
	};
}

static void check_tokens(const struct config *c, struct buf *out)
{
	struct auth_config cfg = config_auth(c);
	bool rows = c->jwt_algorithm && strcmp(c->jwt_algorithm, "keys") == 0;
	if (rows && (c->jwt_secret || c->jwt_public_key_file))
		buf_str(out, "JWT_ALGORITHM is keys: it takes neither JWT_SECRET nor JWT_PUBLIC_KEY_FILE\n");
	bool shared = !c->jwt_algorithm || strcmp(c->jwt_algorithm, "HS256") == 0;
	char error[256] = "";
	if (c->jwt_secret && c->jwt_public_key_file)
		buf_str(out, "JWT_SECRET and JWT_PUBLIC_KEY_FILE are both set: JWT_ALGORITHM takes one\n");
	struct auth *a = auth_new(&cfg, error, sizeof error);
	if (!a)
		buf_printf(out, "%s: %s\n",
		           shared                   ? "JWT_SECRET"
		           : c->jwt_public_key_file ? "JWT_PUBLIC_KEY_FILE"
		                                    : "JWT_ALGORITHM",
		           error);
	auth_free(&a);
}

static void check_tls(const struct config *c, struct buf *out)
{
	if (!c->tls_cert_file && !c->tls_key_file)
		return;
	if (!c->tls_cert_file || !c->tls_key_file) {
		buf_str(out, "BELLWIRE_TLS_CERT_FILE and BELLWIRE_TLS_KEY_FILE belong together: one is not set\n");
		return;
	}
	char error[256] = "";
	struct tls_context *t = tls_context_new(c->tls_cert_file, c->tls_key_file, error, sizeof error);
	if (t)
		tls_context_unref(&t);
	else
		buf_printf(out, "BELLWIRE_TLS_CERT_FILE, BELLWIRE_TLS_KEY_FILE: %s\n", error);
}

static bool port_good(const char *port)
{
	unsigned value = 0;
	for (const char *p = port; *p; p++)
		if (*p < '0' || *p > '9' || (value = value * 10 + (unsigned)(*p - '0')) > 65535)
			return false;
	return *port;
}

/* Whether listener_new takes it: host:port or [v6]:port, where host is an address or empty. */
static bool address_good(const char *address)
{
	const char *colon = strrchr(address, ':');
	if (!colon || !port_good(colon + 1))
		return false;
	bool v6 = address[0] == '[' && colon > address && colon[-1] == ']';
	char *host = mem_strndup(address + v6, (size_t)(colon - address) - 2 * v6);
	struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *found = NULL;
	bool good = !*host || getaddrinfo(host, NULL, &hints, &found) == 0;
	good = good && (v6 || !strchr(host, ':'));
	if (found)
		freeaddrinfo(found);
	free(host);
	return good;
}

static void check_addresses(const struct config *c, struct buf *out)
{
	if (!c->listen)
		buf_str(out, "BELLWIRE_LISTEN is empty\n");
	else if (!address_good(c->listen))
		buf_printf(out, "BELLWIRE_LISTEN: %s is not ADDRESS:PORT or [IPV6]:PORT\n", c->listen);
	if (c->admin_listen && !address_good(c->admin_listen))
		buf_printf(out, "BELLWIRE_ADMIN_LISTEN: %s is not ADDRESS:PORT or [IPV6]:PORT\n", c->admin_listen);
	else if (c->admin_listen && c->listen && strcmp(c->admin_listen, c->listen) == 0 &&
	         strcmp(strrchr(c->listen, ':'), ":0") != 0)
		buf_str(out, "BELLWIRE_LISTEN and BELLWIRE_ADMIN_LISTEN are the same\n");
}

/* Takes the next part of a comma list from *rest, without blanks around it; false at the end. */
static bool next_part(const char **rest, char out[128], bool *fits)
{
	if (!*rest)
		return false;
	const char *start = *rest + strspn(*rest, " \t"), *end = start + strcspn(start, ",");
	*rest = *end ? end + 1 : NULL;
	while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*fits = end > start && end - start < 128;
	memcpy(out, start, *fits ? (size_t)(end - start) : 0);
	out[*fits ? end - start : 0] = '\0';
	return true;
}

static bool block_good(char *block)
{
	unsigned char bytes[16];
	char *slash = strchr(block, '/');
	if (slash)
		*slash++ = '\0';
	unsigned bits = inet_pton(AF_INET, block, bytes) == 1 ? 32 : inet_pton(AF_INET6, block, bytes) == 1 ? 128 : 0;
	return bits && (!slash || (port_good(slash) && strtoul(slash, NULL, 10) <= bits));
}

static void check_proxies(const struct config *c, struct buf *out)
{
	const char *rest = c->trusted_proxies;
	char part[128];
	bool fits;
	while (next_part(&rest, part, &fits))
		if (!fits || !block_good(part))
			buf_printf(out, "BELLWIRE_TRUSTED_PROXIES: \"%s\" is neither an address nor ADDRESS/BITS\n",
			           part);
}

/* Whether it has the form in which browsers send an origin: scheme://host[:port], or null. */
static bool origin_good(const char *origin)
{
	const char *host = strstr(origin, "://");
	return strcmp(origin, "null") == 0 || (host && host > origin && host[3] && !strpbrk(host + 3, "/ \t*"));
}

static void check_origins(const struct config *c, struct buf *out)
{
	const char *rest = c->cors_origin && strcmp(c->cors_origin, "*") != 0 ? c->cors_origin : NULL;
	char part[128];
	bool fits;
	while (next_part(&rest, part, &fits))
		if (!fits || !origin_good(part))
			buf_printf(out, "BELLWIRE_CORS_ORIGIN: \"%s\" is not SCHEME://HOST[:PORT]\n", part);
}

/* The message is our own: that of libpq, about a string that it cannot read, would show the password. */
static void check_url(const char *name, const char *url, struct buf *out)
{
	char *error = NULL;
	PQconninfoOption *parsed = url ? PQconninfoParse(url, &error) : NULL;
	if (url && !parsed)
		buf_printf(out, "%s is no connection string\n", name);
	PQfreemem(error);
	PQconninfoFree(parsed);
}

static bool all_plain(const char *s, const char *refused)
{
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f || strchr(refused, *s))
			return false;
	return true;
}

static void check_rest(const struct config *c, struct buf *out)
{
	struct stat st;
	if (c->cookie && !all_plain(c->cookie, "()<>@,;:\\\"/[]?={}"))
		buf_printf(out, "BELLWIRE_COOKIE: \"%s\" cannot be the name of a cookie\n", c->cookie);
	if (c->name && (!all_plain(c->name, "") || strlen(c->name) > NAME_MAX_BYTES))
		buf_printf(out, "BELLWIRE_NAME must have at most %d visible ASCII characters\n", NAME_MAX_BYTES);
	if (c->demo_dir && (stat(c->demo_dir, &st) != 0 || !S_ISDIR(st.st_mode)))
		buf_printf(out, "BELLWIRE_DEMO_DIR: %s is no directory\n", c->demo_dir);
	if (c->eio.max_queue_bytes > c->max_memory_bytes)
		buf_str(out, "BELLWIRE_MAX_QUEUE_BYTES is more than BELLWIRE_MAX_MEMORY_BYTES\n");
}

bool config_check(const struct config *c, struct buf *problems)
{
	size_t before = problems->n;
	check_url("DATABASE_URL", c->database_url, problems);
	if (c->listen_database_url != c->database_url)
		check_url("LISTEN_DATABASE_URL", c->listen_database_url, problems);
	if (c->migrate_database_url != c->database_url)
		check_url("MIGRATE_DATABASE_URL", c->migrate_database_url, problems);
	if (c->operator_database_url != c->database_url)
		check_url("OPERATOR_DATABASE_URL", c->operator_database_url, problems);
	check_tokens(c, problems);
	check_tls(c, problems);
	check_addresses(c, problems);
	check_proxies(c, problems);
	check_origins(c, problems);
	check_rest(c, problems);
	return problems->n == before;
}
