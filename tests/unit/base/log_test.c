#include "base/log.h"

#define UNIT_TOGETHER 1
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>

/* stderr goes into a pipe; `line` is what one call has written, without its time stamp. */
static int pipe_fds[2];
static char line[8192];

static void capture(void)
{
	CHECK(pipe2(pipe_fds, 0) == 0); /* blocking, as a real stderr: writing to a full pipe waits */
	CHECK(fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK) == 0);
	CHECK(dup2(pipe_fds[1], STDERR_FILENO) == STDERR_FILENO);
}

static struct slice written(void)
{
	ssize_t n = read(pipe_fds[0], line, sizeof line);
	return n > 25 ? slice_of(line + 25, (size_t)n - 25) : slice_of("", 0);
}

/* stderr is the pipe, so failures are told on stdout. */
static void expect(struct slice want)
{
	struct slice got = written();
	if (!slice_eq(got, want)) {
		printf("log line is \"%.*s\", not \"%.*s\"\n", (int)got.n, got.p, (int)want.n, want.p);
		fflush(stdout);
		_exit(1);
	}
}
#define EXPECT(text) expect(SLICE(text))

TEST(levels_have_names)
{
	static const struct {
		const char *text;
		enum log_level level;
	} rows[] = {{"error", LOG_ERROR},
	            {"warn", LOG_WARN},
	            {"info", LOG_INFO},
	            {"debug", LOG_DEBUG},
	            {"trace", LOG_TRACE}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum log_level level = LOG_LEVEL_MAX;
		CHECK(log_level_parse(slice_str(rows[i].text), &level));
		CHECK_INT(level, rows[i].level);
	}
	static const char *const bad[] = {"", "INFO", "inf", "infos", "info ", "0", "warning"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		enum log_level level = LOG_LEVEL_MAX;
		CHECK_ROW(bad[i]);
		CHECK(!log_level_parse(slice_str(bad[i]), &level));
		CHECK_INT(level, LOG_LEVEL_MAX);
	}
}

TEST(line_has_event_and_fields)
{
	capture();
	log_info(LOG_NOBODY, "started");
	EXPECT("info started\n");
	log_error(LOG_NOBODY, "closed", LS("reason", "slow"), LU("queued", UINT64_MAX), LI("delta", INT64_MIN));
	EXPECT("error closed reason=slow queued=18446744073709551615 delta=-9223372036854775808\n");
	CHECK(line[4] == '-' && line[10] == 'T' && line[23] == 'Z' && line[24] == ' ');
}

TEST(values_cannot_forge_fields_or_lines)
{
	capture();
	log_info(LOG_NOBODY, "e", LS("a", "x y"), LS("b", "x=1"), LS("c", "q\"q"), LS("d", "a\nb\r"), LS("e", ""),
	         LS("f", "back\\slash"), LSL("g", SLICE("n\0l")));
	EXPECT("info e a=\"x y\" b=\"x=1\" c=\"q\\\"q\" d=\"a\\nb\\r\" e=\"\" f=\"back\\\\slash\" g=\"n\\u0000l\"\n");
	log_info(LOG_NOBODY, "e", LS("none", NULL), LS("esc", "\x1b[2J"), LS("del", "a\x7f"), LS("utf8", "\xc3\xa9"));
	EXPECT("info e none=\"\" esc=\"\\u001b[2J\" del=\"a\\u007f\" utf8=\xc3\xa9\n");
}

TEST(values_cannot_steer_a_terminal_or_hide)
{
	capture();
	log_info(LOG_NOBODY, "e",
	         LS("nel", "a\xc2\x85"
	                   "error"),
	         LS("csi", "\xc2\x9b"
	                   "31m"),
	         LS("ls", "\xe2\x80\xa8"),
	         LS("rlo", "\xe2\x80\xae"
	                   "txt"),
	         LS("pdi", "\xe2\x81\xa9"));
	EXPECT("info e nel=\"a\\u0085error\" csi=\"\\u009b31m\" ls=\"\\u2028\" rlo=\"\\u202etxt\" pdi=\"\\u2069\"\n");
	log_info(LOG_NOBODY, "e",
	         LS("raw", "\x9b"
	                   "31m"),
	         LS("cut", "\xc3"), LS("nbsp", "\xc2\xa0"), LS("dash", "\xe2\x80\x93"),
	         LS("i", "\xd0\x98 \xf0\x9f\x99\x82"));
	EXPECT("info e raw=\"\\u009b31m\" cut=\"\\u00c3\" nbsp=\xc2\xa0 dash=\xe2\x80\x93 i=\"\xd0\x98 \xf0\x9f\x99\x82\"\n");
}

struct thing {
	const struct thing *behind;
	const char *name;
	unsigned number;
};

static void put_thing(struct log_line *out, const void *of)
{
	const struct thing *t = of;
	log_put(out, LS("name", t->name));
	log_put(out, LU("number", t->number));
	log_put_ident(out, t->behind ? (struct log_ident){put_thing, t->behind} : LOG_NOBODY);
}

TEST(identity_comes_with_who_stands_behind_it)
{
	struct thing conn = {NULL, "conn", 81}, session = {&conn, "a b", 2};
	capture();
	log_warn(((struct log_ident){put_thing, &session}), "odd", LU("n", 3));
	EXPECT("warn odd name=\"a b\" number=2 name=conn number=81 n=3\n");
}

