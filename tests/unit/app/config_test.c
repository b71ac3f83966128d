#include "app/config.h"

#include "base/buf.h"
#include "test.h"

static char file[] = "/tmp/config_test.XXXXXX";

static void write_file(const char *text, size_t n)
{
	strcpy(file + sizeof file - 7, "XXXXXX");
	int fd = mkstemp(file);
	CHECK(fd >= 0 && write(fd, text, n) == (ssize_t)n);
	close(fd);
}

static void load_text(struct config *c, const char *text)
{
	char error[300] = "";
	write_file(text, strlen(text));
	bool good = config_load(c, file, error, sizeof error);
	unlink(file);
	if (!good)
		UNIT_FAIL("%s", error);
}

static void refuse(const char *text, size_t n, const char *line, const char *why)
{
	struct config c;
	char error[300] = "", want[300];
	write_file(text, n);
	CHECK(!config_load(&c, file, error, sizeof error));
	unlink(file);
	snprintf(want, sizeof want, "%s%s%s", *line ? file : "", line, why);
	CHECK_STR(error, want);
}

TEST(defaults)
{
	struct config c;
	char error[100];
	clearenv();
	CHECK(config_load(&c, NULL, error, sizeof error));
	CHECK(!c.database_url && !c.listen_database_url && !c.migrate_database_url && !c.jwt_secret);
	CHECK_STR(c.listen, "0.0.0.0:3000");
	CHECK_STR(c.cors_origin, "*");
	CHECK_INT(c.eio.ping_interval_ms, 25000);
	CHECK_INT(c.eio.max_poll_packets, eio_default_limits.max_poll_packets);
	CHECK_INT(c.sio.max_attachments, sio_default_limits.max_attachments);
	CHECK_INT(c.max_memory_bytes, 512 << 20);
	CHECK(c.polling && !c.emitter);
	CHECK_INT(c.bell, 0);
	CHECK_INT(c.log_level, 2);
	char host[256] = "";
	gethostname(host, sizeof host - 1);
	CHECK_STR(c.name, host);
	config_free(&c);
	config_free(&c);
}

TEST(file_and_environment)
{
	struct config c;
	clearenv();
	setenv("BELLWIRE_BELL", "off", 1);
	setenv("BELLWIRE_CORS_ORIGIN", "", 1);
	setenv("BELLWIRE_POLL_MS", "", 1);
	setenv("JWT_ISSUER", "from outside", 1);
	load_text(&c, "# a comment\n"
	              "\n"
	              "  DATABASE_URL=postgresql://a@b/c?x=y#z  \r\n"
	              "LISTEN_DATABASE_URL = 'host=x password=\"#1\"' # quoted\n"
	              "JWT_SECRET = \"a # b\"#c\n"
	              "JWT_ISSUER = from file\n"
	              "JWT_AUDIENCE = two words # and a comment\n"
	              "BELLWIRE_BELL = always\n"
	              "BELLWIRE_CORS_ORIGIN = https://a.example\n"
	              "BELLWIRE_ADMIN_LISTEN =\n"
	              "BELLWIRE_COOKIE = # nothing\n"
	              "BELLWIRE_POLL_MS = 7\n"
	              "BELLWIRE_MAX_SESSIONS_PER_ADDRESS = 999999\n"
	              "BELLWIRE_CONNECT_TIMEOUT_MS = 1234\n"
	              "BELLWIRE_MAX_PAYLOAD = 16777216\n"
	              "BELLWIRE_POLLING = off\n"
	              "BELLWIRE_LOG_LEVEL = trace"); /* without a line end */
	CHECK_STR(c.database_url, "postgresql://a@b/c?x=y#z");
	CHECK_STR(c.listen_database_url, "host=x password=\"#1\"");
	CHECK(c.migrate_database_url == c.database_url);
	CHECK_STR(c.jwt_secret, "a # b");
	CHECK_STR(c.jwt_issuer, "from outside");
	CHECK_STR(c.jwt_audience, "two words");
	CHECK_INT(c.bell, 1);
	CHECK(!c.cors_origin && !c.admin_listen && !c.cookie);
	CHECK_INT(c.poll_ms, 7);
	CHECK_INT(c.eio.max_sessions_per_address, 999999); /* of 32 bits: its neighbours keep theirs */
	CHECK_INT(c.eio.max_sessions, eio_default_limits.max_sessions);
	CHECK_INT(c.eio.max_guests, eio_default_limits.max_guests);
	CHECK_INT(c.sio.connect_timeout_ms, 1234);
	CHECK_INT(c.eio.max_payload, 16777216);
	CHECK(!c.polling);
	CHECK_INT(c.log_level, 4);
	config_free(&c);
}

