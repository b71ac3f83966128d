/*
 * From the payload of CONNECT to a client in line, or to a refusal.
 */
#include "entry/connect.h"
#include "base/text.h"
#include "db/db.h"
#include "entry/open.h"
#include "entry/pending.h"
#include "entry/refusals.h"
#include "people/tell.h"
#include "people/tokens.h"
#include "recovery/recover.h"
#include <stdio.h>

/* The token of the CONNECT payload, else of the handshake's Authorization header. */
static bool connect_token(struct sio_socket *s, struct slice auth, struct buf *token)
{
	struct slice v;
	if (auth.n && json_kind_of(auth) == JSON_OBJECT && json_get(auth, "token", &v) && json_kind_of(v) != JSON_NULL)
		return json_kind_of(v) == JSON_STRING && json_unescape(token, v);
	if (!sio_authorization(s, &v) || auth_without_bearer(v).p == v.p)
		return false;
	buf_slice(token, v);
	return true;
}

/* If it failed, the user's next sync:required has another reason, and that is all. */
static void connect_expired_noted(void *arg, const struct db_result *r)
{
	(void)r;
	refusal_due(arg);
}

static void connect_refuse_token(struct entry *e, struct sio_socket *s, enum auth_result why,
                                 const struct auth_claims *claims)
{
	/* The database notes a time that counts for two minutes, so a client in a loop need not write it at each
	 * refusal. */
	static const struct rate_limit limit = {.per_s = 1, .burst = 1, .rate_class = RATE_EXPIRED};
	uint64_t retry_after_ms;
	struct slice user = slice_str(why == AUTH_EXPIRED ? claims->sub : "");
	struct error_about about = {.code = error_name(ERROR_UNAUTHORIZED),
	                            .message = SLICE("Invalid token"),
	                            .hint = tell_hint(e->people, auth_result_why(why))};
	char subject[UUID_LEN + 8]; /* not that of the good token which the client may have a moment later */
	snprintf(subject, sizeof subject, "token %.*s", (int)user.n, user.p);
	token_refused(e->people, sio_ident(s), "token refused", why);
	if (!user.n || db_state(e->db) != DB_UP || !user_allows(e->people, claims->sub, &limit, &retry_after_ms)) {
		refusal_say(e, s, slice_str(subject), &about, CLOSE_UNAUTHORIZED);
		return;
	}
	/* The client hears of it once it is noted: it may be back at once, and its opening must not go ahead. */
	db_call(e->db, DB_OPENING, "select rt.token_expired($1::uuid)", &user, 1, connect_expired_noted,
	        refusal_later(e, s, slice_str(subject), &about, CLOSE_UNAUTHORIZED));
}

/* Some of the user's sockets may be lost connections. They are noticed within lost_after_ms, so a later try may
 * succeed. */
static void connect_refuse_one_more(struct entry *e, struct sio_socket *s, const char *user)
{
	uint64_t left_out;
	struct error_about about = {.code = error_name(ERROR_RATE_LIMIT),
	                            .message = SLICE("Too many sockets"),
	                            .retry_after_ms = e->lost_after_ms,
	                            .hint = tell_hint(e->people, "BELLWIRE_MAX_SOCKETS_PER_USER")};
	e->people->counts.sockets_refused++;
	if (refusal_may_log(e, &left_out))
		log_info(sio_ident(s), "socket refused", LS("cause", "its user has too many"),
		         LU("left_out", left_out));
	refusal_say(e, s, slice_of(user, UUID_LEN), &about, CLOSE_LIMIT);
}

static bool connect_has_too_many(const struct entry *e, const char *user)
{
	const struct user *u = user_find(e->people, slice_of(user, UUID_LEN));
	return u && u->nclients >= (e->max_sockets_per_user ? e->max_sockets_per_user : UINT16_MAX);
}

static bool connect_is_returning(struct slice auth)
{
	struct slice v;
	return auth.n && json_kind_of(auth) == JSON_OBJECT && json_get(auth, "pid", &v) &&
	       json_kind_of(v) == JSON_STRING;
}

static void connect_line_up(struct entry *e, struct sio_socket *s)
{
	struct client *c = sio_user(s);
	if (c && c->state == CLIENT_OPENING) /* it was not sent away while it waited */
		open_queue(e, c);
}

/* The token was accepted. replied: the CONNECT reply has gone out, and it had no private id. */
static void connect_client(struct entry *e, struct sio_socket *s, struct slice auth, const struct auth_claims *claims,
                           bool replied)
{
	if (connect_has_too_many(e, claims->sub)) {
		connect_refuse_one_more(e, s, claims->sub);
		return;
	}
	sio_settle(s);
	bool first = people_present(e->people) == 0;
	struct client *c = client_new(e->people, s, claims->sub);
	if (first)
		db_attend(e->db);
	c->until_ms = claims->until_ms;
	c->returning = connect_is_returning(auth);
	recover_asked(e->recovery, c, auth);
	if (replied)
		recover_forget(c);
	refusal_wait(e, s, user_id(c->user), connect_line_up);
}

static void connect_judge(struct entry *e, struct sio_socket *s, struct slice auth, bool replied,
                          enum auth_result verdict)
{
	struct buf token = {0};
	struct auth_claims claims = {0};
	enum auth_result result = connect_token(s, auth, &token) ? verdict : AUTH_MALFORMED;
	if (result == AUTH_OK)
		result = token_check(e->people, buf_view(&token), &claims);
	if (result == AUTH_OK)
		connect_client(e, s, auth, &claims, replied);
	else if (auth_is_open(result))
		pending_add(e, s, auth, result == AUTH_UNASKED ? buf_view(&token) : (struct slice){0}, claims.until_ms,
		            connect_judge);
	else
		connect_refuse_token(e, s, result, &claims);
	buf_fini(&token);
}

void connect_socket(struct sio_socket *s, struct slice auth, unsigned flaws, void *entry)
{
	struct auth_claims nobody = {0};
	if (flaws)
		connect_refuse_token(entry, s, AUTH_MALFORMED, &nobody);
	else
		connect_judge(entry, s, auth, false, AUTH_OK);
}
