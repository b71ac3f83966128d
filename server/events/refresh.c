/*
 * The timer of a token, and auth:refresh.
 */
#include "events/refresh.h"
#include "base/json_write.h"
#include "base/text.h"
#include "people/tell.h"
#include "people/tokens.h"

#define STEP_MS (24u * 3600 * 1000) /* the longest wait before the wall clock is read again: it may be set meanwhile */

static void refresh_on_time(struct timer *t)
{
	struct client *c = container_of(t, struct client, timer);
	if (clock_wall_ms() < c->until_ms) {
		refresh_arm(c);
		return;
	}
	log_info(sio_ident(c->sio), "token expired");
	c->expired = true;
	client_refuse(c);
}

void refresh_arm(struct client *c)
{
	struct loop *l = c->people->loop;
	uint64_t now = clock_wall_ms(), left = c->until_ms > now ? c->until_ms - now : 0;
	c->timer.fire = refresh_on_time;
	timer_set(l, &c->timer, loop_now(l) + (left < STEP_MS ? left : STEP_MS));
}

/* AUTH_OK: the token is good, and its user is the client's. */
static enum auth_result refresh_token(struct client *c, const struct sio_event *ev, struct auth_claims *claims)
{
	struct people *p = c->people;
	struct slice v;
	struct buf token = {0};
	enum auth_result result = AUTH_MALFORMED;
	if (json_get(ev->args[0], "token", &v) && json_kind_of(v) == JSON_STRING && json_unescape(&token, v))
		result = token_check(p, buf_view(&token), claims);
	buf_fini(&token);
	if (result == AUTH_OK && memcmp(claims->sub, c->user->id, UUID_LEN) != 0)
		return AUTH_SUBJECT;
	if (result != AUTH_OK && result != AUTH_UNREAD)
		token_refused(p, sio_ident(c->sio), "refresh refused", result);
	return result;
}

static void refresh_ack(struct client *c, const struct sio_event *ev, uint64_t expires_ms)
{
	struct buf ack = {0};
	buf_char(&ack, '[');
	json_open(&ack);
	json_member_str(&ack, "status", SLICE("refreshed"));
	json_member_time(&ack, "expires_at", expires_ms);
	json_close(&ack);
	buf_char(&ack, ']');
	sio_ack(c->sio, ev->ack_id, buf_view(&ack));
	buf_fini(&ack);
}

void refresh_event(struct client *c, const struct sio_event *ev)
{
	struct counts *counts = &c->people->counts;
	struct auth_claims claims = {0};
	enum auth_result result = refresh_token(c, ev, &claims);
	if (result == AUTH_UNREAD) {
		client_fail_event(c, ev, ERROR_UNAVAILABLE, "Try again", 0);
		return;
	}
	if (result != AUTH_OK) {
		client_fail_event(c, ev, ERROR_UNAUTHORIZED, "Token not accepted", 0);
		return;
	}
	c->until_ms = claims.until_ms;
	refresh_arm(c);
	if (ev->wants_ack)
		refresh_ack(c, ev, claims.exp_ms);
	counts_of_event(counts, ev->name, STATUS_OK, 1);
	counts->connects[CONNECT_TOKEN_REFRESH]++;
	client_sync(c, connect_reason_label(CONNECT_TOKEN_REFRESH));
}
