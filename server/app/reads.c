/*
 * Turns a path and its query into a call of a SQL function, and the result into the answer.
 */
#include "app/reads.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/text.h"
#include "http/cors.h"
#include "events/user_of.h"
#include "people/tell.h"
#include "people/tokens.h"
#include "people/user.h"
#include <inttypes.h>
#include <stdio.h>

#define PREFIX "/api/v2/"

struct read {
	struct reads *reads;
	struct http_exchange *x; /* NULL: the client has left */
	struct user_ask *ask;    /* NULL: rt.user_of is not asked */
	char user[UUID_LEN + 1]; /* empty until it is known */
	uint64_t until_ms;       /* wall clock: when the token ends */
};

struct read_route {
	struct slice path; /* behind the prefix; "{id}" is any one segment */
	const char *sql;
	const char *id_key; /* NULL: no {id} */
};

static const struct read_route routes[] = {
	{SLICE_INIT("chats"), "select rt.get_chats($1::uuid, $2::jsonb)", NULL},
	{SLICE_INIT("chats/{id}/messages"), "select rt.get_messages($1::uuid, $2::jsonb)", "chat_id"},
	{SLICE_INIT("notifications"), "select rt.get_notifications($1::uuid, $2::jsonb)", NULL},
};

bool reads_wants(const struct reads *r, struct slice path)
{
	return r->on && slice_starts(path, SLICE(PREFIX));
}

/* ---- answering ---- */

static void read_respond(const struct reads *r, struct http_exchange *x, int status, struct slice body,
                         uint64_t retry_after_ms)
{
	struct buf headers = {0};
	http_cors_put(&headers, r->cors_origin, x);
	if (status == 204 && http_cors_is_on(r->cors_origin))
		http_cors_put_preflight(&headers, "GET", x);
	buf_str(&headers, "Cache-Control: no-store\r\n");
	if (status == 401)
		buf_str(&headers, "WWW-Authenticate: Bearer\r\n");
	if (retry_after_ms)
		buf_printf(&headers, "Retry-After: %" PRIu64 "\r\n", (retry_after_ms + 999) / 1000);
	http_respond(x, &(struct http_reply){.status = status,
	                                     .content_type = body.n ? "application/json" : NULL,
	                                     .headers = buf_view(&headers),
	                                     .body = body});
	buf_fini(&headers);
}

/* The body says when to try again, as `error` does for an event, because a program of another origin does not see the
 * header, and its seconds are too coarse to spread a crowd. */
static void read_refuse_until(struct reads *r, struct http_exchange *x, enum error_code code, struct slice message,
                              const char *hint, uint64_t retry_after_ms)
{
	struct buf body = {0};
	error_put(&body, &(struct error_about){.code = error_name(code),
	                                       .message = message,
	                                       .retry_after_ms = retry_after_ms,
	                                       .hint = tell_hint(r->people, hint)});
	counts_error(&r->people->counts, error_name(code));
	read_respond(r, x, error_status(code), buf_view(&body), retry_after_ms);
	buf_fini(&body);
}

/* hint: for tell_hint */
static void read_refuse(struct reads *r, struct http_exchange *x, enum error_code code, struct slice message,
                        const char *hint)
{
	read_refuse_until(r, x, code, message, hint, 0);
}

static void read_refuse_busy(struct reads *r, struct http_exchange *x)
{
	uint64_t again = again_ms(&r->again, loop_now_us(r->people->loop));
	read_refuse_until(r, x, ERROR_UNAVAILABLE, SLICE("Try again"), TELL_AWAY, again);
}

/* The client gets the number of a line of the log, which has the cause. */
static void read_failed_inside(struct reads *r, struct http_exchange *x, const struct db_result *result)
{
	char id[12], text[64];
	random_id(id, sizeof(id));
	snprintf(text, sizeof(text), "Internal error %.12s", id);
	log_error(r->people->ident, "read failed", LSL("id", slice_of(id, sizeof(id))),
	          LS("sqlstate", result->sqlstate), LS("message", result->message));
	read_refuse(r, x, ERROR_INTERNAL, slice_str(text), result->message);
}

