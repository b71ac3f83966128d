/*
 * Settings of one process. One table gives the struct, the keys of the file, the names in the environment, the
 * defaults, the checks, the output of `bellwire check`, and the table of docs/configuration.md.
 *
 *   X(member, NAME, kind, default, min, max, unit-or-choices, "what it does")
 *
 * Kinds: STR (NULL when empty), SECRET (a STR that is never printed; NAME_FILE names a file that
 * holds it), NUM (uint64_t within min..max), BOOL (on/off),
 * CHOICE (index into the words of unit-or-choices, separated by '|'), LIMIT (a NUM that limits the protocol: its
 * member is a field of eio or sio, which the servers take whole, so that no code copies it). A variable of the environment wins
 * over the file. An unknown key in the file, or a value that does not parse, is an error with its line.
 */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include "base/slice.h"
#include "eio/eio_limits.h"
#include "sio/sio_limits.h"

/* clang-format off: one row a line */
#define CONFIG_SETTINGS(X)                                                                                                                                  \
	X(database_url, DATABASE_URL, SECRET, "", 0, 0, "",                                                                                                 \
	  "Postgres as the edge's login (bellwire_edge); may go through a transaction pooler")                                                              \
	X(listen_database_url, LISTEN_DATABASE_URL, SECRET, "", 0, 0, "",                                                                                   \
	  "direct connection of the pump when DATABASE_URL is a pooler; default DATABASE_URL")                                                              \
	X(migrate_database_url, MIGRATE_DATABASE_URL, SECRET, "", 0, 0, "",                                                                                 \
	  "a member of bellwire_owner, for `bellwire migrate`; default DATABASE_URL")                                                                       \
	X(operator_database_url, OPERATOR_DATABASE_URL, SECRET, "", 0, 0, "",                                                                               \
	  "a member of bellwire_operator, for `bellwire sockets`, `rooms`, `kick`, `emit`, `tail`, `why` and `top`; default DATABASE_URL")                  \
	X(jwt_secret, JWT_SECRET, SECRET, "", 0, 0, "", "HS256 secret, at least 32 bytes")                                                                  \
	X(jwt_public_key_file, JWT_PUBLIC_KEY_FILE, STR, "", 0, 0, "", "PEM public key for RS256, ES256, EdDSA")                                            \
	X(jwt_algorithm, JWT_ALGORITHM, STR, "HS256", 0, 0, "",                                                                                             \
	  "the one algorithm of JWT_SECRET or the key file: HS256, RS256, ES256 or EdDSA; keys: neither, all keys are rows of bellwire.token_keys")         \
	X(jwt_issuer, JWT_ISSUER, STR, "", 0, 0, "", "required iss; empty: not checked")                                                                    \
	X(jwt_audience, JWT_AUDIENCE, STR, "", 0, 0, "", "required aud; empty: not checked")                                                                \
	X(jwt_user_claim, JWT_USER_CLAIM, STR, "sub", 0, 0, "", "the claim of a token that is the user's id")                                               \
	X(jwt_user_hook, JWT_USER_HOOK, BOOL, "off", 0, 0, "",                                                                                              \
	  "ask rt.user_of(claims jsonb) which user a token is of, instead of JWT_USER_CLAIM")                                                               \
	X(jwt_leeway_s, JWT_LEEWAY_S, NUM, "0", 0, 300, "s", "clock difference allowed in exp and nbf")                                                     \
	X(listen, BELLWIRE_LISTEN, STR, "0.0.0.0:3000", 0, 0, "", "address for clients")                                                                    \
	X(admin_listen, BELLWIRE_ADMIN_LISTEN, STR, "127.0.0.1:9464", 0, 0, "",                                                                             \
	  "address for /metrics, /livez, /readyz and the page /page/; empty: none")                                                                         \
	X(admin_page, BELLWIRE_ADMIN_PAGE, BOOL, "on", 0, 0, "",                                                                                            \
	  "the page /page/ for operators on BELLWIRE_ADMIN_LISTEN: figures, sockets of a user, why; it only reads")                                         \
	X(admin_hosts, BELLWIRE_ADMIN_HOSTS, STR, "", 0, 0, "",                                                                                             \
	  "names by which browsers may call that page, a comma list; by an address or localhost they always may")                                           \
	X(name, BELLWIRE_NAME, STR, "", 0, 0, "",                                                                                                           \
	  "name of this edge in logs and bellwire.edges; default the host's name")                                                                          \
	X(tls_cert_file, BELLWIRE_TLS_CERT_FILE, STR, "", 0, 0, "",                                                                                         \
	  "PEM certificate chain; empty: plain TCP. Read again on SIGHUP")                                                                                  \
	X(tls_key_file, BELLWIRE_TLS_KEY_FILE, STR, "", 0, 0, "", "PEM private key of the certificate")                                                     \
	X(cors_origin, BELLWIRE_CORS_ORIGIN, STR, "*", 0, 0, "",                                                                                            \
	  "origins that browsers may connect from: *, a comma list, empty for none")                                                                        \
	X(allowed_origins, BELLWIRE_ALLOWED_ORIGINS, STR, "", 0, 0, "",                                                                                     \
	  "origins that sessions may come from, a comma list, null among them if it may; a client without Origin passes; empty: every one")                 \
	X(cookie, BELLWIRE_COOKIE, STR, "", 0, 0, "",                                                                                                       \
	  "name of a cookie with the session id, for balancers; empty: none")                                                                               \
	X(trusted_proxies, BELLWIRE_TRUSTED_PROXIES, STR, "", 0, 0, "",                                                                                     \
	  "addresses or CIDR blocks, comma separated, whose X-Forwarded-For is believed")                                                                   \
	X(eio.ping_interval_ms, BELLWIRE_PING_INTERVAL_MS, LIMIT, "25000", 100, 600000, "ms",                                                               \
	  "time between heartbeats")                                                                                                                        \
	X(eio.ping_timeout_ms, BELLWIRE_PING_TIMEOUT_MS, LIMIT, "20000", 100, 600000, "ms",                                                                 \
	  "time a client has to answer a heartbeat")                                                                                                        \
	X(sio.connect_timeout_ms, BELLWIRE_CONNECT_TIMEOUT_MS, LIMIT, "45000", 100, 600000, "ms",                                                           \
	  "time a client has to join the namespace")                                                                                                        \
	X(eio.max_payload, BELLWIRE_MAX_PAYLOAD, LIMIT, "1000000", 1024, 16777216, "bytes",                                                                 \
	  "largest message or body from a client")                                                                                                          \
	X(polling, BELLWIRE_POLLING, BOOL, "on", 0, 0, "", "long-polling besides WebSocket")                                                                \
	X(max_connections, BELLWIRE_MAX_CONNECTIONS, NUM, "0", 0, 10000000, "",                                                                             \
	  "connections at once, and half the sessions; 0: what the descriptor limit allows")                                                                \
	X(eio.max_sessions_per_address, BELLWIRE_MAX_SESSIONS_PER_ADDRESS, LIMIT, "0", 0, 1000000, "",                                                      \
	  "sessions of one client address; 0: no limit")                                                                                                    \
	X(max_sockets_per_user, BELLWIRE_MAX_SOCKETS_PER_USER, NUM, "100", 0, 65535, "",                                                                    \
	  "sockets of one user on this edge; beyond: RATE_LIMIT; 0: no limit")                                                                              \
	X(eio.max_queue_bytes, BELLWIRE_MAX_QUEUE_BYTES, LIMIT, "1048576", 65536, 67108864, "bytes",                                                        \
	  "unsent bytes of one client, then it must read or is disconnected as too slow")                                                                   \
	X(max_memory_bytes, BELLWIRE_MAX_MEMORY_BYTES, NUM, "536870912", 1048576, 1099511627776, "bytes",                                                   \
	  "memory of all unsent bytes; beyond it the largest holder is disconnected; received bytes of unfinished messages may take half as many, besides") \
	X(trace_kb, BELLWIRE_TRACE_KB, NUM, "1024", 0, 16384, "KB",                                                                                         \
	  "memory for what became of the last deliveries, which `bellwire why` asks for; 0: none")                                                          \
	X(db_connections, BELLWIRE_DB_CONNECTIONS, NUM, "3", 1, 16, "",                                                                                     \
	  "connections that run client events; the second helps where the first is out for 20 ms, and so on")                                               \
	X(db_queue, BELLWIRE_DB_QUEUE, NUM, "10000", 16, 1000000, "",                                                                                       \
	  "client events that may wait for the database; beyond: UNAVAILABLE")                                                                              \
	X(db_timeout_ms, BELLWIRE_DB_TIMEOUT_MS, NUM, "4000", 100, 60000, "ms",                                                                             \
	  "time from an event's arrival to its ack or UNAVAILABLE, at most")                                                                                \
	X(bell, BELLWIRE_BELL, CHOICE, "auto", 0, 0, "auto|off|always",                                                                                     \
	  "auto: NOTIFY only while this edge sleeps; off: poll only; always: NOTIFY for every write")                                                       \
	X(poll_ms, BELLWIRE_POLL_MS, NUM, "3", 1, 1000, "ms", "time between polls while events flow, at most")                                              \
	X(fallback_poll_ms, BELLWIRE_FALLBACK_POLL_MS, NUM, "1000", 0, 60000, "ms",                                                                         \
	  "time between polls while asleep, should a bell be missed; at most 15 s, also with 0")                                                            \
	X(drain_ms, BELLWIRE_DRAIN_MS, NUM, "30000", 0, 600000, "ms",                                                                                       \
	  "time over which clients are sent away after SIGTERM")                                                                                            \
	X(rest, BELLWIRE_REST, BOOL, "on", 0, 0, "", "answer the HTTP reads under /api/v2/")                                                                \
	X(emitter, BELLWIRE_EMITTER, BOOL, "off", 0, 0, "",                                                                                                 \
	  "accept @socket.io/postgres-emitter; any role that can connect to the database can then send events")                                             \
	X(demo_dir, BELLWIRE_DEMO_DIR, STR, "", 0, 0, "", "serve this directory under /demo/; never in production")                                         \
	X(dev, BELLWIRE_DEV, BOOL, "off", 0, 0, "",                                                                                                         \
	  "errors tell clients, as hint, what is wrong inside: for developers, never in production")                                                        \
	X(log_level, BELLWIRE_LOG_LEVEL, CHOICE, "info", 0, 0, "error|warn|info|debug|trace", "what is logged")                                             \
	X(log_format, BELLWIRE_LOG_FORMAT, CHOICE, "text", 0, 0, "text|json",                                                                               \
	  "lines of the log: key=value, or JSON objects")
