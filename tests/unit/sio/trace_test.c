/*
 * The log at trace level: the life of a connection, a session and a socket as lines, without anything that is
 * secret.
 */
#include "site.h"
#include "trace.h"

/* The lines without time and level. A value that differs from run to run is replaced by its key in capitals. */
static void same_each_time(struct buf *out, struct slice raw)
{
	static const char *const keys[] = {"conn", "session", "sid"}, *const names[] = {"CONN", "SESSION", "SID"};
	while (raw.n) {
		const char *end = memchr(raw.p, '\n', raw.n);
		struct slice line = slice_of(raw.p + 31, (size_t)(end - raw.p) - 31);
		raw = slice_of(end + 1, raw.n - (size_t)(end + 1 - raw.p));
		for (struct slice word; line.n;) {
			const char *blank = memchr(line.p, ' ', line.n), *equals;
			word = slice_of(line.p, blank ? (size_t)(blank - line.p) : line.n);
			line = slice_of(line.p + word.n + (blank != NULL), line.n - word.n - (blank != NULL));
			equals = memchr(word.p, '=', word.n);
			for (size_t i = 0; equals && i < ARRAY_LEN(keys); i++)
				if (slice_eq(slice_of(word.p, (size_t)(equals - word.p)), slice_str(keys[i])))
					word = slice_str(names[i]);
			buf_slice(out, word);
			buf_char(out, line.n ? ' ' : '\n');
		}
	}
}

static bool has(const char *lines, const char *text)
{
	return strstr(lines, text) != NULL;
}

TEST(a_life_over_a_websocket)
{
	struct site t;
	struct buf story = {0};
	struct trace lines = trace_begin();
	open_session(&t, ordinary());
	SAY(&t, "40{\"token\":\"secret\"}");
	sio_accept(t.socket, slice_of("", 0));
	SAY(&t, "42[\"event\",\"payload\"]", "41");
	conn_kill(t.pair.conn, CLOSE_SLOW);
	pair_turn(&t.pair);
	char *raw = trace_end(&lines);
	same_each_time(&story, slice_str(raw));
	CHECK_SLICE(buf_view(&story),
	            SLICE("connection CONN peer=192.0.2.1 from=new to=live transport=tcp\n"
	                  "http CONN peer=192.0.2.1 from=idle to=head\n"
	                  "request CONN peer=192.0.2.1 method=GET path=/socket.io/\n"
	                  "http CONN peer=192.0.2.1 from=head to=busy\n"
	                  "session SESSION peer=192.0.2.1 from=new to=open transport=websocket CONN\n"
	                  "websocket CONN peer=192.0.2.1 from=new to=open\n"
	                  "socket SID SESSION peer=192.0.2.1 from=new to=connecting namespace=/\n"
	                  "socket SID SESSION peer=192.0.2.1 from=connecting to=connected reason=accepted\n"
	                  "socket SID SESSION peer=192.0.2.1 from=connected to=closed reason=client_left\n"
	                  "connection CONN peer=192.0.2.1 from=live to=dead reason=slow\n"
	                  "session SESSION peer=192.0.2.1 from=open to=ended reason=slow\n"));
	CHECK(!has(raw, "secret") && !has(raw, "payload"));
	free(raw);
	buf_fini(&story);
	finish(&t);
}

TEST(a_life_by_polling)
{
	struct site t;
	struct buf story = {0};
	char get[128];
	struct trace lines = trace_begin();
	start(&t, ordinary());
	say_http(&t, "/socket.io/?EIO=4&transport=polling", "Authorization: Bearer secret\r\n");
	const char *sid = memmem(t.pair.got.p, t.pair.got.n, "{\"sid\":\"", 8);
	CHECK(sid);
	char whole[21] = {0};
	memcpy(whole, sid + 8, 20);
	snprintf(get, sizeof get, "/socket.io/?EIO=4&transport=polling&sid=%s", whole);
	say_http(&t, get, "");
	sio_server_free(&t.sio);
	pair_turn(&t.pair);
	char *raw = trace_end(&lines);
	same_each_time(&story, slice_str(raw));
	CHECK_SLICE(buf_view(&story), SLICE("connection CONN peer=192.0.2.1 from=new to=live transport=tcp\n"
	                                    "http CONN peer=192.0.2.1 from=idle to=head\n"
	                                    "request CONN peer=192.0.2.1 method=GET path=/socket.io/\n"
	                                    "http CONN peer=192.0.2.1 from=head to=busy\n"
	                                    "session SESSION peer=192.0.2.1 from=new to=open transport=polling CONN\n"
	                                    "poll SESSION peer=192.0.2.1 step=answered packets=1 CONN\n"
	                                    "http CONN peer=192.0.2.1 from=busy to=idle\n"
	                                    "http CONN peer=192.0.2.1 from=idle to=head\n"
	                                    "request CONN peer=192.0.2.1 method=GET path=/socket.io/\n"
	                                    "http CONN peer=192.0.2.1 from=head to=busy\n"
	                                    "poll SESSION peer=192.0.2.1 step=parked CONN\n"
	                                    "session SESSION peer=192.0.2.1 from=open to=ended reason=shutdown\n"
	                                    "poll SESSION peer=192.0.2.1 step=answered packets=1 CONN\n"
	                                    "http CONN peer=192.0.2.1 from=busy to=idle\n"));
	CHECK(!has(raw, whole) && !has(raw, "secret"));
	free(raw);
	buf_fini(&story);
	finish(&t);
}

TEST(nothing_is_said_when_it_is_off)
{
	struct site t;
	struct trace lines = trace_begin();
	log_threshold = LOG_DEBUG;
	open_socket(&t, ordinary());
	finish(&t);
	char *raw = trace_end(&lines);
	CHECK_STR(raw, "");
	free(raw);
}