static void read_failed(struct reads *r, struct http_exchange *x, const struct db_result *result)
{
	enum error_code code = result->outcome == DB_ERROR ? error_of_sqlstate(result->sqlstate) : ERROR_UNAVAILABLE;
	if (code == ERROR_INTERNAL)
		read_failed_inside(r, x, result);
	else if (result->outcome == DB_ERROR && strncmp(result->sqlstate, "RT", 2) == 0)
		read_refuse_until(r, x, code, slice_str(result->message), NULL, result->retry_after_ms);
	else if (code == ERROR_UNAVAILABLE)
		read_refuse_busy(r, x);
	else
		read_refuse(r, x, code, code == ERROR_INVALID_DATA ? SLICE("Invalid data") : SLICE("Try again"),
		            result->message);
}

static void read_answered(void *arg, const struct db_result *result)
{
	struct read *rd = arg;
	if (rd->x && result->outcome == DB_OK && result->nrows == 1) {
		struct buf body = {0};
		json_compact(&body, db_value(result, 0, 0));
		again_answered(&rd->reads->again, loop_now_us(rd->reads->people->loop));
		read_respond(rd->reads, rd->x, 200, buf_view(&body), 0);
		buf_fini(&body);
	} else if (rd->x) {
		read_failed(rd->reads, rd->x, result);
	}
	free(rd);
}

/* ---- asking ---- */

/* Whether the path behind the prefix is that of the route. id: the segment in the place of {id}. It may be any text, as
 * SQL refuses one that is no uuid. */
static bool read_route_is(const struct read_route *r, struct slice rest, struct slice *id)
{
	const char *hole = r->id_key ? memmem(r->path.p, r->path.n, "{id}", 4) : NULL;
	if (!hole)
		return slice_eq(rest, r->path);
	size_t before = (size_t)(hole - r->path.p), after = r->path.n - before - 4;
	if (rest.n <= before + after || memcmp(rest.p, r->path.p, before) != 0 ||
	    memcmp(rest.p + rest.n - after, hole + 4, after) != 0)
		return false;
	*id = slice_of(rest.p + before, rest.n - before - after);
	return !memchr(id->p, '/', id->n);
}

static const struct read_route *read_route_find(struct slice path, struct slice *id)
{
	struct slice rest = slice_of(path.p + sizeof(PREFIX) - 1, path.n - (sizeof(PREFIX) - 1));
	for (size_t i = 0; i < ARRAY_LEN(routes); i++)
		if (read_route_is(&routes[i], rest, id))
			return &routes[i];
	return NULL;
}

/* Adds a parameter. Bytes that are no UTF-8 become "?", which no function takes, so the function says what is wrong. */
static void read_put_text(struct buf *json, const char *key, struct slice v)
{
	bool text = utf8_valid(v) && (v.n == 0 || !memchr(v.p, 0, v.n));
	json_member_str(json, key, text ? v : SLICE("?"));
}

static void read_put_query(struct http_exchange *x, struct buf *json, struct slice id, const char *id_key)
{
	static const char *const keys[] = {"limit", "before", "is_read"};
	struct buf v = {0};
	json_open(json);
	if (id_key)
		read_put_text(json, id_key, id);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		v.n = 0;
		if (http_query(x, keys[i], &v))
			read_put_text(json, keys[i], buf_view(&v));
	}
	json_close(json);
	buf_fini(&v);
}

static enum auth_result read_bearer(struct reads *r, struct http_exchange *x, struct auth_claims *claims)
{
	struct slice v;
	enum auth_result result = AUTH_MALFORMED;
	if (http_header(x, "authorization", &v) && auth_without_bearer(v).p != v.p)
		result = token_check(r->people, v, claims);
	if (result != AUTH_OK && !auth_is_open(result))
		token_refused(r->people, LOG_NOBODY, "read refused", result);
	return result;
}

static void read_call(struct read *rd)
{
	struct reads *r = rd->reads;
	struct http_exchange *x = rd->x;
	struct slice id = {0};
	const struct read_route *route = read_route_find(http_head(x)->path, &id);
	struct buf query = {0};
	read_put_query(x, &query, id, route->id_key);
	struct slice params[] = {slice_str(rd->user), buf_view(&query)};
	db_call(r->db, DB_READING, route->sql, params, 2, read_answered, rd);
	buf_fini(&query);
}

