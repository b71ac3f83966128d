/*
 * Requests for the page: who may ask, and what is answered.
 */
#include "operator/page.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/text.h"
#include "http/cors.h"
#include "net/address.h"
#include "operator/ask.h"
#include "operator/page_files.h"
#include "operator/page_internal.h"
#include "operator/recent.h"

#define PREFIX "/page/"
#define EVENT_MOST 64 /* bytes of the id of an event */

/* What requests may cost, in tokens that come back with time. A stranger who wants more gets 429. Why is the dearest: it
 * reads the outbox twice, on a link of clients' reads. */
enum { TOKENS_MOST = 400, TOKENS_PER_S = 100, COST_FILE = 2, COST_USER = 20, COST_STREAM = 20, COST_WHY = 50 };

/* Nothing but its own files and streams, no markup made of text, and in nobody's frame. */
#define HEADERS                                                                                              \
	"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"     \
	"Cross-Origin-Resource-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\n"           \
	"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " \
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "                  \
	"require-trusted-types-for 'script'; trusted-types 'none'\r\n"

/* ---- answers ---- */

static void page_respond(struct http_exchange *x, int status, const char *type, struct slice body)
{
	http_respond(x, &(struct http_reply){.status = status,
	                                     .content_type = type,
	                                     .headers = SLICE(HEADERS),
	                                     .body = body,
	                                     .close = status == 429});
}

void page_refuse(struct http_exchange *x, int status, const char *why)
{
	struct buf body = {0};
	struct slice text = slice_str(why);
	json_open(&body);
	json_member_str(&body, "problem", utf8_valid(text) ? text : SLICE("?"));
	json_close(&body);
	page_respond(x, status, "application/json", buf_view(&body));
	buf_fini(&body);
}

/* ---- who may ask ---- */

/*
 * A name of somebody else's may lead to this address: a browser that follows it takes the page for that site's and lets
 * its scripts read it. An address in the place of the name can be nobody else's.
 */
static bool page_host_allowed(const struct operator* op, struct slice host)
{
	const char *colon = memrchr(host.p, ':', host.n);
	struct slice name = colon ? slice_of(host.p, (size_t)(colon - host.p)) : host;
	return address_valid(address_host(host)) || slice_eq(name, SLICE("localhost")) ||
	       (op->page_hosts && http_origin_listed(op->page_hosts, name));
}

/* A browser says from where a script asks; the page's own asks from the same place. */
static bool page_from_itself(const struct http_exchange *x, struct slice host)
{
	struct slice v;
	if (http_header(x, "sec-fetch-site", &v) && !slice_eq(v, SLICE("same-origin")) && !slice_eq(v, SLICE("none")))
		return false;
	if (!http_header(x, "origin", &v))
		return true;
	return v.n > host.n + 3 && slice_eq(slice_of(v.p + v.n - host.n, host.n), host) &&
	       memcmp(v.p + v.n - host.n - 3, "://", 3) == 0;
}

static bool page_pays(struct page *p, int cost)
{
	uint64_t now = loop_now(p->op->people->loop);
	p->tokens += (double)(now - p->tokens_at) * TOKENS_PER_S / 1000;
	p->tokens_at = now;
	if (p->tokens > TOKENS_MOST)
		p->tokens = TOKENS_MOST;
	if (p->tokens < cost)
		return false;
	p->tokens -= cost;
	return true;
}

/* ---- questions ---- */

static void page_answered(struct page *p, struct http_exchange *x, const char *what, int status, struct slice json)
{
	(void)p, (void)what;
	if (status == 200)
		page_respond(x, 200, "application/json", json);
	else
		page_refuse(x, status, json.p);
}

/* The database is away: what this edge knows by itself. */
static void page_user_here(const struct page *p, struct http_exchange *x, struct slice about)
{
	struct ask a = {0};
	struct buf b = {0};
	buf_slice(&a.about, about);
	recent_work(p->op, &a);
	buf_str(&b, "{\"answers\":[");
	json_open(&b);
	json_member_str(&b, "edge_id", slice_str(p->op->edge_id));
	json_member_str(&b, "name", slice_str(p->op->name));
	json_member_bool(&b, "answered", true);
	json_member_bool(&b, "more", a.more);
	json_member_raw(&b, "body", buf_view(&a.body));
	json_close(&b);
	buf_str(&b, "],\"events\":[],\"problem\":\"the database is away: this edge alone has answered\"}");
	page_respond(x, 200, "application/json", buf_view(&b));
	buf_fini(&a.about);
	buf_fini(&a.body);
	buf_fini(&b);
}

static void page_ask_about(struct page *p, struct http_exchange *x, const char *what, struct slice about)
{
	if (db_state(p->op->db) == DB_UP) {
		if (!page_question(p, x, what, about, page_answered))
			page_refuse(x, 503, "too many ask at once");
	} else if (strcmp(what, "user") == 0) {
		page_user_here(p, x, about);
	} else {
		page_refuse(x, 503, "the database is away");
	}
}

