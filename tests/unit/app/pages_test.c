/* The demo page and /metrics. */
#include "edge.h"

#include "app/metrics.h"
#include <sys/stat.h>

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[200];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

TEST(the_demo_is_the_plain_files_of_one_directory)
{
	char dir[] = "/tmp/bellwire-unit-demo-XXXXXX", path[200];
	CHECK(mkdtemp(dir));
	write_file(dir, "index.html", "<p>index");
	write_file(dir, "a.js", "1");
	write_file(dir, ".hidden", "2");
	snprintf(path, sizeof path, "%s/link.js", dir);
	CHECK(symlink("a.js", path) == 0);
	EDGE_BEGIN("BELLWIRE_DEMO_DIR", dir);
	EDGE_IS(edge_get("/"), 302, "Location: /demo/\r\n");
	EDGE_IS(edge_get("/demo"), 302, "Location: /demo/\r\n");
	EDGE_IS(edge_get("/demo/"), 200, "Content-Type: text/html; charset=utf-8\r\n");
	EDGE_IS(edge_get("/demo/"), 200, "Content-Security-Policy: default-src 'self'");
	EDGE_IS(edge_get("/demo/"), 200, "<p>index");
	EDGE_IS(edge_get("/demo/a.js"), 200, "Content-Type: text/javascript\r\n");
	EDGE_IS(edge_get("/demo/.hidden"), 404, "not found");
	EDGE_IS(edge_get("/demo/link.js"), 404, "not found");
	EDGE_IS(edge_get("/demo/../a.js"), 404, "not found");
	EDGE_IS(edge_get("/demo/none.css"), 404, "not found");
	EDGE_IS(edge_ask(listener_port(edge.w.listener), "POST", "/demo/a.js", "Content-Length: 0\r\n"), 404,
	        "not found");
	edge_end();
	static const char *const names[] = {"index.html", "a.js", ".hidden", "link.js"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	CHECK(rmdir(dir) == 0);
}

TEST(metrics_are_what_has_been_counted)
{
	static const char *const lines[] = {
		"# TYPE bellwire_users gauge\nbellwire_users 0\n",
		"bellwire_ready 1\n",
		"bellwire_build_info{version=\"",
		"bellwire_outbox_rows 1234\n",
		"bellwire_edges 3\n",
		"websocket_messages_total{event=\"chat:send\",status=\"ok\"} 5\n",
		"websocket_messages_total{event=\"a\\\"b\",status=\"error\"} 2\n",
		"bellwire_errors_total{code=\"RATE_LIMIT\"} 4\n",
		"bellwire_recoveries_total{outcome=\"refused\"} 6\n",
		"bellwire_confirmed_latency_seconds_bucket{le=\"+Inf\"} 7\n",
		"bellwire_confirmed_latency_seconds_count 7\n",
		"bellwire_connections_limit ",
		"process_open_fds ",
	};
	EDGE_BEGIN();
	EDGE_UNTIL(edge_is(edge_admin("/readyz"), 200, "ok"));
	struct counts *c = &edge.w.people.counts;
	counts_of_event(c, SLICE("chat:send"), STATUS_OK, 5);
	uint32_t odd = counts_event(c, SLICE("a\"b")); /* c->events moves */
	c->events[odd].n[STATUS_ERROR] = 2;
	c->errors[ERROR_RATE_LIMIT] = 4;
	c->recoveries[RECOVERY_REFUSED] = 6;
	histogram_add(&c->confirmed, 0.5, 7);
	edge.w.entry.figures.outbox_rows = 1234;
	edge.w.entry.figures.edges = 3;
	const char *page = edge_admin("/metrics");
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		EDGE_IS(page, 200, lines[i]);
	CHECK(!strstr(page, "reason=\"ok\"")); /* a good token is no refusal */
	edge_end();
}

/* Of each metric its help and type once, and at least one line behind them. */
TEST(each_row_of_the_table_is_printed_once)
{
	struct buf table = {0};
	EDGE_BEGIN();
	char *page = strdup(edge_admin("/metrics"));
	metrics_markdown(&table);
	buf_char(&table, '\0');
	unsigned rows = 0, types = 0;
	for (char *at = table.p; (at = strstr(at, "\n| `")); rows++) {
		char want[120];
		at += 4;
		snprintf(want, sizeof want, "\n# TYPE %.*s ", (int)strcspn(at, "`"), at);
		char *found = strstr(page, want);
		if (!found || strstr(found + 1, want))
			UNIT_FAIL("not once:%s", want);
	}
	for (const char *at = page; (at = strstr(at, "\n# TYPE ")); at++)
		types++;
	CHECK_INT(rows, types);
	CHECK(rows > 40);
	buf_fini(&table);
	free(page);
	edge_end();
}