TEST(bad_files)
{
	clearenv();
#define REFUSE(text, line, why) refuse(text, sizeof(text) - 1, line, why)
	REFUSE("\n\nBELLWIRE_LISTENN = x\n", ":3: ", "there is no setting BELLWIRE_LISTENN");
	REFUSE("bellwire_listen = x\n", ":1: ", "there is no setting bellwire_listen");
	REFUSE("= x\n", ":1: ", "there is no setting ");
	REFUSE("BELLWIRE_LISTEN x\n", ":1: ", "this is not NAME = value");
	REFUSE("JWT_SECRET = a\0b\n", ":1: ", "this is not NAME = value");
	REFUSE("JWT_SECRET = 'a\n", ":1: ", "JWT_SECRET: the quote is not closed");
	REFUSE("JWT_SECRET = '\n", ":1: ", "JWT_SECRET: the quote is not closed");
	REFUSE("JWT_SECRET = 'a' b\n", ":1: ", "JWT_SECRET: there is something behind the closing quote");
	REFUSE("JWT_ISSUER = a\n\nJWT_ISSUER = a\n", ":3: ", "JWT_ISSUER was set in line 1 already");
	REFUSE("# x\nBELLWIRE_POLL_MS = 1001\n", ":2: ", "BELLWIRE_POLL_MS must be a number from 1 to 1000 (ms)");
	REFUSE("BELLWIRE_POLL_MS =\n", ":1: ", "BELLWIRE_POLL_MS must be a number from 1 to 1000 (ms)");
	REFUSE("BELLWIRE_POLL_MS = 5ms\n", ":1: ", "BELLWIRE_POLL_MS must be a number from 1 to 1000 (ms)");
	REFUSE("BELLWIRE_POLL_MS = -1\n", ":1: ", "BELLWIRE_POLL_MS must be a number from 1 to 1000 (ms)");
	REFUSE("BELLWIRE_MAX_CONNECTIONS = 18446744073709551617\n",
	       ":1: ", "BELLWIRE_MAX_CONNECTIONS must be a number from 0 to 10000000");
	REFUSE("BELLWIRE_REST = yes\n", ":1: ", "BELLWIRE_REST must be on or off");
	REFUSE("BELLWIRE_BELL = au\n", ":1: ", "BELLWIRE_BELL must be auto, off or always");
	setenv("BELLWIRE_POLL_MS", "0", 1);
	REFUSE("BELLWIRE_POLL_MS = 1\n", "", "BELLWIRE_POLL_MS must be a number from 1 to 1000 (ms)");
}

TEST(former_settings)
{
	clearenv();
	const char *gone = "BELLWIRE_WORKERS is no setting any more: a process has one event loop; "
			   "several edges use several processors";
	REFUSE("\nBELLWIRE_WORKERS = 2\n", ":2: ", gone);
	REFUSE("BELLWIRE_WORKERS = '1\n", ":1: ", "BELLWIRE_WORKERS: the quote is not closed");
	struct config c;
	load_text(&c, "BELLWIRE_WORKERS = '1' # of an earlier version\nBELLWIRE_POLL_MS = 7\n");
	CHECK_INT(c.poll_ms, 7);
	config_free(&c);
	setenv("BELLWIRE_WORKERS", "1", 1);
	load_text(&c, "");
	config_free(&c);
	setenv("BELLWIRE_WORKERS", "", 1);
	load_text(&c, "");
	config_free(&c);
	setenv("BELLWIRE_WORKERS", "2", 1);
	REFUSE("BELLWIRE_WORKERS = 1\n", "", gone);
}

/* A file with a secret; its path, in static memory. */
static const char *secret_file(const char *text, size_t n)
{
	static char path[sizeof file];
	write_file(text, n);
	return strcpy(path, file);
}

static void refuse_secret(const char *text, size_t n, const char *why)
{
	struct config c;
	char error[300], want[300];
	const char *path = secret_file(text, n);
	setenv("JWT_SECRET_FILE", path, 1);
	CHECK(!config_load(&c, NULL, error, sizeof error));
	unlink(path);
	snprintf(want, sizeof want, "JWT_SECRET_FILE: %s: %s", path, why);
	CHECK_STR(error, want);
}

TEST(secrets_in_files)
{
	struct config c;
	char line[300];
	clearenv();
	const char *path = secret_file("from a file \r\n\n", 15);
	snprintf(line, sizeof line, "JWT_SECRET = of the file\nDATABASE_URL_FILE = \"%s\"\nJWT_ISSUER = x\n", path);
	load_text(&c, line);
	CHECK_STR(c.jwt_secret, "of the file");
	CHECK_STR(c.database_url, "from a file ");
	CHECK(c.listen_database_url == c.database_url);
	config_free(&c);

	/* the environment wins over the file, in both forms */
	path = secret_file("from a file", 11);
	setenv("JWT_SECRET_FILE", path, 1);
	setenv("JWT_SECRET", "", 1);
	setenv("DATABASE_URL", "from outside", 1);
	setenv("OPERATOR_DATABASE_URL_FILE", "", 1);
	load_text(&c, "JWT_SECRET = of the file\nDATABASE_URL_FILE = /nowhere\nOPERATOR_DATABASE_URL = of the file\n");
	CHECK_STR(c.jwt_secret, "from a file");
	CHECK_STR(c.database_url, "from outside");
	CHECK_STR(c.operator_database_url, "of the file");
	config_free(&c);
	unlink(path);
}

