/* The page of the internal listener: who may ask, what it is told, and what it may cost. */
#include "edge.h"

#include "operator/page_files.h"
#include "operator/page_internal.h"

#define ASKED "00000000-0000-4000-8000-0000000000aa"

static const char *page_get(const char *host, const char *target, const char *headers)
{
	edge.host = host;
	return edge_ask(listener_port(edge.w.admin.listener), "GET", target, headers);
}

/* A test asks more than an operator does. */
static void page_refill(void)
{
	edge.w.operator.page->tokens = 1000;
}

static const char *page_ask(const char *target)
{
	page_refill();
	return page_get("localhost:9464", target, "");
}

TEST(each_file_is_served_with_headers_that_let_nothing_else_in)
{
	EDGE_BEGIN();
	EDGE_IS(page_ask("/"), 302, "Location: /page/\r\n");
	EDGE_IS(page_ask("/page"), 302, "Location: /page/\r\n");
	EDGE_IS(page_ask("/page/"), 200, "<title>bellwire</title>");
	EDGE_IS(page_ask("/page/nothing"), 404, "there is no such path");
	unsigned n = 0;
	for (const struct page_file *f = page_files; f->name; f++, n++) {
		char target[80], type[80];
		snprintf(target, sizeof target, "/page/%s", f->name);
		snprintf(type, sizeof type, "Content-Type: %s\r\n", f->type);
		EDGE_IS(page_ask(target), 200, type);
		EDGE_IS(edge.answer.p, 200, "Content-Security-Policy: default-src 'none'; script-src 'self'; ");
		EDGE_IS(edge.answer.p, 200, "X-Content-Type-Options: nosniff\r\n");
		EDGE_IS(edge.answer.p, 200, "frame-ancestors 'none'");
		CHECK(!strstr(edge.answer.p, "Access-Control"));
		/* a policy that forbids them makes such a page useless */
		CHECK(!memmem(f->text, f->n, "style=\"", 7) && !memmem(f->text, f->n, "<script>", 8));
		CHECK(!memmem(f->text, f->n, "innerHTML", 9));
	}
	CHECK(n >= 8);
	edge.host = NULL;
	EDGE_IS(edge_ask(listener_port(edge.w.admin.listener), "POST", "/page/", "Content-Length: 0\r\n"), 405,
	        "GET only");
	EDGE_IS(edge_ask(listener_port(edge.w.listener), "GET", "/page/", ""), 404, "not found"); /* of clients */
	edge_end();
}

TEST(it_can_be_off)
{
	EDGE_BEGIN("BELLWIRE_ADMIN_PAGE", "off");
	EDGE_IS(page_get("localhost", "/page/", ""), 404, "/livez /readyz /metrics");
	EDGE_IS(page_get("localhost", "/", ""), 404, "/livez /readyz /metrics");
	EDGE_IS(page_get("localhost", "/livez", ""), 200, "ok");
	edge_end();
}

/* A name that somebody else gives to this address would let that site's scripts read the page. */
TEST(hosts_that_may_be_named)
{
	static const struct {
		const char *host;
		bool good;
	} cases[] = {
		{"localhost", true},
		{"localhost:9464", true},
		{"127.0.0.1:9464", true},
		{"10.1.2.3", true},
		{"[::1]:9464", true},
		{"[fe80::1]", true},
		{"ops.example:9464", true},
		{"ops.example", true},
		{"b.example", true},
		{"evil.example:9464", false},
		{"evil.example", false},
		{"ops.example.evil.example", false},
		{"xops.example", false},
		{"127.0.0.1.evil.example:9464", false},
		{"localhost.evil.example", false},
		{"127.0.0.1:80:9464", false},
		{"[::1].evil.example", false},
		{"", false},
		{":9464", false},
		{"1", false},
		{"0x7f000001", false},
	};
	EDGE_BEGIN("BELLWIRE_ADMIN_HOSTS", "ops.example, b.example");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		page_refill();
		const char *answer = page_get(cases[i].host, "/page/", "");
		if (cases[i].good != edge_is(answer, 200, "<title>") || (!cases[i].good && !edge_is(answer, 403, "{")))
			UNIT_FAIL("%s: %s", cases[i].host, answer);
	}
	EDGE_IS(page_get("evil.example", "/metrics", ""), 200, "bellwire_users"); /* as ever */
	edge_end();
}

TEST(other_sites_may_not_ask)
{
	static const struct {
		const char *headers;
		bool good;
	} cases[] = {
		{"", true},
		{"Sec-Fetch-Site: same-origin\r\n", true},
		{"Sec-Fetch-Site: none\r\n", true},
		{"Sec-Fetch-Site: cross-site\r\n", false},
		{"Sec-Fetch-Site: same-site\r\n", false},
		{"Origin: http://localhost:9464\r\n", true},
		{"Origin: https://localhost:9464\r\n", true}, /* a proxy ends TLS before it */
		{"Origin: http://localhost:3000\r\n", false},
		{"Origin: http://evil.localhost:9464\r\n", false},
		{"Origin: null\r\n", false},
		{"Origin: localhost:9464\r\n", false},
		{"Sec-Fetch-Site: cross-site\r\nOrigin: http://localhost:9464\r\n", false},
	};
	EDGE_BEGIN();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *answer = page_get("localhost:9464", "/page/user?id=x", cases[i].headers);
		if (!edge_is(answer, cases[i].good ? 400 : 403, cases[i].good ? "uuid of a user" : "another site"))
			UNIT_FAIL("%s: %s", cases[i].headers, answer);
		page_refill();
	}
	edge_end();
}