TEST(lines_as_objects)
{
	struct thing conn = {NULL, "conn", 81};
	log_format = LOG_JSON;
	capture();
	log_warn(((struct log_ident){put_thing, &conn}), "odd thing", LU("n", UINT64_MAX), LI("i", -3), LS("a", "x y"),
	         LS("q", "\"\\\n\x7f\xc2\x85"), LSL("z", SLICE("\0")), LS("none", NULL), LS("raw", "\xff="),
	         LS("utf8", "\xd0\x98"));
	/* behind the 25 bytes of {"time":"2026-01-10T12:00 */
	struct slice got = written();
	const char *rest = memmem(got.p, got.n, "\"level\"", 7);
	CHECK(rest &&
	      slice_eq(
		      slice_of(rest, got.n - (size_t)(rest - got.p)),
		      SLICE("\"level\":\"warn\",\"msg\":\"odd thing\",\"name\":\"conn\",\"number\":81,\"n\":"
	                    "18446744073709551615,\"i\":-3,\"a\":\"x y\",\"q\":\"\\\"\\\\\\n\\u007f\\u0085\",\"z\":\"\\u0000\","
	                    "\"none\":\"\",\"raw\":\"\\u00ff=\",\"utf8\":\"\xd0\x98\"}\n")));
	CHECK(memcmp(line, "{\"time\":\"", 9) == 0);
	log_format = LOG_TEXT;
}

/* Whatever the length of its fields, an object is whole, and in one write. */
TEST(objects_are_never_cut_inside)
{
	static char value[PIPE_BUF + 10];
	log_format = LOG_JSON;
	capture();
	for (size_t n = PIPE_BUF - 200; n < sizeof value; n++) {
		memset(value, 'x', n);
		log_info(LOG_NOBODY, "e", LU("first", 1), LSL("long", slice_of(value, n)), LU("last", 2));
		ssize_t got = read(pipe_fds[0], line, sizeof line);
		CHECK(got > 0 && got <= PIPE_BUF && line[got - 1] == '\n' && line[got - 2] == '}');
		bool last = memmem(line, (size_t)got, ",\"last\":2}", 10),
		     cut = memmem(line, (size_t)got, ",\"cut\":true}", 12);
		CHECK(last != cut);
		CHECK(memmem(line, (size_t)got, ",\"first\":1,", 11));
	}
	log_format = LOG_TEXT;
}

TEST(threshold_keeps_lower_levels_out)
{
	capture();
	log_debug(LOG_NOBODY, "unseen");
	EXPECT("");
	log_threshold = LOG_DEBUG;
	log_debug(LOG_NOBODY, "seen");
	EXPECT("debug seen\n");
	log_trace(LOG_NOBODY, "unseen");
	EXPECT("");
	log_threshold = LOG_ERROR;
	log_warn(LOG_NOBODY, "unseen");
	EXPECT("");
}

TEST(full_pipe_does_not_block)
{
	capture();
	char page[4096] = {0};
	CHECK(fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK) == 0);
	while (write(STDERR_FILENO, page, sizeof page) > 0)
		;
	CHECK(fcntl(STDERR_FILENO, F_SETFL, 0) == 0);
	alarm(5);
	errno = 77;
	log_error(LOG_NOBODY, "lost");
	if (errno != 77)
		_exit(1); /* a log line must leave errno as it was */
	while (read(pipe_fds[0], line, sizeof line) > 0)
		;
	log_error(LOG_NOBODY, "kept");
	EXPECT("error kept\n");
}

/* A longer line could be written in parts, with lines of others between them; and the last part waits when nobody
 * reads. */
TEST(long_line_is_cut)
{
	static char value[6000];
	capture();
	memset(value, 'x', sizeof value);
	log_error(LOG_NOBODY, "long", LSL("value", slice_of(value, sizeof value)));
	CHECK_INT(written().n, PIPE_BUF - 25);
	CHECK(memcmp(line + 25, "error long value=xxx", 20) == 0 && line[PIPE_BUF - 1] == '\n');
	for (size_t i = 0; i + 1 < sizeof value; i += 2)
		memcpy(value + i, "\xc3\xa9", 2);
	for (int shift = 0; shift < 2; shift++) { /* the cut falls into a character, or beside it */
		log_error(LOG_NOBODY, shift ? "long" : "longer", LSL("value", slice_of(value, sizeof value)));
		struct slice s = written();
		CHECK(s.n == PIPE_BUF - 25u || s.n == PIPE_BUF - 26u);
		CHECK(s.p[s.n - 1] == '\n' && s.p[s.n - 2] == '\xa9');
	}
}

TEST(of_lines_that_anybody_can_cause_ten_a_second_are_written)
{
	struct log_sample sample = {0};
	uint64_t left_out, written = 0;
	for (int i = 0; i < 1000; i++) {
		written += log_sample_take(&sample, 5000 + (uint64_t)i / 2, &left_out);
		CHECK(left_out == (uint64_t)(i > 10 ? i - 10 : 0));
	}
	CHECK_INT(written, 10);
	CHECK(log_sample_take(&sample, 6000, &left_out));
	CHECK_INT(left_out, 990);
	CHECK(log_sample_take(&sample, 6000, &left_out));
	CHECK_INT(left_out, 0);
	struct log_sample one = {.most = 1};
	CHECK(log_sample_take(&one, 6000, &left_out) && !log_sample_take(&one, 6999, &left_out));
	CHECK(log_sample_take(&one, 7000, &left_out));
	CHECK_INT(left_out, 1);
}
