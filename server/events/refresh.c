/*
 * The timer of a token, and auth:refresh.
 */
#include "events/refresh.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/text.h"
#include "events/user_of.h"
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
	if (result != AUTH_OK && !auth_is_open(result))
		token_refused(p, sio_ident(c->sio), "refresh refused", result);
	return result;
}

static void refresh_refuse(struct client *c, const struct sio_event *ev, enum auth_result why)
{
	if (auth_is_open(why))
		client_fail_event(c, ev, ERROR_UNAVAILABLE, "Try again", auth_result_why(why), 0);
	else
		client_fail_event(c, ev, ERROR_UNAUTHORIZED, "Token not accepted", auth_result_why(why), 0);
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

static void refresh_take(struct client *c, const struct sio_event *ev, const struct auth_claims *claims)
{
	struct counts *counts = &c->people->counts;
	c->until_ms = claims->until_ms;
	refresh_arm(c);
	if (ev->wants_ack)
		refresh_ack(c, ev, claims->exp_ms);
	counts_of_event(counts, ev->name, STATUS_OK, 1);
	counts->connects[CONNECT_TOKEN_REFRESH]++;
	client_sync(c, connect_reason_label(CONNECT_TOKEN_REFRESH));
}

/* ---- rt.user_of is asked whose the token is ---- */

struct late_refresh {
	struct events *events;
	struct buf args; /* owned; JSON text of the event's argument */
	bool wants_ack;
	uint64_t ack_id;
	char id[SIO_ID_LEN];
};

static void refresh_answered(void *arg, enum auth_result result)
{
	struct late_refresh *lr = arg;
	struct client *c = client_of(lr->events->people, slice_of(lr->id, SIO_ID_LEN));
	struct sio_event ev = {.name = SLICE("auth:refresh"),
	                       .nargs = 1,
	                       .args = {buf_view(&lr->args)},
	                       .wants_ack = lr->wants_ack,
	                       .ack_id = lr->ack_id};
	if (c && c->state == CLIENT_OPEN && result == AUTH_OK) {
		refresh_event(lr->events, c, &ev);
	} else if (c && c->state == CLIENT_OPEN) {
		if (result != AUTH_UNASKED)
			token_refused(c->people, sio_ident(c->sio), "refresh refused", result);
		refresh_refuse(c, &ev, result);
	}
	buf_fini(&lr->args);
	free(lr);
}

static void refresh_ask(struct events *events, const struct client *c, const struct sio_event *ev, uint64_t until_ms)
{
	struct slice v;
	struct buf token = {0};
	struct late_refresh *lr = NEW(struct late_refresh);
	lr->events = events;
	lr->wants_ack = ev->wants_ack;
	lr->ack_id = ev->ack_id;
	buf_slice(&lr->args, ev->args[0]);
	memcpy(lr->id, client_id(c).p, SIO_ID_LEN);
	if (json_get(ev->args[0], "token", &v) && json_unescape(&token, v)) /* refresh_token has read it */
		user_ask(events, buf_view(&token), until_ms, refresh_answered, lr);
	buf_fini(&token);
}

void refresh_event(struct events *events, struct client *c, const struct sio_event *ev)
{
	struct auth_claims claims = {0};
	enum auth_result result = refresh_token(c, ev, &claims);
	if (result == AUTH_OK)
		refresh_take(c, ev, &claims);
	else if (result == AUTH_UNASKED)
		refresh_ask(events, c, ev, claims.until_ms);
	else
		refresh_refuse(c, ev, result);
}