TEST(a_question_goes_to_the_database_and_its_answer_comes_back)
{
	EDGE_BEGIN();
	EDGE_UNTIL(db_state(edge.w.db) == DB_UP);
	database_answers(&edge.base, "rt.page_ask", ASKED);
	database_answers(&edge.base, "rt.page_answer", "{\"answers\": []}");
	EDGE_IS(page_ask("/page/user?id=00000000-0000-4000-8000-00000000000A"), 200, "{\"answers\": []}");
	EDGE_IS(page_ask("/page/why?event=5&user=" ANNA), 200, "Content-Type: application/json\r\n");
	EDGE_IS(page_ask("/page/user"), 400, "id: the uuid");
	EDGE_IS(page_ask("/page/user?id=%3Cb%3E"), 400, "id: the uuid");
	EDGE_IS(page_ask("/page/why?user=" ANNA), 400, "event: the uuid");
	EDGE_IS(page_ask("/page/why?event=%FF&user=" ANNA), 400, "event: the uuid");
	EDGE_IS(page_ask("/page/why?event=5"), 400, "user: the uuid");
	edge_end();
}

TEST(without_a_database_this_edge_answers_alone)
{
	EDGE_BEGIN();
	CHECK(db_state(edge.w.db) != DB_UP);
	EDGE_IS(page_ask("/page/user?id=" ANNA), 200, "\"name\":\"unit\",\"answered\":true");
	EDGE_IS(page_ask("/page/user?id=" ANNA), 200, "this edge alone has answered");
	edge_end();
}

TEST(who_asks_too_much_is_told_to_wait_and_the_metrics_are_not_theirs)
{
	EDGE_BEGIN();
	for (int i = 0; i < 20; i++)
		EDGE_IS(page_get("localhost", "/page/icon.svg", ""), 200, "<svg");
	CHECK(edge.w.operator.page->tokens<400);
	edge.w.operator.page->tokens = - 1e6;
	EDGE_IS(page_get("localhost", "/page/icon.svg", ""), 429, "Connection: close\r\n");
	EDGE_IS(page_get("localhost", "/page/live", ""), 429, "too many requests");
	EDGE_IS(page_get("localhost", "/metrics", ""), 200, "bellwire_users");
	edge.w.operator.page->tokens_at -= 20000000; /* hours later there is no more than at first */
	EDGE_IS(page_get("localhost", "/page/icon.svg", ""), 200, "<svg");
	CHECK(edge.w.operator.page->tokens <= 400);
	edge_end();
}

/* ---- streams ---- */

/* What all edges answer is not looked at here. */
static void stream_begin(void)
{
	EDGE_BEGIN();
	database_answers(&edge.base, "rt.page_ask", ASKED);
	database_answers(&edge.base, "rt.page_answer", "[]");
}

static int stream_open(void)
{
	int fd = edge_connect(listener_port(edge.w.admin.listener));
	static const char head[] = "GET /page/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
	CHECK_INT(send(fd, head, sizeof head - 1, MSG_NOSIGNAL), sizeof head - 1);
	return fd;
}

/* Reads until it has this text; false: the stream has ended. */
static bool stream_reads(int fd, struct buf *b, const char *text)
{
	for (;;) {
		buf_char(b, '\0');
		b->n--;
		if (strstr(b->p, text))
			return true;
		edge_turns();
		ssize_t n = recv(fd, buf_room(b, 65536), 65536, 0);
		if (n == 0)
			return false;
		b->n += n > 0 ? (size_t)n : 0;
	}
}

TEST(a_stream_greets_and_then_tells_each_second)
{
	struct buf b = {0};
	stream_begin();
	int fd = stream_open();
	CHECK(stream_reads(fd, &b, "event: reasons\ndata: {\"errors\":{},\"ended\":{}}\n\n"));
	CHECK(strstr(b.p, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"));
	CHECK(strstr(b.p, "event: hello\ndata: {\"edge_id\":\""));
	CHECK(strstr(b.p, "\"columns\":[\"connections\",\"sockets\","));
	CHECK(strstr(b.p, "event: samples\ndata: {\"at\":\""));
	CHECK(stream_reads(fd, &b, "event: sample\ndata: {\"at\":\""));
	close(fd);
	buf_fini(&b);
	edge_end();
}

TEST(who_reads_nothing_is_cut_off)
{
	struct buf b = {0};
	stream_begin();
	int fd = stream_open(), other = stream_open();
	CHECK(stream_reads(fd, &b, "event: hello"));
	b.n = 0;
	CHECK(stream_reads(other, &b, "event: hello"));
	CHECK_INT(edge.w.operator.page->nstreams, 2);
	size_t most = 0; /* that waited for it */
	while (edge.w.operator.page->nstreams == 2) {
		page_on_second(&edge.w.operator);
		most = edge.w.admin.budget.total_bytes > most ? edge.w.admin.budget.total_bytes : most;
		edge_turns();
		b.n = 0;
		while (recv(other, buf_room(&b, 65536), 65536, 0) > 0) {
			/* this one reads */
		}
	}
	CHECK_INT(edge.w.operator.page->nstreams, 1);
	CHECK(most > 0 && most < 256 * 1024);
	b.n = 0;
	CHECK(stream_reads(other, &b, "event: sample"));
	close(fd);
	close(other);
	buf_fini(&b);
	edge_end();
}

TEST(there_are_only_so_many_streams)
{
	struct buf b = {0};
	int fds[16];
	stream_begin();
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		page_refill();
		fds[i] = stream_open();
		b.n = 0;
		CHECK(stream_reads(fds[i], &b, "event: hello"));
	}
	page_refill();
	EDGE_IS(page_get("localhost", "/page/live", ""), 503, "too many look at once");
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	EDGE_UNTIL(edge.w.operator.page->nstreams == 0);
	buf_fini(&b);
	edge_end();
}
