/*
 * The life of a token on a live socket: it runs out, or auth:refresh brings the next (contract 2.7). The one event that the
 * edge handles itself: the key is here, not in SQL.
 */
#include "app/worker.h"
#include "base/mem.h"
#include "base/text.h"

#define STEP_MS (24u * 3600 * 1000) /* the wall clock is looked at again at least daily */

static void expired(struct timer *t)
{
	struct client *c = container_of(t, struct client, timer);
	uint64_t now = clock_wall_ms();
	if (now < c->until_ms) {
		refresh_arm(c);
		return;
	}
	log_info(sio_ident(c->sio), "token expired");
	c->expired = true;
	client_refuse(c);
}

void refresh_arm(struct client *c)
{
	uint64_t now = clock_wall_ms(), left = c->until_ms > now ? c->until_ms - now : 0;
	c->timer.fire = expired;
	timer_set(c->w->loop, &c->timer, loop_now(c->w->loop) + (left < STEP_MS ? left : STEP_MS));
}

static bool refresh_token(struct client *c, const struct sio_event *ev, struct auth_claims *claims)
{
	struct slice v;
	struct buf token = {0};
	enum auth_result result = AUTH_MALFORMED;
	if (json_get(ev->args[0], "token", &v) && json_kind_of(v) == JSON_STRING && json_unescape(&token, v))
		result = auth_check(c->w->auth, buf_view(&token), clock_wall_ms(), claims);
	buf_fini(&token);
	if (result != AUTH_OK) {
		c->w->m.tokens_refused[result]++;
		log_info(sio_ident(c->sio), "refresh refused", LS("cause", auth_result_label(result)));
		return false;
	}
	return memcmp(claims->sub, c->user->id, UUID_LEN) == 0;
}

void refresh_event(struct client *c, const struct sio_event *ev)
{
	struct auth_claims claims = {0};
	struct buf ack = {0};
	if (!refresh_token(c, ev, &claims)) {
		gate_fail(c, ev, SLICE("UNAUTHORIZED"), SLICE("Token not accepted"));
		return;
	}
	c->until_ms = claims.until_ms;
	refresh_arm(c);
	buf_str(&ack, "[{\"status\":\"refreshed\",\"expires_at\":");
	put_timestamp(&ack, claims.exp_ms);
	buf_str(&ack, "}]");
	if (ev->wants_ack)
		sio_ack(c->sio, ev->ack_id, buf_view(&ack));
	buf_fini(&ack);
	c->w->m.events[metrics_event_find(&c->w->m, ev->name)].n[STATUS_OK]++;
	c->w->m.connects[2]++;
	client_sync(c, SLICE("token_refresh"));
}
