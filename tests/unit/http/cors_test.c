#include "http/cors.h"

#include "pair.h"
#include "test.h"

struct asker {
	const char *allowed;
	struct buf headers;
};

static void on_head(struct http_exchange *x, void *ctx)
{
	struct asker *a = ctx;
	http_cors_put(&a->headers, a->allowed, x);
	if (http_head(x)->method == HTTP_OPTIONS)
		http_cors_put_preflight(&a->headers, "GET,POST", x);
	http_respond(x, &(struct http_reply){.status = 204});
}

static const struct http_events events = {.on_head = on_head};
static const struct http_config config = {.max_head = 1024, .max_body = 100};

static void check_headers(const char *allowed, const char *method, const char *headers, const char *want)
{
	struct pair p;
	struct asker a = {.allowed = allowed};
	struct buf request = {0};
	pair_open(&p);
	http_serve(p.conn, &config, &events, &a);
	buf_printf(&request, "%s / HTTP/1.1\r\nHost: h\r\n%s\r\n", method, headers);
	pair_say(&p, buf_view(&request));
	CHECK_SLICE(buf_view(&a.headers), slice_str(want));
	buf_fini(&request);
	buf_fini(&a.headers);
	pair_close(&p);
}

#define LISTED(origin)                                                \
	"Vary: Origin\r\nAccess-Control-Allow-Origin: " origin "\r\n" \
	"Access-Control-Allow-Credentials: true\r\n"
#define UNLISTED "Vary: Origin\r\n"

TEST(which_origins_may_read)
{
	static const struct {
		const char *allowed, *origin, *want;
	} cases[] = {
		{NULL, "Origin: http://a\r\n", ""},
		{"", "Origin: http://a\r\n", ""},
		{"*", "Origin: http://a\r\n", "Access-Control-Allow-Origin: *\r\n"},
		{"*", "", "Access-Control-Allow-Origin: *\r\n"},
		{"http://a", "Origin: http://a\r\n", LISTED("http://a")},
		{"http://a", "Origin: http://A\r\n", UNLISTED},
		{"http://a", "Origin: http://ab\r\n", UNLISTED},
		{"http://ab", "Origin: http://a\r\n", UNLISTED},
		{"http://a", "", UNLISTED},
		{"http://a, http://b ,http://c", "Origin: http://b\r\n", LISTED("http://b")},
		{"http://a, http://b ,http://c", "Origin: http://c\r\n", LISTED("http://c")},
		{"http://a,,http://b", "Origin:\r\n", LISTED("")}, /* nobody sends an empty one */
		{"http://a,http://b", "Origin: http://a,http://b\r\n", UNLISTED},
		{"http://a,*", "Origin: http://x\r\n", UNLISTED},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CHECK_ROW(cases[i].allowed ? cases[i].allowed : "off");
		check_headers(cases[i].allowed, "GET", cases[i].origin, cases[i].want);
	}
}

TEST(on_and_off)
{
	CHECK(!http_cors_is_on(NULL) && !http_cors_is_on(""));
	CHECK(http_cors_is_on("*") && http_cors_is_on("http://a"));
}

TEST(a_preflight_is_told_what_it_asked_for)
{
	check_headers("*", "OPTIONS", "",
	              "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Methods: GET,POST\r\n"
	              "Vary: Access-Control-Request-Headers\r\nAccess-Control-Max-Age: 600\r\n");
	check_headers("*", "OPTIONS", "Access-Control-Request-Headers: x-a, x-b\r\n",
	              "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Methods: GET,POST\r\n"
	              "Vary: Access-Control-Request-Headers\r\nAccess-Control-Allow-Headers: x-a, x-b\r\n"
	              "Access-Control-Max-Age: 600\r\n");
}