/* clang-format on */

/* X(NAME, value, "what is so now"): what was a setting in an earlier version. With this value it is read over, so that
 * an upgrade starts with the configuration of before; another value asks for what is not there, and is an error. */
#define CONFIG_FORMER(X) X(BELLWIRE_WORKERS, "1", "a process has one event loop; several edges use several processors")

#define CONFIG_STR(member) const char *member;
#define CONFIG_SECRET(member) const char *member;
#define CONFIG_NUM(member) uint64_t member;
#define CONFIG_BOOL(member) bool member;
#define CONFIG_CHOICE(member) unsigned member;
#define CONFIG_LIMIT(member)

struct config {
#define X(member, NAME, kind, ...) CONFIG_##kind(member)
	CONFIG_SETTINGS(X)
#undef X
	struct eio_limits eio; /* the defaults of eio/eio_limits.h where no row is of kind LIMIT */
	struct sio_limits sio; /* likewise */
	char *memory;          /* owned; all strings above point into it */
};

/* file may be NULL. False: error says what is wrong, with the line of the file or the name of the variable. */
bool config_load(struct config *c, const char *file, char *error, size_t n) MUST_CHECK;
void config_free(struct config *c);

/* Is this the name of a setting, NAME_FILE of a secret included? */
bool config_has(struct slice name);

/* Writes a line `name = value` for every setting in force, with its description as a comment; secrets are "(set)" or
 * "(not set)". */
struct buf;
void config_print(const struct config *c, struct buf *out);
/* The table of docs/configuration.md, between its markers. */
void config_markdown(struct buf *out);

#endif