/* A uuid of the query, as a member of about. */
static bool page_take_uuid(struct http_exchange *x, const char *key, struct buf *about)
{
	struct buf v = {0};
	bool good = http_query(x, key, &v) && uuid_valid(buf_view(&v));
	if (good) {
		for (size_t i = 0; i < v.n; i++)
			v.p[i] |= v.p[i] >= 'A' && v.p[i] <= 'F' ? 0x20 : 0;
		json_member_str(about, "user_id", buf_view(&v));
	}
	buf_fini(&v);
	return good;
}

static bool page_take_event(struct http_exchange *x, struct buf *about)
{
	struct buf v = {0};
	bool good = http_query(x, "event", &v) && v.n && v.n <= EVENT_MOST && utf8_valid(buf_view(&v)) &&
	            !memchr(v.p, 0, v.n);
	if (good)
		json_member_str(about, "event", buf_view(&v));
	buf_fini(&v);
	return good;
}

static void page_user(struct page *p, struct http_exchange *x)
{
	struct buf about = {0};
	json_open(&about);
	bool good = page_take_uuid(x, "id", &about);
	json_close(&about);
	if (good)
		page_ask_about(p, x, "user", buf_view(&about));
	else
		page_refuse(x, 400, "id: the uuid of a user");
	buf_fini(&about);
}

static void page_why(struct page *p, struct http_exchange *x)
{
	struct buf about = {0};
	json_open(&about);
	bool event = page_take_event(x, &about), user = page_take_uuid(x, "user", &about);
	json_close(&about);
	if (!event)
		page_refuse(x, 400, "event: the uuid of a message or notification, or the number of a row");
	else if (!user)
		page_refuse(x, 400, "user: the uuid of a user");
	else
		page_ask_about(p, x, "recall", buf_view(&about));
	buf_fini(&about);
}

/* ---- paths ---- */

static const struct page_file *page_file_find(struct slice name)
{
	if (name.n == 0)
		name = SLICE("index.html");
	for (const struct page_file *f = page_files; f->name; f++)
		if (slice_eq(slice_str(f->name), name))
			return f;
	return NULL;
}

static const struct page_path {
	struct slice name;
	void (*answer)(struct page *p, struct http_exchange *x);
	int cost;
} page_paths[] = {
	{SLICE_INIT("live"), page_stream, COST_STREAM},
	{SLICE_INIT("user"), page_user, COST_USER},
	{SLICE_INIT("why"), page_why, COST_WHY},
};

static const struct page_path *page_path_find(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(page_paths); i++)
		if (slice_eq(page_paths[i].name, name))
			return &page_paths[i];
	return NULL;
}

bool page_wants(const struct operator* op, struct slice path)
{
	return op->page &&
	       (slice_starts(path, SLICE(PREFIX)) || slice_eq(path, SLICE("/page")) || slice_eq(path, SLICE("/")));
}

void page_handle(struct operator* op, struct http_exchange *x)
{
	struct slice path = http_head(x)->path, name = {0}, host = {0};
	bool inside = slice_starts(path, SLICE(PREFIX));
	if (inside)
		name = slice_of(path.p + sizeof(PREFIX) - 1, path.n - (sizeof(PREFIX) - 1));
	const struct page_path *asked = inside ? page_path_find(name) : NULL;
	const struct page_file *file = page_file_find(name);
	if (!http_header(x, "host", &host) || !page_host_allowed(op, host))
		page_refuse(x, 403, "call this page by an address, by localhost, or by a name of BELLWIRE_ADMIN_HOSTS");
	else if (asked && !page_from_itself(x, host))
		page_refuse(x, 403, "another site asks");
	else if (!page_pays(op->page, asked ? asked->cost : COST_FILE))
		page_refuse(x, 429, "too many requests at once: try again in a second");
	else if (!inside)
		http_respond(x, &(struct http_reply){.status = 302, .headers = SLICE("Location: /page/\r\n")});
	else if (asked)
		asked->answer(op->page, x);
	else if (file)
		page_respond(x, 200, file->type, slice_of(file->text, file->n));
	else
		page_refuse(x, 404, "there is no such path");
}

/* ---- life ---- */

void page_start(struct operator* op)
{
	if (!op->page_on)
		return;
	struct page *p = op->page = NEW(struct page);
	p->op = op;
	p->tokens = TOKENS_MOST;
	p->tokens_at = loop_now(op->people->loop);
	list_init(&p->streams);
	list_init(&p->questions);
	history_set_listener(op, page_on_second);
}

void page_stop(struct operator* op)
{
	if (!op->page)
		return;
	history_set_listener(op, NULL);
	page_streams_stop(op->page);
	page_questions_stop(op->page);
	free(op->page);
	op->page = NULL;
}
