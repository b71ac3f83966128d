/*
 * HTTP reads: after sync:required clients fetch what they missed. One SQL function a route; the answer is its result
 * (contract 7).
 */
#include "app/worker.h"
#include "base/mem.h"
#include "base/text.h"
#include <stdio.h>
#include <strings.h>

#define PREFIX "/api/v2/"

struct read {
	struct worker *w;
	struct http_exchange *x; /* NULL: the client left */
	char user[UUID_LEN + 1];
};

struct read_route {
	struct slice path; /* behind the prefix; "{id}" is a uuid */
	const char *sql;
	const char *id_key; /* NULL: no {id} */
};

static const struct read_route routes[] = {
	{{"chats", 5}, "select rt.get_chats($1::uuid, $2::jsonb)", NULL},
	{{"chats/{id}/messages", 19}, "select rt.get_messages($1::uuid, $2::jsonb)", "chat_id"},
	{{"notifications", 13}, "select rt.get_notifications($1::uuid, $2::jsonb)", NULL},
};

bool reads_wants(const struct worker *w, struct slice path)
{
	return w->cfg->rest && slice_starts(path, SLICE(PREFIX));
}

/* ---- answering ---- */

static bool origin_allowed(const char *list, struct slice origin)
{
	while (*list) {
		const char *end = strchrnul(list, ',');
		while (*list == ' ')
			list++;
		if (slice_eq(slice_of(list, (size_t)(end - list)), origin))
			return true;
		list = *end ? end + 1 : end;
	}
	return false;
}

static void put_cors(struct worker *w, struct http_exchange *x, struct buf *headers, bool preflight)
{
	struct slice origin;
	const char *allowed = w->cfg->cors_origin;
	if (!allowed || !*allowed)
		return;
	if (strcmp(allowed, "*") == 0) {
		buf_str(headers, "Access-Control-Allow-Origin: *\r\n");
	} else {
		buf_str(headers, "Vary: Origin\r\n");
		if (!http_header(x, "origin", &origin) || !origin_allowed(allowed, origin))
			return;
		buf_str(headers, "Access-Control-Allow-Origin: ");
		buf_slice(headers, origin);
		buf_str(headers, "\r\n");
	}
	if (preflight)
		buf_str(headers,
		        "Access-Control-Allow-Methods: GET\r\nAccess-Control-Allow-Headers: Authorization\r\nAccess-Control-Max-Age: 600\r\n");
}

static void respond(struct worker *w, struct http_exchange *x, int status, struct slice body)
{
	struct buf headers = {0};
	put_cors(w, x, &headers, status == 204);
	buf_str(&headers, "Cache-Control: no-store\r\n");
	if (status == 401)
		buf_str(&headers, "WWW-Authenticate: Bearer\r\n");
	http_respond(x, &(struct http_reply){.status = status,
	                                     .content_type = body.n ? "application/json" : NULL,
	                                     .headers = buf_view(&headers),
	                                     .body = body});
	buf_fini(&headers);
}

static int status_of(struct slice code)
{
	static const struct {
		const char *code;
		int status;
	} codes[] = {{"INVALID_DATA", 400},      {"UNAUTHORIZED", 401}, {"FORBIDDEN", 403},
	             {"CHAT_NOT_FOUND", 404},    {"NOT_FOUND", 404},    {"METHOD_NOT_ALLOWED", 405},
	             {"MESSAGE_TOO_LARGE", 413}, {"RATE_LIMIT", 429},   {"UNAVAILABLE", 503}};
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (slice_eq(slice_str(codes[i].code), code))
			return codes[i].status;
	return 500;
}

static void respond_error_after(struct worker *w, struct http_exchange *x, const char *code, struct slice message,
                                uint64_t retry_after_ms)
{
	struct buf body = {0};
	error_put(&body,
	          &(struct error_about){.code = slice_str(code), .message = message, .retry_after_ms = retry_after_ms},
	          false);
	metrics_error(&w->m, slice_str(code));
	respond(w, x, status_of(slice_str(code)), buf_view(&body));
	buf_fini(&body);
}

static void respond_error(struct worker *w, struct http_exchange *x, const char *code, struct slice message)
{
	respond_error_after(w, x, code, message, 0);
}

/* The contract's code of an SQLSTATE, as rt_private.error_code has it for client events (contract 5). */
static const char *code_of(const char *sqlstate)
{
	static const struct {
		const char *prefix, *code;
	} codes[] = {
		{"RT400", "INVALID_DATA"},   {"RT401", "UNAUTHORIZED"},      {"RT403", "FORBIDDEN"},
		{"RT404", "CHAT_NOT_FOUND"}, {"RT413", "MESSAGE_TOO_LARGE"}, {"RT429", "RATE_LIMIT"},
		{"RT503", "UNAVAILABLE"},    {"22", "INVALID_DATA"},         {"23", "INVALID_DATA"},
		{"08", "UNAVAILABLE"},       {"40", "UNAVAILABLE"},          {"53", "UNAVAILABLE"},
		{"55", "UNAVAILABLE"},       {"57", "UNAVAILABLE"},
	};
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (strncmp(sqlstate, codes[i].prefix, strlen(codes[i].prefix)) == 0)
			return codes[i].code;
	return "INTERNAL";
}

