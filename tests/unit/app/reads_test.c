/* HTTP reads: which are allowed, their questions to the database, and their answers. */
#include "edge.h"

#include "people/user.h"

static char *bearer(int seconds)
{
	char error[200],
		*token = auth_sign(&edge_keys, ANNA, clock_wall_ms() / 1000 + (uint64_t)seconds, error, sizeof error);
	char *header = NULL;
	CHECK(token && asprintf(&header, "Authorization: Bearer %s\r\n", token) > 0);
	free(token);
	return header;
}

static const char *ask(const char *target)
{
	char *header = bearer(3600);
	const char *answer = edge_ask(listener_port(edge.w.listener), "GET", target, header);
	free(header);
	return answer;
}

static void begin(void)
{
	EDGE_BEGIN("BELLWIRE_CORS_ORIGIN", "https://a.example");
	EDGE_UNTIL(db_state(edge.w.db) == DB_UP);
	for (int i = 0; i < 10; i++)
		edge_turns();
	database_said(&edge.base);
}

TEST(a_read_is_a_function_with_the_user_and_the_query)
{
	begin();
	database_answers(&edge.base, "rt.get_chats", "{\"chats\": []}");
	const char *answer = ask("/api/v2/chats?limit=5&before=x%22y&other=1");
	EDGE_IS(answer, 200, "\r\n\r\n{\"chats\":[]}");
	EDGE_IS(answer, 200, "Cache-Control: no-store\r\n");
	EDGE_IS(answer, 200, "Content-Type: application/json\r\n");
	CHECK_STR(database_said(&edge.base), "rt.get_chats " ANNA " {\"limit\":\"5\",\"before\":\"x\\\"y\"}\n");
	database_answers(&edge.base, "rt.get_messages", "{}");
	EDGE_IS(ask("/api/v2/chats/c1/messages?before=%ff"), 200, "{}");
	CHECK_STR(database_said(&edge.base), "rt.get_messages " ANNA " {\"chat_id\":\"c1\",\"before\":\"?\"}\n");
	database_answers(&edge.base, "rt.get_notifications", "{}");
	EDGE_IS(ask("/api/v2/notifications?is_read=true"), 200, "{}");
	CHECK_STR(database_said(&edge.base), "rt.get_notifications " ANNA " {\"is_read\":\"true\"}\n");
	edge_end();
}

TEST(who_may_not_ask_is_told_so)
{
	begin();
	unsigned port = listener_port(edge.w.listener);
	const char *answer = edge_ask(port, "GET", "/api/v2/chats", "");
	EDGE_IS(answer, 401, "\"code\":\"UNAUTHORIZED\"");
	EDGE_IS(answer, 401, "WWW-Authenticate: Bearer\r\n");
	EDGE_IS(edge_ask(port, "GET", "/api/v2/chats", "Authorization: Basic abcdef\r\n"), 401, "UNAUTHORIZED");
	char *old = bearer(-60);
	EDGE_IS(edge_ask(port, "GET", "/api/v2/chats", old), 401, "UNAUTHORIZED");
	free(old);
	EDGE_IS(ask("/api/v2/nothing"), 404, "\"code\":\"NOT_FOUND\"");
	EDGE_IS(ask("/api/v2/chats/a/b/messages"), 404, "NOT_FOUND");
	EDGE_IS(ask("/api/v2/chats//messages"), 404, "NOT_FOUND");
	EDGE_IS(edge_ask(port, "POST", "/api/v2/chats", "Content-Length: 0\r\n"), 405, "METHOD_NOT_ALLOWED");
	CHECK_STR(database_said(&edge.base), "");
	edge_end();
}