TEST(bad_secret_files)
{
	static char text[8193];
	memset(text, 'x', sizeof text);
	clearenv();
	REFUSE("BELLWIRE_COOKIE_FILE = x\n", ":1: ", "there is no setting BELLWIRE_COOKIE_FILE");
	REFUSE("JWT_SECRET = a\nJWT_SECRET_FILE = b\n", ":2: ", "JWT_SECRET was set in line 1 already");
	REFUSE("JWT_SECRET_FILE = /nowhere\n", "", "JWT_SECRET_FILE: /nowhere: No such file or directory");
	refuse_secret("a\0b", 3, "there is a zero byte in it");
	refuse_secret(text, sizeof text, "it is too long for a secret");
	setenv("JWT_SECRET_FILE", "/tmp", 1);
	REFUSE("", "", "JWT_SECRET_FILE: /tmp: Is a directory");
	setenv("JWT_SECRET", "x", 1);
	REFUSE("", "", "JWT_SECRET and JWT_SECRET_FILE are both set: one of them is meant");
}

TEST(names)
{
	CHECK(config_has(SLICE("JWT_SECRET")) && config_has(SLICE("JWT_SECRET_FILE")));
	CHECK(config_has(SLICE("LISTEN_DATABASE_URL_FILE")) && config_has(SLICE("BELLWIRE_TLS_KEY_FILE")));
	CHECK(!config_has(SLICE("BELLWIRE_LISTEN_FILE")) && !config_has(SLICE("_FILE")) && !config_has(SLICE("")));
}

TEST(no_file)
{
	struct config c;
	char error[100];
	CHECK(!config_load(&c, "/nonexistent/bellwire.conf", error, sizeof error));
	CHECK_STR(error, "/nonexistent/bellwire.conf: No such file or directory");
	CHECK(!config_load(&c, "/tmp", error, sizeof error));
	CHECK_STR(error, "/tmp: Is a directory");
}

TEST(printed_settings_read_back)
{
	struct config c, again;
	struct buf out = {0}, second = {0};
	clearenv();
	load_text(
		&c,
		"JWT_SECRET = not to be seen\nBELLWIRE_COOKIE = 'a \"b\"'\nBELLWIRE_NAME = edge#1\nBELLWIRE_BELL = always\n"
		"BELLWIRE_DRAIN_MS = 0\nBELLWIRE_ADMIN_LISTEN =\n");
	config_print(&c, &out);
	buf_char(&out, '\0');
	CHECK(!strstr(out.p, "not to be seen"));
	CHECK(strstr(out.p, "\nJWT_SECRET = (set)\n") && strstr(out.p, "\nDATABASE_URL = (not set)\n"));
	CHECK(strstr(out.p, "\nBELLWIRE_COOKIE = 'a \"b\"'\n") && strstr(out.p, "\nBELLWIRE_BELL = always\n"));
	CHECK(strstr(
		out.p,
		"\n# time over which clients are sent away after SIGTERM: a number from 0 to 600000 (ms)\nBELLWIRE_DRAIN_MS = 0\n"));
	load_text(&again, out.p);
	CHECK_STR(again.name, "edge#1");
	again.database_url = again.listen_database_url = again.migrate_database_url = NULL;
	again.operator_database_url = NULL;
	config_print(&again, &second);
	buf_char(&second, '\0');
	CHECK_STR(second.p, out.p);
	buf_fini(&out);
	buf_fini(&second);
	config_free(&c);
	config_free(&again);
}

TEST(markdown_has_a_row_for_each)
{
	struct buf out = {0};
	config_markdown(&out);
	buf_char(&out, '\0');
	CHECK(strstr(
		out.p,
		"| `JWT_SECRET` |  | secret text, or a file that holds it: `JWT_SECRET_FILE` | HS256 secret, at least 32 bytes |\n"));
	CHECK(strstr(out.p, "| `BELLWIRE_POLL_MS` | `3` | 1 to 1000 ms | "));
	CHECK(strstr(out.p, "| `BELLWIRE_BELL` | `auto` | auto, off or always | "));
	buf_fini(&out);
}

/* Whatever the length, so also where the strings fill their memory to the last byte. */
TEST(values_of_any_length)
{
	char value[600] = "";
	clearenv();
	for (size_t n = 1; n < sizeof value; n++) {
		struct config c;
		char error[100];
		value[n - 1] = 'x';
		setenv("JWT_ISSUER", value, 1);
		CHECK(config_load(&c, NULL, error, sizeof error));
		CHECK_STR(c.jwt_issuer, value);
		CHECK_STR(c.listen, "0.0.0.0:3000");
		config_free(&c);
	}
}