static void failed(struct worker *w, struct http_exchange *x, const struct db_result *r)
{
	const char *code = r->outcome == DB_ERROR ? code_of(r->sqlstate) : "UNAVAILABLE";
	if (strcmp(code, "INTERNAL") == 0) {
		char id[12], text[64];
		random_id(id, sizeof(id));
		snprintf(text, sizeof(text), "Internal error %.12s", id);
		log_error(w->ident, "read failed", LSL("id", slice_of(id, sizeof(id))), LS("sqlstate", r->sqlstate),
		          LS("message", r->message));
		respond_error(w, x, code, slice_str(text));
	} else if (r->outcome == DB_ERROR && strncmp(r->sqlstate, "RT", 2) == 0) {
		respond_error(w, x, code, slice_str(r->message));
	} else {
		respond_error(w, x, code,
		              strcmp(code, "INVALID_DATA") == 0 ? SLICE("Invalid data") : SLICE("Try again"));
	}
}

static void done(void *arg, const struct db_result *r)
{
	struct read *rd = arg;
	struct worker *w = rd->w;
	if (rd->x && r->outcome == DB_OK && r->nrows == 1) {
		struct buf body = {0};
		json_compact(&body, db_value(r, 0, 0));
		respond(w, rd->x, 200, buf_view(&body));
		buf_fini(&body);
	} else if (rd->x) {
		failed(w, rd->x, r);
	}
	free(rd);
}

/* ---- asking ---- */

static const struct read_route *match(struct slice path, struct slice *id)
{
	struct slice rest = slice_of(path.p + sizeof(PREFIX) - 1, path.n - (sizeof(PREFIX) - 1));
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		const struct read_route *r = &routes[i];
		const char *hole = r->id_key ? memmem(r->path.p, r->path.n, "{id}", 4) : NULL;
		size_t before = hole ? (size_t)(hole - r->path.p) : 0, after = r->path.n - before - 4;
		if (!hole && slice_eq(rest, r->path))
			return r;
		if (!hole || rest.n != before + UUID_LEN + after || memcmp(rest.p, r->path.p, before) != 0 ||
		    memcmp(rest.p + before + UUID_LEN, hole + 4, after) != 0)
			continue;
		*id = slice_of(rest.p + before, UUID_LEN);
		if (uuid_valid(*id))
			return r;
	}
	return NULL;
}

static void put_query(struct http_exchange *x, struct buf *json, struct slice id, const char *id_key)
{
	static const char *const keys[] = {"limit", "before", "is_read"};
	struct buf v = {0};
	const char *comma = "";
	buf_char(json, '{');
	if (id_key) {
		buf_printf(json, "\"%s\":\"%.*s\"", id_key, (int)id.n, id.p);
		comma = ",";
	}
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		v.n = 0;
		/* what is no text cannot be a value: the function says what is wrong with the empty one */
		if (!http_query(x, keys[i], &v))
			continue;
		bool text = utf8_valid(buf_view(&v)) && (v.n == 0 || !memchr(v.p, 0, v.n));
		buf_printf(json, "%s\"%s\":", comma, keys[i]);
		buf_json_str(json, text ? buf_view(&v) : SLICE("?"));
		comma = ",";
	}
	buf_char(json, '}');
	buf_fini(&v);
}

static bool bearer(const struct worker *w, struct http_exchange *x, char user[UUID_LEN + 1])
{
	struct slice v;
	struct auth_claims claims = {0};
	if (!http_header(x, "authorization", &v) || v.n < 8 || strncasecmp(v.p, "Bearer ", 7) != 0)
		return false;
	if (auth_check(w->auth, slice_of(v.p + 7, v.n - 7), clock_wall_ms(), &claims) != AUTH_OK)
		return false;
	memcpy(user, claims.sub, UUID_LEN + 1);
	return true;
}

static void on_body(struct http_exchange *x, void *ctx, struct slice body)
{
	struct read *rd = http_user(x);
	struct worker *w = ctx;
	struct slice id = {0};
	(void)body;
	const struct read_route *route = match(http_head(x)->path, &id);
	struct buf query = {0};
	put_query(x, &query, id, route->id_key);
	struct slice params[] = {slice_str(rd->user), buf_view(&query)};
	db_call(w->db, route->sql, params, 2, done, rd);
	buf_fini(&query);
}

static void on_abort(struct http_exchange *x, void *ctx)
{
	struct read *rd = http_user(x);
	(void)ctx;
	if (rd)
		rd->x = NULL; /* the answer finds nobody */
}

void reads_handle(struct worker *w, struct http_exchange *x)
{
	static const struct http_events events = {.on_body = on_body, .on_abort = on_abort};
	const struct http_head *h = http_head(x);
	/* reads and openings wait in one queue: a sync of many chats fits in, a loop does not keep others from connecting */
	static const struct rate_limit limit = {.per_s = 20, .burst = 200, .rate_class = RATE_READ};
	struct slice id;
	char user[UUID_LEN + 1];
	uint64_t retry_after_ms = 0;
	if (h->method == HTTP_OPTIONS)
		respond(w, x, 204, (struct slice){0});
	else if (!match(h->path, &id))
		respond_error(w, x, "NOT_FOUND", SLICE("No such path"));
	else if ((h->method != HTTP_GET && h->method != HTTP_HEAD) || h->has_body)
		respond_error(w, x, "METHOD_NOT_ALLOWED", SLICE("GET only"));
	else if (!bearer(w, x, user))
		respond_error(w, x, "UNAUTHORIZED", SLICE("Invalid token"));
	else if (db_state(w->db) != DB_UP)
		respond_error(w, x, "UNAVAILABLE", SLICE("Try again"));
	else if (!rate_allows_id(w, user, &limit, &retry_after_ms))
		respond_error_after(w, x, "RATE_LIMIT", SLICE("Too many requests"), retry_after_ms);
	else {
		struct read *rd = NEW(struct read);
		rd->w = w;
		rd->x = x;
		memcpy(rd->user, user, sizeof(user));
		http_set_user(x, rd);
		http_set_events(x, &events, w);
	}
}