/* All reads share one connection and a short queue. The burst lets a client synchronise many chats; the rate keeps a
 * client in a loop from keeping others out. False: it was refused. */
static bool read_allowed(struct reads *r, struct http_exchange *x, const char user[UUID_LEN])
{
	static const struct rate_limit limit = {.per_s = 20, .burst = 200, .rate_class = RATE_READ};
	uint64_t retry_after_ms = 0;
	if (user_allows(r->people, user, &limit, &retry_after_ms))
		return true;
	read_refuse_until(r, x, ERROR_RATE_LIMIT, SLICE("Too many requests"), NULL, retry_after_ms);
	return false;
}

/* ---- rt.user_of is asked whose the token is ---- */

static void read_known(void *arg, enum auth_result result)
{
	struct read *rd = arg;
	struct auth_claims claims = {0};
	rd->ask = NULL;
	if (result == AUTH_OK)
		result = read_bearer(rd->reads, rd->x, &claims);
	else if (result != AUTH_UNASKED)
		token_refused(rd->reads->people, LOG_NOBODY, "read refused", result);
	memcpy(rd->user, claims.sub, UUID_LEN + 1);
	if (result == AUTH_OK && read_allowed(rd->reads, rd->x, rd->user)) {
		read_call(rd);
		return;
	}
	if (auth_is_open(result))
		read_refuse_busy(rd->reads, rd->x);
	else if (result != AUTH_OK)
		read_refuse(rd->reads, rd->x, ERROR_UNAUTHORIZED, SLICE("Invalid token"), auth_result_why(result));
	free(rd);
}

static void read_ask(struct http_exchange *x, void *ctx, struct slice body)
{
	struct read *rd = http_user(x);
	struct slice token;
	(void)ctx, (void)body;
	if (*rd->user)
		read_call(rd);
	else if (http_header(x, "authorization", &token)) /* read_bearer has read it */
		rd->ask = user_ask(rd->reads->events, token, rd->until_ms, read_known, rd);
}

static void read_abort(struct http_exchange *x, void *ctx)
{
	struct read *rd = http_user(x);
	(void)ctx;
	if (!rd)
		return;
	rd->x = NULL; /* the answer will be dropped */
	if (rd->ask) {
		user_ask_forget(rd->ask);
		free(rd);
	}
}

static void read_begin(struct reads *r, struct http_exchange *x, const struct auth_claims *claims)
{
	static const struct http_events events = {.on_body = read_ask, .on_abort = read_abort};
	struct read *rd = NEW(struct read);
	rd->reads = r;
	rd->x = x;
	rd->until_ms = claims->until_ms;
	memcpy(rd->user, claims->sub, sizeof(rd->user));
	http_set_user(x, rd);
	http_set_events(x, &events, r);
}

void reads_handle(struct reads *r, struct http_exchange *x)
{
	const struct http_head *h = http_head(x);
	struct auth_claims claims = {0};
	enum auth_result token;
	struct slice id;
	if (h->method == HTTP_OPTIONS)
		read_respond(r, x, 204, (struct slice){0}, 0);
	else if (!read_route_find(h->path, &id))
		read_refuse(r, x, ERROR_NOT_FOUND, SLICE("No such path"), NULL);
	else if ((h->method != HTTP_GET && h->method != HTTP_HEAD) || h->has_body)
		read_refuse(r, x, ERROR_METHOD_NOT_ALLOWED, SLICE("GET only"), NULL);
	else if ((token = read_bearer(r, x, &claims)) != AUTH_OK && !auth_is_open(token))
		read_refuse(r, x, ERROR_UNAUTHORIZED, SLICE("Invalid token"), auth_result_why(token));
	else if (token == AUTH_UNREAD || db_state(r->db) != DB_UP)
		read_refuse_busy(r, x);
	else if (token == AUTH_UNASKED || read_allowed(r, x, claims.sub))
		read_begin(r, x, &claims);
}