TEST(what_the_database_says_no_to_has_its_status)
{
	static const struct {
		const char *said;
		int status;
		const char *told;
	} rows[] = {
		{"!RT403 not yours", 403, "\"code\":\"FORBIDDEN\",\"message\":\"not yours\""},
		{"!RT404 no chat", 404, "\"code\":\"CHAT_NOT_FOUND\",\"message\":\"no chat\""},
		{"!22023 odd value", 400, "\"code\":\"INVALID_DATA\",\"message\":\"Invalid data\""},
		{"!57014 too slow", 503, "\"code\":\"UNAVAILABLE\",\"message\":\"Try again\""},
		{"!XX000 secret detail", 500, "\"code\":\"INTERNAL\",\"message\":\"Internal error "},
	};
	begin();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].said);
		database_answers(&edge.base, "rt.get_chats", rows[i].said);
		const char *answer = ask("/api/v2/chats");
		EDGE_IS(answer, rows[i].status, rows[i].told);
		CHECK(!strstr(answer, "secret"));
	}
	CHECK_INT(edge.w.people.counts.errors[ERROR_FORBIDDEN], 1);
	edge_end();
}

TEST(browsers_of_the_origin_may_ask)
{
	begin();
	unsigned port = listener_port(edge.w.listener);
	const char *answer = edge_ask(port, "OPTIONS", "/api/v2/chats",
	                              "Origin: https://a.example\r\nAccess-Control-Request-Method: GET\r\n"
	                              "Access-Control-Request-Headers: authorization\r\n");
	EDGE_IS(answer, 204, "Access-Control-Allow-Origin: https://a.example\r\n");
	EDGE_IS(answer, 204, "Access-Control-Allow-Methods: GET");
	answer = edge_ask(port, "GET", "/api/v2/chats", "Origin: https://b.example\r\n");
	CHECK(!strstr(answer, "Access-Control-Allow-Origin: https://b.example"));
	edge_end();
}

TEST(a_loop_of_reads_is_told_to_wait)
{
	begin();
	database_answers(&edge.base, "rt.get_chats", "{}");
	char *header = bearer(3600);
	unsigned port = listener_port(edge.w.listener);
	uint64_t retry;
	static const struct rate_limit limit = {.per_s = 20, .burst = 200, .rate_class = RATE_READ};
	while (user_allows(&edge.w.people, ANNA, &limit, &retry)) {
	}
	EDGE_IS(edge_ask(port, "GET", "/api/v2/chats", header), 429, "\"retry_after_ms\":");
	free(header);
	edge_end();
}

TEST(while_the_database_is_away_nothing_is_read)
{
	EDGE_BEGIN();
	CHECK(db_state(edge.w.db) != DB_UP);
	fake_stop_listening(&edge.base.pg);
	database_breaks(&edge.base);
	EDGE_IS(ask("/api/v2/chats"), 503, "\"code\":\"UNAVAILABLE\"");
	EDGE_IS(ask("/api/v2/chats"), 503, "Retry-After: "); /* 2, or 1 where this comes more than 16 ms later */
	EDGE_IS(ask("/api/v2/chats"), 503, "\"retry_after_ms\":1");
	fake_listen(&edge.base.pg);
	edge_end();
}

TEST(a_client_that_leaves_before_its_answer_harms_nobody)
{
	begin();
	char *header = bearer(3600);
	struct buf b = {0};
	database_answers(&edge.base, "rt.get_chats", "{}");
	database_holds(&edge.base, "rt.get_chats");
	int fd = edge_connect(listener_port(edge.w.listener));
	buf_printf(&b, "GET /api/v2/chats HTTP/1.1\r\nHost: h\r\n%s\r\n", header);
	CHECK_INT(send(fd, b.p, b.n, MSG_NOSIGNAL), b.n);
	EDGE_UNTIL(database_is_held(&edge.base, "rt.get_chats"));
	struct linger reset = {1, 0};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	close(fd);
	EDGE_UNTIL(edge.w.budget.open == 0);
	database_release(&edge.base, "rt.get_chats");
	for (int i = 0; i < 10; i++)
		edge_turns();
	EDGE_IS(ask("/api/v2/chats"), 200, "{}");
	buf_fini(&b);
	free(header);
	edge_end();
}
