#include "app/config_check.h"

#include "base/buf.h"
#include "test.h"

#define SECRET "0123456789abcdef0123456789abcdef"

/* The environment as given, then what config_check says. */
static void says(const char *const *variables, const char *problems)
{
	struct config c;
	struct buf out = {0};
	char error[200] = "";
	clearenv();
	setenv("JWT_SECRET", SECRET, 1);
	setenv("BELLWIRE_NAME", "edge-1", 1);
	for (; *variables; variables += 2)
		setenv(variables[0], variables[1], 1);
	if (!config_load(&c, NULL, error, sizeof error))
		UNIT_FAIL("%s", error);
	CHECK(config_check(&c, &out) == !*problems);
	buf_char(&out, '\0');
	CHECK_STR(out.p, problems);
	buf_fini(&out);
	config_free(&c);
}

#define SAYS(problems, ...) says((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL}, problems)

TEST(good)
{
	SAYS("");
	SAYS("", "BELLWIRE_LISTEN", "[::]:3000", "BELLWIRE_ADMIN_LISTEN", "");
	SAYS("", "BELLWIRE_LISTEN", "127.0.0.1:0", "BELLWIRE_ADMIN_LISTEN", "127.0.0.1:0");
	SAYS("", "BELLWIRE_LISTEN", ":3000");
	SAYS("", "BELLWIRE_TRUSTED_PROXIES", "10.0.0.0/8, ::1,fd00::/128");
	SAYS("", "BELLWIRE_CORS_ORIGIN", "https://a.example:8443, http://[::1]:1, null", "BELLWIRE_COOKIE", "io");
	SAYS("", "BELLWIRE_CORS_ORIGIN", "");
	SAYS("", "BELLWIRE_DEMO_DIR", "/tmp", "DATABASE_URL", "host=a dbname=b", "LISTEN_DATABASE_URL",
	     "postgresql://a/b");
	SAYS("", "JWT_ALGORITHM", "");
}

TEST(tokens)
{
	SAYS("JWT_SECRET: HS256 needs a secret of at least 32 bytes\n", "JWT_SECRET", "");
	SAYS("JWT_SECRET: the secret is shorter than 32 bytes\n", "JWT_SECRET", "0123456789abcdef0123456789abcde");
	SAYS("JWT_ALGORITHM: RS256 needs a public key file\n", "JWT_ALGORITHM", "RS256");
	SAYS("JWT_PUBLIC_KEY_FILE: /nonexistent: No such file or directory\n", "JWT_ALGORITHM", "ES256",
	     "JWT_PUBLIC_KEY_FILE", "/nonexistent", "JWT_SECRET", "");
	SAYS("JWT_SECRET and JWT_PUBLIC_KEY_FILE are both set: JWT_ALGORITHM takes one\n", "JWT_PUBLIC_KEY_FILE",
	     "/nonexistent");
}

TEST(addresses)
{
	SAYS("BELLWIRE_LISTEN is empty\n", "BELLWIRE_LISTEN", "");
	static const char *const bad[] = {"3000",        "localhost:3000", "127.0.0.1:", "127.0.0.1:65536",
	                                  "127.0.0.1:x", "::1:3000",       "[::1:3000",  "[]"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char want[100];
		CHECK_ROW(bad[i]);
		snprintf(want, sizeof want, "BELLWIRE_LISTEN: %s is not ADDRESS:PORT or [IPV6]:PORT\n", bad[i]);
		SAYS(want, "BELLWIRE_LISTEN", bad[i]);
		snprintf(want, sizeof want, "BELLWIRE_ADMIN_LISTEN: %s is not ADDRESS:PORT or [IPV6]:PORT\n", bad[i]);
		SAYS(want, "BELLWIRE_ADMIN_LISTEN", bad[i]);
	}
	SAYS("BELLWIRE_LISTEN and BELLWIRE_ADMIN_LISTEN are the same\n", "BELLWIRE_LISTEN", "127.0.0.1:9464");
}

TEST(lists)
{
	SAYS("BELLWIRE_TRUSTED_PROXIES: \"\" is neither an address nor ADDRESS/BITS\n", "BELLWIRE_TRUSTED_PROXIES",
	     "10.0.0.1,");
	SAYS("BELLWIRE_TRUSTED_PROXIES: \"10.0.0.1\" is neither an address nor ADDRESS/BITS\n",
	     "BELLWIRE_TRUSTED_PROXIES", "10.0.0.1/33");
	SAYS("BELLWIRE_TRUSTED_PROXIES: \"proxy\" is neither an address nor ADDRESS/BITS\n", "BELLWIRE_TRUSTED_PROXIES",
	     "::1, proxy");
	SAYS("BELLWIRE_CORS_ORIGIN: \"https://a.example/\" is not SCHEME://HOST[:PORT]\n", "BELLWIRE_CORS_ORIGIN",
	     "https://a.example/");
	SAYS("BELLWIRE_CORS_ORIGIN: \"a.example\" is not SCHEME://HOST[:PORT]\n", "BELLWIRE_CORS_ORIGIN",
	     "a.example,https://b.example");
}

TEST(the_rest)
{
	SAYS("DATABASE_URL is no connection string\n", "DATABASE_URL", "postgresq://user:password@host/x");
	SAYS("BELLWIRE_TLS_CERT_FILE and BELLWIRE_TLS_KEY_FILE belong together: one is not set\n",
	     "BELLWIRE_TLS_KEY_FILE", "/tmp/x");
	SAYS("BELLWIRE_COOKIE: \"a b\" cannot be the name of a cookie\n", "BELLWIRE_COOKIE", "a b");
	SAYS("BELLWIRE_NAME must have at most 64 visible ASCII characters\n", "BELLWIRE_NAME", "edge one");
	SAYS("BELLWIRE_DEMO_DIR: /nonexistent is no directory\n", "BELLWIRE_DEMO_DIR", "/nonexistent");
	SAYS("BELLWIRE_MAX_QUEUE_BYTES is more than BELLWIRE_MAX_MEMORY_BYTES\n", "BELLWIRE_MAX_QUEUE_BYTES",
	     "67108864", "BELLWIRE_MAX_MEMORY_BYTES", "1048576");
}
